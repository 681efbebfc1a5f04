#include "guard/outcome.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <fstream>
#include <iterator>

#include "guard/json_reader.hpp"
#include "random.hpp"

namespace test_of_guard_outcome {

using namespace shm_liveness;
using namespace shm_liveness::guard;

namespace {

std::string time_said(std::uint64_t seconds) {
  char buffer[32];
  Text out(buffer);
  say_time(out, seconds);
  REQUIRE_FALSE(out.overflowed());
  return std::string(out.view());
}
std::string time_by_libc(std::uint64_t seconds) {
  const std::time_t time = static_cast<std::time_t>(seconds);
  std::tm parts = {};
  gmtime_r(&time, &parts);
  char buffer[64];
  return {buffer, std::strftime(buffer, sizeof buffer, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Outcome outcome_with_step() {
  Outcome outcome;
  outcome.ending = Ending::stalled;
  outcome.status = 120;
  outcome.verdict = "stalled";
  Text(outcome.line) << "stalled: main last beat 5m2s ago (limit 5m)";
  Text(outcome.phase) << "install";
  outcome.step = "install";
  outcome.step_number = 2;
  outcome.step_count = 5;
  outcome.output_bytes = 4711;
  outcome.written = 5042;
  outcome.restarts = 1;
  return outcome;
}
std::string line_of(const Outcome& outcome) {
  char buffer[2048];
  Text out(buffer);
  say_outcome(out, outcome);
  return std::string(out.view());
}
std::string json_of(const Outcome& outcome, std::uint64_t seconds = 0) {
  char buffer[2048];
  Text out(buffer);
  json_outcome(out, outcome, seconds);
  CHECK_FALSE(out.overflowed());
  return std::string(out.view());
}

}  // namespace

TEST_CASE("a time is said as everybody says it") {
  CHECK(time_said(0) == "1970-01-01T00:00:00Z");
  CHECK(time_said(1'795'515'300) == "2026-11-24T10:15:00Z");
  CHECK(time_said(951'782'400) == "2000-02-29T00:00:00Z");
  CHECK(time_said(1'709'251'199) == "2024-02-29T23:59:59Z");
  CHECK(time_said(4'107'542'399) == "2100-02-28T23:59:59Z");
  CHECK(time_said(4'107'542'400) == "2100-03-01T00:00:00Z");
  CHECK(time_said(253'402'300'799) == "9999-12-31T23:59:59Z");
}

TEST_CASE("each day of four hundred years begins and ends as gmtime says") {
  for (std::uint64_t day = 0; day <= 146'097; ++day) {
    if (time_said(day * 86400) != time_by_libc(day * 86400)) FAIL_CHECK(time_by_libc(day * 86400));
    if (time_said(day * 86400 + 86399) != time_by_libc(day * 86400 + 86399))
      FAIL_CHECK(time_by_libc(day * 86400 + 86399));
  }
}

TEST_CASE("any second up to the year 9999 is the one that gmtime says") {
  Random random;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t seconds = random.below(253'402'300'800);
    if (time_said(seconds) != time_by_libc(seconds)) FAIL_CHECK(time_by_libc(seconds));
  }
}

TEST_CASE("the guard's own endings have statuses of their own, the others the command's") {
  CHECK(status_of(Ending::stalled, 7) == 120);
  CHECK(status_of(Ending::dead, 7) == 121);
  CHECK(status_of(Ending::missing, 7) == 122);
  CHECK(status_of(Ending::timed_out, 7) == 124);
  for (const Ending ending : {Ending::exited, Ending::signalled, Ending::terminated, Ending::not_started}) {
    CHECK(status_of(ending, 7) == 7);
    CHECK(status_of(ending, 0) == 0);
  }
}

TEST_CASE("each ending has a name") {
  const std::string_view expected[] = {"exited",  "signalled", "stalled",    "dead",
                                       "missing", "timed-out", "terminated", "not-started"};
  for (std::size_t i = 0; i < std::size(expected); ++i) CHECK(name_of(static_cast<Ending>(i)) == expected[i]);
}

TEST_CASE("the line names the step, where there are steps") {
  Outcome outcome = outcome_with_step();
  CHECK(line_of(outcome) == "stalled: main last beat 5m2s ago (limit 5m), step 2/5 \"install\"");
  outcome.step = "a\nb\x1b\xff";
  CHECK(line_of(outcome).ends_with("step 2/5 \"a?b??\""));
  outcome.step_number = 0;
  CHECK(line_of(outcome) == "stalled: main last beat 5m2s ago (limit 5m)");
}

TEST_CASE("the record says all of it, and of steps and phases only where there are any") {
  Outcome outcome = outcome_with_step();
  CHECK(json_of(outcome, 1'795'515'300) ==
        R"-({"outcome":"stalled","exit":120,"verdict":"stalled",)-"
        R"-("line":"stalled: main last beat 5m2s ago (limit 5m)","phase":"install",)-"
        R"-("step":{"number":2,"of":5,"name":"install"},"outputBytes":4711,"written":5042,"restarts":1,)-"
        R"-("time":"2026-11-24T10:15:00Z"})-");
  outcome.step_number = 0;
  outcome.phase[0] = '\0';
  CHECK(json_of(outcome).find("step") == std::string::npos);
  CHECK(json_of(outcome).find("phase") == std::string::npos);
}

TEST_CASE("the longest outcome fits, and what its texts hold does not break it") {
  Outcome outcome = outcome_with_step();
  outcome.verdict = "not-ready";
  for (const char c : {'"', '\\', '\n', '\xff', '\x01'}) {
    for (std::size_t i = 0; i + 1 < sizeof outcome.line; ++i) outcome.line[i] = c;
    for (std::size_t i = 0; i + 1 < sizeof outcome.phase; ++i) outcome.phase[i] = c;
    const std::string step(63, c);
    outcome.step = step;
    outcome.step_number = outcome.step_count = 256;
    outcome.output_bytes = outcome.written = outcome.restarts = ~std::uint64_t(0);
    const std::string record = json_of(outcome, 253'402'300'799);
    CHECK(record.ends_with("\"time\":\"9999-12-31T23:59:59Z\"}"));
    CHECK(line_of(outcome).size() + record.size() + 2 <= 2048);
    CHECK(record.find('\n') == std::string::npos);
    const bool escaped = c == '"' || c == '\\';
    const std::string expected = escaped ? std::string("\\") + c : "?";
    std::size_t count = 0;
    for (std::size_t at = 0; (at = record.find(expected, at)) != std::string::npos; at += expected.size()) ++count;
    CHECK(count == 255 + 63 + 63);
  }
}

TEST_CASE("the outcome replaces what was in the file, which is made only on request") {
  char directory[] = "/tmp/shm-guard-outcome-XXXXXX";
  REQUIRE(mkdtemp(directory) != nullptr);
  const std::string path = std::string(directory) + "/log";
  const auto content = [&] {
    std::ifstream file(path);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  const Outcome outcome = outcome_with_step();
  CHECK(shm_liveness::program::write_termination_log(path, false, "a line") == -ENOENT);
  CHECK(access(path.c_str(), F_OK) != 0);
  CHECK(write_outcome(path, outcome) == 0);
  const std::string first = content();
  CHECK(first.starts_with("stalled: main last beat 5m2s ago (limit 5m), step 2/5 \"install\"\n{"));
  CHECK(first.ends_with("}\n"));
  std::ofstream(path) << std::string(5000, 'x');
  CHECK(write_outcome(path, outcome) == 0);
  CHECK(content().size() == first.size());
  CHECK(write_outcome(path + "/under/a/file", outcome) < 0);
  Outcome hung = outcome;
  Text(hung.worker) << "grabber" << '\0';
  hung.where.kind = WhereKind::frames;
  Text(hung.where.frames) << "decode (/app/frames.ts:88:12)\nonImage (/app/camera.ts:41:5)" << '\0';
  CHECK(write_outcome(path, hung) == 0);
  CHECK(content().find(
            "\"install\"\n  grabber:\n    decode (/app/frames.ts:88:12)\n    onImage (/app/camera.ts:41:5)\n{") !=
        std::string::npos);
  CHECK(content().find(R"-("where":["decode (/app/frames.ts:88:12)","onImage (/app/camera.ts:41:5)"],)-") !=
        std::string::npos);
  // Whatever a foreign writer has put there, the kubelet keeps all of the record.
  for (const std::string& frame : {std::string("x\n"), std::string("\""), std::string("\xff\x1b\n")}) {
    std::string frames;
    while (frames.size() + frame.size() < kFramesBytes) frames += frame;
    Text(hung.where.frames) << frames << '\0';
    CHECK(write_outcome(path, hung) == 0);
    CHECK(content().size() <= 4096);
    CHECK(content().ends_with("}\n"));
    CHECK(content().starts_with("stalled: main last beat"));
  }
  unlink(path.c_str());
  rmdir(directory);
}

TEST_CASE("the time of the record is now") {
  const std::uint64_t before = static_cast<std::uint64_t>(std::time(nullptr));
  const std::uint64_t now = realtime_s();
  // time(2) reads a coarser clock.
  CHECK(now + 1 >= before);
  CHECK(now <= static_cast<std::uint64_t>(std::time(nullptr)) + 1);
}

}  // namespace test_of_guard_outcome
