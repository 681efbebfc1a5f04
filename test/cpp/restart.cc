// Restart marks: a supervisor's word that it restarts one worker in place, and how long and how often it counts.
#include <doctest/doctest.h>

#include "real.hpp"

namespace test_of_restart {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

void die_before_beating(const ClaimOptions& options) {
  kill_child(start_worker(options, [](Heartbeat&) {}));
}

// A reader whose own grace is over at once, so that marks alone can forgive.
constexpr Policy kNoGrace{.startup_grace_ns = 1};

}  // namespace

TEST_CASE("a mark on one worker does not forgive another") {
  const UniqueRegion region;
  leave_dead(options_for(region, "web-1"));
  leave_dead(options_for(region, "grabber"));
  CHECK_FALSE(mark_restart(region.place(), "web-1", kHour));
  CHECK(condition_of(region, "web-1") == Condition::starting);
  CHECK(condition_of(region, "grabber") == Condition::dead);
  const Look look = look_into(region.place());
  CHECK(look.verdict.kind == Kind::dead);
  CHECK(look.line.starts_with("dead: grabber "));
  CHECK_FALSE(mark_restart(region.place(), "grabber", kHour));
  CHECK(look_into(region.place()).verdict.passes);
  CHECK_FALSE(look_into(region.place(), {.check = Check::readiness}).verdict.passes);
}

TEST_CASE("a living worker that is marked runs, and its end is forgiven") {
  const UniqueRegion region;
  const pid_t worker = start_worker(options_for(region, "a"));
  CHECK_FALSE(mark_restart(region.place(), "a", kHour));
  CHECK(condition_of(region, "a") == Condition::running);
  kill_child(worker);
  CHECK(condition_of(region, "a") == Condition::starting);
}

TEST_CASE("the dead are forgiven until the budget is over, and no longer") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a"));
  CHECK_FALSE(mark_restart(region.place(), "a", kHour));
  CHECK(condition_of(region, "a") == Condition::starting);
  CHECK_FALSE(mark_restart(region.place(), "a", 50 * kMs));
  CHECK(eventually([&] { return condition_of(region, "a") == Condition::dead; }));
  const WorkerFacts facts = facts_of(region, "a");
  CHECK(boottime_ns() > facts.marked_boottime_ns + 50 * kMs);
  CHECK(facts.restarts == 2);
}

TEST_CASE("a budget of 0 leaves the time to the reader's own grace") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a"));
  CHECK_FALSE(mark_restart(region.place(), "a", 0));
  CHECK(condition_of(region, "a", {.startup_grace_ns = kHour}) == Condition::starting);
  CHECK(condition_of(region, "a", kNoGrace) == Condition::dead);
}

TEST_CASE("one that stopped and is marked counts as starting until the budget is over") {
  const UniqueRegion region;
  Heartbeat::claim(options_for(region, "a")).heartbeat.stop();
  CHECK(look_into(region.place()).verdict.kind == Kind::stopped);
  CHECK_FALSE(mark_restart(region.place(), "a", kHour));
  CHECK(condition_of(region, "a") == Condition::starting);
  CHECK(look_into(region.place(), {.expect = "a"}).verdict.passes);
  CHECK_FALSE(mark_restart(region.place(), "a", 50 * kMs));
  CHECK(eventually([&] { return condition_of(region, "a") == Condition::stopped; }));
  CHECK_FALSE(look_into(region.place()).verdict.passes);
}

TEST_CASE("a mark is used up by the next claim: a death without a mark stays a death") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a"));
  CHECK_FALSE(mark_restart(region.place(), "a", kHour));
  leave_dead(options_for(region, "a"));
  const WorkerFacts facts = facts_of(region, "a");
  CHECK(condition_of(region, "a") == Condition::dead);
  CHECK(facts.marked_boottime_ns == 0);
  CHECK(facts.restarts == 1);  // still counted
}

TEST_CASE("the next claim may take as long for its first beat as the mark said") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a"));
  SUBCASE("long") {
    CHECK_FALSE(mark_restart(region.place(), "a", kHour));
    const auto claimed = Heartbeat::claim(options_for(region, "a"));
    CHECK(condition_of(region, "a", kNoGrace) == Condition::starting);
  }
  SUBCASE("not so long") {
    CHECK_FALSE(mark_restart(region.place(), "a", 1));
    const auto claimed = Heartbeat::claim(options_for(region, "a"));
    CHECK(condition_of(region, "a", kNoGrace) == Condition::stalled);
    // Beside the reader's grace, which may be longer.
    CHECK(condition_of(region, "a", {.startup_grace_ns = kHour}) == Condition::starting);
  }
}

