#include <doctest/doctest.h>

#include <shm_liveness/glance.hpp>

#include "real.hpp"

namespace test_of_glance {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

bool healthy_at_a_glance(const std::vector<Place>& places, const Policy& policy = {}) {
  return are_healthy_at_a_glance(places, sys::effective_user(), policy);
}

std::vector<Heartbeat> start(const UniqueRegion& region, int count) {
  std::vector<Heartbeat> all;
  for (int i = 0; i < count; ++i) {
    all.push_back(Heartbeat::claim(options_for(region, "w" + std::to_string(i), 64)).heartbeat);
    all.back().beat();
    all.back().ready();
  }
  return all;
}

}  // namespace

TEST_CASE("one worker, and more than fit one portion, are healthy at a glance") {
  for (const int count : {1, 2, 16, 17, 50}) {
    CAPTURE(count);
    const UniqueRegion region;
    const std::vector<Heartbeat> all = start(region, count);
    for (const Check check : {Check::liveness, Check::readiness, Check::startup}) {
      CHECK(healthy_at_a_glance({region.place()}, {.check = check}));
    }
    CHECK(healthy_at_a_glance({region.place()}, {.expect = "w0", .min = static_cast<std::uint32_t>(count)}));
    CHECK_FALSE(healthy_at_a_glance({region.place()}, {.min = static_cast<std::uint32_t>(count) + 1}));
    CHECK_FALSE(healthy_at_a_glance({region.place()}, {.expect = "nobody"}));
  }
}

TEST_CASE("one bad worker is seen wherever it is") {
  for (const std::size_t bad : {std::size_t(0), std::size_t(15), std::size_t(16), std::size_t(39)}) {
    CAPTURE(bad);
    const UniqueRegion region;
    std::vector<Heartbeat> all = start(region, 40);
    SUBCASE("dead") { all[bad] = Heartbeat(); }
    SUBCASE("stalled") {
      const Scribbled scribbled(region);
      scribbled.bank(static_cast<std::uint32_t>(bad)).hot.stall_limit_ns.store_release(1);
    }
    SUBCASE("far ahead of the clock") {
      const Scribbled scribbled(region);
      scribbled.bank(static_cast<std::uint32_t>(bad)).hot.last_beat_ns.store_release(~std::uint64_t(0));
    }
    CHECK_FALSE(healthy_at_a_glance({region.place()}));
  }
}

TEST_CASE("a stopped worker beside living ones is no reason to look again") {
  const UniqueRegion region;
  std::vector<Heartbeat> all = start(region, 3);
  all[1].stop();
  CHECK(healthy_at_a_glance({region.place()}));
}

TEST_CASE("several regions are healthy together, or not") {
  const UniqueRegion first;
  const UniqueRegion second;
  const std::vector<Heartbeat> one = start(first, 1);
  std::vector<Heartbeat> two = start(second, 1);
  CHECK(healthy_at_a_glance({first.place(), second.place()}));
  two[0].stop();
  CHECK_FALSE(healthy_at_a_glance({first.place(), second.place()}));
}

TEST_CASE("nothing that is missing, empty or damaged is healthy at a glance") {
  const UniqueRegion region;
  CHECK_FALSE(healthy_at_a_glance({region.place()}));
  { const std::vector<Heartbeat> all = start(region, 1); }
  CHECK_FALSE(healthy_at_a_glance({region.place()}));
  const std::vector<Heartbeat> all = start(region, 1);
  REQUIRE(healthy_at_a_glance({region.place()}));
  const Scribbled scribbled(region);
  SUBCASE("magic") { scribbled.header().magic.store_release(1); }
  SUBCASE("signature") { scribbled.header().signature.store_release(1); }
  SUBCASE("cut short") { REQUIRE(truncate(region.path().c_str(), 100) == 0); }
  CHECK_FALSE(healthy_at_a_glance({region.place()}));
}

}  // namespace test_of_glance
