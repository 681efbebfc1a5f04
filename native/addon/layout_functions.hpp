// What the core is made of and what it has done, for tests and benches.
#pragma once

#include <napi.h>

namespace shm_liveness::addon {

void define_layout_functions(Napi::Env env, Napi::Object exports);

}  // namespace shm_liveness::addon
