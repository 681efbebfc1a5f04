// How long a probe waits for a new beat of a worker that seems stalled: by the worker's own rhythm.
#include <doctest/doctest.h>

#include <thread>

#include "real.hpp"

namespace test_of_confirm {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

// Its latest beat is `ago` old, with cycles of up to 2^(bin + 1) ns behind it.
struct Overdue {
  explicit Overdue(std::size_t bin, std::uint64_t ago = 4 * kSecond) {
    ClaimOptions options = options_for(region, "a");
    options.max_age_ns = 2 * kSecond;
    auto claimed = Heartbeat::claim(options);
    REQUIRE_FALSE(claimed.failure);
    heartbeat = std::move(claimed.heartbeat);
    heartbeat.beat();
    const Scribbled scribbled(region);
    Hot& hot = scribbled.bank(0).hot;
    hot.last_beat_ns.store_release(monotonic_ns() - ago);
    hot.renewed_ns.store_release(monotonic_ns() - ago);
    scribbled.life(0).cycles[bin].store_release(100);
  }
  UniqueRegion region;
  Heartbeat heartbeat;
};

constexpr std::size_t kUpToOneSecond = 29;      // 0.54 to 1.07 s
constexpr std::size_t kUpToHalfAMinute = 34;    // 17 to 34 s
constexpr std::size_t kFarBelowOneSecond = 20;  // 1 to 2 ms

}  // namespace

// A thaw: the worker needs the rest of a cycle before it can beat. 300 ms, as much as any worker was given before, are
// not enough for it.
TEST_CASE("a worker of slow cycles that beats within one of them is running") {
  Overdue worker(kUpToHalfAMinute);
  std::thread thawed([&] {
    sys::sleep_ns(700 * kMs);
    worker.heartbeat.beat();
  });
  const Look look = look_into(worker.region.place(), {.timeout_ns = kPatience});
  thawed.join();
  CHECK(look.verdict.kind == Kind::healthy);
}

TEST_CASE("one that does not is stalled, after one cycle of its own") {
  const Overdue worker(kUpToOneSecond);
  const std::uint64_t began = monotonic_ns();
  CHECK(look_into(worker.region.place(), {.timeout_ns = kPatience}).verdict.kind == Kind::stalled);
  CHECK(monotonic_ns() - began >= std::uint64_t(1) << 30);
}

TEST_CASE("the wait ends before the probe's own timeout, however slow the worker is") {
  const Overdue worker(kUpToHalfAMinute);
  const std::uint64_t began = monotonic_ns();
  CHECK(look_into(worker.region.place()).verdict.kind == Kind::stalled);
  CHECK(monotonic_ns() - began >= kDefaultTimeoutNs - kTimeoutReserveNs);
  CHECK(monotonic_ns() - began < 20 * kSecond);  // and not half a minute
}

TEST_CASE("a worker of fast cycles is given no longer than before") {
  const Overdue worker(kFarBelowOneSecond);
  const std::uint64_t began = monotonic_ns();
  CHECK(look_into(worker.region.place(), {.timeout_ns = kHour}).verdict.kind == Kind::stalled);
  CHECK(monotonic_ns() - began >= kConfirmCeilingNs);
  CHECK(monotonic_ns() - began < 20 * kSecond);
}

TEST_CASE("of two that seem stalled the slow one is given its time, though the fast one had none left") {
  Overdue slow(kUpToHalfAMinute);
  ClaimOptions options = options_for(slow.region, "b");
  options.max_age_ns = 1;
  auto fast = Heartbeat::claim(options);
  fast.heartbeat.beat();
  std::thread thawed([&] {
    sys::sleep_ns(700 * kMs);
    slow.heartbeat.beat();
  });
  const Look look = look_into(slow.region.place(), {.timeout_ns = kPatience});
  thawed.join();
  CHECK(look.verdict.kind == Kind::stalled);
  CHECK(look.line.starts_with("stalled: b "));
  CHECK(look.verdict.others == 0);
}

}  // namespace test_of_confirm
