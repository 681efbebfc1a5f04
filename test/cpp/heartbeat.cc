#include <doctest/doctest.h>

#include "real.hpp"

namespace test_of_heartbeat {

using namespace shm_liveness;
using namespace shm_liveness::real;

TEST_CASE("an empty heartbeat does nothing, and says so") {
  Heartbeat heartbeat;
  CHECK_FALSE(heartbeat.beat());
  CHECK_FALSE(heartbeat.ready());
  CHECK_FALSE(heartbeat.not_ready("x"));
  CHECK_FALSE(heartbeat.begin_phase("x", 1));
  CHECK_FALSE(heartbeat.end_phase());
  CHECK_FALSE(heartbeat.owns_slot());
  heartbeat.stop();
}

TEST_CASE("after stop() nothing is stamped, and a second stop is none") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  heartbeat.beat();
  heartbeat.stop();
  CHECK_FALSE(heartbeat.owns_slot());
  CHECK_FALSE(heartbeat.beat());
  CHECK_FALSE(heartbeat.begin_phase("x", 1));
  heartbeat.stop();
  CHECK(facts_of(region, "a").beats == 1);
  CHECK(facts_of(region, "a").state == State::stopped);
}

TEST_CASE("the slot moves with the heartbeat") {
  const UniqueRegion region;
  Heartbeat second;
  {
    auto first = Heartbeat::claim(options_for(region, "a"));
    REQUIRE_FALSE(first.failure);
    second = std::move(first.heartbeat);
    CHECK_FALSE(first.heartbeat.beat());
  }
  CHECK(second.beat());
  Heartbeat third(std::move(second));
  CHECK(third.beat());
  CHECK(facts_of(region, "a").beats == 2);
  CHECK(facts_of(region, "a").lock == Lock::held);
}

TEST_CASE("a heartbeat that another is moved onto dies without a stop") {
  const UniqueRegion region;
  auto first = Heartbeat::claim(options_for(region, "a"));
  auto second = Heartbeat::claim(options_for(region, "b"));
  first.heartbeat = std::move(second.heartbeat);
  CHECK(condition_of(region, "a") == Condition::dead);
  CHECK(facts_of(region, "b").lock == Lock::held);
}

TEST_CASE("each of many heartbeats in one process holds a lock of its own") {
  const UniqueRegion region;
  std::vector<Heartbeat> all;
  for (int i = 0; i < 8; ++i) all.push_back(Heartbeat::claim(options_for(region, "w" + std::to_string(i))).heartbeat);
  all[3].stop();
  all.erase(all.begin() + 5);
  for (int i = 0; i < 8; ++i) {
    const WorkerFacts facts = facts_of(region, "w" + std::to_string(i));
    CHECK((facts.lock == Lock::held) == (i != 3 && i != 5));
  }
  CHECK(condition_of(region, "w3") == Condition::stopped);
  CHECK(condition_of(region, "w5") == Condition::dead);
}

TEST_CASE("a refused claim leaves no descriptor and no lock behind") {
  const UniqueRegion region;
  const auto holder = Heartbeat::claim(options_for(region, "a"));
  const int before = dup(0);
  ::close(before);
  for (int i = 0; i < 5; ++i) CHECK(Heartbeat::claim(options_for(region, "a")).failure.fault == Fault::name_taken);
  const int after = dup(0);
  ::close(after);
  CHECK(after == before);
  CHECK(query_any_slot(Opened(region.place()).fd) == Lock::held);  // the holder's
  CHECK_FALSE(Heartbeat::claim(options_for(region, "b")).failure);
}

}  // namespace test_of_heartbeat
