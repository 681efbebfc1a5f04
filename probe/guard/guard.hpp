// The guard itself: signals, clocks and looks become events, the table in reaction.hpp says what to do about them, and
// the doing is here.
#pragma once

#include "concern.hpp"
#include "init.hpp"
#include "pace.hpp"
#include "reaction.hpp"
#include "report.hpp"
#include "strike.hpp"

namespace shm_liveness::guard {

class Guard {
 public:
  explicit Guard(Parts& parts)
      : parts_(parts),
        options_(parts.options),
        report_(parts),
        concern_(parts, report_),
        pace_(parts.watch, parts.options.interval_ns) {}

  // Before all else: a SIGTERM that comes while the guard is made ready must not be lost. -errno, or 0.
  int open() {
    if (const int error = parts_.loop.open(); error < 0) return error;
    if (const int error = init_.open(parts_.loop); error < 0) return error;
    const int error = pace_.open(
        parts_.loop, [](void* self) { static_cast<Guard*>(self)->tick(); }, this);
    if (error >= 0) set_pace();
    return error;
  }

  // After prepare(). Returns the exit status.
  int run() {
    if (parts_.has_command()) start();
    while (stage_ != Stage::ended || is_output_pending()) {
      parts_.loop.turn(init_.has_more_to_reap() ? 0 : -1);
      if (init_.has_more_to_reap()) init_.reap();
      if (stage_ == Stage::flushing && !awaits_word() && has_flushed()) happen(Event::flushed);
      if (parts_.server.has_connections() != had_connections_) set_pace();
    }
    return report_.outcome().status;
  }

 private:
  std::uint64_t now() const { return parts_.watch.running_ns(); }
  bool is_told() const { return told_by_ != 0; }
  bool is_asked() const { return asked_by_ != 0 && now() < asked_until_ns_; }
  // Not inside a pod that may be on its way out: a signal that may be a stop has come, and nobody has shown since that
  // it was none.
  bool may_restart() const { return restarts_ < options_.restarts && !is_told() && asked_by_ == 0; }
  // Whether a stop may be on its way that the command has died of already.
  bool awaits_word() const { return !is_told() && now() < word_until_ns_; }
  bool is_output_pending() const {
    const bool may_wait = !is_told() && (deadline_ns_ == 0 || now() < deadline_ns_);
    return may_wait && parts_.passes_output() && parts_.output[0].is_pending();
  }

  // --- what comes

  void tick() {
    parts_.progress.look(parts_.received_of_command(), now());
    parts_.watch.tick();
    parts_.server.expire();
    if (parts_.watch.is_long_look()) {
      parts_.keep_claim();
      note_throttling();
      if (options_.restarts != 0 && sys::process_id() == 1) parts_.kin.note_strangers();
    }
    switch (stage_) {
      case Stage::running:
        watch_command();
        break;
      case Stage::struck:
      case Stage::killed:
        watch_end();
        break;
      case Stage::pausing:
        if (now() >= deadline_ns_ && is_clear()) happen(Event::time_over);
        break;
      case Stage::draining:
      case Stage::flushing:
        if (deadline_ns_ != 0 && now() >= deadline_ns_) happen(Event::time_over);
        break;
      default:
        break;
    }
    set_pace();
  }

  void watch_command() {
    const Step* const step = report_.step();
    if (step != nullptr && step->time_limit_ns != 0 && now() - started_ns_ > step->time_limit_ns) {
      return happen(Event::overdue);
    }
    if (now() - started_ns_ > kForgivenAfterNs) restarts_ = 0;
    if (is_asked()) return;
    consider();
    // It goes on as if nothing had been said, so that was no stop.
    if (stage_ == Stage::running && parts_.watch.verdict_of_usable().passes) asked_by_ = 0;
  }

  void watch_end() {
    if (pid_ == 0 && is_group_empty(group_)) return happen(Event::all_gone);
    const bool is_worker_gone = now() >= half_ns_ || pid_ == 0 || (worker_ >= 0 && has_ended(worker_));
    if (!is_group_struck_ && is_worker_gone) happen(Event::worker_gone);
    if (now() >= deadline_ns_) happen(Event::time_over);
  }

  void consider() {
    const Verdict verdict = parts_.watch.verdict_of_usable();
    if (!verdict.passes) init_.reap();  // the command may have ended: then its exit status says more
    if (stage_ != Stage::running) return;
    end_.reason = concern_.about(verdict, static_cast<std::uint32_t>(pid_));
    if (end_.reason != Ending::exited) happen(Event::unhealthy);
  }

