// The guard as a worker: it stamps for a command that cannot stamp by itself (sd_notify, progress, steps).
#pragma once

#include "../../native/shm_liveness/truncation.hpp"
#include "tree.hpp"

namespace shm_liveness::guard {

class Stamp {
 public:
  bool is_held() const { return held_; }

  Failure claim(const ClaimOptions& options) {
    give_up(false);
    const Failure failure = take(options, claim_);
    if (failure) return failure;
    held_ = true;
    start_pulse(pulse_, claim_, options);
    watched_ = truncation::watch(claim_.region.memory, claim_.region.bytes, &pulse_);
    return {};
  }
  // The worker that people mean is the command.
  void act_for(int pid) {
    if (!held_) return;
    Stat stat;
    read_stat(static_cast<std::uint32_t>(pid), stat);
    claim_on_behalf(claim_, static_cast<std::uint32_t>(pid), stat.start_ticks);
  }

  bool beat() { return held_ && shm_liveness::beat(pulse_); }
  void ready(bool ready, std::string_view status) {
    if (held_) set_ready(pulse_, ready, status);
  }
  // Keeps the ready flag.
  void status(std::string_view status) {
    if (held_) set_ready(pulse_, claim_.slot().hot.ready.load_relaxed() != 0, status);
  }
  bool is_ready() const { return held_ && claim_.slot().hot.ready.load_relaxed() != 0; }
  void phase(std::string_view name, std::uint64_t budget_ns) {
    if (held_) begin_phase(pulse_, name, budget_ns);
  }
  void end_phase() {
    if (held_) shm_liveness::end_phase(pulse_);
  }
  bool is_in_phase() const { return held_ && pulse_.in_phase; }
  void max_age(std::uint64_t ns) {
    if (held_) set_max_age(pulse_, ns);
  }

  // stopped: the command ended as it should. Otherwise it is dead, for whoever looks.
  void give_up(bool stopped) {
    if (!held_) return;
    held_ = false;
    const bool lost = truncation::is_lost(watched_);
    truncation::unwatch(watched_);
    pulse_.hot.store_release(nullptr);
    if (stopped && !lost) {
      release(claim_);
    } else {
      abandon(claim_);
    }
  }

 private:
  Claim claim_;
  Pulse pulse_{};
  truncation::Watched* watched_ = nullptr;
  bool held_ = false;
};

}  // namespace shm_liveness::guard
