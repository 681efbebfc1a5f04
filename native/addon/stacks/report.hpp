// The watcher's work: what is due, which thread to ask, and what its answers become.
#pragma once

namespace shm_liveness::addon::stacks {

// On the watcher's own thread.
[[noreturn]] void watch_for_ever();

}  // namespace shm_liveness::addon::stacks