  bool is_stop(int signal) const { return signal != 0 && (signal == os::kTerminate || signal == options_.stop_signal); }
  // An image's STOPSIGNAL that nobody told the guard of: nginx and php-fpm stop by SIGQUIT, httpd by SIGWINCH,
  // PostgreSQL by SIGINT. Or a dump of threads that is asked for: then the command goes on.
  bool may_be_stop(int signal) const {
    const bool is_one =
        signal == os::kInterrupt || signal == os::kQuit || (signal == os::kWindowChange && !parts_.has_steps());
    return is_one && options_.stop_signal == 0;
  }

  void signalled(int signal) {
    parts_.watch.catch_up();
    signal_ = signal;
    if (may_be_stop(signal) && stage_ == Stage::running && !parts_.has_steps()) {
      asked_by_ = signal;
      asked_until_ns_ = now() + (options_.grace_ns > kMayBeStopNs ? options_.grace_ns : kMayBeStopNs);
      return forward();
    }
    if (!is_stop(signal) && !may_be_stop(signal)) return forward();
    // Kata's agent (until kata-containers#13163) sends the same SIGTERM twice to PID 1: the second one is ignored.
    const bool is_echo = signal == told_by_ && now() - told_ns_ < kEchoNs;
    if (is_echo) return;
    if (!is_told()) told_ns_ = now();
    told_by_ = signal;
    // It sends it to every process, too, so that the command may have died of it before it came here.
    if (stage_ == Stage::flushing && end_.told_by == 0 && is_stop(os::ending_signal_of(end_.wait_status)))
      end_.told_by = signal;
    happen(Event::told_to_stop);
  }

  void reaped(int pid, int status) {
    if (options_.notify) parts_.notify.reaped(pid);
    if (pid != pid_) return;
    parts_.watch.catch_up();
    hear_of_exec();
    pid_ = 0;
    end_.wait_status = status;
    if (asked_by_ != 0 && !is_told()) told_by_ = asked_by_;
    // At a terminal Ctrl-C comes to the command alone, and means that it shall end.
    if (!is_told() && os::ending_signal_of(status) == os::kInterrupt) told_by_ = os::kInterrupt;
    end_.told_by = told_by_;
    word_until_ns_ = !is_told() && is_stop(os::ending_signal_of(status)) ? now() + kWordNs : 0;
    happen(Event::command_ended);
  }

  // --- what follows

  void happen(Event event) {
    const Reaction reaction = reaction_to(stage_, event);
    stage_ = reaction.next;
    switch (reaction.action) {
      case Action::none:
        break;
      case Action::forward:
        forward();
        if (stage_ == Stage::draining) expect_end();
        break;
      case Action::strike:
        strike();
        break;
      case Action::terminate:
        overrun();
        break;
      case Action::strike_group:
        strike_group(options_.signal);
        break;
      case Action::kill:
        kill();
        break;
      case Action::sweep:
        parts_.kin.send_signal(os::kKill);
        settle();
        break;
      case Action::settle:
        settle();
        break;
      case Action::hurry:
        if (deadline_ns_ == 0) deadline_ns_ = now() + options_.grace_ns;
        break;
      case Action::conclude:
        conclude();
        break;
      case Action::start:
        start();
        break;
      case Action::stop:
        report_.told_without_command(signal_);
        end();
        break;
      case Action::give_up:
        report_.gave_up(pid_, end_.reason);
        end();
        break;
    }
    set_pace();
  }

  // Graces and pauses end at a look, so with a long interval there are more looks while one runs.
  void set_pace() {
    had_connections_ = parts_.server.has_connections();
    const bool sleeps = stage_ == Stage::running && options_.progress == 0 && !is_asked() && !had_connections_;
    const bool hurries = stage_ != Stage::running && stage_ != Stage::idle;
    pace_.set(!sleeps, hurries ? kPaceNs : ~std::uint64_t(0));
    parts_.counts.is_told_by_kernel = pace_.is_told_by_kernel();
  }

