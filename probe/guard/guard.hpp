// The guard itself: signals, clocks and looks become events, the table in reaction.hpp says what to do about them, and
// the doing is here.
#pragma once

#include "child.hpp"
#include "concern.hpp"
#include "init.hpp"
#include "pace.hpp"
#include "reaction.hpp"
#include "report.hpp"
#include "told.hpp"

namespace shm_liveness::guard {

class Guard {
 public:
  explicit Guard(Parts& parts)
      : parts_(parts),
        options_(parts.options),
        report_(parts),
        concern_(parts, report_),
        told_(parts.options, parts.has_steps()),
        child_(parts.loop),
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
      if (stage_ == Stage::flushing && !told_.awaits_word(now()) && has_flushed()) happen(Event::flushed);
      if (parts_.server.has_connections() != had_connections_) set_pace();
    }
    return report_.outcome().status;
  }

 private:
  std::uint64_t now() const { return parts_.watch.running_ns(); }
  bool may_restart() const { return restarts_ < options_.restarts && !told_.may_be_stopping(); }
  bool is_output_pending() const {
    const bool may_wait = !told_.is_told() && (deadline_ns_ == 0 || now() < deadline_ns_);
    return may_wait && parts_.passes_output() && parts_.output[0].is_pending();
  }

  // --- what comes

  void tick() {
    parts_.progress.look(parts_.received_of_command(), now());
    parts_.watch.tick();
    parts_.server.expire();
    if (parts_.watch.is_long_look()) {
      if (child_.pid() != 0) parts_.keep_claim();
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
    if (step != nullptr && step->time_limit_ns != 0 && now() - child_.started_ns() > step->time_limit_ns) {
      return happen(Event::overdue);
    }
    if (now() - child_.started_ns() > kForgivenAfterNs) restarts_ = 0;
    if (told_.is_asked(now())) return;
    consider();
    // It goes on as if nothing had been said, so that was no stop.
    if (stage_ == Stage::running && parts_.watch.judged_usable().verdict.passes) told_.was_no_stop();
  }

  void watch_end() {
    if (child_.is_group_gone()) return happen(Event::all_gone);
    const bool is_worker_gone = now() >= half_ns_ || child_.pid() == 0 || (worker_ >= 0 && has_ended(worker_));
    if (!child_.is_group_struck() && is_worker_gone) happen(Event::worker_gone);
    if (now() >= deadline_ns_) happen(Event::time_over);
  }

  void consider() {
    const Judged& judged = parts_.watch.judged_usable();
    if (!judged.verdict.passes) init_.reap();  // the command may have ended: then its exit status says more
    if (stage_ != Stage::running) return;
    end_.reason = concern_.about(judged, static_cast<std::uint32_t>(child_.pid()));
    if (end_.reason != Ending::exited) happen(Event::unhealthy);
  }

  void signalled(int signal) {
    parts_.watch.catch_up();
    signal_ = signal;
    switch (told_.hear(signal, now(), stage_ == Stage::running)) {
      case Told::Means::pass_on:
        return forward();
      case Told::Means::nothing:
        return;
      case Told::Means::stop:
        break;
    }
    // Kata's agent sends it to every process, too, so that the command may have died of it before it came here.
    if (stage_ == Stage::flushing && end_.told_by == 0 && told_.is_stop(os::ending_signal_of(end_.wait_status)))
      end_.told_by = signal;
    happen(Event::told_to_stop);
  }

  void reaped(int pid, int status) {
    if (options_.notify) parts_.notify.reaped(pid);
    if (pid != child_.pid()) return;
    parts_.watch.catch_up();
    child_.reaped();
    end_.wait_status = status;
    told_.command_ended(os::ending_signal_of(status), now());
    end_.told_by = told_.by();
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
        child_.strike_group(options_.signal);
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
        report_.gave_up(child_.pid(), end_.reason);
        end();
        break;
    }
    set_pace();
  }

  // Graces and pauses end at a look, so with a long interval there are more looks while one runs.
  void set_pace() {
    had_connections_ = parts_.server.has_connections();
    const bool sleeps =
        stage_ == Stage::running && options_.progress == 0 && !told_.is_asked(now()) && !had_connections_;
    const bool hurries = stage_ != Stage::running && stage_ != Stage::idle;
    pace_.set(!sleeps, hurries ? kPaceNs : ~std::uint64_t(0));
    parts_.counts.is_told_by_kernel = pace_.is_told_by_kernel();
  }

  void strike() {
    const Judged& judged = parts_.watch.judged_usable();
    Diagnosis diagnosis;
    if (judged.verdict.kind == Kind::stalled && !judged.about().empty()) {
      const WorkerFacts& worker = judged.worker;
      // Before the signal: afterwards /proc shows how it dies, not why it hung.
      const bool is_command = !parts_.watch.is_watcher(worker);
      if (is_command) program::diagnose_task(parts_.watch.seen().regions[worker.region], worker, diagnosis);
      diagnosis.throttled_percent = program::throttled_percent(throttling_[1], program::read_throttling());
      if (is_command) worker_ = open_worker(worker, sys::process_id());
    }
    if (worker_ >= 0) {
      os::send_signal_by_descriptor(worker_, options_.signal);
      os::send_signal_by_descriptor(worker_, os::kContinue);  // a stopped process takes no other
    } else {
      child_.strike_group(options_.signal);
    }
    char buffer[512];
    report_.failed(judged, diagnosis.where, report_.line_of(judged, diagnosis, buffer),
                   worker_ >= 0 ? " to it" : " to the command's processes");
    // Probes shall wait for the newcomer, not kill the container meanwhile.
    if (may_restart()) {
      parts_.mark_restart(options_.grace_ns + pause_before_restart_ns(restarts_) + parts_.restart_budget_ns());
    }
    give_grace();
  }

  void overrun() {
    end_.reason = Ending::timed_out;
    child_.strike_group(os::kTerminate);
    report_.overran();
    give_grace();
  }

  void kill() {
    Line() << "not gone within the grace; sending SIGKILL";
    child_.send_to_group(os::kKill);
    parts_.kin.send_signal(os::kKill);
    deadline_ns_ = now() + options_.grace_ns + kKillTimeNs;
  }

  void give_grace() {
    half_ns_ = now() + options_.grace_ns / 2;
    deadline_ns_ = now() + options_.grace_ns;
  }

  void forward() {
    if (parts_.has_steps()) {
      child_.send_to_group(signal_);
    } else {
      child_.send(signal_);
    }
  }

  void expect_end() {
    if (parts_.has_steps() && deadline_ns_ == 0) deadline_ns_ = now() + options_.grace_ns;
    report_.record_interim(signal_);
  }

  // --- the command

  void start() {
    stage_ = Stage::running;
    concern_.begin();
    deadline_ns_ = 0;
    end_.reason = Ending::exited;
    report_.begin();
    const Step* const step = report_.step();
    if (step != nullptr) {
      parts_.stamp.phase(step->name, step->silence_budget_ns);
      report_.mark_begin();
    } else if (!parts_.stamp.is_held()) {
      parts_.stamp.forget();
      parts_.keep_claim();
    }
    if (options_.notify) parts_.service.start(options_.watched.policy.startup_grace_ns);
    for (Output& output : parts_.output) output.reset();
    const Launch launch{report_.argv(),           parts_.environment,
                        parts_.output[0].inlet(), parts_.output[parts_.is_one_stream ? 0 : 1].inlet(),
                        init_.before(),           parts_.rooms.watchdog_pid,
                        parts_.descriptors};
    parts_.watch.begin_life();
    parts_.progress.before_start();
    if (!has_started_) parts_.kin.note_groups();
    if (const int error = child_.start(launch, now()); error < 0) {
      report_.refused(-error);
      return may_restart() ? pause() : end();  // no room for a process now may be some later
    }
    const auto first = static_cast<std::uint32_t>(child_.pid());
    if (has_started_) {
      parts_.kin.go_on(first);
    } else {
      parts_.kin.begin(first);
    }
    has_started_ = true;
    parts_.stamp.act_for(first);
    if (options_.progress == 0) return;
    parts_.progress.begin(step != nullptr ? step->silence_budget_ns : parts_.silence_ns(), first);
    parts_.stamp.ready(true, {});
    parts_.stamp.beat();
  }

  // The command's last words count: its notifications, and what is in its pipes.
  void settle() {
    if (options_.notify) parts_.notify.receive_rest();
    for (Output& output : parts_.output) output.set_mark();
    // As long as its reader needs, as without the guard; but no longer than the grace if the end is urgent.
    const bool urgent = told_.is_told() || end_.reason != Ending::exited;
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
    if (child_.exec_error() != 0) {
      report_.refused(child_.exec_error());
      return end();
    }
    report_.ended(end_);
    report_.mark_end(now() - child_.started_ns());
    const bool went_well = report_.outcome().status == 0;
    if (went_well && !told_.is_told() && report_.begin_next_step()) {
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
    if (child_.is_group_gone() && parts_.kin.count_living() == 0) return true;
    child_.send_to_group(os::kKill);
    parts_.kin.send_signal(os::kKill);
    return now() >= deadline_ns_ + kKillTimeNs;
  }

  void pause() {
    // A command that crashed may have left others of its group; those of one that was struck are gone.
    child_.send_to_group(os::kTerminate);
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
    parts_.stamp.give_up(report_.outcome().status == 0 || told_.is_told());
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
  static constexpr std::uint64_t kKillTimeNs = 5'000'000'000;  // on top of the grace, for what SIGKILL tears down

  Parts& parts_;
  const Options& options_;
  Report report_;
  Concern concern_;
  Told told_;
  Child child_;
  Init init_{{this, [](void* self, int signal) { static_cast<Guard*>(self)->signalled(signal); },
              [](void* self, int pid, int status) { static_cast<Guard*>(self)->reaped(pid, status); }}};
  Pace pace_;
  Stage stage_ = Stage::idle;
  EndFacts end_;
  program::Throttling throttling_[2];
  int worker_ = -1;  // a handle of the stalled worker
  int signal_ = 0;   // the last one that came
  bool had_connections_ = false;
  bool has_started_ = false;
  std::uint32_t restarts_ = 0;
  // These two in the guard's running time.
  std::uint64_t half_ns_ = 0;
  std::uint64_t deadline_ns_ = 0;
};

}  // namespace shm_liveness::guard
