// Every operating system call of the core, as one raw call each.
//
// Raw, for two reasons: the probe has no libc to call, and one implementation serves the probe, the addon and C++
// workers alike. Each function returns what the kernel returns: >= 0 on success, -errno on failure. errno itself is
// never touched, so a worker may call any of these between its own call and its own reading of errno.
#pragma once

#if !defined(__linux__) || !defined(__LP64__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "shm-liveness needs 64-bit little-endian Linux"
#endif

#include <asm/statfs.h>
#include <asm/unistd.h>
#include <linux/stat.h>

#include <cstddef>
#include <cstdint>

#if !defined(__x86_64__) && !defined(__aarch64__)
#include <errno.h>
#include <unistd.h>
#endif

namespace shm_liveness::sys {

// Values of the kernel's own headers that clash with libc's, and so cannot be included beside them.
inline constexpr int kAtFdCwd = -100;
inline constexpr int kAtEmptyPath = 0x1000;
inline constexpr int kAtSymlinkNoFollow = 0x100;
inline constexpr int kAtSymlinkFollow = 0x400;
inline constexpr int kReadOnly = 0;
inline constexpr int kWriteOnly = 1;
inline constexpr int kReadWrite = 2;
inline constexpr int kCreate = 0100;
inline constexpr int kExclusive = 0200;
inline constexpr int kNoTerminal = 0400;  // O_NOCTTY
inline constexpr int kTruncate = 01000;
inline constexpr int kNonBlock = 04000;
inline constexpr int kCloseOnExec = 02000000;
#if defined(__aarch64__)
inline constexpr int kNoFollow = 0100000;
inline constexpr int kDirectory = 040000;
inline constexpr int kTemporary = 020000000 | kDirectory;  // O_TMPFILE
#else
inline constexpr int kNoFollow = 0400000;
inline constexpr int kDirectory = 0200000;
inline constexpr int kTemporary = 020000000 | kDirectory;  // O_TMPFILE
#endif
inline constexpr int kProtRead = 1;
inline constexpr int kProtWrite = 2;
inline constexpr int kMapShared = 1;
inline constexpr int kMapPrivate = 2;
inline constexpr int kMapFixed = 0x10;
inline constexpr int kMapAnonymous = 0x20;
inline constexpr int kDontFork = 10;
inline constexpr int kWipeOnFork = 18;
inline constexpr unsigned kMountIdUnique = 0x4000;  // STATX_MNT_ID_UNIQUE, Linux 6.8
inline constexpr long kTmpfsMagic = 0x01021994;
inline constexpr long kRamfsMagic = static_cast<long>(0x858458f6);

// The errno values the core tells apart (identical on all architectures it supports).
inline constexpr int kNotPermitted = 1, kNoEntry = 2, kInterrupted = 4, kTryAgain = 11, kNoMemory = 12, kAccess = 13,
                     kExists = 17, kNotDirectory = 20, kIsDirectory = 21, kInvalid = 22, kNoSpace = 28, kLoop = 40,
                     kNoDevice = 6, kQuota = 122, kNotSupported = 95, kTimedOut = 110;

// One overload for each number of arguments: registers that a call does not read need not be loaded, and the probe has
// some fifty calls in 32 KiB.
#if defined(__x86_64__)
#define SHM_LIVENESS_SYSCALL(...) __asm__ volatile("syscall" : "=a"(result) : __VA_ARGS__ : "rcx", "r11", "memory")
inline long call(long number) {
  long result;
  SHM_LIVENESS_SYSCALL("a"(number));
  return result;
}
inline long call(long number, long a) {
  long result;
  SHM_LIVENESS_SYSCALL("a"(number), "D"(a));
  return result;
}
inline long call(long number, long a, long b) {
  long result;
  SHM_LIVENESS_SYSCALL("a"(number), "D"(a), "S"(b));
  return result;
}
inline long call(long number, long a, long b, long c) {
  long result;
  SHM_LIVENESS_SYSCALL("a"(number), "D"(a), "S"(b), "d"(c));
  return result;
}
inline long call(long number, long a, long b, long c, long d) {
  register long r10 __asm__("r10") = d;
  long result;
  SHM_LIVENESS_SYSCALL("a"(number), "D"(a), "S"(b), "d"(c), "r"(r10));
  return result;
}
inline long call(long number, long a, long b, long c, long d, long e, long f = 0) {
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  SHM_LIVENESS_SYSCALL("a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9));
  return result;
}
#undef SHM_LIVENESS_SYSCALL
#elif defined(__aarch64__)
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory", "cc");
  return x0;
}
#else
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0, long f = 0) {
  const int saved = errno;
  const long result = ::syscall(number, a, b, c, d, e, f);
  const long outcome = result == -1 ? -errno : result;
  errno = saved;
  return outcome;
}
#endif

template <class T>
long word(T* pointer) {
  return reinterpret_cast<long>(pointer);
}

struct Timespec {
  std::int64_t seconds;
  std::int64_t nanoseconds;
};

// struct flock of the 64-bit kernel ABI. pid must be 0 for open-file-description locks (fcntl(2)).
struct FileLock {
  std::int16_t type;
  std::int16_t whence;
  std::int64_t start;
  std::int64_t length;
  std::int32_t pid;
};

using FileStatus = struct ::statx;
using FileSystemStatus = struct ::statfs;