// Each life is marked within its budget. With a budget for each this would pass for ever.
TEST_CASE("a row of lives that never beat is not forgiven beyond the third one's budget, marked or not") {
  constexpr std::uint64_t kBudget = 500 * kMs;
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a");
  const std::uint64_t end = monotonic_ns() + kPatience;
  WorkerFacts facts;
  std::uint64_t third_may_live_until = 0;
  do {
    die_before_beating(options);
    REQUIRE_FALSE(mark_restart(region.place(), "a", kBudget));
    facts = facts_of(region, "a");
    if (facts.row == kForgivenLives - 1) third_may_live_until = facts.deadline_boottime_ns;
    if (facts.row < kForgivenLives - 1) CHECK(boottime_ns() < facts.marked_boottime_ns + kBudget);
  } while (condition_of(region, "a", kNoGrace) == Condition::starting && monotonic_ns() < end);
  CHECK(condition_of(region, "a", kNoGrace) == Condition::dead);
  CHECK(facts.row >= kForgivenLives);
  CHECK(facts.deadline_boottime_ns == third_may_live_until);
  CHECK(boottime_ns() > third_may_live_until);
  CHECK_FALSE(look_into(region.place(), kNoGrace).verdict.passes);
  SUBCASE("until one of them beats for as long as its budget") {
    kill_child(start_worker(options, [&](Heartbeat& heartbeat) {
      sys::sleep_ns(kBudget);
      heartbeat.beat();
    }));
    CHECK_FALSE(mark_restart(region.place(), "a", kBudget));
    const auto claimed = Heartbeat::claim(options);
    CHECK(facts_of(region, "a").row == 0);
  }
}

TEST_CASE("under a supervisor a life that ends within its budget is one of the row, though it has beaten") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a");
  leave_dead(options);
  SUBCASE("marked") {
    CHECK_FALSE(mark_restart(region.place(), "a", kHour));
    const auto claimed = Heartbeat::claim(options);
    CHECK(facts_of(region, "a").row == 1);
  }
  SUBCASE("not marked") {
    const auto claimed = Heartbeat::claim(options);
    CHECK(facts_of(region, "a").row == 0);
  }
}

TEST_CASE("a mark is refused where there is nothing to mark") {
  const UniqueRegion region;
  CHECK(mark_restart(region.place(), "a", kHour).fault == Fault::missing);
  leave_dead(options_for(region, "a"));
  CHECK(mark_restart(region.place(), "b", kHour).fault == Fault::no_such_worker);
  CHECK(mark_restart(region.place(), "", kHour).fault == Fault::invalid_name);
  CHECK(mark_restart(region.place(), "a", kMaxDurationNs + 1).fault == Fault::invalid_option);
  CHECK(facts_of(region, "a").restarts == 0);
  CHECK_FALSE(mark_restart(region.place(), "a", kMaxDurationNs));
  CHECK(facts_of(region, "a").restarts == 1);
}

TEST_CASE("a guard marks those of its own, and no others") {
  const UniqueRegion region;
  for (const char* name : {"a", "b", "c"}) leave_dead(options_for(region, name));
  const std::uint64_t own = facts_of(region, "b").incarnation;
  CHECK_FALSE(mark_restarts(region.place(), kHour, kCaller, kSecond,
                            [&](std::uint32_t, std::uint64_t incarnation) { return incarnation == own; }));
  CHECK(condition_of(region, "a") == Condition::dead);
  CHECK(condition_of(region, "b") == Condition::starting);
  CHECK(condition_of(region, "c") == Condition::dead);
}

TEST_CASE("a guard does not wait long for a claim that does not finish") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a"));
  const Scribbled holder(region);
  REQUIRE_FALSE(try_lock(holder.fd, kClaimByte));
  int asked = 0;
  const auto mark = [&] {
    return mark_restarts(region.place(), kHour, kCaller, kMs, [&](auto, auto) { return ++asked > 0; }).fault;
  };
  CHECK(mark() == Fault::claim_busy);
  CHECK(asked == 0);
  unlock(holder.fd, kClaimByte);
  CHECK(mark() == Fault::none);
  CHECK(asked == 1);
}

TEST_CASE("a mark from the future, or with a budget that nobody can have given, forgives nothing") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a"));
  CHECK_FALSE(mark_restart(region.place(), "a", kHour));
  const Scribbled scribbled(region);
  RestartMark& mark = scribbled.record(0).mark;
  SUBCASE("future") { mark.marked_boottime_ns.store_release(boottime_ns() + kHour); }
  SUBCASE("budget") { mark.budget_ns.store_release(kMaxDurationNs + 1); }
  SUBCASE("another claim's") { mark.incarnation.store_release(mark.incarnation.load_relaxed() + 1); }
  CHECK(condition_of(region, "a") == Condition::dead);
}

}  // namespace test_of_restart
