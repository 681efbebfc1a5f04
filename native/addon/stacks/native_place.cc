#include "native_place.hpp"

#include "engine.hpp"

namespace shm_liveness::addon::stacks {
namespace {

// Reads this process's memory by the kernel, which refuses where a plain load would crash.
struct Part {
  void* base;
  std::size_t bytes;
};
long copy_memory(void* to, std::uint64_t from, std::size_t bytes) {
  const Part local{to, bytes};
  const Part remote{reinterpret_cast<void*>(from), bytes};
  return sys::call(__NR_process_vm_readv, sys::process_id(), sys::word(&local), 1, sys::word(&remote), 1, 0);
}

// The stack pointer of a thread that waits in a system call: the last but one word of its `syscall`. 0: not known.
std::uint64_t stack_pointer(const Task& task) {
  shm_liveness::detail::TaskPath path(task);
  char buffer[256];
  const std::string_view line = read_small_file(path.of("syscall"), buffer, sizeof buffer);
  constexpr int kStackPointer = 7;
  const std::string_view word = word_of(line, kStackPointer);
  return word.starts_with("0x") ? shm_liveness::detail::hexadecimal(word) : 0;
}

// Whether the function in which a debugger holds the thread is on its stack. Found by its return address: the thread
// runs no code of ours there, and an interrupt is not answered.
bool is_paused(const Task& task) {
  const auto code = reinterpret_cast<std::uint64_t>(debugger_wait());
  if (code == 0) return false;
  constexpr std::size_t kFunctionBytes = 160;  // it has 141 in Node 20 to 24
  constexpr std::size_t kPage = 4096;
  std::uint64_t words[kPage / 8];
  std::uint64_t from = stack_pointer(task) & ~std::uint64_t(7);
  for (int pages = 0; from != 0 && pages < 4; ++pages, from += kPage) {
    const long got = copy_memory(words, from, kPage);
    for (long i = 0; i < got / 8; ++i) {
      if (words[i] > code && words[i] < code + kFunctionBytes) return true;
    }
    if (got < static_cast<long>(kPage)) return false;
  }
  return false;
}

}  // namespace

bool say_native_place(Text& out, const Task& task) {
  if (is_paused(task)) {
    out << "paused by a debugger";
    return false;
  }
  char buffer[kKernelPlaceBytes];
  Text line(buffer);
  const char state = say_kernel_place(line, task);
  const bool stands_still = state == 'T' || state == 't' || line.view() == "frozen";
  if (state != '\0' && !stands_still) out << line.view();
  return state == 'R';
}

}  // namespace shm_liveness::addon::stacks
