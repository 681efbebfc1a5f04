// Which names are kept from a worker that has waited for one.
#include <doctest/doctest.h>

#include <shm_liveness/heartbeat.hpp>

#include "real.hpp"

namespace test_of_succession {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

bool is_kept(const UniqueRegion& region) { return is_kept_from_waiting(Opened(region.place()), "a"); }

// Whether another process could claim while the rule was asked.
struct AskedRule {
  int other_fd;
  bool* is_alone;
  bool keeps(const Region&, std::string_view) const {
    *is_alone = bool(try_lock(other_fd, kClaimByte));
    return true;
  }
};

}  // namespace

TEST_CASE("a name that nobody has is not kept from a waiting worker") {
  const UniqueRegion region;
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

TEST_CASE("the name of a worker that says it has stopped is kept as long as it has not unlocked") {
  const UniqueRegion region;
  auto [holder, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  holder.held()->claim.bank().hot.state.store_release(static_cast<std::uint32_t>(State::stopped));
  CHECK(is_kept(region));
  holder.stop();
  CHECK_FALSE(is_kept(region));
}

TEST_CASE("what is kept from a waiting worker is refused to it, and to no other") {
  const UniqueRegion region;
  {
    auto [holder, failure] = Heartbeat::claim(options_for(region, "a"));
    REQUIRE_FALSE(failure);
  }
  CHECK(Heartbeat::claim(options_for(region, "a"), {.after_waiting = true}).failure.fault == Fault::name_taken);
  CHECK(condition_of(region, "a") == Condition::dead);
  CHECK_FALSE(Heartbeat::claim(options_for(region, "a")).failure);
}

TEST_CASE("a claim asks whether a name is kept while nobody else can claim, and takes nothing then") {
  const UniqueRegion region;
  auto [holder, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  holder.stop();
  const Scribbled other(region);
  bool is_alone = false;
  Claim claim;
  CHECK(take(options_for(region, "a"), claim, NoForks{}, AskedRule{other.fd, &is_alone}).fault == Fault::name_taken);
  CHECK(is_alone);
  CHECK_FALSE(try_lock(other.fd, kClaimByte));
  CHECK(condition_of(region, "a") == Condition::stopped);
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
