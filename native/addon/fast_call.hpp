// A function of JavaScript that optimized code calls as it calls a C function: V8's "fast API call". A coarse beat
// takes 7.5 ns by it, 10 by V8's ordinary call, and 12 by Node-API.
//
// No header of Node's has the class that describes such a function, but Node exports the constructors (by_name.hpp). So
// V8 itself writes what it reads, in whatever layout its version has.
#pragma once

#include <napi.h>

namespace shm_liveness::addon {

// Called without arguments, and returns undefined. `call` runs without a frame of its own, so it must not come back to
// V8: no allocation, no exception, no JavaScript. Code that is not optimized calls it, too. Its argument says nothing:
// the one time it is the receiver, the other time v8::FunctionCallbackInfo.
//
// Null: V8 has no such calls, or other functions for them. In an open handle scope.
napi_value make_fast_function(void (*call)(const void*));

}  // namespace shm_liveness::addon
