// How old a beat is in the guard's own running time.
//
// The guard looks every interval. A gap between two looks that is longer than that was not the worker's: the machine
// was paused, the cgroup frozen, the guard starved. So a gap counts as two intervals at most, and a worker must have
// been silent through that much of time in which the guard itself ran. This takes the place of the probe's waiting for
// one more beat. Plain values, no operating system: tests make the times up.
#pragma once

#include "../../native/shm_liveness/snapshot.hpp"

namespace shm_liveness::guard {

// Nanoseconds in which the guard ran, and those that it lost.
class RunningTime {
 public:
  explicit RunningTime(std::uint64_t interval_ns) : interval_ns_(interval_ns) {}

  // `now_ns`: CLOCK_MONOTONIC, at each look.
  void tick(std::uint64_t now_ns) {
    const std::uint64_t gap = last_ns_ == 0 || now_ns < last_ns_ ? 0 : now_ns - last_ns_;
    last_gap_ns_ = gap < 2 * interval_ns_ ? gap : 2 * interval_ns_;
    running_ns_ += last_gap_ns_;
    lost_ns_ += gap - last_gap_ns_;
    last_ns_ = now_ns;
  }

  std::uint64_t running_ns() const { return running_ns_; }
  std::uint64_t lost_ns() const { return lost_ns_; }
  std::uint64_t last_gap_ns() const { return last_gap_ns_; }

 private:
  std::uint64_t interval_ns_;
  std::uint64_t last_ns_ = 0;
  std::uint64_t last_gap_ns_ = 0;
  std::uint64_t running_ns_ = 0;
  std::uint64_t lost_ns_ = 0;
};

// What is remembered of a slot from look to look.
struct Age {
  std::uint64_t incarnation = 0;  // 0: never seen
  std::uint64_t sign_of_life_ns = 0;
  std::uint64_t since_running_ns = 0;  // the running time at that sign of life
  std::uint64_t lost_at_claim_ns = 0;  // what had been lost when the claim was first seen
  bool is_strange = false;             // another container's: not judged
  bool is_ours = false;                // of the command's process tree, as far as can be told
  // The worker's time on a CPU when half of its limit was over, and the running time then; 0: not yet.
  std::uint64_t half_cpu_ns = 0;
  std::uint64_t half_running_ns = 0;
};

// Makes a worker as old as it is in running time: younger than the clock says, never older. Its graces end later by
// what was lost since its claim.
inline void age_in_running_time(WorkerFacts& worker, Age& age, const RunningTime& time) {
  if (age.incarnation != worker.incarnation) {
    age = {worker.incarnation, 0, 0, time.lost_ns(), age.is_strange, age.is_ours};
  }
  if (age.sign_of_life_ns != worker.sign_of_life_ns()) {
    age.sign_of_life_ns = worker.sign_of_life_ns();
    age.half_running_ns = 0;
    // It came since the last look, so it is as old as the clock says, but no older than that look.
    const std::uint64_t since = worker.age_ns() < time.last_gap_ns() ? worker.age_ns() : time.last_gap_ns();
    age.since_running_ns = time.running_ns() - since;
  }
  const std::uint64_t aged = time.running_ns() - age.since_running_ns;
  if (worker.age_ns() > aged) worker.excused_ns = worker.age_ns() - aged;
  const std::uint64_t lost = time.lost_ns() - age.lost_at_claim_ns;
  worker.grace_from_boottime_ns += lost;
  if (worker.deadline_boottime_ns != 0) worker.deadline_boottime_ns += lost;
  if (worker.marked_boottime_ns != 0) worker.marked_boottime_ns += lost;
}

}  // namespace shm_liveness::guard
