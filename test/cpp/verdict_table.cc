#include <doctest/doctest.h>

#include <shm_liveness/verdict.hpp>
#include <vector>

#include "facts.hpp"

namespace test_of_verdict_table {

using namespace shm_liveness;
using namespace shm_liveness::made_up;

// Each row of the design's table, and what each check says to it.
namespace {

struct Row {
  const char* situation;
  std::vector<WorkerFacts> workers;
  Surroundings around;
  Policy policy;
  bool startup, liveness, readiness;
  Kind when_failing;
};

const Surroundings kYoung = here(10 * kSecond);
const Surroundings kOld = here(3600 * kSecond);
constexpr std::uint64_t kAge = 99 * kSecond;  // of a claim beyond its grace

WorkerFacts late() {
  WorkerFacts worker = ready();
  worker.late_cycles = 3;
  worker.late_at_ns = kNow - kSecond;
  return worker;
}
WorkerFacts calibrating(WorkerFacts worker) { return in_phase(worker, kSecond, 30 * kSecond); }
WorkerFacts calibrating_too_long(WorkerFacts worker) { return in_phase(worker, 31 * kSecond, 30 * kSecond); }
WorkerFacts overdue(WorkerFacts worker) {
  worker.last_beat_ns = kNow - 40 * kSecond;
  return worker;
}

void check_rows(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    CAPTURE(row.situation);
    for (const Check check : {Check::startup, Check::liveness, Check::readiness}) {
      CAPTURE(name_of(check));
      Policy policy = row.policy;
      policy.check = check;
      const std::vector<RegionFacts> regions = {region()};
      const Verdict verdict = judge(regions, row.workers, row.around, policy);
      const bool passes = check == Check::startup    ? row.startup
                          : check == Check::liveness ? row.liveness
                                                     : row.readiness;
      CHECK(verdict.passes == passes);
      CHECK(verdict.exit() == (passes ? Exit::healthy : Exit::unhealthy));
      if (!passes) CHECK(verdict.kind == row.when_failing);
    }
  }
}

}  // namespace

TEST_CASE("no worker, or only left-over ones, passes liveness within the grace") {
  check_rows({
      {"none, young", {}, kYoung, {}, false, true, false, Kind::missing},
      {"none, old", {}, kOld, {}, false, false, false, Kind::missing},
      {"none, old, a longer grace", {}, kOld, {.startup_grace_ns = 3600 * kSecond}, false, true, false, Kind::missing},
      {"left over, young", {left_over()}, kYoung, {}, false, true, false, Kind::missing},
      {"left over, old", {left_over()}, kOld, {}, false, false, false, Kind::missing},
  });
}

TEST_CASE("a claim without a beat passes liveness within the grace, in a phase within its budget") {
  check_rows({
      {"young", {claimed(kSecond)}, kOld, {}, false, true, false, Kind::starting},
      {"old", {claimed(kAge)}, kOld, {}, false, false, false, Kind::stalled},
      {"old, in its budget", {calibrating(claimed(kAge))}, kOld, {}, false, true, false, Kind::starting},
      {"old, past it", {calibrating_too_long(claimed(kAge))}, kOld, {}, false, false, false, Kind::stalled},
      {"young, past it", {calibrating_too_long(claimed(40 * kSecond))}, kOld, {}, false, false, false, Kind::stalled},
  });
}

TEST_CASE("a beating worker passes, readiness once it said ready") {
  check_rows({
      {"not ready", {beating()}, kOld, {}, true, true, false, Kind::not_ready},
      {"ready", {ready()}, kOld, {}, true, true, true, Kind::healthy},
      {"not ready, in a phase", {calibrating(beating())}, kOld, {}, true, true, false, Kind::not_ready},
      {"ready, in a phase", {calibrating(overdue(ready()))}, kOld, {}, true, true, true, Kind::healthy},
      {"past the phase's budget",
       {calibrating_too_long(overdue(ready()))},
       kOld,
       {},
       false,
       false,
       false,
       Kind::stalled},
  });
}

TEST_CASE("a late cycle fails readiness alone, and only within the window") {
  check_rows({
      {"nobody asks", {late()}, kOld, {}, true, true, true, Kind::healthy},
      {"within", {late()}, kOld, {.cycle_window_ns = kSecond + 1}, true, true, false, Kind::late},
      {"past", {late()}, kOld, {.cycle_window_ns = kSecond}, true, true, true, Kind::healthy},
      {"never late", {ready()}, kOld, {.cycle_window_ns = 3600 * kSecond}, true, true, true, Kind::healthy},
  });
}

