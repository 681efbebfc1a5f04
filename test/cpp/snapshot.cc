#include <doctest/doctest.h>

#include "real.hpp"

namespace test_of_snapshot {

using namespace shm_liveness;
using namespace shm_liveness::real;

TEST_CASE("a release that races the reader is never death") {
  const UniqueRegion region;
  Heartbeat::claim(options_for(region, "a")).heartbeat.stop();
  constexpr int kRounds = 2'000;
  const pid_t worker = start_child([&] {
    for (int i = 0; i < kRounds; ++i) {
      auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
      if (failure || !heartbeat.beat()) return 1;
      heartbeat.stop();
    }
    return 0;
  });
  const Opened opened(region.place());
  RegionFacts facts;
  Surroundings around;
  around.known = true;
  around.context = read_context();
  int dead = 0, torn = 0, looks = 0;
  bool running = true;
  for (int status = 0; running; running = waitpid(worker, &status, WNOHANG) == 0) {
    for (int i = 0; i < 100; ++i, ++looks) {
      const WorkerFacts worker_facts = opened.look(0);
      around.now_boottime_ns = boottime_ns();
      const Judgement judgement = judge_worker(worker_facts, facts, around, Policy{});
      dead += judgement.condition == Condition::dead ? 1 : 0;
      torn += judgement.fault == Fault::layout ? 1 : 0;
    }
  }
  CHECK(dead == 0);
  CHECK(torn == 0);
  CHECK(looks > 0);
  CHECK(facts_of(region, "a").claims == kRounds + 1);
}

TEST_CASE("a slot that was never used is nobody") {
  const UniqueRegion region;
  Heartbeat::claim(options_for(region, "a")).heartbeat.stop();
  const Opened opened(region.place());
  CHECK(opened.look(5).state == State::free);
}

TEST_CASE("a state that there is not is a claim, and not a free slot or a stop") {
  const UniqueRegion region;
  auto claimed = Heartbeat::claim(options_for(region, "a"));
  const Scribbled scribbled(region);
  for (const std::uint32_t nonsense : {0u, 1u, 77u}) {
    scribbled.bank(0).hot.state.store_release(nonsense);
    CHECK(scribbled.look(0).state == State::claimed);
  }
}

TEST_CASE("a name without an end is cut at its field") {
  const UniqueRegion region;
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  const Scribbled scribbled(region);
  __builtin_memset(static_cast<void*>(&scribbled.bank(0).identity.name), 'x', kNameBytes);
  CHECK(scribbled.look(0).name_view().size() == kNameBytes - 1);
}

TEST_CASE("a change between the reading and the question about the lock is noticed") {
  const UniqueRegion region;
  auto claimed = Heartbeat::claim(options_for(region, "a"));
  const Opened opened(region.place());
  WorkerFacts facts;
  read_slot(opened, 0, facts);
  CHECK(ask_lock(opened, opened.locks(), facts));
  SUBCASE("stopped") {
    claimed.heartbeat.stop();
    CHECK_FALSE(ask_lock(opened, opened.locks(), facts));
  }
  SUBCASE("stopped and claimed again") {
    claimed.heartbeat.stop();
    claimed = Heartbeat::claim(options_for(region, "a"));
    CHECK_FALSE(ask_lock(opened, opened.locks(), facts));
    // The lock that is held now belongs to the other bank: never to what was read.
    CHECK(facts.lock == Lock::gone);
  }
  SUBCASE("gone without a word") {
    claimed.heartbeat = Heartbeat();
    CHECK(ask_lock(opened, opened.locks(), facts));
    CHECK(facts.lock == Lock::gone);
  }
}

TEST_CASE("ages are clamped at the clock, and count from the later sign of life") {
  WorkerFacts facts;
  facts.observed_ns = 100;
  facts.last_beat_ns = 60;
  facts.renewed_ns = 70;
  CHECK(facts.age_ns() == 30);
  facts.last_beat_ns = 101;
  CHECK(facts.age_ns() == 0);
}

}  // namespace test_of_snapshot
