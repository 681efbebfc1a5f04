// The clocks, in nanoseconds. Never wall time: an NTP step or a leap second must not look like a stall
// (aeron#392, aeron#609, gunicorn#1965 are three systems that learned it the other way).
#pragma once

#include "sys.hpp"

#if !defined(SHM_LIVENESS_FREESTANDING)
#include <time.h>
#endif

namespace shm_liveness {

enum class Clock : std::uint32_t {
  precise = 1,   // CLOCK_MONOTONIC
  boottime = 7,  // CLOCK_BOOTTIME: as monotonic, but goes on while the machine sleeps
  coarse = 6,    // CLOCK_MONOTONIC_COARSE: a third of the price, in steps of one kernel tick (1 to 10 ms)
  counted = 32,  // not a clock of the kernel: beats are counted, and stamped by another thread (count.hpp)
};

// Hosted programs go through libc to the vDSO (no system call); the probe, which asks once, asks the kernel.
inline std::uint64_t now_ns(Clock clock) {
#if defined(SHM_LIVENESS_FREESTANDING)
  sys::Timespec t{};
  sys::call(__NR_clock_gettime, static_cast<long>(clock), sys::word(&t));
  return static_cast<std::uint64_t>(t.seconds) * 1'000'000'000u + static_cast<std::uint64_t>(t.nanoseconds);
#else
  ::timespec t;
  ::clock_gettime(static_cast< ::clockid_t>(clock), &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
#endif
}

// Two clock readings on two CPUs may be off by a little; a tenth of a second is not a little.
inline constexpr std::uint64_t kFutureToleranceNs = 100'000'000;

inline std::uint64_t monotonic_ns() { return now_ns(Clock::precise); }
inline std::uint64_t boottime_ns() { return now_ns(Clock::boottime); }

}  // namespace shm_liveness
