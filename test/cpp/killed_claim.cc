// kill -9 at every instruction of a claim: before its one store the slot is what it was, after it all of the claim is
// there; nothing is lost, nobody is blamed for another's death, and every name can claim again.
#include <doctest/doctest.h>

#include <shm_liveness/record.hpp>

#include "stepping.hpp"

namespace test_of_killed_claim {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

States step_through_claim(const UniqueRegion& region, const ClaimOptions& options) {
  return step_through(region, [&](auto&& mark) {
    Claim claim;
    mark();
    if (take(options, claim)) _exit(1);
    mark();
  });
}

void die(const ClaimOptions& options, int beats) {
  kill_child(start_worker(options, [&](Heartbeat& heartbeat) {
    for (int i = 0; i < beats; ++i) heartbeat.beat();
  }));
}
void stop(const ClaimOptions& options) {
  auto claimed = Heartbeat::claim(options);
  REQUIRE_FALSE(claimed.failure);
  claimed.heartbeat.beat();
  claimed.heartbeat.stop();
}

LastWords last_words_of(const UniqueRegion& region, std::string_view name) {
  const Opened opened(region.place());
  return read_last_words(opened, facts_of(region, name));
}

}  // namespace

TEST_CASE("a claim of the same name: the life before it is there, or its successor with its last words") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a", 4);
  Ended ended = Ended::died;
  Condition was = Condition::dead;
  SUBCASE("after a stop") {
    stop(options);
    ended = Ended::stopped;
    was = Condition::stopped;
  }
  SUBCASE("after a death") { die(options, 3); }
  SUBCASE("after a death before the first beat") { die(options, 0); }
  SUBCASE("after two deaths, so that both banks are full") {
    die(options, 2);
    die(options, 3);
  }
  const WorkerFacts before = facts_of(region, "a");
  const LastWords words_before = last_words_of(region, "a");
  const States states = step_through_claim(region, options);
  check_one_change(states);
  for (const std::string& bytes : states.all) {
    const Remains remains(bytes);
    const WorkerFacts now = facts_of(remains, "a");
    if (now.claims == before.claims) {
      CHECK(condition_of(remains, "a") == was);
      CHECK(now.incarnation == before.incarnation);
      // The claim takes the bank of the life before that one. Its words are whole or none, and never another's.
      const LastWords words = last_words_of(remains, "a");
      if (words.ended != Ended::none) {
        CHECK(words.worker.incarnation == words_before.worker.incarnation);
        CHECK(words.worker.beats == words_before.worker.beats);
        CHECK(words.worker.claimed_ns == words_before.worker.claimed_ns);
        CHECK(words.worker.row == words_before.worker.row);
      }
    } else {
      // The successor is killed, too. It has not beaten, so it is dead.
      CHECK(condition_of(remains, "a") == Condition::dead);
      const LastWords last = last_words_of(remains, "a");
      CHECK(last.ended == ended);
      CHECK(last.worker.incarnation == before.incarnation);
      CHECK(last.worker.beats == before.beats);
    }
    check_claims(bytes, "a", 4);
    check_claims(bytes, "b", 4);
  }
}

TEST_CASE("a claim of a new name in a never-used slot: nobody is there, or the new one") {
  const UniqueRegion region;
  stop(options_for(region, "a", 4));
  const States states = step_through_claim(region, options_for(region, "b", 4));
  check_one_change(states);
  for (const std::string& bytes : states.all) {
    const Remains remains(bytes);
    CHECK(condition_of(remains, "a") == Condition::stopped);
    const Condition condition = condition_of(remains, "b");
    CHECK((condition == Condition::absent || condition == Condition::dead));
    for (const char* name : {"a", "b", "c"}) check_claims(bytes, name, 4);
  }
}

TEST_CASE("a claim of another's slot in a full region blames nobody but the one that was killed") {
  const UniqueRegion region;
  const ClaimOptions first = options_for(region, "a", 1);
  Ended ended = Ended::stopped;
  Condition was = Condition::stopped;
  SUBCASE("that had stopped") { stop(first); }
  SUBCASE("that is left over from an earlier container") {
    die(first, 3);
    move_to_other_container(region, 0);
    ended = Ended::left_over;
    was = Condition::left_over;
  }
  const States states = step_through_claim(region, options_for(region, "b", 1));
  check_one_change(states);
  for (const std::string& bytes : states.all) {
    const Remains remains(bytes);
    const bool is_taken = slot_of(remains, "b") == 0;
    CHECK(is_taken == (slot_of(remains, "a") == -1));
    check_claims(bytes, "b", 1);
    if (!is_taken) {
      CHECK(condition_of(remains, "a") == was);
      check_claims(bytes, "a", 1);
      check_claims(bytes, "c", 1);
      continue;
    }
    CHECK(condition_of(remains, "b") == Condition::dead);
    CHECK(last_words_of(remains, "b").ended == ended);
    CHECK(last_words_of(remains, "b").worker.name_view() == "a");
    // A dead worker's slot is evidence until somebody retires it.
    CHECK(Heartbeat::claim(options_for(remains, "a", 1)).failure.fault == Fault::no_slot);
    CHECK_FALSE(retire(remains.place(), "b"));
    CHECK_FALSE(Heartbeat::claim(options_for(remains, "a", 1)).failure);
  }
}

TEST_CASE("a claim that makes the region: there is none, or a whole one, and nothing beside it") {
  const UniqueRegion region;
  const States states = step_through_claim(region, options_for(region, "a", 1));
  REQUIRE(states.is_whole);
  CHECK(states.all.front().empty());
  CHECK(region.hidden_files().empty());
  for (const std::string& bytes : states.all) {
    const Remains remains(bytes);
    const Fault fault = Opened(remains.place()).failure.fault;
    CHECK(fault == (bytes.empty() ? Fault::missing : Fault::none));
    check_claims(bytes, "a", 1);
    if (slot_of(remains, "a") == -1) check_claims(bytes, "b", 1);
  }
  CHECK(slot_of(Remains(states.all.back()), "a") == 0);
}

TEST_CASE("a claim in a region with lock files of its own is no different") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a", kGroupSlots + 1);
  die(options, 3);
  const States states = step_through_claim(region, options);
  check_one_change(states);
  for (const std::string& bytes : states.all) {
    CHECK(condition_of(Remains(bytes), "a") == Condition::dead);
    check_claims(bytes, "a", 4);
    check_claims(bytes, "b", 4);
  }
  CHECK(region.hidden_files().size() == 1);
}

}  // namespace test_of_killed_claim