[[gnu::noinline]] inline int open_at(int directory, const char* path, int flags, unsigned mode) {
  return static_cast<int>(call(__NR_openat, directory, word(path), flags, mode));
}
inline int open(const char* path, int flags, unsigned mode = 0) { return open_at(kAtFdCwd, path, flags, mode); }
inline int close(int fd) { return static_cast<int>(call(__NR_close, fd)); }
inline long read(int fd, void* buffer, std::size_t bytes) {
  return call(__NR_read, fd, word(buffer), static_cast<long>(bytes));
}
inline long read_at(int fd, void* buffer, std::size_t bytes, std::int64_t offset) {
  return call(__NR_pread64, fd, word(buffer), static_cast<long>(bytes), offset);
}
inline long write(int fd, const void* buffer, std::size_t bytes) {
  return call(__NR_write, fd, word(buffer), static_cast<long>(bytes));
}
inline long status(int fd, FileStatus& out) {
  return call(__NR_statx, fd, word(""), kAtEmptyPath, STATX_BASIC_STATS, word(&out));
}
inline long status(const char* path, int flags, unsigned mask, FileStatus& out) {
  return call(__NR_statx, kAtFdCwd, word(path), flags, mask, word(&out));
}
inline long file_system(int fd, FileSystemStatus& out) { return call(__NR_fstatfs, fd, word(&out)); }
inline long list_directory(int fd, void* buffer, std::size_t bytes) {
  return call(__NR_getdents64, fd, word(buffer), static_cast<long>(bytes));
}
inline int allocate(int fd, std::int64_t bytes) { return static_cast<int>(call(__NR_fallocate, fd, 0, 0, bytes)); }
inline int set_mode(int fd, unsigned mode) { return static_cast<int>(call(__NR_fchmod, fd, mode)); }
inline int set_owner(int fd, std::uint32_t user, std::uint32_t group) {
  return static_cast<int>(call(__NR_fchown, fd, static_cast<long>(user), static_cast<long>(group)));
}
// `flags`: kAtSymlinkFollow, to give a name to the file behind /proc/self/fd/N.
inline int link(const char* from, const char* to, int flags = 0) {
  return static_cast<int>(call(__NR_linkat, kAtFdCwd, word(from), kAtFdCwd, word(to), flags));
}
inline int rename_at(int from_directory, const char* from, int to_directory, const char* to) {
  return static_cast<int>(call(__NR_renameat2, from_directory, word(from), to_directory, word(to), 0));
}
inline int rename(const char* from, const char* to) { return rename_at(kAtFdCwd, from, kAtFdCwd, to); }
inline int unlink_at(int directory, const char* path) {
  return static_cast<int>(call(__NR_unlinkat, directory, word(path), 0));
}
inline int unlink(const char* path) { return unlink_at(kAtFdCwd, path); }

// Returns an address, or a value for which failed() holds.
inline void* map(void* at, std::size_t bytes, int protection, int flags, int fd, std::size_t offset = 0) {
  return reinterpret_cast<void*>(
      call(__NR_mmap, word(at), static_cast<long>(bytes), protection, flags, fd, static_cast<long>(offset)));
}
inline bool failed(const void* address) { return reinterpret_cast<std::uintptr_t>(address) > std::uintptr_t(-4096); }
inline int error_of(const void* address) { return static_cast<int>(-reinterpret_cast<std::intptr_t>(address)); }
inline int unmap(void* address, std::size_t bytes) {
  return static_cast<int>(call(__NR_munmap, word(address), static_cast<long>(bytes)));
}
inline int advise(void* address, std::size_t bytes, int advice) {
  return static_cast<int>(call(__NR_madvise, word(address), static_cast<long>(bytes), advice));
}

inline int duplicate_from(int fd, int least) {
  return static_cast<int>(call(__NR_fcntl, fd, 1030 /* F_DUPFD_CLOEXEC */, least));
}
// flock(2), which also locks a directory: exclusively, or -kTryAgain at once.
inline int lock_whole(int fd) { return static_cast<int>(call(__NR_flock, fd, 2 | 4 /* LOCK_EX | LOCK_NB */)); }
inline void unlock_whole(int fd) { call(__NR_flock, fd, 8 /* LOCK_UN */); }
inline int control_lock(int fd, int command, FileLock& lock) {
  return static_cast<int>(call(__NR_fcntl, fd, command, word(&lock)));
}

inline std::uint32_t process_id() { return static_cast<std::uint32_t>(call(__NR_getpid)); }
inline std::uint32_t thread_id() { return static_cast<std::uint32_t>(call(__NR_gettid)); }
inline std::uint32_t effective_user() { return static_cast<std::uint32_t>(call(__NR_geteuid)); }
inline std::uint32_t effective_group() { return static_cast<std::uint32_t>(call(__NR_getegid)); }
inline long groups(std::uint32_t* out, int count) { return call(__NR_getgroups, count, word(out)); }
inline long random(void* out, std::size_t bytes) {
  return call(__NR_getrandom, word(out), static_cast<long>(bytes), 0);
}
// Waits until `word` is not `value` or somebody wakes it, for `ns` at most; returns at any of these, and by chance. The
// word may lie in a file that others map elsewhere, and may be mapped for reading only.
inline long wait_at(const void* word_at, std::uint32_t value, std::uint64_t ns) {
  Timespec left{static_cast<std::int64_t>(ns / 1'000'000'000), static_cast<std::int64_t>(ns % 1'000'000'000)};
  return call(__NR_futex, word(word_at), 0 /* FUTEX_WAIT */, static_cast<long>(value), word(&left));
}
inline void wake_one_at(const void* word_at) { call(__NR_futex, word(word_at), 1 /* FUTEX_WAKE */, 1); }
inline void sleep_ns(std::uint64_t ns) {
  Timespec left{static_cast<std::int64_t>(ns / 1'000'000'000), static_cast<std::int64_t>(ns % 1'000'000'000)};
  call(__NR_nanosleep, word(&left), 0);
}

}  // namespace shm_liveness::sys
