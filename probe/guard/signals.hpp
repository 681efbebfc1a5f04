// Names of signals, as kill(1) has them.
#pragma once

#include "../../native/shm_liveness/text.hpp"
#include "os.hpp"

namespace shm_liveness::guard {

inline constexpr int kSignals = 31;
inline constexpr char kSignalNames[] =
    "HUP\0INT\0QUIT\0ILL\0TRAP\0ABRT\0BUS\0FPE\0KILL\0USR1\0SEGV\0USR2\0PIPE\0ALRM\0TERM\0STKFLT\0CHLD\0CONT\0STOP\0"
    "TSTP\0TTIN\0TTOU\0URG\0XCPU\0XFSZ\0VTALRM\0PROF\0WINCH\0IO\0PWR\0SYS";

// "ABRT", "SIGABRT" or "6"; 0 for anything else.
inline int signal_of(std::string_view text) {
  std::uint64_t number = 0;
  if (parse_number(text, 64, number)) return static_cast<int>(number);
  if (text.starts_with("SIG")) text.remove_prefix(3);
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
