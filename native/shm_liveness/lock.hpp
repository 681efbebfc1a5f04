// The kernel's word on death: open-file-description locks (fcntl(2), F_OFD_SETLK).
//
// The kernel drops such a lock when the last descriptor of its open file goes, whatever killed the process. Not a
// classic F_SETLK: closing *any* descriptor of the file would drop it. Not a robust mutex: it knows its owner by
// thread id, and two PID-1s in two containers have the same.
#pragma once

#include "clock.hpp"
#include "fault.hpp"
#include "layout.hpp"

namespace shm_liveness {

enum class Lock : std::uint8_t { gone, held, unsupported };

namespace detail {
inline constexpr int kOfdGetLock = 36, kOfdSetLock = 37;
inline constexpr std::int16_t kReadLock = 0, kWriteLock = 1, kUnlock = 2;
}  // namespace detail

// A byte for each bank of a slot: the lock vouches for one claim, and for no other.
inline std::int64_t lock_byte_of(std::uint32_t slot, std::uint32_t bank) {
  return kFirstSlotByte + std::int64_t(slot) * kBanks + bank;
}
static_assert(kMaxSlots * kBanks < kLockBytes);

// Works on a read-only descriptor. Asks as a reader would (F_RDLCK), so that a stranger's read lock, which anybody
// who may read the file can take, is not mistaken for a worker.
[[gnu::always_inline]] inline Lock query_locks(int fd, std::int64_t from, std::int64_t length) {
  sys::FileLock lock;  // field by field: -Oz would zero it first, with an instruction slower than the five stores
  lock.type = detail::kReadLock;
  lock.whence = 0;
  lock.start = from;
  lock.length = length;
  lock.pid = 0;
#if defined(__x86_64__)
  // Measured on Zen 4: without a pause between the last branch and the system call, and in a function of its own, each
  // query takes 0.90 µs instead of 0.75 (256 locks), or not, as the addresses fall.
  __asm__ volatile("lfence");
#endif
  if (sys::control_lock(fd, detail::kOfdGetLock, lock) < 0) return Lock::unsupported;
  return lock.type == detail::kUnlock ? Lock::gone : Lock::held;
}
[[gnu::always_inline]] inline Lock query_lock(int fd, std::uint32_t slot, std::uint32_t bank) {
  return query_locks(fd, lock_byte_of(slot, bank), 1);
}
inline Lock query_any_slot(int fd) { return query_locks(fd, kFirstSlotByte, kLockBytes - 1); }

// none: taken. name_taken: another holds it.
inline Failure try_lock(int fd, std::int64_t byte) {
  sys::FileLock lock{detail::kWriteLock, 0, byte, 1, 0};
  const int result = sys::control_lock(fd, detail::kOfdSetLock, lock);
  if (result >= 0) return {};
  if (result == -sys::kTryAgain || result == -sys::kAccess) return {Fault::name_taken, -result};
  return {result == -sys::kInvalid ? Fault::locks_unsupported : Fault::system, -result};
}

inline void unlock(int fd, std::int64_t byte) {
  sys::FileLock lock{detail::kUnlock, 0, byte, 1, 0};
  sys::control_lock(fd, detail::kOfdSetLock, lock);
}

// Bounded: F_OFD_SETLKW would wait for ever behind a holder that is stopped (SIGSTOP, a frozen cgroup).
//
// Queue tells how often the lock was given back so far, turn(), and waits until that has changed, wait(turn, ns). As
// long as turns pass, others are served and so will we be: only a holder that does not finish within `wait_ns` ends the
// wait (or kMostWaits times that in all). A holder may be killed before it gives the lock back, and a waiter that was
// woken before it takes it, so nobody sleeps for longer than kLongestPauseNs, and no two for the same time. Nor for
// less than kFirstPauseNs / 2: what a thousand waiters that look every few milliseconds cost is the holder's time.
inline constexpr std::uint64_t kMostWaits = 24;
template <class Queue>
Failure lock_within(int fd, std::int64_t byte, std::uint64_t wait_ns, Queue&& queue) {
  constexpr std::uint64_t kFirstPauseNs = 250'000'000;
  constexpr std::uint64_t kLongestPauseNs = 500'000'000;
  std::uint64_t now = monotonic_ns();
  const std::uint64_t end = now + kMostWaits * wait_ns;
  std::uint64_t deadline = now + wait_ns;
  std::uint32_t seen = queue.turn();
  for (std::uint64_t pause_ns = kFirstPauseNs;; pause_ns = pause_ns < kLongestPauseNs ? pause_ns * 2 : pause_ns) {
    const std::uint32_t turn = queue.turn();  // before the try: a turn that passes after it is not slept through
    const Failure failure = try_lock(fd, byte);
    if (failure.fault != Fault::name_taken) return failure;
    now = monotonic_ns();
    if (turn != seen) deadline = now + wait_ns;
    seen = turn;
    if (now >= deadline || now >= end) return failure;
    const std::uint64_t pause = pause_ns / 2 + now % (pause_ns / 2);  // by the clock's lowest digits
    queue.wait(turn, pause < deadline - now ? pause : deadline - now);
  }
}

}  // namespace shm_liveness
