// A function of JavaScript that optimized code calls as it calls a C function: V8's "fast API call". It costs a
// fraction of a call by Node-API (docs/reliability.md).
//
// No header of Node's has the class that describes such a function, but Node exports the constructors (by_name.hpp). So
// V8 itself writes what it reads, in whatever layout its version has.
#pragma once

#include <napi.h>

namespace shm_liveness::addon {

// A function without arguments that returns undefined. `call` runs without a frame of its own, so it must not come back
// to V8: no allocation, no exception, no JavaScript. Code that is not optimized calls it, too. It is called with an
// argument that says nothing: the one time the receiver, the other time a v8::FunctionCallbackInfo.
//
// Null: V8 has no such calls, or other functions for them. In an open handle scope.
napi_value make_fast_function(void (*call)());

}  // namespace shm_liveness::addon
