// What a claim inherits from the lives before it in its slot.
#include <doctest/doctest.h>

#include "real.hpp"

namespace test_of_claim_grace {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

template <class Before>
WorkerFacts live_and_die(const ClaimOptions& options, const UniqueRegion& region, Before&& before) {
  kill_child(start_worker(options, before));
  return facts_of(region, options.name);
}
WorkerFacts die_before_beating(const ClaimOptions& options, const UniqueRegion& region) {
  return live_and_die(options, region, [](Heartbeat&) {});
}

}  // namespace

TEST_CASE("in a row of lives that never beat the first three have a grace each, the rest that of the third") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a");
  std::uint64_t grace_of_third = 0;
  for (std::uint32_t row = 0; row < 6; ++row) {
    const WorkerFacts facts = die_before_beating(options, region);
    CAPTURE(row);
    CHECK(facts.row == row);
    CHECK(facts.deadline_boottime_ns == 0);
    if (row < kForgivenLives) {
      CHECK(facts.grace_from_boottime_ns == facts.claimed_boottime_ns);
      grace_of_third = facts.grace_from_boottime_ns;
    } else {
      CHECK(facts.grace_from_boottime_ns == grace_of_third);
      CHECK(facts.claimed_boottime_ns > grace_of_third);
    }
  }
}

TEST_CASE("one that had beaten hands on nothing, so that its successor may load again") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a");
  for (int i = 0; i < 5; ++i) die_before_beating(options, region);
  leave_dead(options);
  CHECK(facts_of(region, "a").row == 5);
  const auto claimed = Heartbeat::claim(options);
  REQUIRE_FALSE(claimed.failure);
  const WorkerFacts facts = facts_of(region, "a");
  CHECK(facts.row == 0);
  CHECK(facts.grace_from_boottime_ns == facts.claimed_boottime_ns);
}

TEST_CASE("one that stopped on purpose hands on nothing either") {
  const UniqueRegion region;
  Heartbeat::claim(options_for(region, "a")).heartbeat.stop();
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  CHECK(facts_of(region, "a").row == 0);
}

TEST_CASE("a claim of another name, or in another container, does not continue a row of lives") {
  const UniqueRegion region;
  die_before_beating(options_for(region, "a", 1), region);
  move_to_other_container(region, 0);
  std::string_view successor = "a";
  SUBCASE("another name") { successor = "b"; }
  SUBCASE("another container") {}
  const auto claimed = Heartbeat::claim(options_for(region, successor, 1));
  REQUIRE_FALSE(claimed.failure);
  CHECK(facts_of(region, successor).row == 0);
}

// A loading phase is what most workers die in. One crash must not make the next life late.
TEST_CASE("after a death in a loading phase the next life has the whole phase budget again") {
  const UniqueRegion region;
  ClaimOptions options = options_for(region, "a");
  const Policy policy{.startup_grace_ns = 1, .confirm_ns = 0};
  const auto load = [](Heartbeat& heartbeat) { heartbeat.begin_phase("load", 600 * kSecond); };
  live_and_die(options, region, load);
  auto [second, failure] = Heartbeat::claim(options);
  REQUIRE_FALSE(failure);
  load(second);
  {
    // As if it had begun to load so long ago that the first life's deadline is over, and its own is not.
    const Scribbled scribbled(region);
    scribbled.bank(0).identity.grace_from_boottime_ns.store_release(1);
  }
  CHECK(facts_of(region, "a").deadline_boottime_ns == 0);
  CHECK(condition_of(region, "a", policy) == Condition::starting);
}

TEST_CASE("the fourth life of a row shares the deadline of the third one's phase, and so do those after it") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a");
  const auto load_for = [](std::uint64_t budget) {
    return [budget](Heartbeat& heartbeat) { heartbeat.begin_phase("load", budget); };
  };
  live_and_die(options, region, load_for(kHour));
  live_and_die(options, region, load_for(kHour));
  const std::uint64_t earliest = boottime_ns() + 600 * kSecond;
  const WorkerFacts third = live_and_die(options, region, load_for(600 * kSecond));
  const std::uint64_t latest = boottime_ns() + 600 * kSecond;
  CHECK(third.deadline_boottime_ns == 0);
  const WorkerFacts fourth = live_and_die(options, region, load_for(kHour));
  CHECK(fourth.row == 3);
  CHECK(fourth.deadline_boottime_ns + kMs >= earliest);
  CHECK(fourth.deadline_boottime_ns <= latest + kMs);
  CHECK(fourth.grace_from_boottime_ns == third.grace_from_boottime_ns);
  const WorkerFacts fifth = live_and_die(options, region, load_for(kHour));
  CHECK(fifth.deadline_boottime_ns == fourth.deadline_boottime_ns);
  CHECK(fifth.grace_from_boottime_ns == third.grace_from_boottime_ns);
}

TEST_CASE("a phase does not excuse a life whose row has used up its deadline") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a");
  for (std::uint32_t i = 0; i < kForgivenLives; ++i) die_before_beating(options, region);
  auto [fourth, failure] = Heartbeat::claim(options);
  REQUIRE_FALSE(failure);
  fourth.begin_phase("load", kHour);
  CHECK(condition_of(region, "a") == Condition::starting);
  const Policy late{.startup_grace_ns = 1};
  CHECK(condition_of(region, "a", late) == Condition::stalled);
  fourth.beat();
  CHECK(condition_of(region, "a", late) == Condition::running);
}

}  // namespace test_of_claim_grace
