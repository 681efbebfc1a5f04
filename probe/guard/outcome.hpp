// How it ended: an exit status, a line for people, and a record for programs. Written to the termination log on every
// exit, over whatever a failed probe left there: measured, a "stalled" of an hour ago otherwise stays on a build that
// recovered and completed.
#pragma once

#include "../../native/shm_liveness/json.hpp"
#include "../termination_log.hpp"
#include "command.hpp"
#include "signals.hpp"

namespace shm_liveness::guard {

enum class Ending : std::uint8_t {
  exited,
  signalled,
  stalled,
  dead,
  missing,
  timed_out,
  terminated,
  not_started,
};
inline const char* name_of(Ending ending) {
  return nth_word("exited\0signalled\0stalled\0dead\0missing\0timed-out\0terminated\0not-started",
                  static_cast<std::size_t>(ending));
}

// The statuses that are the guard's own. Those of 0 to 3 are Exit's; 124 is timeout(1)'s, 126 and 127 are the shell's.
inline constexpr int kStalledStatus = 120, kDeadStatus = 121, kMissingStatus = 122, kTimedOutStatus = 124;

constexpr int status_of(Ending ending, int own) {
  switch (ending) {
    case Ending::stalled:
      return kStalledStatus;
    case Ending::dead:
      return kDeadStatus;
    case Ending::missing:
      return kMissingStatus;
    case Ending::timed_out:
      return kTimedOutStatus;
    default:
      return own;
  }
}

struct Outcome {
  Ending ending = Ending::exited;
  int status = 0;            // the guard's exit status
  const char* verdict = "";  // the watch's last word
  char line[256] = {};       // why
  char phase[kNameBytes] = {};
  char worker[kNameBytes] = {};  // that it is about
  WhereFacts where{};            // where that worker hung
  std::string_view step{};
  std::size_t step_number = 0;  // from 1; 0: no steps
  std::size_t step_count = 0;
  std::uint64_t restarts = 0;
  std::uint64_t output_bytes = 0;
  std::uint64_t written = 0;  // to the log, before the final mark
};

// Seconds since 1970 as 2026-11-24T10:15:00Z (days to a date: Howard Hinnant's civil_from_days).
inline void say_time(Text& out, std::uint64_t seconds) {
  const std::uint64_t days = seconds / 86400 + 719468;
  const std::uint64_t era = days / 146097;
  const std::uint64_t day_of_era = days % 146097;
  const std::uint64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::uint64_t month_from_march = (5 * day_of_year + 2) / 153;
  const std::uint64_t day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
  const std::uint64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  const auto two = [&](std::uint64_t value) {
    out << static_cast<char>('0' + value / 10) << static_cast<char>('0' + value % 10);
  };
  out << year_of_era + era * 400 + (month <= 2 ? 1 : 0) << '-';
  two(month);
  out << '-';
  two(day);
  out << 'T';
  two(seconds / 3600 % 24);
  out << ':';
  two(seconds / 60 % 60);
  out << ':';
  two(seconds % 60);
  out << 'Z';
}

inline void say_outcome(Text& out, const Outcome& outcome) {
  out << outcome.line;
  if (outcome.step_number != 0) {
    out << ", step " << static_cast<std::uint64_t>(outcome.step_number) << '/'
        << static_cast<std::uint64_t>(outcome.step_count) << " \"";
    out.printable(outcome.step) << '"';
  }
}

inline void json_outcome(Text& out, const Outcome& outcome, std::uint64_t realtime_s) {
  Json json(out);
  json.open('{')
      .string("outcome", name_of(outcome.ending))
      .number("exit", static_cast<std::uint64_t>(outcome.status))
      .string("verdict", outcome.verdict)
      .foreign("line", outcome.line);
  if (outcome.phase[0] != '\0') json.foreign("phase", outcome.phase);
  if (outcome.where.kind != WhereKind::nothing) json_frames(json, outcome.where);
  if (outcome.step_number != 0) {
    json.key("step")
        .open('{')
        .number("number", outcome.step_number)
        .number("of", outcome.step_count)
        .foreign("name", outcome.step)
        .close('}');
    json.number("outputBytes", outcome.output_bytes).number("written", outcome.written);
  }
  json.number("restarts", outcome.restarts);
  char buffer[32];
  Text time(buffer);
  say_time(time, realtime_s);
  json.string("time", time.view()).close('}');
}

inline std::uint64_t realtime_s() {
  sys::Timespec now{};
  sys::call(__NR_clock_gettime, 0 /* CLOCK_REALTIME: for people, never for an age */, sys::word(&now));
  return static_cast<std::uint64_t>(now.seconds);
}

// Held from the start and closed for the record: the termination log can be written even if clients have used up all
// other descriptors, and keeps no text of an earlier probe.
inline int g_reserve = -1;
inline void keep_reserve() { g_reserve = os::make_epoll(); }  // what needs no file, and is not waited for when closed

// A line for people, with the stack of the worker that hung below, and one for programs. `asked`: --termination-log's
// value; without one the outcome is written only where the kubelet has made a file for it, and that there is none is no
// error. -errno, or 0.
inline int write_outcome(std::string_view asked, const Outcome& outcome) {
  constexpr std::size_t kKept = 4096;  // of the file's end, by the kubelet
  char record_buffer[kKept];
  Text record(record_buffer);
  json_outcome(record, outcome, realtime_s());
  record << '\n';
  char stack_buffer[kKept];
  Text stack(stack_buffer);
  say_stack(stack, outcome.worker, outcome.where);
  char buffer[kKept];
  Text text(buffer);
  say_outcome(text, outcome);
  text << '\n';
  if (text.size() + stack.size() + record.size() <= kKept) text << stack.view();
  text << record.view();
  if (g_reserve >= 0) sys::close(g_reserve);
  const int error =
      program::write_termination_log(asked.empty() ? program::kTerminationLog : asked, !asked.empty(), text.view());
  keep_reserve();
  return asked.empty() ? 0 : error;
}

}  // namespace shm_liveness::guard
