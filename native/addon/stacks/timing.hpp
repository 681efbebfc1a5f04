// When to ask a worker's thread for its stack. Pure: the clock and the region's words are handed in.
#pragma once

#include <cstdint>

namespace shm_liveness::addon::stacks {

// What the region says of a heartbeat at one look.
struct Pace {
  std::uint64_t beats = 0;
  std::uint64_t alive_ns = 0;        // the last sign of life: a beat, a phase change, or the claim
  std::uint64_t limit_ns = 0;        // max age, or the phase's budget
  std::uint64_t cycle_limit_ns = 0;  // 0: none, or this cycle is not timed
};

inline constexpr std::uint64_t kNever = ~std::uint64_t(0);
// Cycle limits of microseconds would wake the watcher as often; cycles that end within this are not looked at.
inline constexpr std::uint64_t kShortestCycleNs = 5'000'000;
// A watcher that wakes up later than this was stopped together with its process (SIGSTOP, a frozen cgroup, a paused
// virtual machine), or starved with it: that time says nothing about the worker's code.
inline constexpr std::uint64_t kOversleptNs = 50'000'000;

// One heartbeat's silence, from one sign of life to the next.
class Timing {
 public:
  // True: a new silence has begun.
  bool look(const Pace& pace) {
    if (is_known_ && pace.beats == beats_ && pace.alive_ns == alive_ns_) return false;
    is_known_ = true;
    beats_ = pace.beats;
    alive_ns_ = pace.alive_ns;
    limit_ns_ = pace.limit_ns;
    look_every_ns_ = pace.limit_ns / 2;
    stall_due_ns_ = pace.alive_ns + look_every_ns_;
    cycle_due_ns_ = kNever;
    if (pace.cycle_limit_ns != 0) {
      const bool is_long = pace.cycle_limit_ns > kShortestCycleNs;
      const std::uint64_t after = (is_long ? pace.cycle_limit_ns : kShortestCycleNs) + 1;
      cycle_due_ns_ = pace.alive_ns + after;
      if (after < look_every_ns_) look_every_ns_ = after;
    }
    return true;
  }

  // Each comes due once a silence; a stall again at its limit, and whenever the silence has doubled: what hangs for
  // long is likely to be where it was seen last.
  bool takes_cycle(std::uint64_t now) {
    if (now < cycle_due_ns_) return false;
    cycle_due_ns_ = kNever;
    return true;
  }
  bool takes_stall(std::uint64_t now) {
    if (now < stall_due_ns_) return false;
    while (stall_due_ns_ <= now) stall_due_ns_ += stall_due_ns_ - alive_ns_ + 1;
    return true;
  }

  // Time in which the process did not run.
  void excuse(std::uint64_t ns) {
    if (stall_due_ns_ != kNever) stall_due_ns_ += ns;
    if (cycle_due_ns_ != kNever) cycle_due_ns_ += ns;
  }

  // When to look again: what comes due in this silence, or in one that begins now and nobody tells of.
  std::uint64_t look_at_ns(std::uint64_t now) const {
    const std::uint64_t due = cycle_due_ns_ < stall_due_ns_ ? cycle_due_ns_ : stall_due_ns_;
    return due < now + look_every_ns_ ? due : now + look_every_ns_;
  }
  std::uint64_t alive_ns() const { return alive_ns_; }
  std::uint64_t limit_ns() const { return limit_ns_; }

 private:
  bool is_known_ = false;
  std::uint64_t beats_ = 0;
  std::uint64_t alive_ns_ = 0;
  std::uint64_t limit_ns_ = 0;
  std::uint64_t look_every_ns_ = 1'000'000'000;
  std::uint64_t stall_due_ns_ = kNever;
  std::uint64_t cycle_due_ns_ = kNever;
};

}  // namespace shm_liveness::addon::stacks