TEST_CASE("a stall fails each check") {
  check_rows({
      {"stalled", {stalled()}, kOld, {}, false, false, false, Kind::stalled},
      {"stalled, young", {stalled()}, kYoung, {}, false, false, false, Kind::stalled},
      {"stalled, dead grace", {stalled()}, kOld, {.dead_grace_ns = 9 * kSecond}, false, false, false, Kind::stalled},
      {"by the reader's max age", {ready()}, kOld, {.max_age_ns = kMs}, false, false, false, Kind::stalled},
      {"not by the reader's", {stalled()}, kOld, {.max_age_ns = 4 * kSecond}, true, true, true, Kind::healthy},
  });
}

TEST_CASE("death fails each check, liveness after the dead grace") {
  check_rows({
      {"dead", {dead()}, kOld, {}, false, false, false, Kind::dead},
      {"dead, young", {dead()}, kYoung, {}, false, false, false, Kind::dead},
      {"within the dead grace", {dead()}, kOld, {.dead_grace_ns = 10 * kMs}, false, true, false, Kind::dead},
      {"past the dead grace", {dead()}, kOld, {.dead_grace_ns = 10 * kMs - 1}, false, false, false, Kind::dead},
      {"dead before a beat",
       {[] {
         WorkerFacts worker = claimed(kSecond);
         worker.lock = Lock::gone;
         return worker;
       }()},
       kYoung,
       {},
       false,
       false,
       false,
       Kind::dead},
  });
}

TEST_CASE("stopping on purpose fails only if it is expected not to, or nothing else is left") {
  check_rows({
      {"alone", {stopped()}, kYoung, {}, false, false, false, Kind::stopped},
      {"beside a living one", {stopped("a"), ready("b")}, kOld, {}, true, true, true, Kind::healthy},
      {"expected", {stopped("a"), ready("b")}, kYoung, {.expect = "a"}, false, false, false, Kind::stopped},
      {"the other is expected", {stopped("a"), ready("b")}, kOld, {.expect = "b"}, true, true, true, Kind::healthy},
      {"beside a left-over one", {stopped("a"), left_over("b")}, kYoung, {}, false, false, false, Kind::stopped},
      {"beside a stalled one", {stopped("a"), stalled("b")}, kOld, {}, false, false, false, Kind::stalled},
  });
}

TEST_CASE("what is left over beside the living is ignored, but does not stand in for the expected") {
  check_rows({
      {"ignored", {left_over("a"), ready("b")}, kOld, {}, true, true, true, Kind::healthy},
      {"expected, young", {left_over("a"), ready("b")}, kYoung, {.expect = "a,b"}, false, true, false, Kind::missing},
      {"expected, old", {left_over("a"), ready("b")}, kOld, {.expect = "a,b"}, false, false, false, Kind::missing},
      {"one of three came back",
       {left_over("a"), left_over("b"), ready("c")},
       kOld,
       {.min = 2},
       false,
       false,
       false,
       Kind::missing},
  });
}

TEST_CASE("one bad worker fails all, unless a quorum will do, and the quorum is a floor") {
  check_rows({
      {"one of two stalled", {stalled("a"), ready("b")}, kOld, {}, false, false, false, Kind::stalled},
      {"one of two dead", {ready("a"), dead("b")}, kOld, {}, false, false, false, Kind::dead},
      {"one will do", {dead("a"), ready("b")}, kOld, {.min = 1}, true, true, true, Kind::healthy},
      {"two are wanted", {dead("a"), ready("b")}, kOld, {.min = 2}, false, false, false, Kind::dead},
      {"two of three will do",
       {ready("a"), stalled("b"), ready("c")},
       kOld,
       {.min = 2},
       true,
       true,
       true,
       Kind::healthy},
      {"fewer than the floor, young", {ready()}, kYoung, {.min = 2}, false, true, false, Kind::missing},
      {"fewer than the floor, old", {ready()}, kOld, {.min = 2}, false, false, false, Kind::missing},
      {"more than the floor", {ready("a"), ready("b")}, kOld, {.min = 1}, true, true, true, Kind::healthy},
      {"the expected is bad, a quorum is not",
       {dead("a"), ready("b")},
       kOld,
       {.expect = "a", .min = 1},
       false,
       false,
       false,
       Kind::dead},
      {"dead is worse than stalled", {stalled("a"), dead("b")}, kOld, {}, false, false, false, Kind::dead},
  });
}

TEST_CASE("an expected worker that is absent passes liveness within the grace") {
  check_rows({
      {"young", {ready()}, kYoung, {.expect = "grabber,encoder"}, false, true, false, Kind::missing},
      {"old", {ready()}, kOld, {.expect = "grabber,encoder"}, false, false, false, Kind::missing},
      {"all there", {ready(), ready("encoder")}, kOld, {.expect = "encoder,grabber"}, true, true, true, Kind::healthy},
      {"a longer name is another",
       {ready("grabber-2")},
       kOld,
       {.expect = "grabber"},
       false,
       false,
       false,
       Kind::missing},
      {"a shorter name is another", {ready("grab")}, kOld, {.expect = "grabber"}, false, false, false, Kind::missing},
  });
}

}  // namespace test_of_verdict_table
