#include <doctest/doctest.h>

#include <shm_liveness/condition.hpp>

#include "facts.hpp"

namespace test_of_condition {

using namespace shm_liveness;
using namespace shm_liveness::made_up;

namespace {
Judgement judge_one(const WorkerFacts& worker, const Surroundings& around = here(), const Policy& policy = {},
                    const RegionFacts& facts = region()) {
  return judge_worker(worker, facts, around, policy);
}
Condition of(const WorkerFacts& worker, const Surroundings& around = here(), const Policy& policy = {}) {
  return judge_one(worker, around, policy).condition;
}
}  // namespace

TEST_CASE("a beating worker runs, up to its limit and not a nanosecond longer") {
  CHECK(of(beating()) == Condition::running);
  WorkerFacts worker = beating();
  worker.last_beat_ns = kNow - worker.max_age_ns;
  CHECK(of(worker) == Condition::running);
  worker.last_beat_ns -= 1;
  CHECK(of(worker) == Condition::stalled);
}

TEST_CASE("a new beat seen while watching is no stall, whatever its age") {
  WorkerFacts worker = stalled();
  worker.beat_seen = true;
  CHECK(of(worker) == Condition::running);
}

TEST_CASE("a held lock is current, whatever container claimed it") {
  WorkerFacts worker = beating();
  worker.container = kElsewhere;
  CHECK(of(worker) == Condition::running);
  worker.last_beat_ns = kNow - 10 * kSecond;
  CHECK(of(worker) == Condition::stalled);
}

TEST_CASE("a lock that is gone is death here and a left-over from elsewhere") {
  CHECK(of(dead()) == Condition::dead);
  CHECK(of(left_over()) == Condition::left_over);
  SUBCASE("unless one of the two containers is not known") {
    Surroundings around = here();
    around.context.container = {};
    CHECK(of(left_over(), around) == Condition::dead);
    WorkerFacts worker = left_over();
    worker.container = {};
    CHECK(of(worker) == Condition::dead);
  }
  SUBCASE("or they are known by different means") {
    WorkerFacts worker = left_over();
    worker.container.kind = ContainerKind::mount_namespace;
    CHECK(of(worker) == Condition::dead);
  }
  SUBCASE("on the first look nothing is known, so nothing is left over") {
    CHECK(of(left_over(), Surroundings{}) == Condition::dead);
  }
}

TEST_CASE("claims from before the reader started its workers are left over, if their lock is gone") {
  RegionFacts facts = region();
  facts.began_boottime_ns = kNowBoot - kSecond;
  CHECK(judge_one(dead(), here(), {}, facts).condition == Condition::left_over);
  CHECK(judge_one(stopped(), here(), {}, facts).condition == Condition::left_over);
  CHECK(judge_one(beating(), here(), {}, facts).condition == Condition::running);
  WorkerFacts worker = dead();
  worker.claimed_boottime_ns = kNowBoot - kSecond / 2;
  CHECK(judge_one(worker, here(), {}, facts).condition == Condition::dead);
}

TEST_CASE("a stopped worker is stopped here, and left over from elsewhere") {
  CHECK(of(stopped()) == Condition::stopped);
  WorkerFacts worker = stopped();
  worker.container = kElsewhere;
  CHECK(of(worker) == Condition::left_over);
  worker = stopped();
  worker.lock = Lock::held;  // stop() writes, then unlocks
  CHECK(of(worker) == Condition::stopped);
}

TEST_CASE("before the first beat the grace counts from the later of container start and claim") {
  CHECK(of(claimed(59 * kSecond)) == Condition::starting);
  CHECK(of(claimed(61 * kSecond)) == Condition::stalled);
  CHECK(of(claimed(61 * kSecond), here(10 * kSecond)) == Condition::starting);
  CHECK(of(claimed(2 * kSecond), here(), {.startup_grace_ns = kSecond}) == Condition::stalled);
  SUBCASE("also where the container's start is not known") {
    Surroundings around = here();
    around.context.container_start_known = false;
    CHECK(of(claimed(59 * kSecond), around) == Condition::starting);
  }
  SUBCASE("and again from the end of a phase") {
    WorkerFacts worker = claimed(300 * kSecond);
    worker.renewed_ns = kNow - 5 * kSecond;
    CHECK(of(worker) == Condition::starting);
  }
}

TEST_CASE("a phase has its budget in place of max age, with and without a beat") {
  CHECK(of(in_phase(stalled(), 5 * kSecond, 30 * kSecond)) == Condition::running);
  CHECK(of(in_phase(stalled(), 31 * kSecond, 30 * kSecond)) == Condition::running);  // its beat is 3.2 s old
  WorkerFacts old = stalled();
  old.last_beat_ns = kNow - 40 * kSecond;
  CHECK(of(in_phase(old, 31 * kSecond, 30 * kSecond)) == Condition::stalled);
  CHECK(of(in_phase(claimed(300 * kSecond), 5 * kSecond, 30 * kSecond)) == Condition::starting);
  CHECK(of(in_phase(claimed(300 * kSecond), 31 * kSecond, 30 * kSecond)) == Condition::stalled);
  SUBCASE("and the reader's max age does not touch it") {
    CHECK(of(in_phase(stalled(), 5 * kSecond, 30 * kSecond), here(), {.max_age_ns = kMs}) == Condition::running);
    CHECK(of(beating(), here(), {.max_age_ns = kMs}) == Condition::stalled);
  }
}

TEST_CASE("a life behind a long row of young ends shares their grace, whatever phase or end of one it is in") {
  WorkerFacts worker = claimed(kSecond);
  worker.row = kForgivenLives;
  worker.grace_from_boottime_ns = kNowBoot - 61 * kSecond;
  CHECK(of(worker) == Condition::stalled);
  CHECK(of(worker, here(30 * kSecond)) == Condition::starting);  // the container is younger than the row
  CHECK(of(in_phase(worker, kSecond, 30 * kSecond)) == Condition::stalled);
  worker.renewed_ns = kNow;
  CHECK(of(worker) == Condition::stalled);
  SUBCASE("or their deadline, if that is later") {
    worker.deadline_boottime_ns = kNowBoot + kSecond;
    CHECK(of(worker) == Condition::starting);
    CHECK(of(in_phase(worker, kSecond, 30 * kSecond)) == Condition::starting);
    worker.deadline_boottime_ns = kNowBoot - kSecond;
    CHECK(of(worker) == Condition::stalled);
    CHECK(of(in_phase(worker, kSecond, 30 * kSecond)) == Condition::stalled);
  }
}

TEST_CASE("the first lives of a row have a budget each of their own") {
  WorkerFacts worker = claimed(kSecond);
  for (std::uint32_t row = 0; row < kForgivenLives; ++row) {
    worker.row = row;
    CHECK(of(worker) == Condition::starting);
    CHECK(of(in_phase(claimed(300 * kSecond), 5 * kSecond, 30 * kSecond)) == Condition::starting);
  }
}

TEST_CASE("a deadline that a supervisor gave holds beside the reader's grace, whichever ends later") {
  WorkerFacts worker = claimed(2 * kSecond);
  worker.deadline_boottime_ns = kNowBoot + 1;
  CHECK(of(worker, here(), {.startup_grace_ns = kSecond}) == Condition::starting);
  worker.deadline_boottime_ns = kNowBoot - 1;
  CHECK(of(worker, here(), {.startup_grace_ns = kSecond}) == Condition::stalled);
  CHECK(of(worker) == Condition::starting);
}

TEST_CASE("a marked end is a start until the budget is over, and not a nanosecond longer") {
  CHECK(of(marked(dead(), 10 * kSecond, 10 * kSecond)) == Condition::starting);
  CHECK(of(marked(dead(), 10 * kSecond + 1, 10 * kSecond)) == Condition::dead);
  CHECK(of(marked(stopped(), 10 * kSecond, 10 * kSecond)) == Condition::starting);
  CHECK(of(marked(stopped(), 10 * kSecond + 1, 10 * kSecond)) == Condition::stopped);
  SUBCASE("without a budget, until the reader's grace is over") {
    CHECK(of(marked(dead(), 60 * kSecond, 0)) == Condition::starting);
    CHECK(of(marked(dead(), 60 * kSecond + 1, 0)) == Condition::dead);
  }
  SUBCASE("a living worker is what it is") {
    CHECK(of(marked(beating(), kSecond, 10 * kSecond)) == Condition::running);
    CHECK(of(marked(stalled(), kSecond, 10 * kSecond)) == Condition::stalled);
  }
  SUBCASE("and what is left over stays that") {
    CHECK(of(marked(left_over(), kSecond, 10 * kSecond)) == Condition::left_over);
  }
  SUBCASE("on the first look nothing is known") {
    CHECK(of(marked(dead(), kSecond, 10 * kSecond), Surroundings{}) == Condition::dead);
  }
}

TEST_CASE("a mark that nobody can have made forgives nothing") {
  WorkerFacts worker = marked(dead(), kSecond, 10 * kSecond);
  worker.marked_boottime_ns = kNowBoot + kFutureToleranceNs;
  CHECK(of(worker) == Condition::starting);
  worker.marked_boottime_ns += 1;
  CHECK(of(worker) == Condition::dead);
  CHECK(of(marked(dead(), kSecond, kMaxDurationNs)) == Condition::starting);
  CHECK(of(marked(dead(), kSecond, kMaxDurationNs + 1)) == Condition::dead);
}

TEST_CASE("the last of a row of young ends is forgiven no longer than it could have lived") {
  WorkerFacts worker = marked(claimed(40 * kSecond), kSecond, 3600 * kSecond);
  worker.lock = Lock::gone;
  worker.row = kForgivenLives - 2;
  CHECK(of(worker) == Condition::starting);
  worker.row = kForgivenLives - 1;
  CHECK(of(worker) == Condition::starting);  // its own grace of 60 s
  worker.grace_from_boottime_ns = kNowBoot - 61 * kSecond;
  CHECK(of(worker) == Condition::dead);
  worker.deadline_boottime_ns = kNowBoot;
  CHECK(of(worker) == Condition::starting);
  worker.deadline_boottime_ns -= 1;
  CHECK(of(worker) == Condition::dead);
  SUBCASE("but one that has beaten for longer than its budget is no part of a row") {
    worker.beats = 5;
    worker.mark_budget_ns = 10 * kSecond;
    worker.last_beat_ns = worker.claimed_ns + 10 * kSecond - 1;
    CHECK(of(worker) == Condition::dead);
    worker.last_beat_ns += 1;
    CHECK(of(worker) == Condition::starting);
  }
  SUBCASE("nor is one that has stopped on purpose") {
    worker.state = State::stopped;
    CHECK(of(worker) == Condition::starting);
  }
}

TEST_CASE("a beat slightly ahead of the clock is now; far ahead it is a fault") {
  WorkerFacts worker = beating();
  worker.last_beat_ns = kNow + kFutureToleranceNs;
  CHECK(of(worker) == Condition::running);
  worker.last_beat_ns += 1;
  CHECK(judge_one(worker).fault == Fault::clock_future);
  worker.last_beat_ns = ~std::uint64_t(0);
  CHECK(judge_one(worker).fault == Fault::clock_future);
  worker = beating();
  worker.renewed_ns = ~std::uint64_t(0);
  CHECK(judge_one(worker).fault == Fault::clock_future);
}

TEST_CASE("another time namespace is named as what it is") {
  Surroundings around = here();
  around.context.time_namespace = 1;
  WorkerFacts worker = stalled();
  worker.time_namespace = 2;
  CHECK(judge_one(worker, around).fault == Fault::clock_foreign);
  worker.last_beat_ns = kNow + 1000 * kSecond;
  CHECK(judge_one(worker, around).fault == Fault::clock_foreign);
  worker.last_beat_ns = kNow - kMs;  // a plausible fresh beat is enough
  CHECK(of(worker, around) == Condition::running);
  worker.beat_seen = true;
  worker.last_beat_ns = kNow - 1000 * kSecond;  // it beats, but how old that beat is nobody can tell
  CHECK(judge_one(worker, around).fault == Fault::clock_foreign);
}

TEST_CASE("without locks there is no death, and a torn slot is not believed") {
  WorkerFacts worker = dead();
  worker.lock = Lock::unsupported;
  CHECK(judge_one(worker).fault == Fault::locks_unsupported);
  worker = beating();
  worker.torn = true;
  CHECK(judge_one(worker).fault == Fault::layout);
}

}  // namespace test_of_condition
