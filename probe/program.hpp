// What a program without libc has in place of it: what it was started with, whole writes, its end, and a handler for
// regions that are cut short.
#pragma once

#include "../native/shm_liveness/fault.hpp"
#include "../native/shm_liveness/sys.hpp"

namespace shm_liveness::program {

struct Start {
  int argc;
  char** argv;
  char** environment;
  std::uint32_t user;      // effective, from the auxiliary vector: no system call
  const char* executable;  // the path it was exec'd by (AT_EXECFN), which may be relative
};

// All of it. 0, or -errno of the write that failed.
inline int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const long wrote = sys::write(fd, text.data(), text.size());
    if (wrote == -sys::kInterrupted) continue;
    if (wrote <= 0) return wrote < 0 ? static_cast<int>(wrote) : -sys::kNoSpace;
    text.remove_prefix(static_cast<std::size_t>(wrote));
  }
  return 0;
}

inline Exit print(std::string_view text) { return write_all(1, text) < 0 ? Exit::unusable : Exit::healthy; }

[[noreturn]] inline void leave(Exit status) {
  for (;;) sys::call(__NR_exit_group, static_cast<long>(status));
}

namespace detail {

// The kernel's struct sigaction.
struct SignalAction {
  void (*handler)(int, void*, void*);
  unsigned long flags;
  void (*restorer)();
  std::uint64_t mask;
};
inline constexpr int kSigBus = 7;
inline constexpr int kSigPipe = 13;
inline constexpr unsigned long kRestorer = 0x04000000;

#if defined(__x86_64__)
extern "C" void shm_liveness_restore();
// x86-64 has no vDSO trampoline: the kernel refuses to deliver a signal without a restorer.
__asm__(".text\n.globl shm_liveness_restore\nshm_liveness_restore:\n mov $15, %eax\n syscall\n");
#endif

}  // namespace detail

using detail::SignalAction;

// A region may be cut short while it is mapped: SIGBUS at the next access. The handler is called with the kernel's
// siginfo.
inline void expect_truncation(void (*on_sigbus)(int, void*, void*)) {
  constexpr unsigned long kWithInfo = 4;
  SignalAction action{on_sigbus, kWithInfo, nullptr, 0};
#if defined(__x86_64__)
  action.flags |= detail::kRestorer;
  action.restorer = detail::shm_liveness_restore;
#endif
  sys::call(__NR_rt_sigaction, detail::kSigBus, sys::word(&action), 0, sizeof action.mask);
}

// A reader of our output may have gone. Then a write fails, and what is to be done after it is still done.
inline void ignore_broken_pipes() {
  const SignalAction action{reinterpret_cast<void (*)(int, void*, void*)>(1) /* SIG_IGN */, 0, nullptr, 0};
  sys::call(__NR_rt_sigaction, detail::kSigPipe, sys::word(&action), 0, sizeof action.mask);
}

}  // namespace shm_liveness::program
