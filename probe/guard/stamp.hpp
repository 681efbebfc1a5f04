// The guard as a worker: it stamps for a command that cannot stamp by itself (sd_notify, progress, steps).
//
// Claiming waits for other claims, as long as the caller says; stamping writes memory and waits for nobody. What is
// said while no slot is held is said when one is.
#pragma once

#include "../../native/shm_liveness/beat.hpp"
#include "../../native/shm_liveness/supervise.hpp"
#include "tree.hpp"

namespace shm_liveness::guard {

class Stamp {
 public:
  // What has been said in this life of the command, so that it can be said again in another region.
  struct Said {
    std::uint32_t pid = 0;  // of whom the stamps are meant
    bool has_beaten = false;
    bool is_ready = false;
    std::uint64_t max_age_ns = 0;  // 0: as it was claimed
    std::uint64_t budget_ns = 0;   // of the phase; 0: in none
    char phase[kNameBytes] = {};
  };

  bool is_held() const { return held_; }
  // A new life of the command begins.
  void forget() { said_ = {}; }

  Failure claim(const ClaimOptions& options) {
    give_up(false);
    const Failure failure = take(options, claim_);
    if (failure) return failure;
    held_ = true;
    start_pulse(pulse_, claim_, options);
    say_again(Said(said_));
    return {};
  }
  // Whether readers still find what is stamped here.
  bool is_at(const Place& place) const {
    PathBuffer path;
    return held_ && !is_lost(claim_.region) && path.set(place) &&
           shm_liveness::detail::is_still_at(claim_.region.fd, path.text);
  }

  // The worker that people mean is the command.
  void act_for(std::uint32_t pid) {
    said_.pid = pid;
    if (!held_) return;
    Stat stat;
    read_stat(pid, stat);
    claim_on_behalf(claim_, pid, stat.start_ticks);
  }
  void beat() {
    said_.has_beaten = true;
    if (held_) shm_liveness::beat(pulse_);
  }
  void ready(bool ready, std::string_view status) {
    said_.is_ready = ready;
    if (held_) set_ready(pulse_, ready, status);
  }
  // Keeps the ready flag.
  void status(std::string_view status) { ready(said_.is_ready, status); }
  void phase(std::string_view name, std::uint64_t budget_ns) {
    said_.budget_ns = budget_ns;
    Text text(said_.phase, sizeof said_.phase - 1);
    text << name;
    text.c_str();
    if (held_) begin_phase(pulse_, name, budget_ns);
  }
  void end_phase() {
    said_.budget_ns = 0;
    if (held_) shm_liveness::end_phase(pulse_);
  }
  void max_age(std::uint64_t ns) {
    said_.max_age_ns = ns;
    if (held_) set_max_age(pulse_, ns);
  }

  // stopped: the command ended as it should. Otherwise it is dead, for whoever looks.
  void give_up(bool stopped) {
    if (!held_) return;
    held_ = false;
    pulse_.hot.store_release(nullptr);
    if (stopped) {
      release(claim_);
    } else {
      abandon(claim_);
    }
  }

 private:
  void say_again(const Said& said) {
    if (said.pid != 0) act_for(said.pid);
    if (said.max_age_ns != 0) max_age(said.max_age_ns);
    if (said.budget_ns != 0) phase(said.phase, said.budget_ns);
    if (said.is_ready) ready(true, {});
    if (said.has_beaten) beat();
  }

  Claim claim_;
  Pulse pulse_{};
  Said said_;
  bool held_ = false;
};

}  // namespace shm_liveness::guard
