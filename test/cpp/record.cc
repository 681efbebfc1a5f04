#include <doctest/doctest.h>

#include <shm_liveness/record.hpp>

#include "real.hpp"

namespace test_of_record {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {
LastWords last_words_of(const UniqueRegion& region, std::string_view name) {
  const Opened opened(region.place());
  return read_last_words(opened, opened.look(static_cast<std::uint32_t>(slot_of(region, name))));
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
  const LastWords words = last_words_of(region, "grabber");
  CHECK(words.ended == Ended::died);
  const WorkerFacts& last = words.worker;
  CHECK(last.claims == 1);
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
    move_to_other_container(region, 0);
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
  CHECK(last_words_of(region, "new").worker.name_view() == "old");
}

TEST_CASE("the slot's cycles and last words are kept for two lives, and no longer") {
  const UniqueRegion region;
  for (int beats = 1; beats <= 3; ++beats) {
    kill_child(start_worker(options_for(region, "a"), [&](Heartbeat& heartbeat) {
      for (int i = 0; i < beats; ++i) heartbeat.beat();
    }));
  }
  CHECK(facts_of(region, "a").beats == 3);
  CHECK(last_words_of(region, "a").worker.beats == 2);
  const Opened opened(region.place());
  const auto cycles_of = [&](std::uint32_t bank) {
    std::uint64_t sum = 0;
    for (const Word64& bin : opened.record(0).lives[bank].cycles) sum += bin.load_acquire();
    return sum;
  };
  CHECK(cycles_of(opened.look(0).bank) == 2);
  CHECK(cycles_of(1 - opened.look(0).bank) == 1);
}

TEST_CASE("a new claim says nothing of where an earlier life in its bank was slow or hung") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a"));
  {
    const Scribbled scribbled(region);
    for (Life& life : scribbled.record(0).lives) {
      life.where.kind.store_release(1);
      for (SlowPlace& place : life.slow_places) place.count.store_release(5);
    }
  }
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  const Opened opened(region.place());
  CHECK(opened.life(0).where.kind.load_acquire() == 0);
  for (const SlowPlace& place : opened.life(0).slow_places) CHECK(place.count.load_acquire() == 0);
  // The dead one's are evidence still.
  CHECK(opened.record(0).lives[1 - opened.look(0).bank].where.kind.load_acquire() == 1);
}

TEST_CASE("last words that are being written over, or are nonsense, are not believed") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a"));
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  const Scribbled scribbled(region);
  const WorkerFacts now = scribbled.look(0);
  REQUIRE(read_last_words(scribbled, now).ended == Ended::died);
  SUBCASE("an end that there is not") {
    scribbled.bank(0).identity.predecessor_ended.store_release(77);
    CHECK(read_last_words(scribbled, scribbled.look(0)).ended == Ended::none);
  }
  SUBCASE("a bank that a claim is taking for its own") {
    scribbled.slot(0).banks[1 - now.bank].hot.serial.store_release(0);
    CHECK(read_last_words(scribbled, now).ended == Ended::none);
    CHECK(read_last_words(scribbled, now).worker.name_view().empty());
  }
  SUBCASE("a bank of another turn") {
    scribbled.slot(0).banks[1 - now.bank].hot.serial.store_release(now.claims + 5);
    CHECK(read_last_words(scribbled, now).ended == Ended::none);
  }
}

}  // namespace test_of_record
