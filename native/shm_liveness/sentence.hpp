// A verdict in one line: under 200 bytes, the useful part first, because it becomes the pod's event and its
// termination message. Healthy says nothing.
#pragma once

#include "duration.hpp"
#include "frames.hpp"
#include "observe.hpp"

namespace shm_liveness {

inline constexpr std::size_t kLineBytes = 198;
inline constexpr std::size_t kLineBytesWithPlace = 150;  // the task and its CPU come behind the frames

// What else is known of the culprit: where its code is, and what the operating system adds, if anybody asked it.
struct Diagnosis {
  WhereFacts where;
  std::uint32_t pid = 0;       // 0: nothing known
  char state = '\0';           // R S D T Z …, of /proc/<pid>/stat
  int throttled_percent = -1;  // of the cgroup's time; -1: not known
};

namespace detail {

inline void say_phase(Text& line, const WorkerFacts& worker) {
  if (!worker.in_phase) return;
  line << " in phase \"";
  line.printable(worker.phase) << '"';
}

inline void say_age(Text& line, const char* what, std::uint64_t ns) {
  line << what << ' ';
  say_duration(line, ns);
  line << " ago";
}

inline std::uint64_t since(const WorkerFacts& worker, std::uint64_t ns) {
  return worker.observed_ns > ns ? worker.observed_ns - ns : 0;
}

inline void say_last_beat(Text& line, const WorkerFacts& worker) {
  if (worker.beats == 0) {
    say_age(line, "no beat since its claim", since(worker, worker.claimed_ns));
  } else {
    say_age(line, "last beat", since(worker, worker.last_beat_ns));
  }
}

inline void say_limit(Text& line, const char* what, std::uint64_t ns) {
  line << " (" << what << ' ';
  say_duration(line, ns);
  line << ')';
}

inline void say_stalled(Text& line, const WorkerFacts& worker, const Policy& policy, const WhereFacts& where) {
  line << ' ';
  say_last_beat(line, worker);
  if (worker.beats == 0 && is_beyond_forgiven(worker.row)) {
    line << " (as " << worker.row << " lives before it)";
  } else if (worker.beats != 0 || worker.in_phase) {
    say_limit(line, "limit", limit_of(worker, policy));
  } else {
    say_limit(line, "startup grace", policy.startup_grace_ns);
  }
  say_phase(line, worker);
  say_place(line, where, kLineBytesWithPlace);
}

inline void say_worker(Text& line, const Verdict& verdict, const WorkerFacts& worker, const Policy& policy,
                       const WhereFacts& where) {
  line.printable(worker.name[0] != '\0' ? worker.name_view() : "a worker");
  switch (verdict.kind) {
    case Kind::stalled:
      say_stalled(line, worker, policy, where);
      break;
    case Kind::dead:
      line << " died without stop(), ";
      say_last_beat(line, worker);
      say_phase(line, worker);
      line << ", pid " << worker.pid;
      break;
    case Kind::starting:
      line << ' ';
      say_last_beat(line, worker);
      say_phase(line, worker);
      break;
    case Kind::late:
      line << ' ';
      say_age(line, "last exceeded its cycle limit", since(worker, worker.late_at_ns));
      say_limit(line, "limit", worker.cycle_limit_ns);
      line << ", " << worker.late_cycles << " times, worst cycle ";
      say_duration(line, worker.worst_cycle_ns);
      break;
    case Kind::not_ready:
      line << " has not said ready";
      if (worker.status[0] != '\0') (line << " (").printable(worker.status) << ')';
      say_phase(line, worker);
      break;
    default:
      line << ": " << sentence_of(verdict.fault) << " [" << code_of(verdict.fault) << ']';
      break;
  }
  if (verdict.others != 0) line << " (+" << verdict.others << " more)";
}

inline void say_region(Text& line, const Verdict& verdict, const RegionFacts& region) {
  if (verdict.kind == Kind::unusable) {
    line << "region ";
    line.printable(region.name) << ' ' << sentence_of(verdict.fault) << " [" << code_of(verdict.fault) << ']';
    say_error_number(line, verdict.error);
    return;
  }
  if (verdict.kind == Kind::stopped) {
    line << "every worker of region ";
    line.printable(region.name) << " stopped on purpose";
  } else if (region.failure.fault == Fault::missing) {
    line << "no region ";
    line.printable(region.name);
  } else {
    line << "no worker in region ";
    line.printable(region.name);
  }
  if (verdict.tally.left_over != 0) line << " (" << verdict.tally.left_over << " left over from before)";
}

inline void say_diagnosis(Text& line, const Diagnosis& diagnosis) {
  if (diagnosis.pid != 0) {
    line << ", pid " << diagnosis.pid;
    if (diagnosis.state != '\0') line << ' ' << diagnosis.state;
    if (const char* word = state_word(diagnosis.state)) line << " (" << word << ')';
  }
  if (diagnosis.throttled_percent > 0) line << ", cpu throttled " << diagnosis.throttled_percent << '%';
}

}  // namespace detail

// The line, without an end of line. Also for a verdict that passes but is not plainly healthy (--verbose, JSON).
inline void say_verdict(Text& line, const Verdict& verdict, std::span<const RegionFacts> regions,
                        std::span<const WorkerFacts> workers, const Policy& policy, const Diagnosis& diagnosis = {}) {
  line << name_of(verdict.kind);
  if (verdict.kind == Kind::healthy) return;
  line << ": ";
  if (!verdict.expected.empty()) {
    line.printable(verdict.expected);
    line << (verdict.kind == Kind::stopped ? " stopped on purpose, but is expected" : " has no slot, but is expected");
  } else if (verdict.worker >= 0) {
    detail::say_worker(line, verdict, workers[static_cast<std::size_t>(verdict.worker)], policy, diagnosis.where);
    if (verdict.kind == Kind::stalled) detail::say_diagnosis(line, diagnosis);
  } else if (verdict.region >= 0) {
    detail::say_region(line, verdict, regions[static_cast<std::size_t>(verdict.region)]);
  } else if (verdict.kind == Kind::starting) {
    line << "not all workers are there yet, within the startup grace";
  } else {
    line << verdict.tally.running << " of at least " << policy.min << " workers running";
  }
  line.cut(kLineBytes);
}

}  // namespace shm_liveness
