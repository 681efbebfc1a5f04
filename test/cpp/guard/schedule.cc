// When the guard looks, beside a worker and a machine that are made up, a millisecond at a time.
#include "guard/schedule.hpp"

#include <doctest/doctest.h>

#include "../facts.hpp"
#include "random.hpp"

namespace test_of_guard_schedule {

using namespace shm_liveness;
using namespace shm_liveness::made_up;
using guard::Age;
using guard::Random;
using guard::RunningTime;

namespace {

constexpr std::uint64_t kInterval = 20 * kMs;

// A guard over one worker. Both stand still while the machine is frozen.
struct Machine {
  std::uint64_t limit;
  std::uint64_t cycle;
  std::uint64_t hangs_at = ~std::uint64_t(0);
  std::uint64_t frozen_from = 0, frozen_until = 0;
  std::uint64_t told_at = ~std::uint64_t(0);  // of the death of another worker

  std::uint64_t now = kNow;
  std::uint64_t beat = kNow;
  std::uint64_t into_cycle = 0;
  RunningTime time{kInterval};
  Age age;
  std::uint64_t due = kNow;
  guard::Rechecks rechecks;
  std::uint64_t looks = 0;
  std::uint64_t stalled_at = 0;

  bool is_frozen() const { return now >= frozen_from && now < frozen_until; }

  void look() {
    ++looks;
    WorkerFacts worker = beating();
    worker.observed_ns = now;
    worker.last_beat_ns = beat;
    worker.renewed_ns = 0;
    worker.stall_limit_ns = limit;
    time.advance(now);
    time.look();
    age_in_running_time(worker, age, time);
    if (worker.age_ns() > limit) stalled_at = now;
    const std::uint64_t stalls = worker.sign_of_life_ns() + worker.excused_ns + limit;
    due = guard::next_look_at(stalls, guard::stretch_ns(limit, cycle, kInterval), now, kInterval);
    if (now + guard::kLongestSleepNs < due) due = now + guard::kLongestSleepNs;
    time.plan(due);
    due = rechecks.before(due, now);
  }
  // Until `end`, or until the worker counts as stalled.
  void run_until(std::uint64_t end) {
    for (; now < end && stalled_at == 0; now += kMs / 10) {
      if (is_frozen()) continue;
      into_cycle += kMs / 10;
      if (into_cycle >= cycle && now < hangs_at) {
        into_cycle = 0;
        beat = now;
      }
      if (now >= told_at) {
        told_at = ~std::uint64_t(0);
        rechecks.begin();
        due = now;
      }
      if (now >= due) look();
    }
  }
};

}  // namespace

TEST_CASE("a worker that hangs is found when its limit is over, and the guard has slept until then") {
  for (const std::uint64_t limit : {100 * kMs, 250 * kMs, 5 * kSecond}) {
    Machine machine{.limit = limit, .cycle = 10 * kMs, .hangs_at = kNow + 10 * kSecond};
    machine.run_until(kNow + 60 * kSecond);
    CHECK(machine.stalled_at > machine.beat + limit);
    CHECK(machine.stalled_at <= machine.beat + limit + kMs);
    const std::uint64_t sleep = limit - guard::stretch_ns(limit, 10 * kMs, kInterval);
    const std::uint64_t sleeps = 15 * kSecond / (sleep < kSecond ? sleep : kSecond);
    CHECK(machine.looks < sleeps + 10);
  }
}

TEST_CASE("word of another's death puts off no look: a worker that hangs then is found as soon") {
  for (std::uint64_t before_ms = 1; before_ms < 300; ++before_ms) {
    CAPTURE(before_ms);
    Machine machine{.limit = 100 * kMs, .cycle = kMs, .hangs_at = kNow + kSecond};
    machine.told_at = machine.hangs_at + 150 * kMs - before_ms * kMs;
    machine.run_until(kNow + 10 * kSecond);
    CHECK(machine.stalled_at > machine.beat + machine.limit);
    CHECK(machine.stalled_at <= machine.beat + machine.limit + kMs);
    CHECK(machine.time.lost_ns() == 0);
  }
}

TEST_CASE("after word of a death there are looks for an eighth of a second, however often others come between") {
  for (const std::uint64_t interval : {kMs + 1'000, 7 * kMs, 20 * kMs + 3'000, kSecond}) {
    CAPTURE(interval);
    guard::Rechecks rechecks;
    rechecks.begin();
    std::uint64_t latest = 0;
    int extra = 0;
    for (std::uint64_t now = kNow; now < kNow + 300 * kMs;) {
      const std::uint64_t due = rechecks.before(now + interval, now);
      if (due != now + interval) {
        ++extra;
        latest = due;
      }
      now = due;
    }
    CHECK(extra == 16);
    CHECK(latest > kNow + 125 * kMs);
    CHECK(latest < kNow + 150 * kMs);
  }
}

TEST_CASE("a worker without a rhythm is looked at in each interval") {
  CHECK(guard::stretch_ns(250 * kMs, 0, kInterval) == 250 * kMs);
  CHECK(guard::stretch_ns(250 * kMs, 400 * kMs, kInterval) == 250 * kMs);
}

TEST_CASE("what a freeze took counts for nobody, whenever it comes and however long it is") {
  Random random;
  for (int round = 0; round < 2'000; ++round) {
    // A freeze counts as two intervals at most; beside them there must be room for a cycle within the limit.
    const std::uint64_t limit = random.between(60, 3'000) * kMs;
    const std::uint64_t cycle = random.between(1, 1 + (limit - 3 * kInterval) / kMs) * kMs;
    const std::uint64_t from = kNow + random.between(1'000, 4'000'000) * (kMs / 1'000);
    Machine machine{.limit = limit, .cycle = cycle, .frozen_from = from};
    machine.frozen_until = from + random.between(1, 6'000) * kMs;
    machine.run_until(machine.frozen_until + 2 * limit);
    CAPTURE(limit / kMs);
    CAPTURE(cycle / kMs);
    CAPTURE((machine.frozen_until - from) / kMs);
    CHECK(machine.stalled_at == 0);
  }
}

}  // namespace test_of_guard_schedule
