// Who hears that a region was lost, when, and what a listener may do.
#include <doctest/doctest.h>

#include <vector>

#include "real.hpp"
#include "told.hpp"

namespace test_of_loss_heard {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

ClaimOptions of_each_clock(const UniqueRegion& region) {
  ClaimOptions options = options_for(region, "a");
  SUBCASE("precise") { options.clock = Clock::precise; }
  SUBCASE("coarse") { options.clock = Clock::coarse; }
  SUBCASE("counted") { options.clock = Clock::counted; }
  return options;
}

void stop_at_loss(Heartbeat& heartbeat) {
  heartbeat.listen_for_loss([](void* self, const detail::Held&, Fault) { static_cast<Heartbeat*>(self)->stop(); },
                            &heartbeat);
}

}  // namespace

// Of such a beat the listener must not hear: it may be JavaScript, and the call one that may not run any.
TEST_CASE("an unattended beat does nothing once the worker must look, and so notices nothing") {
  const UniqueRegion region;
  const ClaimOptions options = of_each_clock(region);
  auto [heartbeat, failure] = Heartbeat::claim(options);
  REQUIRE_FALSE(failure);
  Told told(heartbeat);
  ::unlink(region.path().c_str());
  CHECK(eventually([&] { return !heartbeat.beat_unattended(); }));
  const Hot& hot = heartbeat.held()->claim.bank().hot;
  const std::uint64_t beats = hot.beats.load_acquire();
  const std::uint32_t count = hot.count.load_acquire();
  CHECK_FALSE(heartbeat.beat_unattended());
  CHECK(hot.count.load_acquire() == count);
  if (options.clock != Clock::counted) CHECK(hot.beats.load_acquire() == beats);
  CHECK(told.times == 0);
  CHECK(heartbeat.comebacks() == 0);
  CHECK(heartbeat.beat());
  CHECK(told.times == 1);
  CHECK(heartbeat.comebacks() == 1);
  CHECK(heartbeat.beat_unattended());
}

// The call that told of the loss comes back to what stop() has given up.
TEST_CASE("a worker may be stopped by its listener, and the call that found the loss is then refused") {
  const UniqueRegion region;
  const ClaimOptions options = of_each_clock(region);
  const std::vector<bool (*)(Heartbeat&)> calls = {
      [](Heartbeat& heartbeat) { return heartbeat.owns_slot(); },
      [](Heartbeat& heartbeat) { return heartbeat.ready(); },
      [](Heartbeat& heartbeat) { return heartbeat.begin_phase("load", kHour); },
      [](Heartbeat& heartbeat) { return heartbeat.end_phase(); },
      [](Heartbeat& heartbeat) {
        CHECK(eventually([&] { return !heartbeat.beat(); }));
        return heartbeat.beat();
      },
  };
  for (const auto& call : calls) {
    auto [heartbeat, failure] = Heartbeat::claim(options);
    REQUIRE_FALSE(failure);
    stop_at_loss(heartbeat);
    ::unlink(region.path().c_str());
    CHECK_FALSE(call(heartbeat));
    CHECK(condition_of(region, "a") == Condition::stopped);
    CHECK_FALSE(heartbeat.beat());
  }
}

TEST_CASE("a worker may be stopped by its listener where another worker has its name") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  stop_at_loss(heartbeat);
  ::unlink(region.path().c_str());
  auto second = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(second.failure);
  CHECK_FALSE(heartbeat.owns_slot());
  CHECK(facts_of(region, "a").lock == Lock::held);
  CHECK(second.heartbeat.beat());
}

}  // namespace test_of_loss_heard
