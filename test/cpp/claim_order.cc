// Which slot a new name takes: a never-used one, then a stopped one, then the oldest left over. Never a dead one.
#include <doctest/doctest.h>

#include "real.hpp"

namespace test_of_claim_order {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

// The slot in which a new worker starts and stays; -1: none to be had.
int slot_for(std::vector<Heartbeat>& living, const UniqueRegion& region, std::string_view name, std::uint32_t slots) {
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, name, slots));
  if (failure.fault == Fault::no_slot) return -1;
  CHECK_FALSE(failure);
  living.push_back(std::move(heartbeat));
  return slot_of(region, name);
}

void leave_over(const UniqueRegion& region, std::string_view name, std::uint32_t slots) {
  leave_dead(options_for(region, name, slots));
  move_to_other_container(region, static_cast<std::uint32_t>(slot_of(region, name)));
}

void stop_one(const UniqueRegion& region, std::string_view name, std::uint32_t slots) {
  Heartbeat::claim(options_for(region, name, slots)).heartbeat.stop();
}

}  // namespace

TEST_CASE("a new name takes a never-used slot before a stopped or a left-over one") {
  const UniqueRegion region;
  std::vector<Heartbeat> living;
  leave_over(region, "left", 4);   // slot 0
  stop_one(region, "stopped", 4);  // slot 1
  CHECK(slot_for(living, region, "a", 4) == 2);
  CHECK(slot_for(living, region, "b", 4) == 3);
  CHECK(slot_for(living, region, "c", 4) == 1);
  CHECK(slot_for(living, region, "d", 4) == 0);
  CHECK(slot_for(living, region, "e", 4) == -1);
}

TEST_CASE("of several stopped or left-over slots the one claimed longest ago goes first") {
  const UniqueRegion region;
  std::vector<Heartbeat> living;
  leave_over(region, "l0", 4);
  leave_over(region, "l1", 4);
  stop_one(region, "s2", 4);
  stop_one(region, "s3", 4);
  stop_one(region, "s2", 4);  // claimed again, so it is the younger one
  leave_over(region, "l0", 4);
  CHECK(slot_for(living, region, "a", 4) == 3);
  CHECK(slot_for(living, region, "b", 4) == 2);
  CHECK(slot_for(living, region, "c", 4) == 1);
  CHECK(slot_for(living, region, "d", 4) == 0);
}

TEST_CASE("a dead slot of this container is never taken by another name") {
  const UniqueRegion region;
  std::vector<Heartbeat> living;
  leave_dead(options_for(region, "dead", 2));
  CHECK(slot_for(living, region, "a", 2) == 1);
  CHECK(slot_for(living, region, "b", 2) == -1);
  CHECK(condition_of(region, "dead") == Condition::dead);
  SUBCASE("until it is retired") {
    CHECK_FALSE(retire(region.place(), "dead"));
    CHECK(slot_for(living, region, "b", 2) == 0);
  }
  SUBCASE("but by its own") { CHECK(slot_for(living, region, "dead", 2) == 0); }
}

TEST_CASE("a living worker's slot is never taken, not even one that looks left over") {
  const UniqueRegion region;
  std::vector<Heartbeat> living;
  CHECK(slot_for(living, region, "a", 1) == 0);
  move_to_other_container(region, 0);
  CHECK(slot_for(living, region, "b", 1) == -1);
  CHECK(condition_of(region, "a") == Condition::starting);
}

TEST_CASE("names that come and go, each another, never fill the region") {
  const UniqueRegion region;
  for (int i = 0; i < 50; ++i) stop_one(region, "worker-" + std::to_string(i), 4);
  CHECK(Opened(region.place()).used_slots() == 4);
  for (int i = 0; i < 10; ++i) leave_over(region, "crashed-" + std::to_string(i), 4);
  std::vector<Heartbeat> living;
  CHECK(slot_for(living, region, "a", 4) >= 0);
}

// The successor needs the slot, and it is evidence until then.
TEST_CASE("a restart mark gives a dead worker's slot to nobody but its successor") {
  const UniqueRegion region;
  std::vector<Heartbeat> living;
  leave_dead(options_for(region, "worker-17", 1));
  CHECK_FALSE(mark_restart(region.place(), "worker-17", kHour));
  CHECK(slot_for(living, region, "worker-18", 1) == -1);
  CHECK(slot_for(living, region, "worker-17", 1) == 0);
}

TEST_CASE("a slot whose first claim never became visible is as good as a never-used one") {
  const UniqueRegion region;
  std::vector<Heartbeat> living;
  stop_one(region, "stopped", 2);
  Scribbled(region).header().used_slots.store_release(2);  // as a claimant leaves it that is killed right after
  CHECK(slot_for(living, region, "a", 2) == 1);
}

}  // namespace test_of_claim_order
