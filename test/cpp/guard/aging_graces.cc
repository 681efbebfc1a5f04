// Graces and deadlines in the guard's own running time. All times are made up.
#include <doctest/doctest.h>

#include "../facts.hpp"
#include "guard/aging.hpp"

namespace test_of_guard_aging_graces {

using namespace shm_liveness;
using namespace shm_liveness::made_up;
using guard::Age;
using guard::age_in_running_time;
using guard::RunningTime;

namespace {

constexpr std::uint64_t kInterval = 20 * kMs;

void tick(RunningTime& time, std::uint64_t now) {
  time.advance(now);
  time.look();
}

}  // namespace

TEST_CASE("graces end later by what was lost since the claim was first seen, not by what was lost before") {
  RunningTime time(kInterval);
  tick(time, kNow);
  tick(time, kNow + kSecond + 2 * kInterval);
  REQUIRE(time.lost_ns() == kSecond);
  Age age;
  const auto aged = [&](bool is_marked) {
    WorkerFacts worker = claimed(kSecond);
    worker.marked_boottime_ns = is_marked ? 77 : 0;
    worker.deadline_boottime_ns = is_marked ? 99 : 0;
    age_in_running_time(worker, age, time);
    return worker;
  };
  const WorkerFacts fresh = claimed(kSecond);
  WorkerFacts worker = aged(true);
  CHECK(worker.grace_from_boottime_ns == fresh.grace_from_boottime_ns);
  CHECK(worker.marked_boottime_ns == 77);
  CHECK(worker.deadline_boottime_ns == 99);
  tick(time, kNow + kSecond + 2 * kInterval + 7 * kSecond + 2 * kInterval);
  worker = aged(true);
  CHECK(worker.grace_from_boottime_ns == fresh.grace_from_boottime_ns + 7 * kSecond);
  CHECK(worker.marked_boottime_ns == 77 + 7 * kSecond);
  CHECK(worker.deadline_boottime_ns == 99 + 7 * kSecond);
  CHECK(worker.claimed_boottime_ns == fresh.claimed_boottime_ns);
  // No deadline stays none, and no mark either.
  CHECK(aged(false).deadline_boottime_ns == 0);
  CHECK(aged(false).marked_boottime_ns == 0);
}

TEST_CASE("the grace of a worker that has not beaten is not used up by a pause") {
  RunningTime time(kInterval);
  Age age;
  tick(time, kNow);
  WorkerFacts worker = claimed(10 * kSecond);
  age_in_running_time(worker, age, time);
  const Surroundings before = here();
  CHECK(judge_worker(worker, region(), before, {}).condition == Condition::starting);
  // An hour in a frozen cgroup, then a look.
  const std::uint64_t pause = 3600 * kSecond;
  tick(time, kNow + pause);
  worker = claimed(10 * kSecond);
  worker.observed_ns = kNow + pause;
  Surroundings after = here();
  after.now_boottime_ns += pause;
  after.context.container_start_ns += time.lost_ns();
  CHECK(judge_worker(worker, region(), after, {}).condition == Condition::stalled);
  age_in_running_time(worker, age, time);
  CHECK(judge_worker(worker, region(), after, {}).condition == Condition::starting);
}

}  // namespace test_of_guard_aging_graces
