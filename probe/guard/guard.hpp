// The guard itself: signals, clocks and looks become events, the table in reaction.hpp says what to do about them, and
// the doing is here.
#pragma once

#include "init.hpp"
#include "parts.hpp"
#include "reaction.hpp"
#include "strike.hpp"

namespace shm_liveness::guard {

class Guard {
 public:
  explicit Guard(Parts& parts) : parts_(parts), options_(parts.options) {}

  // After prepare(). Returns the exit status.
  int run() {
    if (const int error = open(); error < 0) {
      Line line;
      line << "cannot watch: ";
      line.error(-error);
      return static_cast<int>(Exit::unusable);
    }
    if (parts_.has_command()) start();
    while (stage_ != Stage::ended || is_output_pending()) {
      parts_.loop.turn(init_.has_more_to_reap() ? 0 : -1);
      if (init_.has_more_to_reap()) init_.reap();
      if (stage_ == Stage::flushing && has_flushed()) happen(Event::flushed);
    }
    return outcome_.status;
  }

 private:
  int open() {
    if (const int error = init_.open(parts_.loop); error < 0) return error;
    ticker_ = {os::monotonic_timer(), [](void* self, std::uint32_t) { static_cast<Guard*>(self)->tick(); }, this, 0};
    if (ticker_.fd < 0) return ticker_.fd;
    os::set_timer(ticker_.fd, options_.interval_ns);
    return parts_.loop.add(ticker_, os::kReadable);
  }

  std::uint64_t now() const { return parts_.watch.running_ns(); }
  const Step* step() const { return parts_.has_steps() ? &parts_.rooms.steps.list[step_] : nullptr; }
  bool is_output_pending() const { return !told_ && parts_.passes_output() && parts_.output[0].is_pending(); }

  // --- what comes

  void tick() {
    std::uint64_t expiries;  // read, because the kernel sets a periodic timer again only then
    sys::read(ticker_.fd, &expiries, sizeof expiries);
    parts_.progress.look(parts_.received(), now());
    parts_.watch.tick();
    parts_.server.expire();
    if (parts_.watch.ticks() % kLooksBetweenThrottling == 0) note_throttling();
    switch (stage_) {
      case Stage::running:
        if (step() != nullptr && step()->time_limit_ns != 0 && now() - started_ns_ > step()->time_limit_ns) {
          happen(Event::overdue);
        } else {
          consider();
        }
        break;
      case Stage::struck:
      case Stage::killed:
        if (pid_ == 0 && is_group_empty(group_)) return happen(Event::all_gone);
        if (!is_group_struck_ && (now() >= half_ns_ || pid_ == 0 || (worker_ >= 0 && has_ended(worker_)))) {
          happen(Event::worker_gone);
        }
        if (now() >= deadline_ns_) happen(Event::time_over);
        break;
      case Stage::draining:
      case Stage::pausing:
        if (deadline_ns_ != 0 && now() >= deadline_ns_) happen(Event::time_over);
        break;
      default:
        break;
    }
    if (stage_ == Stage::running && now() - started_ns_ > kForgivenAfterNs) restarts_ = 0;
  }

  void signalled(int signal) {
    signal_ = signal;
    if (signal == os::kTerminate || signal == os::kInterrupt || signal == os::kQuit) {
      told_ = true;
      terminated_ = terminated_ || signal == os::kTerminate;
      return happen(Event::told_to_stop);
    }
    forward();
  }

  void reaped(int pid, int status) {
    if (pid != pid_) return;
    pid_ = 0;
    wait_status_ = status;
    if (stage_ == Stage::running || stage_ == Stage::draining) happen(Event::command_ended);
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
        is_group_struck_ = true;
        signal_group(group_, options_.signal);
        break;
      case Action::kill:
        kill();
        break;
      case Action::sweep:
        signal_descendants(sys::process_id(), os::kKill);
        settle();
        break;
      case Action::settle:
        settle();
        break;
      case Action::conclude:
        conclude();
        break;
      case Action::start:
        start();
        break;
      case Action::stop:
        stop();
        break;
      case Action::give_up:
        give_up();
        break;
    }
  }

