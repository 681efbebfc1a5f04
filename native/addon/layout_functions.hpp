// What the core is made of, for tests that hold the TypeScript side and the documents to it.
#pragma once

#include <napi.h>

namespace shm_liveness::addon {

void define_layout_functions(Napi::Env env, Napi::Object exports);

}  // namespace shm_liveness::addon
