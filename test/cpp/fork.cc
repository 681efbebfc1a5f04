// heartbeat.hpp across fork(): a child that does not exec neither keeps its parent alive nor beats for it.
#include <doctest/doctest.h>

#include "real.hpp"

namespace test_of_fork {

using namespace shm_liveness;
using namespace shm_liveness::real;

TEST_CASE("in a forked child the heartbeat owns nothing, and the parent's slot does not change") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  heartbeat.beat();
  CHECK(in_child([&] {
          if (heartbeat.owns_slot() || heartbeat.beat_unattended() || heartbeat.beat()) return 1;
          if (heartbeat.ready() || heartbeat.not_ready("x")) return 2;
          if (heartbeat.begin_phase("x", 1) || heartbeat.end_phase()) return 3;
          heartbeat.stop();
          heartbeat.stop();
          return 0;
        }) == 0);
  const WorkerFacts facts = facts_of(region, "a");
  CHECK(facts.state == State::claimed);
  CHECK(facts.lock == Lock::held);
  CHECK(facts.beats == 1);
  CHECK_FALSE(facts.in_phase);
  CHECK(heartbeat.owns_slot());
  CHECK(heartbeat.beat());
}

TEST_CASE("a child's exit through the destructors leaves the parent alive") {
  const UniqueRegion region;
  auto claimed = Heartbeat::claim(options_for(region, "a"));
  CHECK(in_child([&] {
          Heartbeat moved = std::move(claimed.heartbeat);
          return moved.owns_slot() ? 1 : 0;
        }) == 0);
  CHECK(facts_of(region, "a").lock == Lock::held);
  CHECK(claimed.heartbeat.beat());
}

// The lock goes with the last reference to the open file, and a mapping is one as well as a descriptor.
TEST_CASE("a parent that is killed is dead, though its child lives on") {
  const UniqueRegion region;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t parent = start_worker(options_for(region, "a"), [&](Heartbeat& heartbeat) {
    heartbeat.beat();
    start_child([&] {
      const pid_t self = getpid();
      if (::write(ends[1], &self, sizeof self) != sizeof self) return 1;
      for (;;) pause();
    });
  });
  pid_t orphan = 0;
  REQUIRE(::read(ends[0], &orphan, sizeof orphan) == sizeof orphan);
  CHECK(facts_of(region, "a").lock == Lock::held);
  kill_child(parent);
  CHECK(kill(orphan, 0) == 0);
  CHECK(condition_of(region, "a") == Condition::dead);
  kill(orphan, SIGKILL);
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("a parent's stop and re-claim do not wait for its children") {
  const UniqueRegion region;
  auto first = Heartbeat::claim(options_for(region, "a"));
  Gate gate;
  const pid_t child = start_child([&] {
    gate.wait();
    return 0;
  });
  first.heartbeat.stop();
  CHECK_FALSE(Heartbeat::claim(options_for(region, "a")).failure);
  gate.open();
  CHECK(wait_for(child) == 0);
}

TEST_CASE("a child claims, beats and forks in its own right") {
  const UniqueRegion region;
  auto parent = Heartbeat::claim(options_for(region, "parent"));
  CHECK(in_child([&] {
          auto child = Heartbeat::claim(options_for(region, "child"));
          if (child.failure || !child.heartbeat.beat()) return 1;
          const int grandchild = in_child([&] { return child.heartbeat.beat() ? 1 : 0; });
          if (grandchild != 0 || !child.heartbeat.beat()) return 2;
          child.heartbeat.stop();
          return 0;
        }) == 0);
  CHECK(facts_of(region, "child").beats == 2);
  CHECK(condition_of(region, "child") == Condition::stopped);
  CHECK(parent.heartbeat.beat());
}

TEST_CASE("a child may not take its living parent's name, and may once it is gone") {
  const UniqueRegion region;
  auto parent = Heartbeat::claim(options_for(region, "a"));
  const auto claim_in_child = [&] {
    return in_child([&] { return static_cast<int>(Heartbeat::claim(options_for(region, "a")).failure.fault); });
  };
  CHECK(claim_in_child() == static_cast<int>(Fault::name_taken));
  parent.heartbeat.stop();
  CHECK(claim_in_child() == static_cast<int>(Fault::none));
}

TEST_CASE("all heartbeats of a process are let go of, not only the latest") {
  const UniqueRegion region;
  std::vector<Heartbeat> all;
  for (int i = 0; i < 5; ++i) all.push_back(Heartbeat::claim(options_for(region, "w" + std::to_string(i))).heartbeat);
  all[1].stop();
  CHECK(in_child([&] {
          for (Heartbeat& heartbeat : all) {
            if (heartbeat.owns_slot() || heartbeat.beat()) return 1;
          }
          return 0;
        }) == 0);
  CHECK(all[0].beat());
  CHECK(all[4].beat());
}

// _Fork() runs no handlers, as a raw clone does not: the child keeps the descriptor, and knows nothing of it.
TEST_CASE("a child whose fork ran no handlers beats for nobody, and cannot give its parent's slot up") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  heartbeat.beat();
  const pid_t child = _Fork();
  if (child == 0) {
    const bool wrong = heartbeat.owns_slot() || heartbeat.beat() || heartbeat.begin_phase("x", 1);
    heartbeat.stop();
    _exit(wrong ? 1 : 0);
  }
  CHECK(wait_for(child) == 0);
  const WorkerFacts facts = facts_of(region, "a");
  CHECK(facts.state == State::claimed);
  CHECK(facts.lock == Lock::held);
  CHECK(facts.beats == 1);
}

TEST_CASE("giving up does not wait for a child that has not let go") {
  const UniqueRegion region;
  auto claimed = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(claimed.failure);
  const pid_t child = _Fork();
  if (child == 0) {
    for (;;) pause();
  }
  SUBCASE("stopped") {
    claimed.heartbeat.stop();
    CHECK(condition_of(region, "a") == Condition::stopped);
  }
  SUBCASE("without a word") {
    claimed.heartbeat = Heartbeat();
    CHECK(condition_of(region, "a") == Condition::dead);
  }
  CHECK(facts_of(region, "a").lock == Lock::gone);
  CHECK_FALSE(Heartbeat::claim(options_for(region, "a")).failure);
  kill_child(child);
}

}  // namespace test_of_fork
