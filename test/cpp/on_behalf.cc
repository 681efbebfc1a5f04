// A supervisor's stamp on somebody's behalf, and a max age that changes.
#include <doctest/doctest.h>
#include <sched.h>

#include <atomic>
#include <thread>

#include "real.hpp"

namespace test_of_on_behalf {

using namespace shm_liveness;
using namespace shm_liveness::real;

TEST_CASE("a claim on somebody's behalf names that process, and dies with the claimant all the same") {
  const UniqueRegion region;
  const pid_t command = start_child([] { return pause(); });
  const std::uint64_t ticks = start_ticks(("/proc/" + std::to_string(command) + "/stat").c_str());
  {
    Stamping stamping(options_for(region, "main"));
    REQUIRE_FALSE(stamping.failure);
    claim_on_behalf(stamping.claim, static_cast<std::uint32_t>(command), ticks);
    beat(stamping.pulse);
    const WorkerFacts facts = facts_of(region, "main");
    CHECK_FALSE(facts.torn);
    CHECK(facts.pid == static_cast<std::uint32_t>(command));
    CHECK(facts.tid == static_cast<std::uint32_t>(command));
    CHECK(facts.task_start_ticks == ticks);
    CHECK(std::string(facts.name) == "main");
    CHECK(facts.claims == 1);
    kill_child(command);
    CHECK(condition_of(region, "main") == Condition::running);
  }
  CHECK(condition_of(region, "main") == Condition::dead);
}

TEST_CASE("a new max age counts at once, and is a sign of life") {
  const UniqueRegion region;
  Stamping stamping(options_for(region, "main"));
  REQUIRE_FALSE(stamping.failure);
  beat(stamping.pulse);
  const WorkerFacts before = facts_of(region, "main");
  usleep(60'000);
  CHECK(set_max_age(stamping.pulse, 50 * kMs));
  const WorkerFacts after = facts_of(region, "main");
  CHECK_FALSE(after.torn);
  CHECK(after.max_age_ns == 50 * kMs);
  CHECK(after.stall_limit_ns == 50 * kMs);
  // The last beat is older than the new limit already: without this it would be a false alarm.
  CHECK(after.observed_ns - after.last_beat_ns > 50 * kMs);
  CHECK(after.sign_of_life_ns() - before.last_beat_ns > 50 * kMs);
  CHECK(after.beats == before.beats);
}

TEST_CASE("in a phase a new max age waits for its end") {
  const UniqueRegion region;
  Stamping stamping(options_for(region, "main"));
  REQUIRE_FALSE(stamping.failure);
  beat(stamping.pulse);
  begin_phase(stamping.pulse, "load", 600 * kSecond);
  CHECK(set_max_age(stamping.pulse, 7 * kSecond));
  CHECK(facts_of(region, "main").stall_limit_ns == 600 * kSecond);
  CHECK(facts_of(region, "main").max_age_ns == 7 * kSecond);
  end_phase(stamping.pulse);
  CHECK(facts_of(region, "main").stall_limit_ns == 7 * kSecond);
}

TEST_CASE("a pulse that owns no slot changes nothing") {
  Pulse pulse{};
  CHECK_FALSE(set_max_age(pulse, kSecond));
}

TEST_CASE("a reader never sees a new max age beside a sign of life from before it") {
  constexpr std::uint64_t kChanges = 200'000;
  const UniqueRegion region;
  Stamping stamping(options_for(region, "main"));
  REQUIRE_FALSE(stamping.failure);
  // When the change to a max age of one hour and i nanoseconds began.
  std::vector<std::atomic<std::uint64_t>> began(kChanges);
  std::atomic<bool> over = false;
  std::uint64_t false_alarms = 0;
  std::atomic<std::uint64_t> looks = 0;
  std::thread reader([&] {
    const Opened opened(region.place());
    for (; !over.load(); ++looks) {
      WorkerFacts facts;
      read_slot(opened, stamping.claim.index, facts);
      const std::uint64_t change = facts.stall_limit_ns - kHour;
      false_alarms += facts.sign_of_life_ns() < began[change].load() ? 1 : 0;
      // A reader that comes back at once keeps the cache line to itself, and sees only whole changes.
      for (std::uint64_t turns = monotonic_ns() % 16; turns > 0; --turns) (void)monotonic_ns();
    }
  });
  while (looks.load() == 0) sched_yield();
  for (std::uint64_t i = 1; i < kChanges; ++i) {
    began[i] = monotonic_ns();
    set_max_age(stamping.pulse, kHour + i);
  }
  over = true;
  reader.join();
  CHECK(false_alarms == 0);
}

// The claim byte says that nobody writes an identity meanwhile; what a supervisor writes outside a claim must not break
// that for whoever claims.
TEST_CASE("a name stays taken while its holder changes its max age, or for whom it stands") {
  const UniqueRegion region;
  Stamping stamping(options_for(region, "main"));
  REQUIRE_FALSE(stamping.failure);
  std::atomic<bool> over = false;
  std::thread writer([&] {
    while (!over.load()) {
      set_max_age(stamping.pulse, kHour);
      claim_on_behalf(stamping.claim, 17, 4711);
    }
  });
  int taken = 0;
  int others = 0;
  for (int i = 0; i < 2000; ++i) {
    const Stamping second(options_for(region, "main"));
    (second.failure.fault == Fault::name_taken ? taken : others) += 1;
  }
  over = true;
  writer.join();
  CHECK(taken == 2000);
  CHECK(others == 0);
}

TEST_CASE("a holder that is stopped in the middle of changing its max age is not called unusable") {
  const UniqueRegion region;
  const pid_t holder = start_child([&] {
    Stamping stamping(options_for(region, "main"));
    if (stamping.failure) return 1;
    beat(stamping.pulse);
    for (;;) {
      set_max_age(stamping.pulse, kHour);
      claim_on_behalf(stamping.claim, 17, 4711);
    }
  });
  REQUIRE(eventually([&] { return slot_of(region, "main") >= 0; }));
  int unusable = 0;
  for (int i = 0; i < 200; ++i) {
    kill(holder, SIGSTOP);
    int status = 0;
    REQUIRE(waitpid(holder, &status, WUNTRACED) == holder);
    unusable += Opened(region.place()).look(0).torn ? 1 : 0;
    kill(holder, SIGCONT);
    usleep(200);
  }
  kill_child(holder);
  CHECK(unusable == 0);
}

}  // namespace test_of_on_behalf
