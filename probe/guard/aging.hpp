// How old a beat is in the guard's own running time.
//
// A look that comes later than it was planned for was held up by what held up the workers, too: the machine was paused,
// the cgroup frozen, the guard starved. So no look counts as later than an interval after its time, and a worker must
// have been silent through that much of time in which the guard itself ran. This takes the place of the probe's waiting
// for one more beat. Plain values, no operating system: tests make the times up.
#pragma once

#include "../../native/shm_liveness/snapshot.hpp"
#include "starvation.hpp"

namespace shm_liveness::guard {

// Nanoseconds in which the guard ran, and those that it lost.
class RunningTime {
 public:
  explicit RunningTime(std::uint64_t interval_ns) : interval_ns_(interval_ns) {}

  // `now_ns`: CLOCK_MONOTONIC.
  void advance(std::uint64_t now_ns) {
    const std::uint64_t gap = last_ns_ == 0 || now_ns < last_ns_ ? 0 : now_ns - last_ns_;
    const std::uint64_t planned = due_ns_ > last_ns_ ? due_ns_ - last_ns_ : 0;
    const std::uint64_t counted = gap < planned + interval_ns_ ? gap : planned + interval_ns_;
    running_ns_ += counted;
    lost_ns_ += gap - counted;
    last_ns_ = now_ns;
  }
  // At each look, after advance(). The next one is planned for an interval later, unless plan() says otherwise.
  void look() {
    since_look_ns_ = running_ns_ - looked_ns_;
    looked_ns_ = running_ns_;
    plan(last_ns_ + interval_ns_);
  }
  void plan(std::uint64_t due_ns) { due_ns_ = due_ns; }

  std::uint64_t last_ns() const { return last_ns_; }
  // The running time at the latest look.
  std::uint64_t looked_ns() const { return looked_ns_; }
  std::uint64_t running_ns() const { return running_ns_; }
  std::uint64_t lost_ns() const { return lost_ns_; }
  // Between the latest look and the one before.
  std::uint64_t since_look_ns() const { return since_look_ns_; }

 private:
  std::uint64_t interval_ns_;
  std::uint64_t last_ns_ = 0;
  std::uint64_t due_ns_ = 0;
  std::uint64_t running_ns_ = 0;
  std::uint64_t lost_ns_ = 0;
  std::uint64_t looked_ns_ = 0;
  std::uint64_t since_look_ns_ = 0;
};

// What is remembered of a slot from look to look.
struct Age {
  std::uint64_t incarnation = 0;  // 0: never seen
  std::uint64_t sign_of_life_ns = 0;
  std::uint64_t since_running_ns = 0;  // the running time at that sign of life
  std::uint64_t stamped_ns = 0;        // of a counted worker: its latest stamp, its beats then, and when a look saw
  std::uint64_t beats = 0;             // that these had moved without a new stamp
  std::uint64_t moved_ns = 0;
  std::uint64_t lost_at_claim_ns = 0;  // what had been lost when the claim was first seen
  std::uint64_t usual_cycle_ns = 0;    // the worker's own (rhythm.hpp), read now and then; 0: not known
  Lock lock = Lock::gone;              // as the latest look found it
  bool is_strange = false;             // another container's: not judged
  bool is_watcher = false;             // that of --watcher: judged by its phases alone
  bool is_ours = false;                // of the command's process tree, as far as can be told
  // What the scheduler said of the worker when its silence began to matter, and the running time then; 0: not yet.
  Scheduled silent;
  std::uint64_t silent_running_ns = 0;
  // How often its place was asked for in this silence, and when the guard stored one (CLOCK_MONOTONIC).
  std::uint8_t places = 0;
  std::uint64_t placed_ns = 0;
};

// A counted worker is stamped by another thread, which may be starved beside a healthy loop (count.hpp). Beats without
// a new stamp since the last look are a sign of life as of this one.
inline void go_by_count(WorkerFacts& worker, Age& age) {
  if (!worker.counted) return;
  if (age.stamped_ns == worker.last_beat_ns && age.beats != worker.beats) age.moved_ns = worker.observed_ns;
  age.stamped_ns = worker.last_beat_ns;
  age.beats = worker.beats;
  if (age.moved_ns > worker.last_beat_ns) worker.last_beat_ns = age.moved_ns;
}

// Makes a worker as old as it is in running time: younger than the clock says, never older. Its graces end later by
// what was lost since its claim.
inline void age_in_running_time(WorkerFacts& worker, Age& age, const RunningTime& time) {
  if (age.incarnation != worker.incarnation) {
    const Age before = age;
    age = {};
    age.incarnation = worker.incarnation;
    age.lost_at_claim_ns = time.lost_ns();
    age.is_strange = before.is_strange;
    age.is_watcher = before.is_watcher;
    age.is_ours = before.is_ours;
  }
  go_by_count(worker, age);
  if (age.sign_of_life_ns != worker.sign_of_life_ns()) {
    age.sign_of_life_ns = worker.sign_of_life_ns();
    age.silent_running_ns = 0;
    age.places = 0;
    // It came since the last look, so it is as old as the clock says, but no older than that look.
    const std::uint64_t since = worker.age_ns() < time.since_look_ns() ? worker.age_ns() : time.since_look_ns();
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
