// Whether a verdict calls for a reaction: a false alarm is the worst that a guard can do.
#pragma once

#include "report.hpp"
#include "strike.hpp"

namespace shm_liveness::guard {

class Concern {
 public:
  Concern(Parts& parts, const Report& report) : parts_(parts), report_(report) {}

  // A new life of the command.
  void begin() {
    is_told_of_missing_ = false;
    exiting_since_ns_ = 0;
  }

  // Why the command, whose first process is `pid`, is to be ended; exited: it is not.
  Ending about(const Judged& judged, std::uint32_t pid) {
    const Verdict& verdict = judged.verdict;
    tell_of_unusable(parts_.watch.judged(Check::liveness));
    if (verdict.passes) {
      exiting_since_ns_ = 0;  // the successor is there: the time for the next end begins anew
      return Ending::exited;
    }
    switch (verdict.kind) {
      case Kind::stalled:
        return is_ending(judged, pid) ? Ending::exited : Ending::stalled;
      case Kind::dead:
        return is_ending(judged, pid) ? Ending::exited : Ending::dead;
      case Kind::missing:
        tell_of_missing();
        return is_missed() ? Ending::missing : Ending::exited;
      default:
        return Ending::exited;
    }
  }

 private:
  // Only whom somebody asked for: most commands never claim. Nor where something cannot be read: they may be there.
  bool is_missed() const {
    const Policy& policy = parts_.options.watched.policy;
    const bool asked = !policy.expect.empty() || policy.min != 0;
    return asked && parts_.watch.judged(Check::liveness).verdict.kind != Kind::unusable;
  }

  // Whether the command, or the worker, is on its way out by itself: then its exit status says more than a lock, and
  // what does not beat while its memory is torn down has not stalled. Not for ever: an exit can hang too.
  bool is_ending(const Judged& judged, std::uint32_t pid) {
    const WorkerFacts* const worker = judged.about().empty() ? nullptr : &judged.worker;
    // A thread of the command that ended may be the first of all: Node.js ends its worker threads, then the process.
    const bool is_thread = judged.verdict.kind == Kind::dead && worker != nullptr && worker->pid == pid;
    const bool worker_exits = judged.verdict.kind == Kind::stalled && worker != nullptr && is_exiting(worker->pid) &&
                              is_that_task(worker->pid, worker->tid, worker->task_start_ticks);
    const bool exits = is_exiting(pid);
    if (!exits && !worker_exits && !is_thread) {
      exiting_since_ns_ = 0;
      return false;
    }
    const std::uint64_t now = parts_.watch.running_ns();
    if (exiting_since_ns_ == 0) exiting_since_ns_ = now;
    return now - exiting_since_ns_ < (exits || worker_exits ? kExitTimeNs : kThreadEndTimeNs);
  }

  // Once a life. Of a command that is guarded for its signals only, and so names no region, it is no news.
  void tell_of_missing() {
    if (is_told_of_missing_ || parts_.place().region == Place{}.region) return;
    is_told_of_missing_ = true;
    Line line;
    (line << "nobody has claimed in region ").printable(parts_.place().region)
        << " within the startup grace; if somebody should have, is --region right?";
  }

  // Once, as often as it comes anew.
  void tell_of_unusable(const Judged& judged) {
    const Kind kind = judged.verdict.kind;
    const bool is_new = kind == Kind::unusable && last_kind_ != Kind::unusable;
    last_kind_ = kind;
    if (!is_new) return;
    char buffer[512];
    Line() << report_.line_of(judged, {}, buffer);
  }

  static constexpr std::uint64_t kThreadEndTimeNs = 100'000'000;
  static constexpr std::uint64_t kExitTimeNs = 1'000'000'000;  // large processes take 10 to 90 ms

  Parts& parts_;
  const Report& report_;
  Kind last_kind_ = Kind::healthy;
  std::uint64_t exiting_since_ns_ = 0;  // of the guard's running time
  bool is_told_of_missing_ = false;
};

}  // namespace shm_liveness::guard
