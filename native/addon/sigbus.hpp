// The process's SIGBUS handler: a region cut short must not crash Node.
#pragma once

namespace shm_liveness::addon {

// Installs the handler, once per process and copy of the addon. What is not ours goes on to whoever was there before.
void guard_against_truncation();

}  // namespace shm_liveness::addon
