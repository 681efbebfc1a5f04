#include <doctest/doctest.h>

#include <shm_liveness/rhythm.hpp>

namespace test_of_rhythm {

using namespace shm_liveness;

namespace {
struct Cycles : Life {
  Cycles() : Life{} {}
  Cycles& count(std::size_t bin, std::uint64_t times) {
    cycles[bin].store_relaxed(times);
    return *this;
  }
};
}  // namespace

TEST_CASE("a worker that has timed no cycle has no rhythm yet") { CHECK(usual_cycle_ns(Cycles()) == 0); }

TEST_CASE("the usual cycle is the upper edge of the bin that it is counted in") {
  CHECK(usual_cycle_ns(Cycles().count(0, 1)) == 2);
  CHECK(usual_cycle_ns(Cycles().count(29, 1)) == std::uint64_t(1) << 30);
  CHECK(usual_cycle_ns(Cycles().count(20, 50).count(29, 50)) == std::uint64_t(1) << 30);
  CHECK(usual_cycle_ns(Cycles().count(62, 5)) == std::uint64_t(1) << 63);
  CHECK(usual_cycle_ns(Cycles().count(63, 5)) == ~std::uint64_t(0));
}

TEST_CASE("one cycle of hundreds that was frozen is not usual, and more than one in a hundred is") {
  CHECK(usual_cycle_ns(Cycles().count(20, 99).count(40, 1)) == std::uint64_t(1) << 21);
  CHECK(usual_cycle_ns(Cycles().count(20, 98).count(40, 2)) == std::uint64_t(1) << 41);
  CHECK(usual_cycle_ns(Cycles().count(20, 980).count(30, 10).count(40, 10)) == std::uint64_t(1) << 31);
}

}  // namespace test_of_rhythm
