// Locks on single bytes of a region's file, for the conformance program: Node.js has no call for them.
#pragma once

#include <napi.h>

namespace shm_liveness::addon {

void define_lock_functions(Napi::Env env, Napi::Object exports);

}  // namespace shm_liveness::addon
