// What a thread does that runs no JavaScript.
#pragma once

#include "shm_liveness/kernel_place.hpp"

namespace shm_liveness::addon::stacks {

// One line, from /proc; nothing where that cannot be read, or where nothing hangs: while the process is stopped or
// frozen. `asks_thread`: of one that runs, the function (running_code.hpp).
void say_native_place(Text& out, const Task& task, bool asks_thread);

}  // namespace shm_liveness::addon::stacks
