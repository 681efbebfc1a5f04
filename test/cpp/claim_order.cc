// Which slot a new name takes: a never-used one, then a stopped one, then the oldest left over. Never a dead one.
#include <doctest/doctest.h>

#include "real.hpp"

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
  const Scribbled scribbled(region);
  Word64& container = scribbled.slot(static_cast<std::uint32_t>(slot_of(region, name))).identity.container_a;
  container.store_release(container.load_relaxed() + 1);
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
  {
    const Scribbled scribbled(region);
    scribbled.slot(0).identity.container_a.store_release(1);
  }
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

TEST_CASE("a restart in place frees the slots of the dead before it") {
  const UniqueRegion region;
  std::vector<Heartbeat> living;
  leave_dead(options_for(region, "worker-17", 1));
  CHECK(slot_for(living, region, "worker-18", 1) == -1);
  CHECK_FALSE(mark_restart(region.place(), 0));
  CHECK(slot_for(living, region, "worker-18", 1) == 0);
}

TEST_CASE("a restart mark that readers do not believe frees no slot either") {
  const UniqueRegion region;
  std::vector<Heartbeat> living;
  leave_dead(options_for(region, "worker-17", 1));
  const auto mark = [&](std::uint64_t restart, std::uint64_t budget) {
    const Scribbled scribbled(region);
    scribbled.header().restart_budget_ns.store_release(budget);
    scribbled.header().restart_boottime_ns.store_release(restart);
  };
  mark(boottime_ns() + 3'600'000'000'000, 0);  // from the future
  CHECK(slot_for(living, region, "worker-18", 1) == -1);
  mark(boottime_ns(), kMaxDurationNs + 1);  // with a budget that nobody can have given
  CHECK(slot_for(living, region, "worker-18", 1) == -1);
  CHECK(condition_of(region, "worker-17") == Condition::dead);
}
