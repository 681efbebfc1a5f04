// What a claim inherits, and what a restart in place makes of the claims before it.
#include <doctest/doctest.h>

#include "real.hpp"

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {
void die_before_beating(const ClaimOptions& options) {
  kill_child(start_worker(options, [](Heartbeat&) {}));
}
}  // namespace

TEST_CASE("a crash loop before the first beat keeps its first beginning") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a");
  die_before_beating(options);
  const std::uint64_t first = facts_of(region, "a").grace_from_boottime_ns;
  for (int i = 0; i < 3; ++i) {
    die_before_beating(options);
    const WorkerFacts facts = facts_of(region, "a");
    CHECK(facts.inherited);
    CHECK(facts.grace_from_boottime_ns == first);
    CHECK(facts.claimed_boottime_ns > first);
  }
}

TEST_CASE("one that had beaten hands on nothing, so that its successor may load again") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a");
  die_before_beating(options);
  leave_dead(options);
  auto [heartbeat, failure] = Heartbeat::claim(options);
  REQUIRE_FALSE(failure);
  const WorkerFacts facts = facts_of(region, "a");
  CHECK_FALSE(facts.inherited);
  CHECK(facts.grace_from_boottime_ns == facts.claimed_boottime_ns);
}

TEST_CASE("one that stopped on purpose hands on nothing either") {
  const UniqueRegion region;
  Heartbeat::claim(options_for(region, "a")).heartbeat.stop();
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  CHECK_FALSE(facts_of(region, "a").inherited);
}

TEST_CASE("another name in the slot is no successor") {
  const UniqueRegion region;
  die_before_beating(options_for(region, "a", 1));
  {
    const Scribbled scribbled(region);
    scribbled.slot(0).identity.container_a.store_release(1);
  }
  const auto claimed = Heartbeat::claim(options_for(region, "b"));
  CHECK_FALSE(facts_of(region, "b").inherited);
}

TEST_CASE("one that died in a phase before its first beat hands that deadline on, and on") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a");
  const std::uint64_t earliest = boottime_ns() + 600 * kSecond;
  kill_child(start_worker(options, [](Heartbeat& heartbeat) { heartbeat.begin_phase("load", 600 * kSecond); }));
  const std::uint64_t latest = boottime_ns() + 600 * kSecond;
  die_before_beating(options);
  const WorkerFacts second = facts_of(region, "a");
  CHECK(second.inherited_deadline_ns >= earliest);
  CHECK(second.inherited_deadline_ns <= latest + kMs);
  kill_child(start_worker(options, [](Heartbeat& heartbeat) { heartbeat.begin_phase("load", 900 * kSecond); }));
  die_before_beating(options);
  CHECK(facts_of(region, "a").inherited_deadline_ns == second.inherited_deadline_ns);
}

TEST_CASE("a restart in place makes the dead before it left over, and leaves the living alone") {
  const UniqueRegion region;
  leave_dead(options_for(region, "dead"));
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "alive"));
  REQUIRE_FALSE(failure);
  heartbeat.beat();
  CHECK_FALSE(look_into(region.place()).verdict.passes);
  CHECK_FALSE(mark_restart(region.place(), 5 * kSecond));
  CHECK(condition_of(region, "dead") == Condition::left_over);
  CHECK(condition_of(region, "alive") == Condition::running);
  CHECK(look_into(region.place()).verdict.kind == Kind::healthy);
  CHECK(Opened(region.place()).header().restart_budget_ns.load_acquire() == 5 * kSecond);
}

TEST_CASE("who dies after the restart is dead again") {
  const UniqueRegion region;
  leave_dead(options_for(region, "before"));
  CHECK_FALSE(mark_restart(region.place(), 0));
  leave_dead(options_for(region, "a"));
  CHECK(condition_of(region, "a") == Condition::dead);
}

TEST_CASE("a crash loop across a restart in place begins anew") {
  const UniqueRegion region;
  die_before_beating(options_for(region, "a"));
  CHECK_FALSE(mark_restart(region.place(), 0));
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  CHECK_FALSE(facts_of(region, "a").inherited);
}

TEST_CASE("a restart budget of more than a year is refused") {
  const UniqueRegion region;
  CHECK(mark_restart(region.place(), kMaxDurationNs + 1).fault == Fault::invalid_option);
}
