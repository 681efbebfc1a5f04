// Names of the system calls that can wait for long. One table for all architectures: the numbers are the compiler's
// (asm/unistd.h). A call that is not here is shown by its number.
#pragma once

#include "sys.hpp"
#include "text.hpp"

namespace shm_liveness {

// `fd` for a call whose first argument is a descriptor, `no` for another, and what the name does not say to everybody.
// clang-format off
#define SHM_LIVENESS_CALLS(at)                                                                                        \
  at(fd, read, "") at(fd, write, "") at(fd, readv, "") at(fd, writev, "") at(fd, pread64, "")                         \
  at(fd, pwrite64, "") at(fd, close, "") at(fd, ioctl, "") at(fd, fcntl, "") at(fd, flock, "") at(fd, fsync, "")      \
  at(fd, fdatasync, "") at(fd, ftruncate, "") at(fd, fallocate, "") at(fd, sendfile, "") at(fd, splice, "")           \
  at(fd, connect, "") at(fd, accept, "") at(fd, accept4, "") at(fd, sendto, "") at(fd, recvfrom, "")                  \
  at(fd, sendmsg, "") at(fd, recvmsg, "") at(fd, epoll_pwait, "") at(no, pselect6, "") at(no, ppoll, "")              \
  at(no, futex, ", a lock or a condition") at(no, nanosleep, "") at(no, clock_nanosleep, "") at(no, wait4, "")        \
  at(no, waitid, "") at(no, openat, "") at(no, newfstatat, "") at(no, statx, "") at(no, unlinkat, "")                 \
  at(no, sync, "") at(no, execve, "") at(no, clone, "") at(no, mmap, "") at(no, munmap, "") at(no, madvise, "")       \
  at(no, rt_sigsuspend, "") at(no, restart_syscall, "")
#if defined(__x86_64__)  // calls that newer architectures never had
#define SHM_LIVENESS_OLD_CALLS(at)                                                                                    \
  at(no, poll, "") at(no, select, "") at(fd, epoll_wait, "") at(no, pause, "") at(no, open, "")
#else
#define SHM_LIVENESS_OLD_CALLS(at)
#endif
// clang-format on

struct CallName {
  bool takes_descriptor;
  const char* name;  // empty: not in the table
};

inline CallName find_call(std::uint64_t number) {
  // The top bit marks a descriptor.
  constexpr unsigned fd = 0x8000, no = 0;
#define SHM_LIVENESS_NUMBER(kind, name, hint) kind | __NR_##name,
  static constexpr std::uint16_t kNumbers[] = {SHM_LIVENESS_CALLS(SHM_LIVENESS_NUMBER)
                                                   SHM_LIVENESS_OLD_CALLS(SHM_LIVENESS_NUMBER)};
#undef SHM_LIVENESS_NUMBER
#define SHM_LIVENESS_NAME(kind, name, hint) #name hint "\0"
  static constexpr char kNames[] = SHM_LIVENESS_CALLS(SHM_LIVENESS_NAME) SHM_LIVENESS_OLD_CALLS(SHM_LIVENESS_NAME);
#undef SHM_LIVENESS_NAME
  for (std::size_t i = 0; i < sizeof kNumbers / sizeof kNumbers[0]; ++i) {
    if ((kNumbers[i] & ~fd) == number) return {(kNumbers[i] & fd) != 0, nth_word(kNames, i)};
  }
  return {false, ""};
}

}  // namespace shm_liveness
