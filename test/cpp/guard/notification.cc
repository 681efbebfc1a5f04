#include "guard/notification.hpp"

#include <doctest/doctest.h>

#include <cinttypes>

#include "random.hpp"

namespace test_of_guard_notification {

using namespace shm_liveness;
using namespace shm_liveness::guard;
using namespace std::string_view_literals;

namespace {

Notification parsed(std::string_view text) {
  Notification out;
  const char* const problem = parse_notification(text, out, [](const char* why) { FAIL(why); });
  CAPTURE(std::string(text));
  REQUIRE_MESSAGE(problem == nullptr, problem);
  return out;
}
std::string problem_of(std::string_view text) {
  Notification out;
  const char* const problem = parse_notification(text, out, [](const char* why) { FAIL(why); });
  return problem == nullptr ? "" : problem;
}
// What is skipped of the datagram, one a line.
std::string skipped_of(std::string_view text, Notification& out) {
  std::string skipped;
  REQUIRE(parse_notification(text, out, [&](const char* why) { skipped += std::string(why) + "\n"; }) == nullptr);
  return skipped;
}
std::string skipped_of(std::string_view text) {
  Notification out;
  return skipped_of(text, out);
}

// How many of the flags are set: so that a datagram is seen to say nothing else.
int said(const Notification& n) {
  return n.ready + n.not_ready + n.stopping + n.reloading + n.watchdog + n.trigger + n.barrier + n.end_phase +
         n.has_status + n.has_watchdog_usec + n.has_extend_usec + n.has_phase + (n.main_pid != 0);
}

}  // namespace

TEST_CASE("each variable says one thing, and nothing else") {
  CHECK(parsed("READY=1").ready);
  CHECK(parsed("STOPPING=1").stopping);
  CHECK(parsed("RELOADING=1").reloading);
  CHECK(parsed("WATCHDOG=1").watchdog);
  CHECK(parsed("WATCHDOG=trigger").trigger);
  CHECK(parsed("BARRIER=1").barrier);
  CHECK(parsed("STATUS=warming up").status == "warming up");
  CHECK(parsed("WATCHDOG_USEC=20000").watchdog_ns == 20'000'000);
  CHECK(parsed("EXTEND_TIMEOUT_USEC=5000000").extend_ns == 5'000'000'000);
  CHECK(parsed("X_SHM_LIVENESS_END_PHASE=1").end_phase);
  CHECK(parsed("X_SHM_LIVENESS_READY=0").not_ready);
  const Notification phase = parsed("X_SHM_LIVENESS_PHASE=calibrate\nX_SHM_LIVENESS_BUDGET_USEC=30000000");
  CHECK(phase.has_phase);
  CHECK(phase.phase == "calibrate");
  CHECK(phase.budget_ns == 30'000'000'000);
  for (const std::string_view text :
       {"READY=1", "STOPPING=1", "RELOADING=1", "WATCHDOG=1", "WATCHDOG=trigger", "BARRIER=1", "STATUS=x",
        "WATCHDOG_USEC=1", "EXTEND_TIMEOUT_USEC=1", "X_SHM_LIVENESS_END_PHASE=1", "X_SHM_LIVENESS_READY=0",
        "X_SHM_LIVENESS_BUDGET_USEC=1\nX_SHM_LIVENESS_PHASE=a"}) {
    CAPTURE(std::string(text));
    CHECK(said(parsed(text)) == 1);
  }
}

TEST_CASE("a datagram says all that its lines say") {
  const Notification all = parsed("READY=1\nWATCHDOG=1\nSTATUS=a=b\nMAINPID=17\n\nWATCHDOG_USEC=7\n");
  CHECK(said(all) == 5);
  CHECK(all.main_pid == 17);
  CHECK(all.status == "a=b");
  CHECK(all.watchdog_ns == 7000);
}

TEST_CASE("what systemd's own library sends is understood") {
  CHECK(said(parsed("READY=1\nSTATUS=Processing requests...\nMAINPID=4711")) == 3);
  CHECK(said(parsed("RELOADING=1\nMONOTONIC_USEC=129313512")) == 1);
  CHECK(said(parsed("FDSTORE=1\nFDNAME=foo")) == 0);
  CHECK(said(parsed("ERRNO=2\nBUSERROR=org.freedesktop.DBus.Error.TimedOut\nNOTIFYACCESS=all")) == 0);
  CHECK(said(parsed("STATUS=")) == 1);
  CHECK(parsed("STATUS=\xff\xfe").status == "\xff\xfe"sv);
}

TEST_CASE("other values than those that mean something mean nothing") {
  CHECK(said(parsed("READY=0\nREADY=\nSTOPPING=yes\nRELOADING=2\nBARRIER=0\nready=1\nREADY =1\n READY=1")) == 0);
  CHECK(said(parsed("X_SHM_LIVENESS_READY=1\nX_SHM_LIVENESS_END_PHASE=0\nX_SHM_LIVENESS=1")) == 0);
}

TEST_CASE("the first of two variables of one name counts, as with systemd") {
  CHECK(parsed("STATUS=a\nSTATUS=b").status == "a");
  CHECK(parsed("WATCHDOG_USEC=1\nWATCHDOG_USEC=2").watchdog_ns == 1000);
  CHECK(parsed("MAINPID=1\nMAINPID=2").main_pid == 1);
  CHECK_FALSE(parsed("WATCHDOG=1\nWATCHDOG=trigger").trigger);
  Notification out;
  CHECK(skipped_of("WATCHDOG_USEC=soon\nWATCHDOG_USEC=2", out) == "WATCHDOG_USEC is not a number of microseconds\n");
  CHECK_FALSE(out.has_watchdog_usec);
}

TEST_CASE("STOPPING wins over READY, and READY over RELOADING, in any order") {
  for (const std::string_view text : {"READY=1\nSTOPPING=1\nRELOADING=1", "STOPPING=1\nRELOADING=1\nREADY=1"}) {
    CHECK(parsed(text).stopping);
    CHECK(said(parsed(text)) == 1);
  }
  CHECK(parsed("READY=1\nRELOADING=1").ready);
  CHECK(said(parsed("RELOADING=1\nREADY=1")) == 1);
}

TEST_CASE("a malformed variable is skipped, and the rest counts") {
  Notification out;
  CHECK(skipped_of("WATCHDOG=0\nREADY=1\nSTATUS=up\nMAINPID=x", out) ==
        "WATCHDOG is neither 1 nor trigger\nMAINPID is not a process id\n");
  CHECK(out.ready);
  CHECK(out.status == "up");
  CHECK(said(out) == 2);
}

TEST_CASE("a carriage return ends a line, too") {
  CHECK(parsed("READY=1\r\nSTATUS=a\rWATCHDOG=1").status == "a");
  CHECK(said(parsed("READY=1\r\nSTATUS=a\rWATCHDOG=1")) == 3);
}

TEST_CASE("a datagram that is no list of assignments is refused") {
  for (const std::string_view text : {""sv, "\0"sv, "\n"sv, "\n\n\0"sv, "\0\0"sv}) {
    CAPTURE(text.size());
    CHECK_FALSE(problem_of(text).empty());
  }
  CHECK(problem_of("READY") == "it holds no VARIABLE=value");
  CHECK(problem_of("READY=1\nfoo").empty());
  CHECK(problem_of("=1") == "it holds no VARIABLE=value");
  CHECK(skipped_of("WATCHDOG=0") == "WATCHDOG is neither 1 nor trigger\n");
  CHECK(skipped_of("WATCHDOG=") == "WATCHDOG is neither 1 nor trigger\n");
}

TEST_CASE("one NUL at the end is tolerated, and none elsewhere") {
  CHECK(parsed("READY=1\0"sv).ready);
  CHECK(problem_of("READY=1\0STOPPING=1"sv) == "it holds a NUL");
  CHECK(problem_of("READY=1\0\0"sv) == "it holds a NUL");
  CHECK(problem_of("\0READY=1"sv) == "it holds a NUL");
}

TEST_CASE("microseconds are a number as strtoull reads it, and a year at most counts") {
  CHECK(parsed("WATCHDOG_USEC=0").watchdog_ns == 0);
  CHECK(parsed("WATCHDOG_USEC=1").watchdog_ns == 1000);
  CHECK(parsed("WATCHDOG_USEC=00012").watchdog_ns == 10'000);
  CHECK(parsed("WATCHDOG_USEC=0x4C4B40").watchdog_ns == 5'000'000'000);
  CHECK(parsed("WATCHDOG_USEC=+0X1f").watchdog_ns == 31'000);
  CHECK(parsed("WATCHDOG_USEC= \t\v7").watchdog_ns == 7'000);
  CHECK(parsed("WATCHDOG_USEC=0b101").watchdog_ns == 5'000);
  CHECK(parsed("WATCHDOG_USEC=0o17").watchdog_ns == 15'000);
  CHECK(parsed("WATCHDOG_USEC=0b+1").watchdog_ns == 1'000);
  CHECK(parsed("WATCHDOG_USEC=-0").watchdog_ns == 0);
  CHECK(parsed("WATCHDOG_USEC=18446744073709551615").watchdog_ns == kMaxDurationNs);  // USEC_INFINITY
  CHECK(parsed("WATCHDOG_USEC=18446744073709552").watchdog_ns == kMaxDurationNs);     // * 1000 is beyond 64 bits
  CHECK(parsed("EXTEND_TIMEOUT_USEC=" + std::to_string(kMaxDurationNs / 1000)).extend_ns == kMaxDurationNs);
  CHECK(parsed("EXTEND_TIMEOUT_USEC=" + std::to_string(kMaxDurationNs / 1000 - 1)).extend_ns == kMaxDurationNs - 1000);
  for (const std::string_view value : {"",
                                       "-1",
                                       "+",
                                       "- 1",
                                       "1.5",
                                       "1s",
                                       "1 ",
                                       "08",
                                       "0x",
                                       "0xg",
                                       "0x+1",
                                       "0b",
                                       "0b2",
                                       "0b-1",
                                       "0b -1",
                                       "0o8",
                                       "0b0x1",
                                       "18446744073709551616",
                                       "0x10000000000000000",
                                       "99999999999999999999999999999999999999999"}) {
    CAPTURE(std::string(value));
    CHECK(skipped_of("WATCHDOG_USEC=" + std::string(value)) == "WATCHDOG_USEC is not a number of microseconds\n");
    CHECK(skipped_of("EXTEND_TIMEOUT_USEC=" + std::string(value)) ==
          "EXTEND_TIMEOUT_USEC is not a number of microseconds\n");
    CHECK(skipped_of("X_SHM_LIVENESS_BUDGET_USEC=" + std::string(value)) ==
          "a phase's budget is not a number of microseconds\n");
  }
}

TEST_CASE("a process id is a number from 1 to 2^31 - 1") {
  CHECK(parsed("MAINPID=2147483647").main_pid == 2147483647);
  for (const std::string_view value : {"", "0", "-1", "2147483648", "18446744073709551616", "me"}) {
    CHECK(skipped_of("MAINPID=" + std::string(value)) == "MAINPID is not a process id\n");
  }
}

TEST_CASE("a phase has a name and a budget") {
  CHECK(skipped_of("X_SHM_LIVENESS_PHASE=a") == "a phase has no budget\n");
  CHECK(skipped_of("X_SHM_LIVENESS_PHASE=\nX_SHM_LIVENESS_BUDGET_USEC=1") == "a phase has no name\n");
  Notification out;
  CHECK(skipped_of("READY=1\nX_SHM_LIVENESS_PHASE=a\nX_SHM_LIVENESS_BUDGET_USEC=0", out) ==
        "a phase's budget is not a number of microseconds\na phase has no budget\n");
  CHECK(out.ready);
  CHECK_FALSE(out.has_phase);
}

TEST_CASE("a refused datagram does not keep what an earlier one said") {
  Notification out;
  REQUIRE(skipped_of("READY=1", out).empty());
  REQUIRE(skipped_of("STATUS=x", out).empty());
  CHECK_FALSE(out.ready);
}

TEST_CASE("a long value and a thousand lines are read whole") {
  const std::string status(8000, 's');
  CHECK(parsed("STATUS=" + status).status == status);
  std::string lines;
  for (int i = 0; i < 1000; ++i) lines += "A" + std::to_string(i) + "=1\n";
  CHECK(parsed(lines + "READY=1").ready);
}

TEST_CASE("whatever comes, it is read within its bounds, and what is refused has a reason") {
  constexpr std::string_view kSeeds[] = {"READY=1\nSTATUS=ok\nWATCHDOG=1",
                                         "WATCHDOG_USEC=18446744073709551615\nEXTEND_TIMEOUT_USEC=1",
                                         "X_SHM_LIVENESS_PHASE=load\nX_SHM_LIVENESS_BUDGET_USEC=1000000",
                                         "BARRIER=1",
                                         "STOPPING=1\nRELOADING=1\nX_SHM_LIVENESS_END_PHASE=1",
                                         "",
                                         "\n=\0="sv};
  constexpr std::string_view kWords[] = {
      "\n",     "=",    "\0"sv, "WATCHDOG=",   "trigger", "99999999999", "STATUS=", "READY=1", "X_SHM_LIVENESS_",
      "PHASE=", "\xff", "0",    "BUDGET_USEC="};
  Random random;
  int refused = 0;
  constexpr int kRounds = 100'000;
  for (int i = 0; i < kRounds; ++i) {
    const Exact text(random.mutant(kSeeds, kWords));
    Notification out;
    const char* const problem =
        parse_notification(text.view(), out, [&](const char* why) { CHECK_MESSAGE(why[0] != '\0', "round ", i); });
    refused += problem != nullptr ? 1 : 0;
    if (problem != nullptr) {
      CHECK_MESSAGE(problem[0] != '\0', "round ", i);
      continue;
    }
    if (out.has_status) CHECK_MESSAGE(text.holds(out.status), "round ", i);
    if (out.has_phase) CHECK_MESSAGE((text.holds(out.phase) && !out.phase.empty() && out.budget_ns != 0), "round ", i);
    CHECK_MESSAGE((out.watchdog_ns <= kMaxDurationNs && out.extend_ns <= kMaxDurationNs), "round ", i);
    CHECK_MESSAGE(out.ready + out.stopping + out.reloading <= 1, "round ", i);
    CHECK_MESSAGE(out.status.find('\n') == std::string_view::npos, "round ", i);
  }
  // Both ways were gone often enough to mean something.
  CHECK(refused > kRounds / 20);
  CHECK(refused < kRounds * 19 / 20);
}

}  // namespace test_of_guard_notification
