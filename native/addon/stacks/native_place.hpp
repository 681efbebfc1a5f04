// What a thread does that runs no JavaScript.
#pragma once

#include <cstdint>

#include "shm_liveness/text.hpp"

namespace shm_liveness::addon::stacks {

// One line, from /proc; nothing where that cannot be read.
void say_native_place(Text& out, std::uint32_t tid);

}  // namespace shm_liveness::addon::stacks
