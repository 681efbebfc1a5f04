// What a signal to the guard asks for: that the command ends, that it does something else, or nobody knows yet. Plain
// values; no signal is sent here.
#pragma once

#include "options.hpp"

namespace shm_liveness::guard {

// All times are of the guard's running time.
class Told {
 public:
  enum class Means : std::uint8_t {
    pass_on,  // the command's own business
    nothing,
    stop
  };

  Told(const Options& options, bool has_steps) : options_(options), has_steps_(has_steps) {}

  // `watches`: the command runs, and nobody has told it to end.
  Means hear(int signal, std::uint64_t now_ns, bool watches) {
    if (may_be_stop(signal) && watches && !has_steps_) {
      asked_by_ = signal;
      asked_until_ns_ = now_ns + (options_.grace_ns > kMayBeStopNs ? options_.grace_ns : kMayBeStopNs);
      return Means::pass_on;
    }
    if (!is_stop(signal) && !may_be_stop(signal)) return Means::pass_on;
    // Kata's agent (until kata-containers#13163) sends the same SIGTERM twice to PID 1: the second one is ignored.
    if (signal == by_ && now_ns - told_ns_ < kEchoNs) return Means::nothing;
    if (!is_told()) told_ns_ = now_ns;
    by_ = signal;
    return Means::stop;
  }

  // The command has ended; `signal` is what ended it, or 0. At a terminal Ctrl-C comes to the command alone, and means
  // that it shall end.
  void command_ended(int signal, std::uint64_t now_ns) {
    if (asked_by_ != 0 && !is_told()) by_ = asked_by_;
    if (!is_told() && signal == os::kInterrupt) by_ = os::kInterrupt;
    word_until_ns_ = !is_told() && is_stop(signal) ? now_ns + kWordNs : 0;
  }

  bool is_stop(int signal) const { return signal != 0 && (signal == os::kTerminate || signal == options_.stop_signal); }

  bool is_told() const { return by_ != 0; }
  // The signal that told the guard to stop; 0: none.
  int by() const { return by_; }
  // Whether a stop may be under way, so that a silent worker is no reason to end the command.
  bool is_asked(std::uint64_t now_ns) const { return asked_by_ != 0 && now_ns < asked_until_ns_; }
  // The command goes on as if nothing had been said.
  void was_no_stop() { asked_by_ = 0; }
  // Inside a pod that may be on its way out nothing is started again.
  bool may_be_stopping() const { return is_told() || asked_by_ != 0; }
  // Whether a stop may be on its way that the command has died of already.
  bool awaits_word(std::uint64_t now_ns) const { return !is_told() && now_ns < word_until_ns_; }

 private:
  // An image's STOPSIGNAL that nobody told the guard of: nginx and php-fpm stop by SIGQUIT, httpd by SIGWINCH,
  // PostgreSQL by SIGINT. Or a dump of threads that is asked for: then the command goes on.
  bool may_be_stop(int signal) const {
    const bool is_one = signal == os::kInterrupt || signal == os::kQuit || (signal == os::kWindowChange && !has_steps_);
    return is_one && options_.stop_signal == 0;
  }

  // As long as a pod has to end, unless it says otherwise (terminationGracePeriodSeconds).
  static constexpr std::uint64_t kMayBeStopNs = 30'000'000'000;
  static constexpr std::uint64_t kEchoNs = 1'000'000'000;
  // How long after the command's end the signal may come that it has died of.
  static constexpr std::uint64_t kWordNs = 250'000'000;

  const Options& options_;
  bool has_steps_;
  int by_ = 0;
  int asked_by_ = 0;  // a signal that may mean stop; 0: none came
  std::uint64_t told_ns_ = 0;
  std::uint64_t asked_until_ns_ = 0;
  std::uint64_t word_until_ns_ = 0;
};

}  // namespace shm_liveness::guard
