#include <doctest/doctest.h>

#include "real.hpp"

namespace test_of_claim {

using namespace shm_liveness;
using namespace shm_liveness::real;

TEST_CASE("a claim is read back as it was made") {
  const UniqueRegion region;
  ClaimOptions options = options_for(region, "grabber");
  options.max_age_ns = 250 * kMs;
  options.cycle_limit_ns = 20 * kMs;
  options.clock = Clock::coarse;
  const std::uint64_t before = monotonic_ns();
  auto [heartbeat, failure] = Heartbeat::claim(options);
  REQUIRE_FALSE(failure);
  const WorkerFacts facts = facts_of(region, "grabber");
  CHECK(facts.state == State::claimed);
  CHECK(facts.lock == Lock::held);
  CHECK_FALSE(facts.torn);
  CHECK(facts.name_view() == "grabber");
  CHECK(facts.max_age_ns == 250 * kMs);
  CHECK(facts.stall_limit_ns == 250 * kMs);
  CHECK(facts.cycle_limit_ns == 20 * kMs);
  CHECK(facts.coarse_clock);
  CHECK(facts.pid == static_cast<std::uint32_t>(getpid()));
  CHECK(facts.tid == static_cast<std::uint32_t>(gettid()));
  CHECK(facts.task_start_ticks > 0);
  CHECK(facts.claims == 1);
  CHECK(facts.incarnation != 0);
  CHECK(facts.claimed_ns >= before);
  CHECK(facts.claimed_ns <= facts.observed_ns);
  CHECK(facts.claimed_boottime_ns >= facts.claimed_ns);
  CHECK(facts.grace_from_boottime_ns == facts.claimed_boottime_ns);
  CHECK(facts.deadline_boottime_ns == 0);
  CHECK(facts.row == 0);
  CHECK(facts.restarts == 0);
  CHECK_FALSE(facts.ready);
  CHECK(facts.beats == 0);
  CHECK_FALSE(is_other_container(this_container(), facts.container));
}

TEST_CASE("options out of range are refused, and nothing is made") {
  const UniqueRegion region;
  ClaimOptions options = options_for(region, "a");
  SUBCASE("no max age") { options.max_age_ns = 0; }
  SUBCASE("a max age of more than a year") { options.max_age_ns = kMaxDurationNs + 1; }
  SUBCASE("a cycle limit of more than a year") { options.cycle_limit_ns = kMaxDurationNs + 1; }
  CHECK(Heartbeat::claim(options).failure.fault == Fault::invalid_option);
  options.name = "a/b";
  CHECK(Heartbeat::claim(options).failure.fault == Fault::invalid_name);
  CHECK(access(region.path().c_str(), F_OK) != 0);
}

TEST_CASE("a name that lives is taken, for this process and for others") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  CHECK(Heartbeat::claim(options_for(region, "a")).failure.fault == Fault::name_taken);
  CHECK(in_child([&] { return static_cast<int>(Heartbeat::claim(options_for(region, "a")).failure.fault); }) ==
        static_cast<int>(Fault::name_taken));
  CHECK(facts_of(region, "a").lock == Lock::held);
  CHECK(facts_of(region, "a").claims == 1);
}

TEST_CASE("a name is case-sensitive, and a prefix is another name") {
  const UniqueRegion region;
  const auto first = Heartbeat::claim(options_for(region, "worker"));
  const auto second = Heartbeat::claim(options_for(region, "Worker"));
  const auto third = Heartbeat::claim(options_for(region, "worke"));
  CHECK_FALSE(first.failure);
  CHECK_FALSE(second.failure);
  CHECK_FALSE(third.failure);
}

TEST_CASE("a forked child claims a slot of its own") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "parent"));
  REQUIRE_FALSE(failure);
  const pid_t child = start_worker(options_for(region, "child"));
  CHECK(facts_of(region, "child").pid == static_cast<std::uint32_t>(child));
  CHECK(slot_of(region, "child") != slot_of(region, "parent"));
  CHECK(condition_of(region, "child") == Condition::running);
  kill_child(child);
  CHECK(condition_of(region, "child") == Condition::dead);
  CHECK(facts_of(region, "parent").lock == Lock::held);
}

