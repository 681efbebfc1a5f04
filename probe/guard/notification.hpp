// systemd's notification protocol, sd_notify(3), as text: one datagram of VARIABLE=value lines. No operating system.
//
// Beside systemd's variables it knows five of ours. They begin with X_, which sd_notify(3) leaves to applications, so a
// program that says them is understood under systemd too.
#pragma once

#include "../../native/shm_liveness/duration.hpp"

namespace shm_liveness::guard {

inline constexpr std::string_view kPhaseVariable = "X_SHM_LIVENESS_PHASE";
inline constexpr std::string_view kBudgetVariable = "X_SHM_LIVENESS_BUDGET_USEC";
inline constexpr std::string_view kEndPhaseVariable = "X_SHM_LIVENESS_END_PHASE";
inline constexpr std::string_view kReadyVariable = "X_SHM_LIVENESS_READY";
// Beside WATCHDOG=1: a beat that counts before READY=1 too.
inline constexpr std::string_view kBeatVariable = "X_SHM_LIVENESS_BEAT";

struct Notification {
  bool ready = false;
  bool not_ready = false;
  bool stopping = false;
  bool reloading = false;
  bool watchdog = false;
  bool trigger = false;
  bool beat = false;
  bool barrier = false;
  bool end_phase = false;
  bool has_status = false;
  bool has_watchdog_usec = false;
  bool has_extend_usec = false;
  bool has_phase = false;
  std::string_view status{};
  std::string_view phase{};
  std::uint64_t watchdog_ns = 0;  // 0: no watchdog
  std::uint64_t extend_ns = 0;
  std::uint64_t budget_ns = 0;
};

namespace detail {

// Microseconds, as nanoseconds; what is longer than a year, USEC_INFINITY included, is a year.
inline bool parse_usec(std::string_view text, std::uint64_t& out_ns) {
  std::uint64_t usec = 0;
  if (!parse_number(text, ~std::uint64_t(0), usec)) return false;
  out_ns = usec < kMaxDurationNs / 1000 ? usec * 1000 : kMaxDurationNs;
  return true;
}

// Null, or what is wrong with the value. Variables that are not ours to know are none of our business.
inline const char* read_variable(std::string_view name, std::string_view value, Notification& out) {
  if (name == "READY" && value == "1") {
    out.ready = true;
  } else if (name == "STOPPING" && value == "1") {
    out.stopping = true;
  } else if (name == "RELOADING" && value == "1") {
    out.reloading = true;
  } else if (name == "WATCHDOG") {
    if (value != "1" && value != "trigger") return "WATCHDOG is neither 1 nor trigger";
    (value == "1" ? out.watchdog : out.trigger) = true;
  } else if (name == "BARRIER" && value == "1") {
    out.barrier = true;
  } else if (name == "STATUS") {
    out.has_status = true;
    out.status = value;
  } else if (name == "WATCHDOG_USEC") {
    if (!parse_usec(value, out.watchdog_ns)) return "WATCHDOG_USEC is no number of microseconds";
    out.has_watchdog_usec = true;
  } else if (name == "EXTEND_TIMEOUT_USEC") {
    if (!parse_usec(value, out.extend_ns)) return "EXTEND_TIMEOUT_USEC is no number of microseconds";
    out.has_extend_usec = true;
  } else if (name == kPhaseVariable) {
    if (value.empty()) return "a phase has no name";
    out.has_phase = true;
    out.phase = value;
  } else if (name == kBudgetVariable) {
    if (!parse_usec(value, out.budget_ns) || out.budget_ns == 0) return "a phase's budget is no number of microseconds";
  } else if (name == kEndPhaseVariable && value == "1") {
    out.end_phase = true;
  } else if (name == kBeatVariable && value == "1") {
    out.beat = true;
  } else if (name == kReadyVariable && value == "0") {
    out.not_ready = true;
  }
  return nullptr;
}

}  // namespace detail

// Null, or what is wrong with the datagram; then nothing of it counts. The views in `out` are into `text`.
inline const char* parse_notification(std::string_view text, Notification& out) {
  out = {};
  if (!text.empty() && text.back() == '\0') text.remove_suffix(1);  // one at the end is tolerated, as in systemd
  if (text.find('\0') != std::string_view::npos) return "it holds a NUL";
  if (text.empty()) return "it is empty";
  bool any = false;
  while (!text.empty()) {
    const std::string_view line = head(text, text.find('\n'));
    text = tail(text, line.size() + 1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;  // as systemd does
    any = true;
    if (const char* problem = detail::read_variable(head(line, equals), tail(line, equals + 1), out)) return problem;
  }
  if (!any) return "it holds no VARIABLE=value";
  if (out.has_phase && out.budget_ns == 0) return "a phase has no budget";
  return nullptr;
}

}  // namespace shm_liveness::guard
