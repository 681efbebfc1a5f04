// When to look next. The guard sleeps until a worker could have stalled, less a last stretch, and looks at its interval
// through that stretch.
//
// Why a stretch. A worker that was frozen while the guard slept (with it, or alone) must have had time for a beat
// since. Whatever froze the guard, too, made it late, and that is excused (aging.hpp). What was over before the guard
// was due was over at the beginning of the stretch, so a stretch as long as the worker's usual cycle is such a time.
//
// Plain values, no operating system.
#pragma once

#include <cstdint>

#include "aging.hpp"

namespace shm_liveness::guard {

inline constexpr std::uint64_t kStretchIntervals = 3;
// What else may change unseen in the meantime: a phase ends, a descriptor was inherited by a raw clone().
inline constexpr std::uint64_t kLongestSleepNs = 1'000'000'000;
inline constexpr std::uint64_t kJustAfterNs = 50'000;

// How long before its limit a silent worker is looked at in every interval.
constexpr std::uint64_t stretch_ns(std::uint64_t limit_ns, std::uint64_t usual_cycle_ns, std::uint64_t interval_ns) {
  if (usual_cycle_ns == 0 || usual_cycle_ns >= limit_ns) return limit_ns;  // no rhythm that can be relied on
  const std::uint64_t stretch = usual_cycle_ns + kStretchIntervals * interval_ns;
  return stretch < limit_ns ? stretch : limit_ns;
}

// For one worker that is alive: when to look at it again. All in CLOCK_MONOTONIC but for the lengths.
constexpr std::uint64_t next_look_at(std::uint64_t stalls_ns, std::uint64_t stretch_ns, std::uint64_t now_ns,
                                     std::uint64_t interval_ns) {
  if (stalls_ns > now_ns + stretch_ns) return stalls_ns - stretch_ns;
  const std::uint64_t tick = now_ns + interval_ns;
  const std::uint64_t stalled = stalls_ns + kJustAfterNs;
  return stalled > now_ns && stalled < tick ? stalled : tick;
}

// After word of a death, so many more looks. The lock of a worker that has died goes within microseconds. The later
// looks, at twice the distance each, are for a machine that has just put something else on that CPU.
inline constexpr std::uint32_t kRechecks = 16;
inline constexpr std::uint32_t kLateRechecks = 8;
inline constexpr std::uint64_t kSoonNs = 50'000;
inline constexpr std::uint64_t kLateNs = 500'000;

// `left`: how many of them. They come beside the look that is due anyway: to put that one off, as the last of them did
// once, makes the guard take its own wait for a pause of the machine, and excuse a stalled worker by it.
constexpr std::uint64_t next_recheck_at(std::uint64_t due_ns, std::uint64_t now_ns, std::uint32_t left) {
  if (left == 0) return due_ns;
  const std::uint64_t recheck = now_ns + (left > kLateRechecks ? kSoonNs : kLateNs << (kLateRechecks - left));
  return recheck < due_ns ? recheck : due_ns;
}

}  // namespace shm_liveness::guard
