// The question to a thread that runs JavaScript, and its answer.
#pragma once

#include "watched.hpp"

namespace shm_liveness::addon::stacks {

// Under the mutex. The answer makes `asking` taken.
void ask(Thread& thread, std::uint64_t now);

}  // namespace shm_liveness::addon::stacks
