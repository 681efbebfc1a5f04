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

// The looks after word of a death. The lock of a worker that has died goes within microseconds. The later looks, at
// twice the distance each, are for a machine that has just put something else on that CPU.
//
// They come beside the looks that are due anyway. To put one of those off makes the guard take its own wait for a pause
// of the machine, and excuse a stalled worker by it.
class Rechecks {
 public:
  void begin() {
    left_ = kRechecks;
    at_ns_ = 0;
  }
  // The earlier of the next of them and `due_ns`.
  std::uint64_t before(std::uint64_t due_ns, std::uint64_t now_ns) {
    if (now_ns >= at_ns_) {
      if (left_ == 0) return due_ns;
      at_ns_ = now_ns + (left_ > kLateRechecks ? kSoonNs : kLateNs << (kLateRechecks - left_));
      --left_;
    }
    return at_ns_ < due_ns ? at_ns_ : due_ns;
  }

 private:
  static constexpr std::uint32_t kRechecks = 16;
  static constexpr std::uint32_t kLateRechecks = 8;
  static constexpr std::uint64_t kSoonNs = 50'000;
  static constexpr std::uint64_t kLateNs = 500'000;

  std::uint32_t left_ = 0;
  std::uint64_t at_ns_ = 0;  // of the next one; in the past: it has been
};

}  // namespace shm_liveness::guard
