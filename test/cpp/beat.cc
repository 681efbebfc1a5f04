#include <doctest/doctest.h>

#include "real.hpp"

namespace test_of_beat {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

struct Worker {
  explicit Worker(std::uint64_t cycle_limit_ns = 0) {
    ClaimOptions options = options_for(region, "a");
    options.max_age_ns = 250 * kMs;
    options.cycle_limit_ns = cycle_limit_ns;
    auto claimed = Heartbeat::claim(options);
    CHECK_FALSE(claimed.failure);
    heartbeat = std::move(claimed.heartbeat);
  }
  WorkerFacts facts() const { return facts_of(region, "a"); }
  std::uint64_t cycles_counted() const {
    const Opened opened(region.place());
    std::uint64_t sum = 0;
    for (const Word64& bin : opened.life(0).cycles) sum += bin.load_acquire();
    return sum;
  }
  UniqueRegion region;
  Heartbeat heartbeat;
};

}  // namespace

TEST_CASE("each beat is counted and stamped") {
  Worker worker;
  const std::uint64_t before = monotonic_ns();
  for (int i = 0; i < 100; ++i) CHECK(worker.heartbeat.beat());
  const WorkerFacts facts = worker.facts();
  CHECK(facts.beats == 100);
  CHECK(facts.last_beat_ns >= before);
  CHECK(facts.last_beat_ns <= facts.observed_ns);
}

TEST_CASE("an unattended beat is a beat as any other") {
  Worker worker;
  for (int i = 0; i < 100; ++i) CHECK(worker.heartbeat.beat_unattended());
  CHECK(worker.facts().beats == 100);
  CHECK(worker.cycles_counted() == 99);
  worker.heartbeat.stop();
  CHECK_FALSE(worker.heartbeat.beat_unattended());
}

TEST_CASE("n beats are n - 1 cycles: the first has no beginning") {
  Worker worker;
  worker.heartbeat.beat();
  CHECK(worker.cycles_counted() == 0);
  CHECK(worker.facts().worst_cycle_ns == 0);
  for (int i = 0; i < 10; ++i) worker.heartbeat.beat();
  CHECK(worker.cycles_counted() == 10);
}

TEST_CASE("a beat is never before the last one, though a thread that takes over may read the time a little earlier") {
  const UniqueRegion region;
  Stamping worker(options_for(region, "a"));
  REQUIRE_FALSE(worker.failure);
  for (int i = 0; i < 3; ++i) beat(worker.pulse);
  const std::uint64_t worst = facts_of(region, "a").worst_cycle_ns;
  const std::uint64_t ahead = monotonic_ns() + 40'000;
  worker.pulse.last_ns = ahead;
  beat(worker.pulse);
  CHECK(facts_of(region, "a").last_beat_ns >= ahead);
  CHECK(facts_of(region, "a").worst_cycle_ns < worst + 60 * kSecond);
}

TEST_CASE("a cycle is counted in the bin of its power of two") {
  Worker worker;
  worker.heartbeat.beat();
  sys::sleep_ns(20 * kMs);
  worker.heartbeat.beat();
  const std::uint64_t worst = worker.facts().worst_cycle_ns;
  CHECK(worst >= 20 * kMs);
  const Opened opened(worker.region.place());
  const auto bin = static_cast<std::size_t>(std::bit_width(worst)) - 1;
  CHECK(opened.life(0).cycles[bin].load_acquire() == 1);
}

TEST_CASE("cycles beyond the limit are counted and timed, others are not") {
  Worker worker(10 * kMs);
  worker.heartbeat.beat();
  worker.heartbeat.beat();
  CHECK(worker.facts().late_cycles == 0);
  sys::sleep_ns(15 * kMs);
  worker.heartbeat.beat();
  const WorkerFacts first = worker.facts();
  CHECK(first.late_cycles == 1);
  CHECK(first.late_at_ns == first.last_beat_ns);
  sys::sleep_ns(11 * kMs);  // shorter than the worst, and still late
  worker.heartbeat.beat();
  const WorkerFacts second = worker.facts();
  CHECK(second.late_cycles == 2);
  CHECK(second.late_at_ns > first.late_at_ns);
}

TEST_CASE("a phase is no cycle, neither its beats nor the way in and out") {
  Worker worker(5 * kMs);
  worker.heartbeat.beat();
  worker.heartbeat.begin_phase("load", kSecond);
  sys::sleep_ns(10 * kMs);
  worker.heartbeat.beat();
  sys::sleep_ns(10 * kMs);
  worker.heartbeat.beat();
  worker.heartbeat.end_phase();
  sys::sleep_ns(10 * kMs);
  worker.heartbeat.beat();
  CHECK(worker.facts().late_cycles == 0);
  CHECK(worker.cycles_counted() == 0);
  CHECK(worker.facts().beats == 4);
  worker.heartbeat.beat();
  CHECK(worker.cycles_counted() == 1);
}

TEST_CASE("a phase has its name and budget while it lasts, and entering one while in one replaces it") {
  Worker worker;
  CHECK(worker.heartbeat.begin_phase("calibrate", 30 * kSecond));
  WorkerFacts facts = worker.facts();
  CHECK(facts.in_phase);
  CHECK(facts.stall_limit_ns == 30 * kSecond);
  CHECK(std::string(facts.phase) == "calibrate");
  CHECK(worker.heartbeat.begin_phase("flush", 2 * kSecond));
  facts = worker.facts();
  CHECK(std::string(facts.phase) == "flush");
  CHECK(facts.stall_limit_ns == 2 * kSecond);
  const std::uint64_t renewed = facts.renewed_ns;
  CHECK(worker.heartbeat.end_phase());
  facts = worker.facts();
  CHECK_FALSE(facts.in_phase);
  CHECK(facts.stall_limit_ns == 250 * kMs);
  CHECK(facts.renewed_ns > renewed);
}

TEST_CASE("names and status lines that are too long are cut to their field") {
  Worker worker;
  CHECK(worker.heartbeat.begin_phase(std::string(200, 'p'), kSecond));
  CHECK(worker.heartbeat.not_ready(std::string(200, 's')));
  CHECK(std::string(worker.facts().phase) == std::string(kNameBytes - 1, 'p'));
  CHECK(std::string(worker.facts().status) == std::string(kStatusBytes - 1, 's'));
}

TEST_CASE("ready and not ready replace one another, with and without a reason") {
  Worker worker;
  CHECK_FALSE(worker.facts().ready);
  CHECK(worker.heartbeat.not_ready("draining"));
  CHECK(std::string(worker.facts().status) == "draining");
  CHECK(worker.heartbeat.ready());
  CHECK(worker.facts().ready);
  CHECK(worker.heartbeat.not_ready({}));
  CHECK_FALSE(worker.facts().ready);
  CHECK(std::string(worker.facts().status).empty());
}

TEST_CASE("the coarse clock beats too, and its cycles of nothing are counted") {
  const UniqueRegion region;
  ClaimOptions options = options_for(region, "a");
  options.clock = Clock::coarse;
  auto [heartbeat, failure] = Heartbeat::claim(options);
  REQUIRE_FALSE(failure);
  for (int i = 0; i < 1000; ++i) heartbeat.beat();
  CHECK(facts_of(region, "a").beats == 1000);
  CHECK(Opened(region.place()).life(0).cycles[0].load_acquire() > 0);
}

}  // namespace test_of_beat
