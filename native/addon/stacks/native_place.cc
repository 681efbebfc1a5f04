#include "native_place.hpp"

#include "engine.hpp"
#include "shm_liveness/procfs.hpp"

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

// The stack pointer of a thread that waits in a system call: the last but one word of /proc/…/syscall. 0: not known.
std::uint64_t stack_pointer(std::uint32_t tid) {
  char path[64];
  Text name(path);
  name << "/proc/self/task/" << tid << "/syscall";
  char buffer[256];
  const std::string_view line = read_small_file(name.c_str(), buffer, sizeof buffer);
  const std::size_t last = line.rfind(" 0x");
  const std::size_t before = last == std::string_view::npos ? last : line.rfind(" 0x", last - 1);
  if (before == std::string_view::npos) return 0;
  std::uint64_t value = 0;
  for (const char c : head(tail(line, before + 3), last - before - 3)) {
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0) return 0;
    value = value << 4 | static_cast<std::uint64_t>(digit);
  }
  return value;
}

// Whether the function in which a debugger holds the thread is on its stack. Found by its return address: the thread
// runs no code of ours there, and an interrupt is not answered.
bool is_paused(std::uint32_t tid) {
  const auto code = reinterpret_cast<std::uint64_t>(debugger_pause());
  if (code == 0) return false;
  constexpr std::size_t kFunctionBytes = 1024;
  constexpr std::size_t kPage = 4096;
  std::uint64_t words[kPage / 8];
  std::uint64_t from = stack_pointer(tid) & ~std::uint64_t(7);
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

void say_native_place(Text& out, std::uint32_t tid) {
  if (is_paused(tid)) out << "paused by a debugger";
}

}  // namespace shm_liveness::addon::stacks