  void strike() {
    const Verdict verdict = parts_.watch.verdict_of_usable();
    Diagnosis diagnosis;
    if (verdict.kind == Kind::stalled && verdict.worker >= 0) {
      const WorkerFacts& worker = parts_.watch.workers()[static_cast<std::size_t>(verdict.worker)];
      // Before the signal: afterwards /proc shows how it dies, not why it hung.
      program::diagnose_task(worker, diagnosis);
      diagnosis.throttled_percent = program::throttled_percent(throttling_[1], program::read_throttling());
      worker_ = open_worker(worker, sys::process_id());
    }
    if (worker_ >= 0) {
      os::send_signal_by_descriptor(worker_, options_.signal);
      os::send_signal_by_descriptor(worker_, os::kContinue);  // a stopped process takes no other
    } else {
      strike_group(options_.signal);
    }
    char buffer[512];
    report_.failed(verdict, report_.line_of(verdict, diagnosis, buffer),
                   worker_ >= 0 ? " to it" : " to the command's processes");
    // Probes shall wait for the newcomer, not kill the container meanwhile.
    if (may_restart()) {
      parts_.mark_restart(options_.grace_ns + pause_before_restart_ns(restarts_) + parts_.restart_budget_ns());
    }
    give_grace();
  }

  void overrun() {
    end_.reason = Ending::timed_out;
    strike_group(os::kTerminate);
    report_.overran();
    give_grace();
  }

  void strike_group(int signal) {
    is_group_struck_ = true;
    signal_group(group_, signal);
  }

  void kill() {
    Line() << "not gone within the grace; sending SIGKILL";
    signal_group(group_, os::kKill);
    parts_.kin.send_signal(os::kKill);
    deadline_ns_ = now() + options_.grace_ns + kKillTimeNs;
  }

  void give_grace() {
    half_ns_ = now() + options_.grace_ns / 2;
    deadline_ns_ = now() + options_.grace_ns;
  }

  void forward() {
    if (group_ == 0) return;
    if (parts_.has_steps()) {
      signal_group(group_, signal_);
    } else if (pid_ != 0) {
      os::send_signal(pid_, signal_);
    }
  }

  void expect_end() {
    if (parts_.has_steps() && deadline_ns_ == 0) deadline_ns_ = now() + options_.grace_ns;
    report_.record_interim(signal_);
  }

  // --- the command

  void start() {
    stage_ = Stage::running;
    is_group_struck_ = false;
    concern_.begin();
    deadline_ns_ = 0;
    end_.reason = Ending::exited;
    report_.begin();
    const Step* const step = report_.step();
    if (step != nullptr) {
      parts_.stamp.phase(step->name, step->silence_budget_ns);
      report_.mark_begin();
    } else if (options_.stamps() && !parts_.stamp.is_held()) {
      if (const Failure failure = parts_.claim()) {
        Line() << "cannot stamp any more: the region " << sentence_of(failure.fault) << " [" << code_of(failure.fault)
               << ']';
      }
    }
    if (options_.notify) parts_.service.start(options_.watched.policy.startup_grace_ns);
    for (Output& output : parts_.output) output.reset();
    const Launch launching{report_.argv(),           parts_.environment,
                           parts_.output[0].inlet(), parts_.output[parts_.is_one_stream ? 0 : 1].inlet(),
                           init_.before(),           parts_.rooms.watchdog_pid,
                           parts_.descriptors};
    parts_.watch.begin_life();
    parts_.progress.before_start();
    if (!has_started_) parts_.kin.note_groups();
    const Launched launched = launch(launching);
    started_ns_ = now();
    if (launched.pid < 0) {
      report_.refused(-launched.pid);
      return may_restart() ? pause() : end();  // no room for a process now may be some later
    }
    pid_ = group_ = launched.pid;
    const auto first = static_cast<std::uint32_t>(pid_);
    if (has_started_) {
      parts_.kin.go_on(first);
    } else {
      parts_.kin.begin(first);
    }
    has_started_ = true;
    exec_ = {launched.report, [](void* self, std::uint32_t) { static_cast<Guard*>(self)->hear_of_exec(); }, this, 0};
    parts_.loop.add(exec_, os::kReadable);
    exec_error_ = 0;
    parts_.stamp.act_for(first);
    if (options_.progress == 0) return;
    parts_.progress.begin(step != nullptr ? step->silence_budget_ns : parts_.silence_ns(), first);
    parts_.stamp.ready(true, {});
    parts_.stamp.beat();
  }

  void hear_of_exec() {
    if (exec_.fd < 0) return;
    const long got = sys::read(exec_.fd, &exec_error_, sizeof exec_error_);
    if (got == -sys::kTryAgain || got == -sys::kInterrupted) return;
    parts_.loop.remove(exec_);
  }

