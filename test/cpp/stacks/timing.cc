#include "stacks/timing.hpp"

#include <doctest/doctest.h>

namespace test_of_stacks_timing {

using namespace shm_liveness::addon::stacks;

namespace {

constexpr std::uint64_t kMs = 1'000'000;

Timing silent_since(std::uint64_t alive_ms, std::uint64_t limit_ms, std::uint64_t cycle_limit_ms = 0) {
  Timing timing;
  timing.look({1, alive_ms * kMs, limit_ms * kMs, cycle_limit_ms * kMs});
  return timing;
}

}  // namespace

TEST_CASE("a stall is due at half of the limit, at the limit, and then at twice each time") {
  Timing timing = silent_since(1000, 200);
  CHECK_FALSE(timing.takes_stall(1099 * kMs));
  CHECK(timing.takes_stall(1100 * kMs));
  CHECK_FALSE(timing.takes_stall(1199 * kMs));
  CHECK(timing.takes_stall(1201 * kMs));
  CHECK_FALSE(timing.takes_stall(1399 * kMs));
  CHECK(timing.takes_stall(1401 * kMs));
  // A look that comes late is one look.
  CHECK(timing.takes_stall(9000 * kMs));
  CHECK_FALSE(timing.takes_stall(9000 * kMs));
}

TEST_CASE("a cycle is due once, just beyond its limit, and no earlier than 5 ms") {
  Timing timing = silent_since(1000, 200, 20);
  CHECK_FALSE(timing.takes_cycle(1020 * kMs));
  CHECK(timing.takes_cycle(1020 * kMs + 1));
  CHECK_FALSE(timing.takes_cycle(1100 * kMs));
  Timing short_one = silent_since(1000, 200, 1);
  CHECK_FALSE(short_one.takes_cycle(1005 * kMs));
  CHECK(short_one.takes_cycle(1005 * kMs + 1));
  Timing none = silent_since(1000, 200);
  CHECK_FALSE(none.takes_cycle(9000 * kMs));
}

TEST_CASE("a sign of life begins anew") {
  Timing timing = silent_since(1000, 200, 20);
  CHECK(timing.takes_cycle(1030 * kMs));
  CHECK_FALSE(timing.look({1, 1000 * kMs, 200 * kMs, 20 * kMs}));
  CHECK(timing.look({2, 1040 * kMs, 200 * kMs, 20 * kMs}));
  CHECK(timing.takes_cycle(1061 * kMs));
  // A phase change counts no beat.
  CHECK(timing.look({2, 1070 * kMs, 60'000 * kMs, 0}));
  CHECK_FALSE(timing.takes_stall(1500 * kMs));
}

TEST_CASE("the next look is due in time for a silence that nobody tells of") {
  Timing timing = silent_since(1000, 200, 20);
  CHECK(timing.look_at_ns(1000 * kMs) == 1020 * kMs + 1);
  CHECK(timing.takes_cycle(1021 * kMs));
  CHECK(timing.look_at_ns(1021 * kMs) == 1041 * kMs + 1);
  Timing hanging = silent_since(1000, 200);
  CHECK(hanging.takes_stall(5000 * kMs));
  CHECK(hanging.look_at_ns(5000 * kMs) == 5100 * kMs);
}

TEST_CASE("time in which the process did not run is not counted") {
  Timing timing = silent_since(1000, 200, 20);
  timing.excuse(10'000 * kMs);
  CHECK_FALSE(timing.takes_stall(11'099 * kMs));
  CHECK_FALSE(timing.takes_cycle(11'020 * kMs));
  CHECK(timing.takes_stall(11'100 * kMs));
  CHECK(timing.takes_cycle(11'021 * kMs));
}

}  // namespace test_of_stacks_timing
