// What the guard has to say of its command: the lines of its log, the marks among a step's output, and the record that
// it leaves behind.
#pragma once

#include "../diagnose.hpp"
#include "parts.hpp"

namespace shm_liveness::guard {

// How the command ended, beside its wait status.
struct EndFacts {
  int wait_status = 0;
  Ending reason = Ending::exited;  // exited: by itself
  int told_by = 0;                 // the signal that told it to stop before it ended; 0: none
};

class Report {
 public:
  explicit Report(Parts& parts) : parts_(parts) {}

  const Outcome& outcome() const { return outcome_; }
  void begin() { outcome_ = {}; }
  // False: there is none.
  bool begin_next_step() {
    if (!parts_.has_steps() || step_ + 1 == parts_.rooms.steps.count) return false;
    ++step_;
    return true;
  }
  const Step* step() const { return parts_.has_steps() ? &parts_.rooms.steps.list[step_] : nullptr; }

  char* const* argv() const { return step() != nullptr ? step()->argv : parts_.options.command; }

  // --- a worker failed

  // The verdict's line, in the caller's memory.
  std::string_view line_of(const Judged& judged, const Diagnosis& diagnosis, char (&buffer)[512]) const {
    Text line(buffer);
    Diagnosis said = diagnosis;
    // The line has the state beside the pid already.
    const char* const word = state_word(said.state);
    if (word != nullptr && said.where.text() == word) said.where.kind = WhereKind::nothing;
    say_verdict(line, judged.verdict, parts_.watch.seen().region_facts(), judged.about(),
                parts_.watch.policy_of(Check::liveness), said);
    if (diagnosis.state != '\0') {  // its task was found here
      const int percent = parts_.watch.cpu_percent(judged.worker);
      if (percent >= 0 && line.view().find(", cpu ") == std::string_view::npos) line << ", cpu " << percent << '%';
      line.cut(kLineBytes);
    }
    return line.view();
  }
  void failed(const Judged& judged, const WhereFacts& where, std::string_view line, const char* whom) {
    ++parts_.counts.reactions;
    outcome_.verdict = name_of(judged.verdict.kind);
    set_line() << line;
    for (const WorkerFacts& worker : judged.about()) {
      if (worker.in_phase) __builtin_memcpy(outcome_.phase, worker.phase, sizeof outcome_.phase);
      __builtin_memcpy(outcome_.worker, worker.name, sizeof outcome_.worker);
      outcome_.where = where;
    }
    char name[16];
    Text signal(name);
    say_signal(signal, parts_.options.signal);
    Line() << line << "; sent " << signal.view() << whom;
  }
  void overran() {
    Text line = set_line();
    line << "timed out: beyond its time limit of ";
    say_duration(line, step()->time_limit_ns);
    Line() << outcome_.line << "; sent SIGTERM to the command's processes";
  }

  // --- the command ended, or never began

  void refused(int error) {
    outcome_.ending = Ending::not_started;
    outcome_.status = status_of_failed_start(error);
    Text line = set_line();
    line << "cannot run \"";
    say_error(line.printable(head(argv()[0], 100)) << "\": ", error);
    if (step() != nullptr && step()->is_shell) line << " (a shell line needs /bin/sh in the image)";
    Line() << outcome_.line;
  }

  void ended(const EndFacts& end) {
    const bool exited = os::has_exited(end.wait_status);
    const int own = exited ? os::exit_status_of(end.wait_status) : kSignalBase + os::ending_signal_of(end.wait_status);
    outcome_.ending = end.reason != Ending::exited ? end.reason : exited ? Ending::exited : Ending::signalled;
    outcome_.status = status_of(outcome_.ending, own);
    if (end.reason != Ending::exited) return;
    outcome_.verdict = name_of(parts_.watch.tick().verdict.kind);
    Text line = set_line();
    if (exited)
      line << "exited with " << own;
    else
      say_signal(line << "killed by ", os::ending_signal_of(end.wait_status));
    if (end.told_by == 0) return;
    say_signal(line << " after ", end.told_by);
    // Measured: a build whose shell exits 0 on SIGTERM is reported as Succeeded.
    if (outcome_.status == 0 && (parts_.options.build || parts_.has_steps())) {
      outcome_.status = kSignalBase + end.told_by;
      line << ", which makes it " << outcome_.status;
    }
    if (outcome_.status != 0) outcome_.ending = Ending::terminated;
  }

  // A daemon that forks away ends its supervision. As PID 1 the guard's own exit ends the daemon too.
  void left_behind() const {
    const std::uint32_t count = parts_.kin.count_living();
    if (count == 0) return;
    Line() << "the command ended and left " << count << (count == 1 ? " process" : " processes")
           << " behind; one that forks into the background cannot be guarded: run it in the foreground";
  }

  void told_without_command(int signal) {
    outcome_.ending = Ending::terminated;
    outcome_.status = parts_.has_command() ? kSignalBase + signal : 0;  // a sidecar has done its work
    Text line = set_line();
    say_signal(line << "told to stop by ", signal);
  }
  void gave_up(int pid, Ending reason) {
    outcome_.ending = reason;
    outcome_.status = status_of(reason, kSignalBase + os::kKill);
    Line() << "pid " << pid << " does not even end of SIGKILL (disk sleep, or no right to signal it?); leaving it";
  }

  // --- what is left behind

  void record() { record(outcome_); }
  // The kubelet kills a container whose end takes too long, and the guard with it: so something is written already now.
  void record_interim(int signal) {
    Outcome interim = outcome_;
    interim.ending = Ending::terminated;
    interim.status = kSignalBase + signal;
    Text line(interim.line, sizeof interim.line - 1);
    say_signal(line << "told to stop by ", signal) << "; the command had not ended yet";
    if (parts_.has_steps()) interim.written = parts_.marks.written();
    record(interim);
  }

  void mark_begin() {
    mark("begin", [&](Json& json) {
      json.number("silenceBudgetNs", step()->silence_budget_ns).number("timeLimitNs", step()->time_limit_ns);
    });
  }
  void mark_end(std::uint64_t duration_ns) {
    mark("end", [&](Json& json) {
      say_ending(json);
      json.number("durationNs", duration_ns);
    });
  }
  // Before the record, which says how long the log is without this mark: so it is known of a log that lost its end.
  void mark_final() {
    if (!parts_.has_steps()) return;
    outcome_.written = parts_.marks.say("final", [&](Json& json) {
      say_ending(json);
      json.foreign("line", outcome_.line);
    });
  }

 private:
  Text set_line() {
    for (char& c : outcome_.line) c = '\0';
    return Text(outcome_.line, sizeof outcome_.line - 1);
  }
  void say_ending(Json& json) const {
    json.string("outcome", name_of(outcome_.ending)).number("exit", static_cast<std::uint64_t>(outcome_.status));
  }
  template <class Write>
  void mark(const char* name, Write&& write) {
    if (!parts_.has_steps()) return;
    parts_.marks.say(name, [&](Json& json) {
      json.number("step", std::uint64_t(step_) + 1)
          .number("of", parts_.rooms.steps.count)
          .foreign("name", step()->name);
      write(json);
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
    const std::string_view asked = parts_.options.watched.termination_log;
    const int error = write_outcome(asked, outcome);
    if (error >= 0) return;
    Line line;
    (line << "cannot write the termination log ").printable(asked) << ": ";
    line.error(-error);
  }

  Parts& parts_;
  Outcome outcome_;
  std::size_t step_ = 0;
};

}  // namespace shm_liveness::guard
