// Functions of V8 and Node that Node-API has no counterpart for, found by name in the running executable: one binary of
// the addon serves all versions of Node, and a runtime without them only loses what they are for.
//
// The types are those of the Itanium ABI: a member function takes `this` first, and a v8::Local is one word (trivially
// copyable), the address of a slot in the current handle scope. Node-API's napi_value is the same word, in all versions
// of Node: js_native_api_v8.h asserts it. A name has the types of its parameters in it, so that a function with others
// is not found.
#pragma once

#include "old_glibc.hpp"

namespace shm_liveness::addon::stacks {

using Slot = void*;  // a v8::Local; null: empty

template <class Function>
bool find(const char* name, Function& out) {
  out = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  return out != nullptr;
}

}  // namespace shm_liveness::addon::stacks
