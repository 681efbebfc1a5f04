#include <doctest/doctest.h>

#include <shm_liveness/verdict.hpp>
#include <string>
#include <vector>

#include "facts.hpp"

namespace test_of_verdict {

using namespace shm_liveness;
using namespace shm_liveness::made_up;

namespace {
Verdict judged(const std::vector<WorkerFacts>& workers, Policy policy, const Surroundings& around = here(),
               std::vector<RegionFacts> regions = {region()}) {
  return judge(regions, workers, around, policy);
}

const Surroundings kYoung = here(10 * kSecond);
}  // namespace

TEST_CASE("a missing region passes liveness within the grace, an unusable one never") {
  CHECK(judged({}, {}, kYoung, {region(Fault::missing)}).passes);
  CHECK_FALSE(judged({}, {}, here(), {region(Fault::missing)}).passes);
  const Verdict verdict = judged({}, {}, kYoung, {region(Fault::version)});
  CHECK(verdict.kind == Kind::unusable);
  CHECK(verdict.exit() == Exit::unusable);
  CHECK(verdict.fault == Fault::version);
}

TEST_CASE("nothing but plainly healthy passes at first sight") {
  CHECK(judged({ready()}, {}, Surroundings{}).kind == Kind::healthy);
  for (const auto& workers :
       std::vector<std::vector<WorkerFacts>>{{}, {left_over()}, {claimed(0)}, {stalled()}, {dead()}}) {
    CHECK(judged(workers, {}, Surroundings{}).kind != Kind::healthy);
  }
}

TEST_CASE("a marked restart passes liveness for its budget, and then no longer, and never readiness") {
  CHECK(judged({marked(dead(), 5 * kSecond, 10 * kSecond)}, {}).passes);
  CHECK(judged({marked(dead(), 5 * kSecond, 10 * kSecond)}, {}).kind == Kind::starting);
  CHECK_FALSE(judged({marked(dead(), 5 * kSecond, 2 * kSecond)}, {}).passes);
  CHECK_FALSE(judged({marked(dead(), 5 * kSecond, 10 * kSecond)}, {.check = Check::readiness}).passes);
  CHECK_FALSE(judged({marked(dead("a"), kSecond, kMs), dead("b")}, {}).passes);
}

TEST_CASE("a reader that started the workers forgives their absence from then on, region by region") {
  RegionFacts begun = region();
  begun.began_boottime_ns = kNowBoot - 5 * kSecond;
  CHECK(judged({}, {}, here(), {begun}).passes);
  CHECK(judged({dead()}, {}, here(), {begun}).passes);  // of before: left over
  CHECK_FALSE(judged({}, {.startup_grace_ns = 2 * kSecond}, here(), {begun}).passes);
  CHECK_FALSE(judged({}, {.check = Check::readiness}, here(), {begun}).passes);
  const Verdict verdict = judged({}, {}, here(), {begun, region()});
  CHECK_FALSE(verdict.passes);
  CHECK(verdict.region == 1);
}

TEST_CASE("of several regions each must hold a current worker, and names may be in any") {
  WorkerFacts second = ready("encoder");
  second.region = 1;
  CHECK(judged({ready(), second}, {.expect = "grabber,encoder"}, here(), {region(), region()}).passes);
  CHECK_FALSE(judged({ready()}, {}, here(), {region(), region()}).passes);
  CHECK(judged({ready()}, {}, here(), {region(), region(Fault::magic)}).exit() == Exit::unusable);
}

TEST_CASE("the verdict counts what else fails") {
  const Verdict verdict = judged({stalled("a"), dead("b"), ready("c"), stalled("d")}, {});
  CHECK(verdict.kind == Kind::dead);
  CHECK(verdict.worker == 1);
  CHECK(verdict.others == 2);
  CHECK(verdict.tally.running == 1);
}

TEST_CASE("workers judged in portions are judged as one") {
  const std::vector<RegionFacts> regions = {region()};
  const std::vector<WorkerFacts> workers = {ready("a"), ready("b"), stalled("c")};
  const Surroundings around = here();
  const Policy policy{.expect = "c,a"};
  Judge portions(regions, around, policy);
  portions.add(std::span(workers).first(1));
  portions.add(std::span(workers).subspan(1));
  const Verdict verdict = portions.judge();
  CHECK(verdict.kind == Kind::stalled);
  CHECK(verdict.worker == 2);
}

TEST_CASE("each fault of a region is its own verdict, whatever else lives") {
  for (const Fault fault : {Fault::not_a_file, Fault::access, Fault::owner, Fault::mode, Fault::not_tmpfs, Fault::size,
                            Fault::magic, Fault::version, Fault::layout, Fault::truncated}) {
    const Verdict verdict = judged({ready()}, {.min = 1}, kYoung, {region(), region(fault)});
    CHECK(verdict.exit() == Exit::unusable);
    CHECK(verdict.fault == fault);
    CHECK(verdict.region == 1);
    CHECK(verdict.worker == -1);
  }
}

TEST_CASE("the kernel's number goes with the fault that is told, and with no other") {
  RegionFacts open_files = region(Fault::system);
  open_files.failure.error = 24;
  RegionFacts magic = region(Fault::magic);
  CHECK(judged({}, {}, here(), {open_files}).error == 24);
  CHECK(judged({}, {}, here(), {open_files, magic}).error == 24);
  CHECK(judged({}, {}, here(), {magic, open_files}).error == 0);
  CHECK(judged({ready()}, {}, here(), {region()}).error == 0);
}

TEST_CASE("a worker whose clock cannot be read makes the whole unusable, and is named") {
  WorkerFacts ahead = ready("b");
  ahead.last_beat_ns = kNow + 3600 * kSecond;
  const Verdict verdict = judged({ready("a"), ahead}, {});
  CHECK(verdict.exit() == Exit::unusable);
  CHECK(verdict.fault == Fault::clock_future);
  CHECK(verdict.worker == 1);
}

TEST_CASE("a beat from the future is healthy in no check") {
  WorkerFacts ahead = ready();
  ahead.last_beat_ns = kNow + 3600 * kSecond;
  for (const Check check : {Check::startup, Check::liveness, Check::readiness}) {
    CHECK(judged({ahead}, {.check = check}).exit() == Exit::unusable);
    CHECK(judged({ahead}, {.check = check}, Surroundings{}).exit() == Exit::unusable);
  }
}

TEST_CASE("without a known container start an absent worker has no grace") {
  Surroundings around = kYoung;
  around.context.container_start_known = false;
  CHECK_FALSE(judged({}, {}, around).passes);
  CHECK(judged({claimed(kSecond)}, {}, around).passes);
}

TEST_CASE("a region where all have stopped fails beside one that lives") {
  WorkerFacts gone = stopped("encoder");
  gone.region = 1;
  const Verdict verdict = judged({ready(), gone}, {}, kYoung, {region(), region()});
  CHECK(verdict.kind == Kind::stopped);
  CHECK(verdict.region == 1);
}

TEST_CASE("a restart of one worker is no grace for another") {
  const Verdict verdict = judged({marked(dead("web-1"), kSecond, 10 * kSecond), dead("grabber")}, {});
  CHECK_FALSE(verdict.passes);
  CHECK(verdict.kind == Kind::dead);
  CHECK(verdict.worker == 1);
}

TEST_CASE("a verdict that passes but is not plainly healthy says so") {
  CHECK(judged({claimed(kSecond), ready("b")}, {}).kind == Kind::starting);
  CHECK(judged({}, {}, kYoung).kind == Kind::starting);
  CHECK(judged({dead()}, {.dead_grace_ns = kSecond}).kind == Kind::starting);
}

TEST_CASE("as many names may be expected as there are bits") {
  std::string expect;
  std::vector<WorkerFacts> workers;
  for (std::size_t i = 0; i < kMaxExpected; ++i) {
    const std::string called = "w" + std::to_string(i);
    expect += (i == 0 ? "" : ",") + called;
    workers.push_back(ready(called));
  }
  CHECK(judged(workers, {.expect = expect}).passes);
  workers.pop_back();
  const Verdict verdict = judged(workers, {.expect = expect});
  CHECK(verdict.kind == Kind::missing);
  CHECK(verdict.expected == "w63");
}

TEST_CASE("an unusable region is named as such, not as the worker that happens to be starting") {
  WorkerFacts starting = claimed(kSecond);
  starting.region = 1;
  const Verdict verdict = judged({starting}, {}, here(), {region(Fault::magic), region()});
  CHECK(verdict.worker == -1);
}

TEST_CASE("a name that is expected twice is expected") { CHECK(judged({ready("a")}, {.expect = "a,a"}).passes); }

TEST_CASE("the others that fail are counted beside an expected one, too") {
  CHECK(judged({stalled("a"), stalled("b")}, {.expect = "b"}).others == 1);
}

}  // namespace test_of_verdict
