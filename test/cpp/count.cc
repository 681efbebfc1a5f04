// count.hpp and sample(): what a count and the looks at it make of a slot. Times are made up.
#include <doctest/doctest.h>

#include <shm_liveness/rhythm.hpp>

#include "real.hpp"

namespace test_of_count {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

// A counted claim, whose samples the test takes.
struct Sampled {
  explicit Sampled(std::uint64_t cycle_limit_ns = 0) : worker(options(cycle_limit_ns)) {
    REQUIRE_FALSE(worker.failure);
  }
  void beat(int times = 1) {
    for (int i = 0; i < times; ++i) CHECK(shm_liveness::beat(worker.pulse));
  }
  void sample_at(std::uint64_t ms) { sample(worker.pulse, hot(), began + ms * kMs); }
  Hot& hot() { return worker.claim.bank().hot; }
  std::uint64_t stamped_ms() { return (hot().last_beat_ns.load_acquire() - began) / kMs; }
  // How many cycles were noted in the bin of this length.
  std::uint64_t cycles_of(std::uint64_t ns) {
    return worker.claim.life().cycles[static_cast<std::size_t>(std::bit_width(ns)) - 1].load_acquire();
  }

  UniqueRegion region;
  Stamping worker;
  std::uint64_t began = monotonic_ns();

 private:
  ClaimOptions options(std::uint64_t cycle_limit_ns) const {
    ClaimOptions options = options_for(region, "a");
    options.clock = Clock::counted;
    options.cycle_limit_ns = cycle_limit_ns;
    return options;
  }
};

}  // namespace

TEST_CASE("a beat is a count, and a sample stamps it only if it has moved") {
  Sampled worker;
  worker.beat(3);
  CHECK(worker.hot().beats.load_acquire() == 0);
  CHECK(worker.hot().last_beat_ns.load_acquire() == 0);
  worker.sample_at(25);
  CHECK(worker.hot().beats.load_acquire() == 3);
  CHECK(worker.stamped_ms() == 25);
  worker.sample_at(50);
  CHECK(worker.stamped_ms() == 25);
  worker.beat();
  worker.sample_at(75);
  CHECK(worker.stamped_ms() == 75);
  CHECK(worker.hot().beats.load_acquire() == 4);
}

TEST_CASE("a reader knows all beats, also those that no sample has seen") {
  Sampled worker;
  worker.beat(2);
  WorkerFacts facts = facts_of(worker.region, "a");
  CHECK(facts.counted);
  CHECK(facts.beats == 2);
  CHECK(facts.last_beat_ns == facts.claimed_ns);
  worker.sample_at(25);
  worker.beat(5);
  facts = facts_of(worker.region, "a");
  CHECK(facts.beats == 7);
  CHECK(facts.last_beat_ns == worker.began + 25 * kMs);
}

TEST_CASE("the count wraps around, and the sum goes on") {
  Sampled worker;
  worker.hot().count.store_release(0xffff'fffe);
  worker.sample_at(25);
  worker.beat(5);
  CHECK(facts_of(worker.region, "a").beats == 0x1'0000'0003);
  worker.sample_at(50);
  CHECK(worker.hot().beats.load_acquire() == 0x1'0000'0003);
  CHECK(facts_of(worker.region, "a").beats == 0x1'0000'0003);
}

TEST_CASE("between samples the usual cycle is the mean") {
  Sampled worker;
  worker.beat();
  worker.sample_at(0);
  worker.beat(25'000);
  worker.sample_at(25);
  CHECK(worker.cycles_of(1'000) == 25'000);
  CHECK(worker.hot().worst_cycle_ns.load_acquire() < 1'000);
}

TEST_CASE("a silence is one cycle, and no longer than is proven") {
  Sampled worker(60 * kMs);
  worker.beat();
  worker.sample_at(0);
  for (const std::uint64_t ms : {25u, 50u, 75u}) worker.sample_at(ms);
  worker.beat(100);
  worker.sample_at(100);
  // Between 75 and 125 ms: the last beat before was seen at 0, and the first one after it by 100 at the latest.
  CHECK(worker.hot().worst_cycle_ns.load_acquire() == 75 * kMs);
  CHECK(worker.hot().late_cycles.load_acquire() == 1);
  CHECK(worker.hot().late_at_ns.load_acquire() == worker.began + 100 * kMs);
  CHECK(worker.cycles_of(75 * kMs + 250'000) == 1);
  CHECK(worker.cycles_of(250'000) == 99);
}

// A loop of 50 ms, looked at each 25: never late by a limit of 60, however its beats fall between the samples.
TEST_CASE("a loop that keeps its limit is never late") {
  Sampled worker(60 * kMs);
  for (std::uint64_t ms = 0; ms < 1'000; ms += 25) {
    if (ms % 50 == 0) worker.beat();
    worker.sample_at(ms);
  }
  CHECK(worker.hot().late_cycles.load_acquire() == 0);
  CHECK(worker.cycles_of(50 * kMs) == 19);
}

TEST_CASE("a sampler that was starved makes no cycle long") {
  Sampled worker(60 * kMs);
  worker.beat();
  worker.sample_at(0);
  worker.beat(1'000'000);
  worker.sample_at(10'000);
  CHECK(worker.hot().late_cycles.load_acquire() == 0);
  CHECK(worker.cycles_of(10'000) == 1'000'000);
}

TEST_CASE("cycles of a phase are not timed, and its beats are stamped") {
  Sampled worker(60 * kMs);
  worker.beat();
  worker.sample_at(0);
  REQUIRE(begin_phase(worker.worker.pulse, "load", kHour));
  worker.sample_at(500);
  worker.beat();
  worker.sample_at(525);
  CHECK(worker.stamped_ms() == 525);
  REQUIRE(end_phase(worker.worker.pulse));
  worker.sample_at(1'000);
  worker.beat();
  worker.sample_at(1'025);
  CHECK(worker.hot().late_cycles.load_acquire() == 0);
  CHECK(usual_cycle_ns(worker.worker.claim.life()) == 0);
}

TEST_CASE("a life that beat and died before the first sample has beaten") {
  UniqueRegion region;
  ClaimOptions options = options_for(region, "a");
  options.clock = Clock::counted;
  {
    Stamping died(options);
    CHECK(beat(died.pulse));
  }
  Stamping next(options);
  CHECK(facts_of(region, "a").row == 0);
}

TEST_CASE("a claim that samples could not follow is refused") {
  UniqueRegion region;
  ClaimOptions options = options_for(region, "a");
  options.clock = Clock::counted;
  options.max_age_ns = kLeastCountedMaxAgeNs - 1;
  CHECK(Heartbeat::claim(options).failure.fault == Fault::invalid_option);
  options.max_age_ns = kLeastCountedMaxAgeNs;
  CHECK_FALSE(Heartbeat::claim(options).failure);
}

}  // namespace test_of_count
