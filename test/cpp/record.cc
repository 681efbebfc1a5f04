#include <doctest/doctest.h>

#include <shm_liveness/record.hpp>

#include "real.hpp"

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {
LastWordsFacts last_words_of(const UniqueRegion& region, std::string_view name) {
  const Opened opened(region.place());
  LastWordsFacts last;
  CHECK(read_last_words(opened, static_cast<std::uint32_t>(slot_of(region, name)), last));
  return last;
}
}  // namespace

TEST_CASE("a first claim has no last words") {
  const UniqueRegion region;
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  CHECK(last_words_of(region, "a").ended == Ended::none);
}

TEST_CASE("a takeover keeps what its predecessor did last") {
  const UniqueRegion region;
  ClaimOptions options = options_for(region, "grabber");
  options.cycle_limit_ns = 1;
  kill_child(start_worker(options, [](Heartbeat& heartbeat) {
    for (int i = 0; i < 5; ++i) heartbeat.beat();
    heartbeat.begin_phase("calibrate", 30 * kSecond);
  }));
  const WorkerFacts before = facts_of(region, "grabber");
  const auto claimed = Heartbeat::claim(options_for(region, "grabber"));
  const LastWordsFacts last = last_words_of(region, "grabber");
  CHECK(last.ended == Ended::died);
  CHECK(std::string(last.name) == "grabber");
  CHECK(std::string(last.phase) == "calibrate");
  CHECK(last.in_phase);
  CHECK(last.pid == before.pid);
  CHECK(last.incarnation == before.incarnation);
  CHECK(last.last_beat_ns == before.last_beat_ns);
  CHECK(last.beats == 5);
  CHECK(last.worst_cycle_ns == before.worst_cycle_ns);
  CHECK(last.worst_cycle_ns > 0);
  CHECK(last.late_cycles == 4);
  CHECK(last.late_at_ns == before.late_at_ns);
  CHECK(last.claimed_ns == before.claimed_ns);
  CHECK(last.claimed_boottime_ns == before.claimed_boottime_ns);
  CHECK(last.stall_limit_ns == 30 * kSecond);
  CHECK(last.renewed_ns == before.renewed_ns);
}

TEST_CASE("how the predecessor ended is told apart") {
  const UniqueRegion region;
  SUBCASE("stopped") {
    Heartbeat::claim(options_for(region, "a")).heartbeat.stop();
    const auto claimed = Heartbeat::claim(options_for(region, "a"));
    CHECK(last_words_of(region, "a").ended == Ended::stopped);
  }
  SUBCASE("died") {
    leave_dead(options_for(region, "a"));
    const auto claimed = Heartbeat::claim(options_for(region, "a"));
    CHECK(last_words_of(region, "a").ended == Ended::died);
  }
  SUBCASE("left over by another container") {
    leave_dead(options_for(region, "a"));
    {
      const Scribbled scribbled(region);
      scribbled.slot(0).identity.container_a.store_release(1);
    }
    const auto claimed = Heartbeat::claim(options_for(region, "a"));
    CHECK(last_words_of(region, "a").ended == Ended::left_over);
  }
  SUBCASE("retired is stopped") {
    leave_dead(options_for(region, "a"));
    CHECK_FALSE(retire(region.place(), "a"));
    const auto claimed = Heartbeat::claim(options_for(region, "a"));
    CHECK(last_words_of(region, "a").ended == Ended::stopped);
  }
}

TEST_CASE("another name in the slot keeps the words of who was there") {
  const UniqueRegion region;
  Heartbeat::claim(options_for(region, "old", 1)).heartbeat.stop();
  const auto claimed = Heartbeat::claim(options_for(region, "new", 1));
  CHECK(std::string(last_words_of(region, "new").name) == "old");
}

TEST_CASE("last words that are being written, or are nonsense, are not believed") {
  const UniqueRegion region;
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  const Scribbled scribbled(region);
  LastWordsFacts last;
  scribbled.record(0).last_words.ended.store_release(77);
  CHECK(read_last_words(scribbled, 0, last));
  CHECK(last.ended == Ended::none);
  Word32& sequence = scribbled.slot(0).identity.sequence;
  sequence.store_release(sequence.load_relaxed() | 1);
  CHECK_FALSE(read_last_words(scribbled, 0, last));
}
