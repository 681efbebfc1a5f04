// A real SIGBUS, from a real ftruncate.
#include <doctest/doctest.h>

#include <shm_liveness/truncation.hpp>

#include "real.hpp"
#include "sigbus.hpp"

namespace test_of_truncation {

using namespace shm_liveness;
using namespace shm_liveness::real;

TEST_CASE("a reader whose region is cut short reads zeroes, and knows") {
  handle_sigbus();
  const UniqueRegion region;
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  const Opened opened(region.place());
  CHECK_FALSE(is_lost(opened));
  REQUIRE(truncate(region.path().c_str(), 0) == 0);
  CHECK(opened.look(0).state == State::free);
  CHECK(is_lost(opened));
  CHECK(opened.header().magic.load_acquire() == 0);
}

TEST_CASE("a pulse whose region is cut short stamps nothing any more, and each change of it harms nobody") {
  handle_sigbus();
  const UniqueRegion region;
  Stamping worker(options_for(region, "a"));
  REQUIRE_FALSE(worker.failure);
  CHECK(beat(worker.pulse));
  REQUIRE(truncate(region.path().c_str(), 0) == 0);
  SUBCASE("beat") { beat(worker.pulse); }
  SUBCASE("phase") { begin_phase(worker.pulse, "x", 1); }
  SUBCASE("end of phase") { end_phase(worker.pulse); }
  SUBCASE("ready") { set_ready(worker.pulse, false, "x"); }
  SUBCASE("max age") { set_max_age(worker.pulse, kHour); }
  CHECK(is_lost(worker.claim.region));
  CHECK_FALSE(beat(worker.pulse));
  CHECK_FALSE(begin_phase(worker.pulse, "x", 1));
  CHECK_FALSE(set_ready(worker.pulse, true, {}));
}

// In a child, so that the signal that killed it is told apart. Nothing beats between the truncation and the stop: the
// stop's own store is the first to meet the missing page.
TEST_CASE("a stop over a region that was cut short since the last beat harms nobody") {
  const UniqueRegion region;
  CHECK(in_child([&] {
          handle_sigbus();
          auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
          if (failure || !heartbeat.beat() || truncate(region.path().c_str(), 0) != 0) return 1;
          heartbeat.stop();
          return heartbeat.beat() ? 2 : 0;
        }) == 0);
  CHECK(in_child([&] {
          handle_sigbus();
          ::unlink(region.path().c_str());
          Claim claim;
          if (take(options_for(region, "a"), claim) || truncate(region.path().c_str(), 0) != 0) return 1;
          release(claim);
          return claim.region.memory == nullptr ? 0 : 2;
        }) == 0);
}

TEST_CASE("after a stop over a lost region the name can be claimed anew") {
  handle_sigbus();
  const UniqueRegion region;
  auto claimed = Heartbeat::claim(options_for(region, "a"));
  REQUIRE(truncate(region.path().c_str(), 0) == 0);
  claimed.heartbeat.stop();
  auto again = Heartbeat::claim(options_for(region, "a"));
  CHECK_FALSE(again.failure);
  CHECK(again.heartbeat.beat());
}

TEST_CASE("the loss of one region is not the loss of another") {
  handle_sigbus();
  const UniqueRegion lost;
  const UniqueRegion kept;
  Stamping first(options_for(lost, "a"));
  Stamping second(options_for(kept, "a"));
  REQUIRE(truncate(lost.path().c_str(), 0) == 0);
  beat(first.pulse);
  CHECK(is_lost(first.claim.region));
  CHECK_FALSE(is_lost(second.claim.region));
  CHECK(beat(second.pulse));
}

TEST_CASE("a region that is cut short between opening and looking is unusable, and not a word is said of its workers") {
  handle_sigbus();
  for (const bool is_careful : {false, true}) {
    for (const bool is_long_again : {false, true}) {
      CAPTURE(is_careful);
      CAPTURE(is_long_again);
      const UniqueRegion region;
      auto claimed = Heartbeat::claim(options_for(region, "a"));
      claimed.heartbeat.beat();
      std::vector<WorkerFacts> room(8);
      Observation seen;
      seen.room = room;
      add_region(seen, region.place(), sys::effective_user());
      REQUIRE(first_look(seen, {}).kind == Kind::healthy);
      REQUIRE(truncate(region.path().c_str(), 0) == 0);
      if (is_long_again) REQUIRE(truncate(region.path().c_str(), static_cast<off_t>(region_bytes_for(8))) == 0);
      const Verdict verdict = is_careful ? second_look(seen, {}) : first_look(seen, {});
      CHECK(verdict.kind == Kind::unusable);
      CHECK(verdict.fault == Fault::truncated);
      CHECK(verdict.exit() == Exit::unusable);
      CHECK(seen.worker_count == 0);
      close_observation(seen);
    }
  }
}

TEST_CASE("a SIGBUS that is not ours is passed on") {
  const UniqueRegion region;
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  CHECK(in_child([&] {
          handle_sigbus();
          const Opened opened(region.place());
          truncation::unwatch(opened.watched);
          if (truncate(region.path().c_str(), 0) != 0) return 1;
          return static_cast<int>(opened.header().version.load_acquire());
        }) == -SIGBUS);
}

TEST_CASE("what is not watched any more is not recovered") {
  char memory[64] = {};
  truncation::Watched* entry = truncation::watch(memory, sizeof memory);
  REQUIRE(entry != nullptr);
  truncation::unwatch(entry);
  CHECK_FALSE(truncation::recover(memory));
  CHECK_FALSE(truncation::recover(nullptr));
}

TEST_CASE("a full table says so, and an entry that was given back is used again") {
  static char memory[truncation::kMaxWatched + 1];
  std::vector<truncation::Watched*> entries;
  for (std::size_t i = 0; i < truncation::kMaxWatched; ++i) {
    entries.push_back(truncation::watch(memory + i, 1));
    REQUIRE(entries.back() != nullptr);
  }
  CHECK(truncation::watch(memory, 1) == nullptr);
  CHECK_FALSE(truncation::is_lost(nullptr));
  truncation::unwatch(nullptr);
  truncation::unwatch(entries.back());
  CHECK(truncation::watch(memory, 1) == entries.back());
  for (truncation::Watched* entry : entries) truncation::unwatch(entry);
}

}  // namespace test_of_truncation