  // Whether the verdict calls for a reaction.
  void consider() {
    const Verdict& verdict = parts_.watch.verdict(Check::liveness);
    const bool changed = verdict.kind != last_kind_;
    last_kind_ = verdict.kind;
    if (verdict.passes) return;
    switch (verdict.kind) {
      case Kind::stalled:
        reason_ = Ending::stalled;
        break;
      case Kind::dead:
        // The command may be on its way out: then its exit status says more than a lock.
        init_.reap();
        if (stage_ != Stage::running || is_exiting(static_cast<std::uint32_t>(pid_))) return;
        reason_ = Ending::dead;
        break;
      case Kind::missing:
        // Only whom somebody asked for: most commands never claim.
        if (options_.watched.policy.expect.empty() && options_.watched.policy.min == 0) return;
        reason_ = Ending::missing;
        break;
      default:
        if (changed && verdict.kind == Kind::unusable) {
          char buffer[512];
          Line() << line_of(verdict, {}, buffer);
        }
        return;
    }
    happen(Event::unhealthy);
  }

  void strike() {
    const Verdict& verdict = parts_.watch.verdict(Check::liveness);
    Diagnosis diagnosis;
    const WorkerFacts* const worker =
        verdict.worker >= 0 ? &parts_.watch.workers()[static_cast<std::size_t>(verdict.worker)] : nullptr;
    if (worker != nullptr && verdict.kind == Kind::stalled) {
      // Before the signal: afterwards /proc shows how it dies, not why it hung.
      program::diagnose_task(*worker, diagnosis);
      diagnosis.throttled_percent = program::throttled_percent(throttling_[1], program::read_throttling());
      worker_ = open_worker(*worker, sys::process_id());
    }
    is_group_struck_ = worker_ < 0;
    if (worker_ >= 0) {
      os::send_signal_by_descriptor(worker_, options_.signal);
      os::send_signal_by_descriptor(worker_, os::kContinue);  // a stopped process takes no other
    } else {
      signal_group(group_, options_.signal);
    }
    char buffer[512];
    note_reason(verdict, worker, line_of(verdict, diagnosis, buffer));
    give_grace();
  }

  void note_reason(const Verdict& verdict, const WorkerFacts* worker, std::string_view line) {
    ++parts_.counts.reactions;
    outcome_.verdict = name_of(verdict.kind);
    Text(outcome_.line, sizeof outcome_.line - 1) << line;
    if (worker != nullptr && worker->in_phase) __builtin_memcpy(outcome_.phase, worker->phase, sizeof outcome_.phase);
    char signal[16];
    Text name(signal);
    say_signal(name, options_.signal);
    Line said;
    said << line << "; sent " << name.view() << (worker_ >= 0 ? " to it" : " to the command's processes");
    // Probes shall wait for the newcomer, not kill the container meanwhile.
    if (may_restart())
      parts_.mark_restart(options_.grace_ns + pause_before_restart_ns(restarts_) + parts_.restart_budget_ns());
  }

  void overrun() {
    reason_ = Ending::timed_out;
    signal_group(group_, os::kTerminate);
    is_group_struck_ = true;
    Text line(outcome_.line, sizeof outcome_.line - 1);
    line << "timed out: beyond its time limit of ";
    say_duration(line, step()->time_limit_ns);
    line.c_str();
    Line() << outcome_.line << "; sent SIGTERM to the command's processes";
    give_grace();
  }

