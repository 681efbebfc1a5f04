// The operating system calls of shm-guard, beyond the core's own (sys.hpp), raw for the same reasons: no libc, and
// what the kernel returns, >= 0 or -errno. Values are the kernel's, written here because its headers clash with libc's
// where tests include both.
#pragma once

#include "../../native/shm_liveness/sys.hpp"
#include "../program.hpp"

namespace shm_liveness::os {

inline constexpr int kStandardInput = 0, kStandardOutput = 1, kStandardError = 2;

// --- errno values that lead somewhere
inline constexpr int kNoProcess = 3, kNoExec = 8, kBrokenPipe = 32, kTooBig = 7, kTextBusy = 26, kNameTooLong = 36,
                     kNoFamily = 97, kAddressInUse = 98, kAddressNotAvailable = 99, kRefused = 111, kTooManyFiles = 24,
                     kTooManyFilesOfAll = 23, kAborted = 103;

// --- signals
inline constexpr int kHangUp = 1, kUser1 = 10, kUser2 = 12, kWindowChange = 28, kPower = 30;
inline constexpr int kInterrupt = 2, kQuit = 3, kIllegal = 4, kTrap = 5, kAbort = 6, kBus = 7, kFloatingPoint = 8,
                     kKill = 9, kSegment = 11, kPipe = 13, kTerminate = 15, kChild = 17, kContinue = 18,
                     kTerminalInput = 21, kTerminalOutput = 22, kBadCall = 31;

using SignalSet = std::uint64_t;  // bit n - 1 is signal n
constexpr SignalSet set_of(int signal) { return SignalSet(1) << (signal - 1); }

// struct signalfd_siginfo, as far as it is read.
struct SignalInfo {
  std::uint32_t signal;
  std::int32_t error;
  std::int32_t code;
  std::uint32_t pid;  // of the sender; 0: the kernel, or a process that this PID namespace does not show
  std::uint8_t rest[112];
};
static_assert(sizeof(SignalInfo) == 128);

using SignalAction = program::detail::SignalAction;
inline int set_action(int signal, const SignalAction& action, SignalAction* before = nullptr) {
  return static_cast<int>(sys::call(__NR_rt_sigaction, signal, sys::word(&action), sys::word(before), 8));
}
inline int set_signal_mask(SignalSet mask, SignalSet* before = nullptr) {
  return static_cast<int>(sys::call(__NR_rt_sigprocmask, 2 /* SIG_SETMASK */, sys::word(&mask), sys::word(before), 8));
}
inline int signal_descriptor(SignalSet set) {
  return static_cast<int>(sys::call(__NR_signalfd4, -1, sys::word(&set), 8, sys::kCloseOnExec | sys::kNonBlock));
}

// --- processes
inline long fork_process() { return sys::call(__NR_clone, kChild, 0, 0, 0, 0); }
// A child process that shares this one's memory, on a stack of its own (`top`, a multiple of 16), and no descriptors.
// It calls run(argument), which must not return. Far cheaper than a fork, which copies the page tables.
inline long start_in_same_memory(void* top, void (*run)(void*), void* argument) {
  constexpr long kShareMemory = 0x100;  // CLONE_VM
#if defined(__x86_64__)
  register long third __asm__("r10") = 0;
  register long fourth __asm__("r8") = 0;
  register auto function __asm__("r12") = run;
  register void* parameter __asm__("r13") = argument;
  long result;
  __asm__ volatile(
      "syscall\n\t"
      "test %%rax, %%rax\n\t"
      "jnz 1f\n\t"
      "xor %%ebp, %%ebp\n\t"
      "mov %%r13, %%rdi\n\t"
      "call *%%r12\n\t"
      "hlt\n"
      "1:"
      : "=a"(result)
      : "a"(__NR_clone), "D"(kShareMemory | kChild), "S"(top), "d"(0), "r"(third), "r"(fourth), "r"(function),
        "r"(parameter)
      : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = __NR_clone;
  register long x0 __asm__("x0") = kShareMemory | kChild;
  register void* x1 __asm__("x1") = top;
  register long x2 __asm__("x2") = 0;
  register long x3 __asm__("x3") = 0;
  register long x4 __asm__("x4") = 0;
  register auto x20 __asm__("x20") = run;
  register void* x21 __asm__("x21") = argument;
  __asm__ volatile(
      "svc #0\n\t"
      "cbnz x0, 1f\n\t"
      "mov x29, xzr\n\t"
      "mov x0, x21\n\t"
      "blr x20\n\t"
      "brk #1\n"
      "1:"
      : "+r"(x0)
      : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x20), "r"(x21)
      : "memory", "cc");
  return x0;
#else
  return -sys::kNotSupported;
#endif
}
inline long wait_without_blocking(int& status) {
  return sys::call(__NR_wait4, -1, sys::word(&status), 1 /* WNOHANG */, 0);
}
inline int send_signal(int pid, int signal) { return static_cast<int>(sys::call(__NR_kill, pid, signal)); }
inline int open_process(std::uint32_t pid) {
  return static_cast<int>(sys::call(__NR_pidfd_open, static_cast<long>(pid), 0));
}
inline int send_signal_by_descriptor(int pidfd, int signal) {
  return static_cast<int>(sys::call(__NR_pidfd_send_signal, pidfd, signal, 0, 0));
}
// struct pidfd_info, as far as its first version goes (Linux 6.13).
struct ProcessInfo {
  std::uint64_t mask;
  std::uint64_t cgroup;
  std::uint32_t ids[11];
  std::int32_t exit_code;
};
static_assert(sizeof(ProcessInfo) == 64);
inline constexpr std::uint64_t kInfoCgroup = 4, kInfoExit = 8;
// PIDFD_GET_INFO. With kInfoExit also of a process that has been reaped (Linux 6.15).
inline int ask_process(int pidfd, ProcessInfo& info) {
  return static_cast<int>(sys::call(__NR_ioctl, pidfd, 0xc040ff0b, sys::word(&info)));
}
inline int set_process_group(int pid, int group) { return static_cast<int>(sys::call(__NR_setpgid, pid, group)); }
inline std::uint32_t process_group() { return static_cast<std::uint32_t>(sys::call(__NR_getpgid, 0)); }
inline std::uint32_t parent() { return static_cast<std::uint32_t>(sys::call(__NR_getppid)); }
inline int die_with_parent() {
  return static_cast<int>(sys::call(__NR_prctl, 1 /* PR_SET_PDEATHSIG */, kKill, 0, 0, 0));
}
inline int become_subreaper() {
  return static_cast<int>(sys::call(__NR_prctl, 36 /* PR_SET_CHILD_SUBREAPER */, 1, 0, 0, 0));
}
// Other processes of the same user may no longer trace this one, or read its memory, environment and descriptors; root
// may with CAP_SYS_PTRACE only (__ptrace_may_access in the kernel's ptrace.c). An exec undoes it (begin_new_exec), so
// it does not affect the commands that are started here. This process leaves no core dump.
inline int make_undumpable() { return static_cast<int>(sys::call(__NR_prctl, 4 /* PR_SET_DUMPABLE */, 0, 0, 0, 0)); }
// Gives the terminal to a process group; -ENOTTY where there is none.
inline int set_foreground(int fd, int group) {
  return static_cast<int>(sys::call(__NR_ioctl, fd, 0x5410 /* TIOCSPGRP */, sys::word(&group)));
}
inline int execute(const char* path, char* const* argv, char* const* environment) {
  return static_cast<int>(sys::call(__NR_execve, sys::word(path), sys::word(argv), sys::word(environment)));
}
[[noreturn]] inline void leave_process(int status) {
  for (;;) sys::call(__NR_exit_group, status);
}

constexpr bool has_exited(int status) { return (status & 0x7f) == 0; }
constexpr int exit_status_of(int status) { return status >> 8 & 0xff; }
constexpr int ending_signal_of(int status) { return status & 0x7f; }

inline constexpr int kDontNeed = 4;  // MADV_DONTNEED

// --- descriptors
inline int make_pipe(int (&ends)[2]) {
  return static_cast<int>(sys::call(__NR_pipe2, sys::word(&ends[0]), sys::kCloseOnExec));
}
inline int duplicate_to(int from, int to) { return static_cast<int>(sys::call(__NR_dup3, from, to, 0)); }
inline int set_pipe_size(int fd, int bytes) {
  return static_cast<int>(sys::call(__NR_fcntl, fd, 1031 /* F_SETPIPE_SZ */, bytes));
}
inline int flags_of(int fd) { return static_cast<int>(sys::call(__NR_fcntl, fd, 3 /* F_GETFL */, 0)); }
inline int set_flags(int fd, int flags) { return static_cast<int>(sys::call(__NR_fcntl, fd, 4 /* F_SETFL */, flags)); }
// Both ends included; last < 0: all from the first on. Linux 5.9; before it, and where a filter forbids it, one by one.
inline void close_range(int first, int last) {
  if (last >= 0 && last < first) return;
  if (sys::call(__NR_close_range, first, static_cast<long>(static_cast<unsigned>(last)), 0) >= 0) return;
  constexpr int kMostFound = 1024;
  for (int fd = first; fd <= (last < 0 ? kMostFound : last); ++fd) sys::close(fd);
}
inline bool is_open(int fd) { return sys::call(__NR_fcntl, fd, 1 /* F_GETFD */, 0) >= 0; }
// Moves bytes between a pipe and another descriptor without copying them; never blocks on a pipe.
inline long splice(int from, int to, std::size_t bytes) {
  constexpr unsigned kMove = 1, kNonBlocking = 2;
  return sys::call(__NR_splice, from, 0, to, 0, static_cast<long>(bytes), kMove | kNonBlocking);
}

// Bytes that wait in a pipe.
inline std::size_t waiting_in(int fd) {
  int waiting = 0;
  sys::call(__NR_ioctl, fd, 0x541b /* FIONREAD */, sys::word(&waiting));
  return static_cast<std::size_t>(waiting);
}
// Whether both are one open file, with one position: by fcntl (Linux 6.10), or by kcmp, which a sandbox may refuse.
inline bool is_same_open_file(int a, int b) {
  const long answer = sys::call(__NR_fcntl, a, 1027 /* F_DUPFD_QUERY */, b);
  if (answer >= 0) return answer == 1;
  const long self = sys::process_id();
  return sys::call(__NR_kcmp, self, self, 0 /* KCMP_FILE */, a, b) == 0;
}

struct DescriptorLimit {
  std::uint64_t soft = 0;
  std::uint64_t hard = 0;
};
inline int limit_descriptors(const DescriptorLimit* next, DescriptorLimit* before) {
  return static_cast<int>(sys::call(__NR_prlimit64, 0, 7 /* RLIMIT_NOFILE */, sys::word(next), sys::word(before)));
}

struct PollEntry {
  int fd;
  std::int16_t events;
  std::int16_t revents;
};
inline constexpr std::int16_t kPollIn = 1, kPollOut = 4;
inline long poll(PollEntry* entries, unsigned count, int timeout_ms) {
  sys::Timespec timeout{timeout_ms / 1000, timeout_ms % 1000 * 1'000'000L};
  return sys::call(__NR_ppoll, sys::word(entries), static_cast<long>(count), timeout_ms < 0 ? 0 : sys::word(&timeout),
                   0, 8);
}
// Room for PIPE_BUF (4096) bytes, if it is a pipe (pipe(7)).
inline bool is_writable(int fd) {
  PollEntry entry{fd, kPollOut, 0};
  return poll(&entry, 1, 0) == 1 && (entry.revents & kPollOut) != 0;
}

struct TimerSpec {
  sys::Timespec interval;
  sys::Timespec first;
};
inline int monotonic_timer() {
  return static_cast<int>(sys::call(__NR_timerfd_create, 1, sys::kCloseOnExec | sys::kNonBlock));
}
// Once, at that time of CLOCK_MONOTONIC. Takes back an expiry that was not read.
inline int set_timer_at(int fd, std::uint64_t at_ns) {
  const TimerSpec spec{
      {}, {static_cast<std::int64_t>(at_ns / 1'000'000'000), static_cast<std::int64_t>(at_ns % 1'000'000'000)}};
  return static_cast<int>(sys::call(__NR_timerfd_settime, fd, 1 /* TFD_TIMER_ABSTIME */, sys::word(&spec), 0));
}

// A write to a pipe or terminal that a signal ends after about a millisecond, if it waits: for descriptors that cannot
// be made non-blocking, because others share the open file. pipe_write() and n_tty_write() wait for room, and
// tty_write() for another writer, in sleeps that a signal interrupts. The timer goes on until the write is over, so it
// does not matter if it first expires before the write begins. SIGTRAP is one of the few signals that the guard does
// not block. -EAGAIN: no room.
inline long write_briefly(int fd, const char* bytes, std::size_t count) {
  struct Notice {  // struct sigevent
    void* value;
    int signal;
    int how;
    std::uint8_t rest[48];
  } const notice{nullptr, kTrap, 0 /* SIGEV_SIGNAL */, {}};
  int timer = 0;
  if (sys::call(__NR_timer_create, 1 /* CLOCK_MONOTONIC */, sys::word(&notice), sys::word(&timer)) < 0) {
    return -sys::kTryAgain;
  }
  SignalAction action{[](int, void*, void*) {}, 0, nullptr, 0};
#if defined(__x86_64__)
  action.flags = program::detail::kRestorer;
  action.restorer = program::detail::shm_liveness_restore;
#endif
  SignalAction before;
  set_action(kTrap, action, &before);
  constexpr sys::Timespec kEach{0, 1'000'000};
  const TimerSpec spec{kEach, kEach};
  sys::call(__NR_timer_settime, timer, 0, sys::word(&spec), 0);
  const long wrote = sys::write(fd, bytes, count);
  sys::call(__NR_timer_delete, timer);
  set_action(kTrap, before);
  return wrote == -sys::kInterrupted ? -sys::kTryAgain : wrote;
}

// --- inotify
struct InotifyEvent {
  int watch;
  std::uint32_t mask;
  std::uint32_t cookie;
  std::uint32_t name_bytes;  // of the name that follows
};
inline constexpr std::uint32_t kModify = 0x2, kAttributes = 0x4, kCloseWrite = 0x8, kOpen = 0x20, kMovedTo = 0x80,
                               kCreate = 0x100, kDeleteSelf = 0x400, kMoveSelf = 0x800, kOverflow = 0x4000,
                               kOnlyDirectory = 0x1000000;
inline int make_inotify() {
  return static_cast<int>(sys::call(__NR_inotify_init1, sys::kCloseOnExec | sys::kNonBlock));
}
inline int add_watch(int inotify, const char* path, std::uint32_t mask) {
  return static_cast<int>(sys::call(__NR_inotify_add_watch, inotify, sys::word(path), mask));
}
inline void remove_watch(int inotify, int watch) { sys::call(__NR_inotify_rm_watch, inotify, watch); }

// --- epoll
#if defined(__x86_64__)
struct [[gnu::packed]] EpollEvent {
#else
struct EpollEvent {
#endif
  std::uint32_t events;
  void* data;
};
inline constexpr std::uint32_t kReadable = 1, kWritable = 4, kError = 8, kHangUpEvent = 16;
inline int make_epoll() { return static_cast<int>(sys::call(__NR_epoll_create1, sys::kCloseOnExec)); }
inline int control_epoll(int epoll, int operation, int fd, EpollEvent* event) {
  return static_cast<int>(sys::call(__NR_epoll_ctl, epoll, operation, fd, sys::word(event)));
}
inline long wait_epoll(int epoll, EpollEvent* events, int count, int timeout_ms) {
  return sys::call(__NR_epoll_pwait, epoll, sys::word(events), count, timeout_ms, 0, 8);
}

// --- sockets
inline constexpr int kUnix = 1, kInternet = 2, kInternet6 = 10;
inline constexpr int kStream = 1, kDatagram = 2;
inline constexpr int kSocketLevel = 1, kReuseAddress = 2, kPassCredentials = 16, kReceiveBuffer = 8, kTcpLevel = 6,
                     kNoDelay = 1, kIp6Level = 41, kIp6Only = 26;
inline constexpr int kNoSignal = 0x4000, kDontWait = 0x40, kTruncated = 0x20, kPeek = 2, kControlTruncated = 8;

struct UnixAddress {
  std::uint16_t family;
  char path[108];
};
struct InternetAddress {
  std::uint16_t family;
  std::uint8_t port[2];  // network order
  std::uint8_t address[4];
  std::uint8_t zero[8];
};
struct InternetAddress6 {
  std::uint16_t family;
  std::uint8_t port[2];
  std::uint32_t flow;
  std::uint8_t address[16];
  std::uint32_t scope;
};
struct Chunk {
  void* base;
  std::size_t bytes;
};
struct MessageHeader {
  void* name;
  std::uint32_t name_bytes;
  Chunk* chunks;
  std::size_t chunk_count;
  void* control;
  std::size_t control_bytes;
  int flags;
};
struct ControlHeader {
  std::size_t bytes;  // with this header
  int level;
  int type;
};
inline constexpr int kRights = 1, kCredentials = 2, kProcess = 4;
inline constexpr int kPassProcess = 76;  // SO_PASSPIDFD
struct Credentials {
  std::uint32_t pid, user, group;
};

inline int make_socket(int family, int type) {
  return static_cast<int>(sys::call(__NR_socket, family, type | sys::kCloseOnExec | sys::kNonBlock, 0));
}
inline int set_option(int fd, int level, int option, int value) {
  return static_cast<int>(sys::call(__NR_setsockopt, fd, level, option, sys::word(&value), sizeof value));
}
inline unsigned set_creation_mask(unsigned mask) { return static_cast<unsigned>(sys::call(__NR_umask, mask)); }
inline int bind(int fd, const void* address, std::uint32_t bytes) {
  return static_cast<int>(sys::call(__NR_bind, fd, sys::word(address), static_cast<long>(bytes)));
}
inline int connect(int fd, const void* address, std::uint32_t bytes) {
  return static_cast<int>(sys::call(__NR_connect, fd, sys::word(address), static_cast<long>(bytes)));
}
inline int listen(int fd, int backlog) { return static_cast<int>(sys::call(__NR_listen, fd, backlog)); }
// `from` begins as an InternetAddress does, if its family is that.
inline int accept(int fd, InternetAddress6& from) {
  int bytes = sizeof from;
  return static_cast<int>(
      sys::call(__NR_accept4, fd, sys::word(&from), sys::word(&bytes), sys::kCloseOnExec | sys::kNonBlock));
}
inline long receive(int fd, MessageHeader& message, int flags) {
  return sys::call(__NR_recvmsg, fd, sys::word(&message), flags);
}
inline long send(int fd, const MessageHeader& message, int flags) {
  return sys::call(__NR_sendmsg, fd, sys::word(&message), flags);
}
inline int finish_sending(int fd) { return static_cast<int>(sys::call(__NR_shutdown, fd, 1 /* SHUT_WR */)); }

}  // namespace shm_liveness::os
