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
  std::uint32_t main_pid = 0;  // 0: none
};

namespace detail {

constexpr bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The value of a digit, 16 if the character is none.
constexpr unsigned digit_of(char c) {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? static_cast<unsigned>(lower - 'a') + 10 : 16;
}

// As safe_atou64() of systemd (src/basic/parse-util.c), which is strtoull(3) with base 0: blanks may stand before the
// number and none behind it, a sign may stand before it (of "-" only -0 is a number), 0x means hexadecimal, a leading 0
// octal, and systemd adds 0b and 0o. One difference: systemd looks for the sign before it skips blanks behind 0b and
// 0o, so it reads "0b -1" as 2^64 - 1. Here that is not a number.
[[gnu::noinline]] inline bool parse_c_number(std::string_view text, std::uint64_t& out) {
  while (!text.empty() && is_blank(text[0])) text.remove_prefix(1);
  bool negative = false;
  const auto take_sign = [&] {
    if (text.empty() || (text[0] != '+' && text[0] != '-')) return;
    negative = text[0] == '-';
    text.remove_prefix(1);
  };
  const auto has_prefix = [&](char letter) {
    return text.size() > 1 && text[0] == '0' && static_cast<char>(text[1] | 0x20) == letter;
  };
  unsigned base = has_prefix('b') ? 2 : has_prefix('o') ? 8 : 10;
  if (base != 10) text.remove_prefix(2);
  take_sign();
  if (base == 10 && has_prefix('x')) {
    base = 16;
    text.remove_prefix(2);
  } else if (base == 10 && text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  if (text.empty()) return false;
  std::uint64_t value = 0;
  for (const char c : text) {
    const unsigned digit = digit_of(c);
    if (digit >= base) return false;
    if (__builtin_mul_overflow(value, std::uint64_t(base), &value) ||
        __builtin_add_overflow(value, std::uint64_t(digit), &value)) {
      return false;
    }
  }
  out = value;
  return !negative || value == 0;
}

// Microseconds, as nanoseconds; what is longer than a year, USEC_INFINITY included, is a year.
inline bool parse_usec(std::string_view text, std::uint64_t& out_ns) {
  std::uint64_t usec = 0;
  if (!parse_c_number(text, usec)) return false;
  out_ns = usec < kMaxDurationNs / 1000 ? usec * 1000 : kMaxDurationNs;
  return true;
}

// Of two variables of one name systemd takes the first (strv_find_startswith), also if it is malformed.
class FirstOnly {
 public:
  bool is_new(unsigned bit) {
    const bool is_new = (seen_ & bit) == 0;
    seen_ |= bit;
    return is_new;
  }

 private:
  unsigned seen_ = 0;
};

// Null, or what is wrong with the value; then the variable says nothing. Unknown variables are left to others.
inline const char* read_variable(std::string_view name, std::string_view value, FirstOnly& first, Notification& out) {
  if (name == "READY" && value == "1") {
    out.ready = true;
  } else if (name == "STOPPING" && value == "1") {
    out.stopping = true;
  } else if (name == "RELOADING" && value == "1") {
    out.reloading = true;
  } else if (name == "WATCHDOG" && first.is_new(1)) {
    if (value != "1" && value != "trigger") return "WATCHDOG is neither 1 nor trigger";
    (value == "1" ? out.watchdog : out.trigger) = true;
  } else if (name == "BARRIER" && value == "1") {
    out.barrier = true;
  } else if (name == "STATUS" && first.is_new(2)) {
    out.has_status = true;
    out.status = value;
  } else if (name == "WATCHDOG_USEC" && first.is_new(4)) {
    if (!parse_usec(value, out.watchdog_ns)) return "WATCHDOG_USEC is not a number of microseconds";
    out.has_watchdog_usec = true;
  } else if (name == "EXTEND_TIMEOUT_USEC" && first.is_new(8)) {
    if (!parse_usec(value, out.extend_ns)) return "EXTEND_TIMEOUT_USEC is not a number of microseconds";
    out.has_extend_usec = true;
  } else if (name == "MAINPID" && first.is_new(16)) {
    std::uint64_t pid = 0;
    if (!parse_c_number(value, pid) || pid == 0 || pid > 0x7fffffff) return "MAINPID is not a process id";
    out.main_pid = static_cast<std::uint32_t>(pid);
  } else if (name == kPhaseVariable && first.is_new(32)) {
    if (value.empty()) return "a phase has no name";
    out.has_phase = true;
    out.phase = value;
  } else if (name == kBudgetVariable && first.is_new(64)) {
    if (parse_usec(value, out.budget_ns) && out.budget_ns != 0) return nullptr;
    out.budget_ns = 0;
    return "a phase's budget is not a number of microseconds";
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

// Null, or what is wrong with the datagram; then nothing of it counts. As systemd does, it skips a malformed variable,
// calls skip(why) for it, and reads on: a program that says READY=1 beside a mistake is ready. The views in `out` are
// into `text`.
template <class Skip>
const char* parse_notification(std::string_view text, Notification& out, Skip&& skip) {
  out = {};
  if (!text.empty() && text.back() == '\0') text.remove_suffix(1);  // one at the end is tolerated, as in systemd
  if (text.find('\0') != std::string_view::npos) return "it holds a NUL";
  if (text.empty()) return "it is empty";
  bool any = false;
  detail::FirstOnly first;
  while (!text.empty()) {
    const std::string_view line = head(text, text.find_first_of("\n\r"));  // systemd's NEWLINE
    text = tail(text, line.size() + 1);
    const std::size_t equals = line.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;  // as systemd does
    any = true;
    if (const char* why = detail::read_variable(head(line, equals), tail(line, equals + 1), first, out)) skip(why);
  }
  if (!any) return "it holds no VARIABLE=value";
  // service_notify_message() of systemd: STOPPING wins over the two others, and READY over RELOADING.
  if (out.stopping) out.ready = false;
  if (out.stopping || out.ready) out.reloading = false;
  if (out.has_phase && out.budget_ns == 0) {
    out.has_phase = false;
    skip("a phase has no budget");
  }
  return nullptr;
}

}  // namespace shm_liveness::guard
