// What a notification means for the worker that the guard stamps for.
//
//   starting    until READY=1: a phase, as long as the startup grace. systemd's TimeoutStartSec.
//   running     max age is the watchdog's time. Without one the command is watched for its end only.
//   reloading   a phase, not ready, until READY=1.
//   stopping    a phase, not ready, as long as systemd's default TimeoutStopSec.
#pragma once

#include "notification.hpp"
#include "stamp.hpp"

namespace shm_liveness::guard {

class Service {
 public:
  explicit Service(Stamp& stamp) : stamp_(stamp) {}

  void start(std::uint64_t startup_grace_ns) {
    startup_grace_ns_ = startup_grace_ns;
    enter("starting", startup_grace_ns);
  }

  void hear(const Notification& said) {
    // A wrapper says who does the work: that process is named, looked at and signalled.
    if (said.main_pid != 0) stamp_.act_for(said.main_pid);
    if (said.has_watchdog_usec) stamp_.max_age(said.watchdog_ns != 0 ? said.watchdog_ns : kMaxDurationNs);
    if (said.reloading) {
      stamp_.ready(false, "reloading");
      enter("reloading", startup_grace_ns_);
    }
    if (said.stopping) {
      stamp_.ready(false, "stopping");
      enter("stopping", kStopNs);
    }
    if (said.has_extend_usec) extend(said.extend_ns);
    if (said.not_ready) stamp_.ready(false, {});
    if (said.has_phase) {
      ours_ = nullptr;
      stamp_.phase(said.phase, said.budget_ns);
    }
    if (said.end_phase) end_phase();
    if (said.ready) {
      end_own_phase();
      stamp_.ready(true, {});
    }
    // systemd's watchdog is armed by READY=1: a program that pings it while it still loads is not running yet. A script
    // that says nothing but our own beats is.
    if (said.beat && is_starting()) end_own_phase();
    if (said.ready || (said.watchdog && !is_starting())) stamp_.beat();
    // Behind what clears it: "READY=1\nSTATUS=…" is sd_notify(3)'s own example.
    if (said.has_status) say_status(said.status);
    // Every reader sees the same: a phase whose budget is over at once.
    if (said.trigger) stamp_.phase("WATCHDOG=trigger", 1);
  }

 private:
  static constexpr std::uint64_t kStopNs = 90'000'000'000;

  void enter(const char* phase, std::uint64_t budget_ns) {
    ours_ = phase;
    deadline_ns_ = monotonic_ns() + budget_ns;
    stamp_.phase(phase, budget_ns);
  }
  bool is_starting() const { return ours_ != nullptr && std::string_view(ours_) == "starting"; }
  void end_own_phase() {
    if (ours_ != nullptr) end_phase();
  }
  void end_phase() {
    ours_ = nullptr;
    stamp_.end_phase();
  }

  // Only what comes with a deadline can be extended, and only to a later one.
  void extend(std::uint64_t ns) {
    if (ours_ == nullptr || monotonic_ns() + ns <= deadline_ns_) return;
    enter(ours_, ns);
  }

  void say_status(std::string_view status) {
    char buffer[4 * kStatusBytes];
    Text clean(buffer);
    clean.printable(status);
    clean.cut(kStatusBytes - 1);
    stamp_.status(clean.view());
  }

  Stamp& stamp_;
  const char* ours_ = nullptr;  // the phase that the protocol brought about; null: none
  std::uint64_t deadline_ns_ = 0;
  std::uint64_t startup_grace_ns_ = 0;
};

}  // namespace shm_liveness::guard