  // The command's last words count: its notifications, and what is in its pipes.
  void settle() {
    if (options_.notify) parts_.notify.receive_rest();
    for (Output& output : parts_.output) output.set_mark();
    // As long as its reader needs, as without the guard; but no longer than the grace if the end is urgent.
    const bool urgent = is_told() || end_.reason != Ending::exited;
    deadline_ns_ = urgent ? now() + options_.grace_ns : 0;
  }
  bool has_flushed() {
    if (!parts_.passes_output()) return true;
    for (Output& output : parts_.output) {
      output.pump();
      if (!output.has_passed_mark()) return false;
    }
    return true;
  }

  void conclude() {
    if (worker_ >= 0) sys::close(worker_);
    worker_ = -1;
    if (exec_error_ != 0) {
      report_.refused(exec_error_);
      return end();
    }
    report_.ended(end_);
    report_.mark_end(now() - started_ns_);
    const bool went_well = report_.outcome().status == 0;
    if (went_well && !is_told() && report_.begin_next_step()) {
      start();
    } else if (!went_well && may_restart()) {
      pause();
    } else {
      if (end_.reason == Ending::exited && !parts_.has_steps()) report_.left_behind();
      end();
    }
  }

  // Whether nothing of the last command is left: what lives on would hold its names, and work twice beside the next.
  // Not for ever: what does not die of SIGKILL must not keep the next from starting.
  bool is_clear() {
    if (is_group_empty(group_)) group_ = 0;  // its number may be another's soon
    if (group_ == 0 && parts_.kin.count_living() == 0) return true;
    signal_group(group_, os::kKill);
    parts_.kin.send_signal(os::kKill);
    return now() >= deadline_ns_ + kKillTimeNs;
  }

  void pause() {
    // A command that crashed may have left others of its group; those of one that was struck are gone.
    signal_group(group_, os::kTerminate);
    const std::uint64_t pause_ns = pause_before_restart_ns(restarts_);
    parts_.stamp.give_up(false);
    parts_.mark_restart(pause_ns + parts_.restart_budget_ns());
    ++restarts_;
    ++parts_.counts.restarts;
    char buffer[32];
    Text after(buffer);
    say_duration(after, pause_ns);
    Line() << report_.outcome().line << "; restart " << restarts_ << '/' << options_.restarts << " in " << after.view();
    deadline_ns_ = now() + pause_ns;
    stage_ = Stage::pausing;
  }

  void end() {
    stage_ = Stage::ended;
    parts_.stamp.give_up(report_.outcome().status == 0 || is_told());
    parts_.notify.remove_file();
    report_.mark_final();
    report_.record();
  }

  // Two readings a second apart or more, so that the share between the older one and now means something.
  void note_throttling() {
    throttling_[1] = throttling_[0];
    throttling_[0] = program::read_throttling();
  }

  static constexpr std::uint64_t kPaceNs = 20'000'000;
  // As long as a pod has to end, unless it says otherwise (terminationGracePeriodSeconds).
  static constexpr std::uint64_t kMayBeStopNs = 30'000'000'000;
  static constexpr std::uint64_t kEchoNs = 1'000'000'000;
  static constexpr std::uint64_t kWordNs = 250'000'000;
  static constexpr std::uint64_t kKillTimeNs = 5'000'000'000;  // on top of the grace, for what SIGKILL tears down

  Parts& parts_;
  const Options& options_;
  Report report_;
  Concern concern_;
  Init init_{{this, [](void* self, int signal) { static_cast<Guard*>(self)->signalled(signal); },
              [](void* self, int pid, int status) { static_cast<Guard*>(self)->reaped(pid, status); }}};
  Pace pace_;
  Source exec_;         // word of the exec; fd < 0: it is done
  int exec_error_ = 0;  // of an exec that failed
  Stage stage_ = Stage::idle;
  EndFacts end_;
  program::Throttling throttling_[2];
  int pid_ = 0;       // of the command; 0: reaped
  int group_ = 0;     // its process group
  int worker_ = -1;   // a handle of the stalled worker
  int signal_ = 0;    // the last one that came
  int told_by_ = 0;   // the one that told the guard to stop; 0: none
  int asked_by_ = 0;  // a signal that may mean stop; 0: none came
  bool is_group_struck_ = false;
  bool had_connections_ = false;
  bool has_started_ = false;
  std::uint32_t restarts_ = 0;
  std::uint64_t asked_until_ns_ = 0;
  std::uint64_t told_ns_ = 0;
  std::uint64_t word_until_ns_ = 0;
  std::uint64_t started_ns_ = 0;  // these four in the guard's running time
  std::uint64_t half_ns_ = 0;
  std::uint64_t deadline_ns_ = 0;
};

}  // namespace shm_liveness::guard