  void kill() {
    Line() << "not gone within the grace; sending SIGKILL";
    signal_group(group_, os::kKill);
    signal_descendants(sys::process_id(), os::kKill);
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

  // The kubelet kills a container whose end takes too long, and the guard with it: so the record is written already
  // now.
  void expect_end() {
    if (parts_.has_steps()) deadline_ns_ = now() + options_.grace_ns;
    Outcome interim = outcome_;
    interim.ending = Ending::terminated;
    interim.status = kSignalBase + signal_;
    Text line(interim.line, sizeof interim.line - 1);
    say_signal(line << "told to stop by ", signal_) << "; the command had not ended yet";
    record(interim);
  }

  // --- the command

  void start() {
    stage_ = Stage::running;
    worker_ = -1;
    is_group_struck_ = false;
    deadline_ns_ = 0;
    reason_ = Ending::exited;
    outcome_ = {};
    char* const* argv = options_.command;
    if (step() != nullptr) {
      argv = step()->argv;
      parts_.stamp.phase(step()->name, step()->silence_budget_ns);
      say_step("begin", [&](Json& json) {
        json.number("silenceBudgetNs", step()->silence_budget_ns).number("timeLimitNs", step()->time_limit_ns);
      });
    } else if (options_.stamps() && !parts_.stamp.is_held()) {
      if (const Failure failure = parts_.claim()) Line() << detail::region_obstacle(parts_.place(), failure).text;
    }
    if (options_.notify) parts_.service.start(options_.watched.policy.startup_grace_ns);
    const bool one_stream = parts_.has_steps();
    const Launch launching{argv, parts_.environment, parts_.output[0].inlet(),
                           parts_.output[one_stream ? 0 : 1].inlet(),
                           options_.notify && options_.stamp_max_age_ns != 0};
    const int pid = launch(launching, init_.mask_before());
    started_ns_ = now();
    if (pid < 0) return refuse(argv[0], -pid);
    pid_ = group_ = pid;
    parts_.stamp.act_for(pid);
    parts_.progress.watch_for(options_.progress);
    parts_.progress.begin(step() != nullptr ? step()->silence_budget_ns : parts_.silence_ns());
    if (options_.progress != 0) {
      parts_.stamp.ready(true, {});
      parts_.stamp.beat();
    }
  }

  void refuse(const char* program, int error) {
    outcome_.ending = Ending::not_started;
    outcome_.status = status_of_failed_start(error);
    Text line(outcome_.line, sizeof outcome_.line - 1);
    line << "cannot run \"";
    say_error(line.printable(head(program, 100)) << "\": ", error);
    if (step() != nullptr && step()->is_shell) line << " (a shell line needs /bin/sh in the image)";
    line.c_str();
    Line() << outcome_.line;
    end();
  }

  // The command's last words count: its notifications, and what is in its pipes.
  void settle() {
    if (options_.notify) parts_.notify.receive();
    for (Output& output : parts_.output) output.set_mark();
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
    describe_end();
    if (reason_ == Ending::exited && !parts_.has_steps()) tell_of_left_behind();
    if (step() != nullptr) {
      say_step("end", [&](Json& json) {
        json.string("outcome", name_of(outcome_.ending))
            .number("exit", static_cast<std::uint64_t>(outcome_.status))
            .number("durationNs", now() - started_ns_);
      });
      if (outcome_.status == 0 && step_ + 1 < parts_.rooms.steps.count) {
        ++step_;
        return start();
      }
    }
    if (outcome_.status != 0 && may_restart()) {
      pause();
    } else {
      end();
    }
  }

  // Fills the outcome from how the command ended and why.
  void describe_end() {
    const bool exited = os::has_exited(wait_status_);
    const int own = exited ? os::exit_status_of(wait_status_) : kSignalBase + os::ending_signal_of(wait_status_);
    outcome_.ending = reason_ != Ending::exited ? reason_ : exited ? Ending::exited : Ending::signalled;
    outcome_.status = status_of(outcome_.ending, own);
    if (reason_ != Ending::exited) return;
    outcome_.verdict = name_of(parts_.watch.tick().kind);
    Text line(outcome_.line, sizeof outcome_.line - 1);
    if (exited)
      line << "exited with " << own;
    else
      say_signal(line << "killed by ", os::ending_signal_of(wait_status_));
    if (!told_) return;
    say_signal(line << " after ", signal_);
    const bool covers_up = terminated_ && outcome_.status == 0 && (options_.build || parts_.has_steps());
    if (covers_up) {
      outcome_.status = kSignalBase + os::kTerminate;
      line << ", which makes it 143";
    }
    if (outcome_.status != 0) outcome_.ending = Ending::terminated;
  }

  // A daemon that forks away ends its supervision. As PID 1 the guard's own exit ends the daemon too.
  void tell_of_left_behind() {
    std::uint32_t count = 0;
    for_each_descendant(sys::process_id(),
                        [&](std::uint32_t, const Stat& stat) { count += stat.state != 'Z' ? 1 : 0; });
    if (count == 0) return;
    Line() << "the command ended and left " << count << (count == 1 ? " process" : " processes")
           << " behind; one that forks into the background cannot be guarded: run it in the foreground";
  }

  bool may_restart() const { return restarts_ < options_.restarts && !told_; }

  void pause() {
    const std::uint64_t pause_ns = pause_before_restart_ns(restarts_);
    parts_.stamp.give_up(false);
    parts_.mark_restart(pause_ns + parts_.restart_budget_ns());
    ++restarts_;
    ++parts_.counts.restarts;
    char buffer[32];
    Text after(buffer);
    say_duration(after, pause_ns);
    Line() << outcome_.line << "; restart " << restarts_ << '/' << options_.restarts << " in " << after.view();
    deadline_ns_ = now() + pause_ns;
    stage_ = Stage::pausing;
  }

  // --- the end

  void stop() {
    outcome_.ending = Ending::terminated;
    outcome_.status = parts_.has_command() ? kSignalBase + signal_ : 0;  // a sidecar has done its work
    Text line(outcome_.line, sizeof outcome_.line - 1);
    say_signal(line << "told to stop by ", signal_);
    line.c_str();
    end();
  }
  void give_up() {
    outcome_.ending = reason_;
    outcome_.status = status_of(reason_, kSignalBase + os::kKill);
    Line() << "pid " << pid_ << " does not even die of SIGKILL (is it in disk sleep?); leaving it";
    end();
  }
  void end() {
    stage_ = Stage::ended;
    parts_.stamp.give_up(outcome_.status == 0 || told_);
    record(outcome_);
    if (!parts_.has_steps()) return;
    parts_.marks.say("final", [&](Json& json) {
      json.string("outcome", name_of(outcome_.ending))
          .number("exit", static_cast<std::uint64_t>(outcome_.status))
          .foreign("line", outcome_.line);
    });
  }
  void record(Outcome& outcome) {
    if (const Step* const current = step(); current != nullptr) {
      outcome.step = current->name;
      outcome.step_number = step_ + 1;
      outcome.step_count = parts_.rooms.steps.count;
      outcome.output_bytes = parts_.received();
    }
    outcome.restarts = parts_.counts.restarts;
    const std::string_view asked = options_.watched.termination_log;
    // Without being asked, only where the kubelet has made one.
    const int error = write_outcome(asked.empty() ? "/dev/termination-log" : asked, !asked.empty(), outcome);
    if (error >= 0 || asked.empty()) return;
    Line line;
    (line << "cannot write the termination log ").printable(asked) << ": ";
    line.error(-error);
  }

  // --- small things

  template <class Write>
  void say_step(const char* mark, Write&& write) {
    parts_.marks.say(mark, [&](Json& json) {
      json.number("step", std::uint64_t(step_) + 1)
          .number("of", parts_.rooms.steps.count)
          .foreign("name", step()->name);
      write(json);
    });
  }
  std::string_view line_of(const Verdict& verdict, const Diagnosis& diagnosis, char (&buffer)[512]) {
    Text line(buffer);
    say_verdict(line, verdict, parts_.watch.seen().region_facts(), parts_.watch.workers(),
                parts_.watch.policy_of(Check::liveness), diagnosis);
    return line.view();
  }
  // Two readings a second apart or more, so that the share between the older one and now means something.
  void note_throttling() {
    throttling_[1] = throttling_[0];
    throttling_[0] = program::read_throttling();
  }

  static constexpr std::uint64_t kKillTimeNs = 5'000'000'000;  // on top of the grace, for what SIGKILL tears down
  static constexpr std::uint64_t kLooksBetweenThrottling = 50;

  Parts& parts_;
  const Options& options_;
  Init init_{{this, [](void* self, int signal) { static_cast<Guard*>(self)->signalled(signal); },
              [](void* self, int pid, int status) { static_cast<Guard*>(self)->reaped(pid, status); }}};
  Source ticker_;
  Stage stage_ = Stage::idle;
  Outcome outcome_;
  Ending reason_ = Ending::exited;  // exited: by itself
  Kind last_kind_ = Kind::healthy;
  program::Throttling throttling_[2];
  int pid_ = 0;    // of the command; 0: reaped
  int group_ = 0;  // its process group
  int wait_status_ = 0;
  int worker_ = -1;  // a handle of the stalled worker
  int signal_ = 0;   // the last one that came
  bool told_ = false;
  bool terminated_ = false;
  bool is_group_struck_ = false;
  std::uint32_t restarts_ = 0;
  std::size_t step_ = 0;
  std::uint64_t started_ns_ = 0;  // these four in the guard's running time
  std::uint64_t half_ns_ = 0;
  std::uint64_t deadline_ns_ = 0;
};

}  // namespace shm_liveness::guard
