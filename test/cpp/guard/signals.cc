#include "guard/signals.hpp"

#include <doctest/doctest.h>

#include <csignal>
#include <cstring>
#include <string>

namespace test_of_guard_signals {

using namespace shm_liveness;
using namespace shm_liveness::guard;

namespace {
std::string said(int signal) {
  char buffer[32];
  Text out(buffer);
  say_signal(out, signal);
  return std::string(out.view());
}
}  // namespace

TEST_CASE("a signal is known by its name, with and without SIG, and by its number") {
  CHECK(signal_of("ABRT") == SIGABRT);
  CHECK(signal_of("SIGABRT") == SIGABRT);
  CHECK(signal_of("6") == SIGABRT);
  CHECK(signal_of("64") == 64);
  for (const char* text : {"", "0", "65", "-6", "+6", "6 ", "SIG", "SIG6", "SIGSIGABRT", "abrt", "sigabrt", "Abrt",
                           "ABR", "ABRTS", "ABRT ", "EXIT", "999999999999999999999"}) {
    CAPTURE(text);
    CHECK(signal_of(text) == 0);
  }
  CHECK(signal_of(std::string_view("ABRT\0", 5)) == 0);
}

TEST_CASE("each name means what libc means by it, and is said again as it was read") {
  struct Named {
    const char* name;
    int number;
  };
  constexpr Named kNames[] = {{"HUP", SIGHUP},   {"INT", SIGINT},     {"QUIT", SIGQUIT},     {"ILL", SIGILL},
                              {"TRAP", SIGTRAP}, {"ABRT", SIGABRT},   {"BUS", SIGBUS},       {"FPE", SIGFPE},
                              {"KILL", SIGKILL}, {"USR1", SIGUSR1},   {"SEGV", SIGSEGV},     {"USR2", SIGUSR2},
                              {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},   {"TERM", SIGTERM},     {"CHLD", SIGCHLD},
                              {"CONT", SIGCONT}, {"STOP", SIGSTOP},   {"TSTP", SIGTSTP},     {"TTIN", SIGTTIN},
                              {"TTOU", SIGTTOU}, {"URG", SIGURG},     {"XCPU", SIGXCPU},     {"XFSZ", SIGXFSZ},
                              {"PROF", SIGPROF}, {"IO", SIGIO},       {"VTALRM", SIGVTALRM}, {"PWR", SIGPWR},
                              {"SYS", SIGSYS},   {"WINCH", SIGWINCH}, {"STKFLT", SIGSTKFLT}};
  static_assert(sizeof kNames / sizeof kNames[0] == kSignals);
  for (const Named& named : kNames) {
    CAPTURE(named.name);
    CHECK(signal_of(named.name) == named.number);
    CHECK(signal_of("SIG" + std::string(named.name)) == named.number);
    CHECK(said(named.number) == "SIG" + std::string(named.name));
  }
}

#if __GLIBC_PREREQ(2, 32)
TEST_CASE("the names are those of sigabbrev_np, but for the one with two") {
  for (int signal = 1; signal <= kSignals; ++signal) {
    CAPTURE(signal);
    const std::string theirs = sigabbrev_np(signal);
    CHECK(said(signal) == "SIG" + (theirs == "POLL" ? "IO" : theirs));
  }
}
#endif

TEST_CASE("a signal without a name is said by its number") {
  CHECK(said(32) == "signal 32");
  CHECK(said(64) == "signal 64");
  CHECK(said(0) == "signal 0");
  CHECK(said(-1) == "signal -1");
}

}  // namespace test_of_guard_signals
