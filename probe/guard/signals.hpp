// Names of signals, as kill(1) has them.
#pragma once

#include "../../native/shm_liveness/text.hpp"
#include "os.hpp"

namespace shm_liveness::guard {

inline constexpr int kSignals = 31;
inline constexpr char kSignalNames[] =
    "HUP\0INT\0QUIT\0ILL\0TRAP\0ABRT\0BUS\0FPE\0KILL\0USR1\0SEGV\0USR2\0PIPE\0ALRM\0TERM\0STKFLT\0CHLD\0CONT\0STOP\0"
    "TSTP\0TTIN\0TTOU\0URG\0XCPU\0XFSZ\0VTALRM\0PROF\0WINCH\0IO\0PWR\0SYS";

inline constexpr int kFirstRealTime = 34;  // SIGRTMIN, as libc has it
inline constexpr int kLastSignal = 64;     // SIGRTMAX

// "ABRT", "SIGABRT", "6", "SIGRTMIN+3" or "RTMAX-2"; 0 for anything else.
inline int signal_of(std::string_view text) {
  std::uint64_t number = 0;
  if (parse_number(text, kLastSignal, number)) return static_cast<int>(number);
  if (text.starts_with("SIG")) text.remove_prefix(3);
  constexpr std::uint64_t kRange = kLastSignal - kFirstRealTime;
  if (text == "RTMIN") return kFirstRealTime;
  if (text == "RTMAX") return kLastSignal;
  if (text.starts_with("RTMIN+") && parse_number(tail(text, 6), kRange, number))
    return kFirstRealTime + static_cast<int>(number);
  if (text.starts_with("RTMAX-") && parse_number(tail(text, 6), kRange, number))
    return kLastSignal - static_cast<int>(number);
  for (int signal = 1; signal <= kSignals; ++signal) {
    if (text == nth_word(kSignalNames, static_cast<std::size_t>(signal - 1))) return signal;
  }
  return 0;
}

inline Text& say_signal(Text& out, int signal) {
  if (signal < 1 || signal > kSignals) return out << "signal " << signal;
  return out << "SIG" << nth_word(kSignalNames, static_cast<std::size_t>(signal - 1));
}

}  // namespace shm_liveness::guard
