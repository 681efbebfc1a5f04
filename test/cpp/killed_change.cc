// kill -9 at every instruction of whatever changes a slot that is claimed: stop, retire, restart mark, phase, ready.
#include <doctest/doctest.h>

#include "stepping.hpp"

namespace test_of_killed_change {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

constexpr std::uint32_t kSlots = 1;

// A worker that has beaten three times does `prepare`, and then `change` one instruction at a time.
template <class Prepare, class Change>
States step_through_change(const UniqueRegion& region, Prepare&& prepare, Change&& change) {
  const ClaimOptions options = options_for(region, "a", kSlots);
  return step_through(region, [&](auto&& mark) {
    Claim claim;
    Pulse pulse{};
    if (take(options, claim)) _exit(1);
    start_pulse(pulse, claim, options);
    for (int i = 0; i < 3; ++i) beat(pulse);
    prepare(pulse);
    mark();
    change(pulse, claim);
    mark();
  });
}
template <class Change>
States step_through_change(const UniqueRegion& region, Change&& change) {
  return step_through_change(
      region, [](Pulse&) {}, change);
}

// The killed worker is dead, whole and itself, and what it says has one of two values.
template <class Value>
void check_dead_with(const States& states, Value&& value) {
  REQUIRE(states.is_whole);
  REQUIRE(states.all.size() > 1);
  const auto before = value(facts_of(Remains(states.all.front()), "a"));
  const auto after = value(facts_of(Remains(states.all.back()), "a"));
  CHECK(before != after);
  for (std::size_t i = 0; i < states.all.size(); ++i) {
    CAPTURE(i);
    const Remains remains(states.all[i]);
    const WorkerFacts facts = facts_of(remains, "a");
    CHECK(condition_of(remains, "a") == Condition::dead);
    CHECK(facts.beats >= 3);
    CHECK(facts.incarnation != 0);
    const auto now = value(facts);
    CHECK((now == before || now == after));
    check_claims(states.all[i], "a", kSlots);
  }
}

// What it would be called if it was not killed there but stopped by a signal.
void check_frozen_runs(const States& states) {
  for (const std::string& bytes : states.all) {
    const Remains remains(bytes);
    WorkerFacts facts = facts_of(remains, "a");
    facts.lock = Lock::held;
    CHECK(judge_worker(facts, {}, {}, {}).condition == Condition::running);
  }
}

}  // namespace

TEST_CASE("a stop: dead before its one store, stopped after it") {
  const UniqueRegion region;
  const States states = step_through_change(region, [](Pulse&, Claim& claim) { release(claim); });
  check_one_change(states);
  CHECK(condition_of(Remains(states.all.front()), "a") == Condition::dead);
  CHECK(condition_of(Remains(states.all.back()), "a") == Condition::stopped);
  for (const std::string& bytes : states.all) {
    check_claims(bytes, "a", kSlots);
    if (condition_of(Remains(bytes), "a") == Condition::stopped) check_claims(bytes, "b", kSlots);
  }
}

TEST_CASE("a retirement: dead before its one store, stopped after it") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a", kSlots));
  const States states = step_through(region, [&](auto&& mark) {
    mark();
    if (retire(region.place(), "a")) _exit(1);
    mark();
  });
  check_one_change(states);
  CHECK(condition_of(Remains(states.all.back()), "a") == Condition::stopped);
  for (const std::string& bytes : states.all) {
    check_claims(bytes, "a", kSlots);
    if (condition_of(Remains(bytes), "a") == Condition::stopped) check_claims(bytes, "b", kSlots);
  }
}

TEST_CASE("a restart mark: forgiven by its last store, and whoever has been forgiven stays so") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a", kSlots));
  std::uint32_t marks = 0;
  SUBCASE("the first") {}
  SUBCASE("one more for the same life") {
    REQUIRE_FALSE(mark_restart(region.place(), "a", kHour));
    marks = 1;
  }
  const States states = step_through(region, [&](auto&& mark) {
    mark();
    if (mark_restart(region.place(), "a", 2 * kHour)) _exit(1);
    mark();
  });
  REQUIRE(states.is_whole);
  bool is_forgiven = marks != 0;
  for (std::size_t i = 0; i < states.all.size(); ++i) {
    CAPTURE(i);
    const Remains remains(states.all[i]);
    const Condition condition = condition_of(remains, "a");
    is_forgiven = is_forgiven || condition == Condition::starting;
    CHECK(condition == (is_forgiven ? Condition::starting : Condition::dead));
    const WorkerFacts facts = facts_of(remains, "a");
    CHECK(facts.beats == 1);
    CHECK(facts.restarts >= marks);
    CHECK(facts.restarts <= marks + 1);
    check_claims(states.all[i], "a", kSlots);
    // The mark is a word on a worker, not on its slot: nobody else may take it before it is retired.
    CHECK(Heartbeat::claim(options_for(remains, "b", kSlots)).failure.fault == Fault::no_slot);
  }
  CHECK(condition_of(Remains(states.all.back()), "a") == Condition::starting);
  CHECK(facts_of(Remains(states.all.back()), "a").restarts == marks + 1);
}