TEST_CASE("only stop() is stopped: the destructor, an exception and kill -9 are dead") {
  const UniqueRegion region;
  SUBCASE("stop") {
    Heartbeat::claim(options_for(region, "a")).heartbeat.stop();
    CHECK(condition_of(region, "a") == Condition::stopped);
  }
  SUBCASE("destructor") {
    { const auto claimed = Heartbeat::claim(options_for(region, "a")); }
    CHECK(condition_of(region, "a") == Condition::dead);
  }
  SUBCASE("exception") {
    try {
      const auto claimed = Heartbeat::claim(options_for(region, "a"));
      throw 1;
    } catch (int) {
    }
    CHECK(condition_of(region, "a") == Condition::dead);
  }
  SUBCASE("exit") {
    CHECK(in_child([&] {
            const auto claimed = Heartbeat::claim(options_for(region, "a"));
            _exit(0);
            return 0;
          }) == 0);
    CHECK(condition_of(region, "a") == Condition::dead);
  }
  SUBCASE("kill -9") {
    leave_dead(options_for(region, "a"));
    CHECK(condition_of(region, "a") == Condition::dead);
  }
}

TEST_CASE("a dead name is taken over in its own slot, as a new incarnation") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a"));
  leave_dead(options_for(region, "b"));
  const int slot = slot_of(region, "b");
  const WorkerFacts before = facts_of(region, "b");
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "b"));
  REQUIRE_FALSE(failure);
  const WorkerFacts after = facts_of(region, "b");
  CHECK(slot_of(region, "b") == slot);
  CHECK(after.incarnation != before.incarnation);
  CHECK(after.claims == before.claims + 1);
  CHECK(after.beats == 0);
  CHECK(after.last_beat_ns == 0);
  CHECK(after.lock == Lock::held);
}

// What a claim that was killed halfway leaves: a bank with serial 0, and whatever had been written of it.
TEST_CASE("a claim that was never finished is nobody, and its slot is what it was before") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a", 1));
  const WorkerFacts before = facts_of(region, "a");
  {
    const Scribbled scribbled(region);
    Bank& other = scribbled.slot(0).banks[1 - before.bank];
    other.hot.serial.store_release(0);
    other.identity.name.store("b");
    other.identity.incarnation.store_release(77);
    other.hot.state.store_release(static_cast<std::uint32_t>(State::claimed));
  }
  CHECK(look_into(region.place()).verdict.kind == Kind::dead);
  CHECK(facts_of(region, "a").incarnation == before.incarnation);
  CHECK(slot_of(region, "b") == -1);
  CHECK_FALSE(retire(region.place(), "a"));
  const auto claimed = Heartbeat::claim(options_for(region, "b", 1));
  REQUIRE_FALSE(claimed.failure);
  CHECK(slot_of(region, "b") == 0);
  CHECK(facts_of(region, "b").claims == 2);
}

TEST_CASE("a claim in a slot that was never used becomes visible by its last store alone") {
  const UniqueRegion region;
  make_region(region.place(), {}, geteuid(), getegid());
  {
    const Scribbled scribbled(region);
    scribbled.header().used_slots.store_release(1);
    scribbled.slot(0).banks[1].identity.name.store("b");
    scribbled.slot(0).banks[1].hot.state.store_release(static_cast<std::uint32_t>(State::claimed));
    CHECK(scribbled.look(0).state == State::free);
    scribbled.slot(0).banks[1].hot.serial.store_release(1);
    CHECK(scribbled.look(0).state == State::claimed);
    CHECK(scribbled.look(0).name_view() == "b");
  }
}

TEST_CASE("a dead worker is retired, a living one refuses, an unknown one is unknown") {
  const UniqueRegion region;
  leave_dead(options_for(region, "dead"));
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "alive"));
  REQUIRE_FALSE(failure);
  CHECK_FALSE(retire(region.place(), "dead"));
  CHECK(condition_of(region, "dead") == Condition::stopped);
  CHECK(retire(region.place(), "alive").fault == Fault::still_alive);
  CHECK(facts_of(region, "alive").state == State::claimed);
  CHECK(heartbeat.beat());
  CHECK(retire(region.place(), "nobody").fault == Fault::no_such_worker);
  CHECK(retire(region.place(), "").fault == Fault::invalid_name);
  CHECK_FALSE(retire(region.place(), "dead"));
}

}  // namespace test_of_claim
