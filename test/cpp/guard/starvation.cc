#include "guard/starvation.hpp"

#include <doctest/doctest.h>

#include "../facts.hpp"

namespace test_of_guard_starvation {

using namespace shm_liveness::made_up;
using shm_liveness::guard::had_enough_cpu;
using shm_liveness::guard::kMostExcusedLimits;
using shm_liveness::guard::Scheduled;
using shm_liveness::guard::withheld_ns;

namespace {

constexpr std::uint64_t kLimit = 500 * kMs;

Scheduled after(std::uint64_t passed, std::uint64_t ran, std::uint64_t waited) {
  return {.is_known = true, .at_ns = kNow + passed, .cpu_ns = kSecond + ran, .waited_ns = kSecond + waited};
}
const Scheduled kThen = after(0, 0, 0);

}  // namespace

TEST_CASE("a runnable task that got no CPU was refused all of the time, though the kernel has not counted it yet") {
  CHECK(withheld_ns(kThen, after(90 * kMs, 0, 0), true, kLimit) == 90 * kMs);
  CHECK(withheld_ns(kThen, after(90 * kMs, 10 * kMs, 0), true, kLimit) == 80 * kMs);
}

TEST_CASE("a sleeping task was refused what the kernel counted") {
  CHECK(withheld_ns(kThen, after(90 * kMs, 0, 0), false, kLimit) == 0);
  CHECK(withheld_ns(kThen, after(90 * kMs, 0, 30 * kMs), false, kLimit) == 30 * kMs);
}

TEST_CASE("nothing is excused for ever, and nothing that is not known") {
  CHECK(withheld_ns(kThen, after(3600 * kSecond, 0, 0), true, kLimit) == kMostExcusedLimits * kLimit);
  CHECK(withheld_ns(kThen, {}, true, kLimit) == 0);
  CHECK_FALSE(had_enough_cpu({}, after(kSecond, kSecond, 0), kLimit, 10 * kMs));
}

TEST_CASE("who ran for three of its cycles without a beat had its chance; a worker without a rhythm, for its limit") {
  CHECK_FALSE(had_enough_cpu(kThen, after(kSecond, 80 * kMs, 0), kLimit, 10 * kMs));
  CHECK(had_enough_cpu(kThen, after(kSecond, 90 * kMs, 0), kLimit, 10 * kMs));
  CHECK_FALSE(had_enough_cpu(kThen, after(kSecond, 290 * kMs, 0), kLimit, 100 * kMs));
  CHECK(had_enough_cpu(kThen, after(kSecond, 310 * kMs, 0), kLimit, 100 * kMs));
  CHECK_FALSE(had_enough_cpu(kThen, after(kSecond, 400 * kMs, 0), kLimit, 0));
  CHECK(had_enough_cpu(kThen, after(kSecond, 510 * kMs, 0), kLimit, 0));
}

}  // namespace test_of_guard_starvation
