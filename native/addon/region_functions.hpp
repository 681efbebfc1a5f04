// Readers and menders of regions, as plain functions: each opens the region, does its work and closes it, so that no
// mapping outlives a call and a region that was replaced meanwhile is seen anew.
#pragma once

#include <napi.h>

namespace shm_liveness::addon {

void define_region_functions(Napi::Env env, Napi::Object exports);

}  // namespace shm_liveness::addon
