// Which names are kept from a worker that has waited for one.
#include <doctest/doctest.h>

#include <shm_liveness/heartbeat.hpp>

#include "real.hpp"

namespace test_of_succession {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

bool is_kept(const UniqueRegion& region) { return is_kept_from_waiting(region.place(), "a"); }

}  // namespace

TEST_CASE("a name that nobody has, in a region or in none, is not kept from a waiting worker") {
  const UniqueRegion region;
  CHECK_FALSE(is_kept(region));
  auto other = Heartbeat::claim(options_for(region, "b"));
  REQUIRE_FALSE(other.failure);
  CHECK_FALSE(is_kept(region));
}

TEST_CASE("the name of a worker that has stopped is not kept, that of one that died is") {
  const UniqueRegion region;
  auto [holder, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  SUBCASE("stopped") {
    holder.stop();
    CHECK_FALSE(is_kept(region));
  }
  SUBCASE("died") {
    holder = Heartbeat{};
    CHECK(is_kept(region));
  }
}

TEST_CASE("the name of a worker that died in a phase is kept, unless that was its start") {
  const UniqueRegion region;
  auto [holder, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  holder.begin_phase("start", kHour);
  SUBCASE("in its start") {
    holder = Heartbeat{};
    CHECK_FALSE(is_kept(region));
  }
  SUBCASE("in the next phase") {
    holder.begin_phase("load", kHour);
    holder = Heartbeat{};
    CHECK(is_kept(region));
  }
  SUBCASE("after it") {
    holder.end_phase();
    holder = Heartbeat{};
    CHECK(is_kept(region));
  }
}

TEST_CASE("the name of a worker that another container left over is not kept") {
  const UniqueRegion region;
  {
    auto [holder, failure] = Heartbeat::claim(options_for(region, "a"));
    REQUIRE_FALSE(failure);
  }
  move_to_other_container(region, 0);
  CHECK_FALSE(is_kept(region));
}

}  // namespace test_of_succession