TEST_CASE("a phase's beginning and end: the limit is the old one or the new one, and the end is a death") {
  const auto limit = [](const WorkerFacts& facts) { return facts.stall_limit_ns; };
  const auto load = [](Pulse& pulse) { begin_phase(pulse, "load", 3 * kHour); };
  const UniqueRegion region;
  SUBCASE("beginning") {
    const States states =
        step_through_change(region, [](Pulse& pulse, Claim&) { begin_phase(pulse, "load", 2 * kHour); });
    check_dead_with(states, limit);
    check_frozen_runs(states);
    CHECK(std::string(facts_of(Remains(states.all.back()), "a").phase) == "load");
  }
  SUBCASE("beginning of another") {
    const States states =
        step_through_change(region, load, [](Pulse& pulse, Claim&) { begin_phase(pulse, "calibrate", 2 * kHour); });
    check_dead_with(states, limit);
    check_frozen_runs(states);
    for (const std::string& bytes : states.all) {
      const std::string phase = facts_of(Remains(bytes), "a").phase;
      // While the name is being written there is none to be read.
      CHECK((phase == "load" || phase == "calibrate" || phase.empty()));
    }
  }
  SUBCASE("end") {
    const States states = step_through_change(region, load, [](Pulse& pulse, Claim&) { end_phase(pulse); });
    check_dead_with(states, limit);
    check_frozen_runs(states);
  }
}

// A reader that comes between the two would call a worker stalled that has only changed its limit.
TEST_CASE("a new, shorter limit never stands beside an old sign of life, at whatever instruction") {
  constexpr std::uint64_t kShort = kSecond;
  constexpr std::uint64_t kOld = 1;
  const UniqueRegion region;
  const auto grow_old = [](Pulse& pulse) {
    pulse.bank->hot.last_beat_ns.store_release(kOld);
    pulse.bank->hot.renewed_ns.store_release(kOld);
  };
  States states;
  SUBCASE("entering a phase") {
    states = step_through_change(region, grow_old, [](Pulse& pulse, Claim&) { begin_phase(pulse, "load", kShort); });
  }
  SUBCASE("leaving one") {
    states = step_through_change(
        region,
        [&](Pulse& pulse) {
          set_max_age(pulse, kShort);
          begin_phase(pulse, "load", kHour);
          grow_old(pulse);
        },
        [](Pulse& pulse, Claim&) { end_phase(pulse); });
  }
  SUBCASE("a new max age") {
    states = step_through_change(region, grow_old, [](Pulse& pulse, Claim&) { set_max_age(pulse, kShort); });
  }
  REQUIRE(states.is_whole);
  CHECK(facts_of(Remains(states.all.front()), "a").sign_of_life_ns() == kOld);
  CHECK(facts_of(Remains(states.all.back()), "a").stall_limit_ns == kShort);
  for (std::size_t i = 0; i < states.all.size(); ++i) {
    CAPTURE(i);
    const WorkerFacts facts = facts_of(Remains(states.all[i]), "a");
    if (facts.stall_limit_ns == kShort) CHECK(facts.sign_of_life_ns() > kOld);
  }
}

TEST_CASE("a word on readiness: the old one or the new one") {
  const UniqueRegion region;
  const auto is_ready = [](const WorkerFacts& facts) { return facts.ready; };
  SUBCASE("ready") {
    const States states = step_through_change(region, [](Pulse& pulse, Claim&) { set_ready(pulse, true, {}); });
    check_dead_with(states, is_ready);
    check_frozen_runs(states);
  }
  SUBCASE("not ready") {
    const States states = step_through_change(
        region, [](Pulse& pulse) { set_ready(pulse, true, {}); },
        [](Pulse& pulse, Claim&) { set_ready(pulse, false, "draining"); });
    check_dead_with(states, is_ready);
    check_frozen_runs(states);
  }
}

TEST_CASE("a beat, a new max age, another's name for display: none of them is half done to a reader") {
  const UniqueRegion region;
  SUBCASE("beat") {
    const States states = step_through_change(region, [](Pulse& pulse, Claim&) { beat(pulse); });
    check_dead_with(states, [](const WorkerFacts& facts) { return facts.beats; });
    check_frozen_runs(states);
  }
  SUBCASE("max age") {
    const States states = step_through_change(region, [](Pulse& pulse, Claim&) { set_max_age(pulse, 2 * kHour); });
    check_dead_with(states, [](const WorkerFacts& facts) { return facts.stall_limit_ns; });
    check_frozen_runs(states);
  }
  SUBCASE("on behalf") {
    const States states = step_through_change(region, [](Pulse&, Claim& claim) { claim_on_behalf(claim, 17, 4711); });
    check_dead_with(states, [](const WorkerFacts& facts) { return facts.task_start_ticks; });
    check_frozen_runs(states);
  }
}

}  // namespace test_of_killed_change
