// What a thread does that runs no JavaScript.
#pragma once

#include "shm_liveness/kernel_place.hpp"

namespace shm_liveness::addon::stacks {

// One line, from /proc; nothing where that cannot be read, or where nothing hangs: while the process is stopped or
// frozen. Returns whether the thread runs: running_code.hpp knows more of that.
bool say_native_place(Text& out, const Task& task);

}  // namespace shm_liveness::addon::stacks
