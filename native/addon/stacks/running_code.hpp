// The function that a thread of this process runs just now, for one that answers nothing because it is in native code.
#pragma once

#include "shm_liveness/kernel_place.hpp"

namespace shm_liveness::addon::stacks {

// `v8::internal::JsonParser<unsigned char>::ParseJsonValue`, or `libvision.so+0x1f3a0` where a library names no
// function there. Nothing, if the thread does not answer within some milliseconds, or runs code that no library holds.
//
// One thread of a process at a time. Takes the dynamic loader's lock: blocks while a library's constructor runs.
void say_running_code(Text& out, const Task& task);

}  // namespace shm_liveness::addon::stacks
