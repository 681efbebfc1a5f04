// The table of reactions, against a second one that was written from what the guard is to do.
#include "guard/reaction.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <utility>

namespace test_of_guard_reaction {

using namespace shm_liveness::guard;

namespace {

constexpr int kStages = static_cast<int>(Stage::ended) + 1;
constexpr int kEvents = static_cast<int>(Event::flushed) + 1;

struct Cell {
  Action action = Action::none;
  Stage next = Stage::ended;
};
// Nothing happens, and the stage stays.
constexpr Cell kSame{};

using A = Action;
using S = Stage;

// One row for each stage, one column for each event, in the order of their enumerations.
constexpr Cell kExpected[kStages][kEvents] = {
    // unhealthy, overdue, told_to_stop, command_ended, worker_gone, all_gone, time_over, flushed
    {kSame, kSame, {A::stop, S::ended}, kSame, kSame, kSame, kSame, kSame},  // idle
    {{A::strike, S::struck},
     {A::terminate, S::struck},
     {A::forward, S::draining},
     {A::settle, S::flushing},
     kSame,
     kSame,
     kSame,
     kSame},  // running
    {kSame,
     kSame,
     {A::forward, S::draining},
     {A::settle, S::flushing},
     kSame,
     kSame,
     {A::kill, S::killed},
     kSame},  // draining
    {kSame,
     kSame,
     {A::forward, S::struck},
     kSame,
     {A::strike_group, S::struck},
     {A::sweep, S::flushing},
     {A::kill, S::killed},
     kSame},                                                                                      // struck
    {kSame, kSame, kSame, kSame, kSame, {A::sweep, S::flushing}, {A::give_up, S::ended}, kSame},  // killed
    {kSame,
     kSame,
     {A::hurry, S::flushing},
     kSame,
     kSame,
     kSame,
     {A::conclude, S::ended},
     {A::conclude, S::ended}},                                                                // flushing
    {kSame, kSame, {A::stop, S::ended}, kSame, kSame, kSame, {A::start, S::running}, kSame},  // pausing
    {kSame, kSame, kSame, kSame, kSame, kSame, kSame, kSame},                                 // ended
};

// What can still happen, whoever dies or hangs.
std::set<Stage> reached_from(Stage from, std::initializer_list<Event> events) {
  std::set<Stage> reached{from};
  for (std::size_t before = 0; before != reached.size();) {
    before = reached.size();
    for (const Stage stage : std::set<Stage>(reached)) {
      for (const Event event : events) reached.insert(reaction_to(stage, event).next);
    }
  }
  return reached;
}

}  // namespace

TEST_CASE("each stage answers each event as expected") {
  for (int s = 0; s < kStages; ++s) {
    for (int e = 0; e < kEvents; ++e) {
      CAPTURE(s);
      CAPTURE(e);
      const Stage stage = static_cast<Stage>(s);
      const Event event = static_cast<Event>(e);
      const Reaction reaction = reaction_to(stage, event);
      const Cell& cell = kExpected[s][e];
      CHECK(reaction.stage == stage);
      CHECK(reaction.event == event);
      CHECK(reaction.action == cell.action);
      CHECK(reaction.next == (cell.action == Action::none ? stage : cell.next));
    }
  }
}

TEST_CASE("no stage and event are in the table twice, and no row does nothing") {
  std::set<std::pair<Stage, Event>> seen;
  for (const Reaction& reaction : kReactions) {
    CHECK(seen.insert({reaction.stage, reaction.event}).second);
    CHECK(reaction.action != Action::none);
  }
}

TEST_CASE("each action is somebody's") {
  std::set<Action> used;
  for (const Reaction& reaction : kReactions) used.insert(reaction.action);
  CHECK(used.size() == static_cast<std::size_t>(Action::give_up));  // all but none
}

TEST_CASE(
    "a stop that is asked for comes to an end from every stage, whether the command dies and its output flows or not") {
  for (int s = 0; s < kStages; ++s) {
    CAPTURE(s);
    const Stage stage = static_cast<Stage>(s);
    CHECK(reached_from(stage, {Event::told_to_stop, Event::all_gone, Event::flushed, Event::command_ended})
              .count(Stage::ended) == 1);
    CHECK(reached_from(stage, {Event::told_to_stop, Event::time_over}).count(Stage::ended) == 1);
  }
}

TEST_CASE("nothing leads out of the end") {
  for (int e = 0; e < kEvents; ++e) CHECK(reaction_to(Stage::ended, static_cast<Event>(e)).next == Stage::ended);
}

TEST_CASE("a failure leads to the end of the command even if nobody tells the guard to stop") {
  for (const Event failure : {Event::unhealthy, Event::overdue}) {
    const Stage stage = reaction_to(Stage::running, failure).next;
    CHECK(reached_from(stage, {Event::all_gone, Event::flushed}).count(Stage::ended) == 1);
    CHECK(reached_from(stage, {Event::time_over}).count(Stage::ended) == 1);
  }
}

TEST_CASE("a second failure changes nothing once the first is being dealt with") {
  for (const Stage stage : {Stage::draining, Stage::struck, Stage::killed, Stage::flushing, Stage::pausing}) {
    for (const Event event : {Event::unhealthy, Event::overdue}) {
      CHECK(reaction_to(stage, event).action == Action::none);
    }
  }
}

TEST_CASE("the pause before a restart doubles from 100 ms to 10 s") {
  const std::uint64_t ms = 1'000'000;
  const std::uint64_t expected[] = {100, 200, 400, 800, 1600, 3200, 6400, 10'000, 10'000};
  for (std::uint32_t restarts = 0; restarts < 9; ++restarts) {
    CAPTURE(restarts);
    CHECK(pause_before_restart_ns(restarts) == expected[restarts] * ms);
  }
}

TEST_CASE("the pause before a restart never falls, and is 10 s after any number of them") {
  std::uint64_t before = 0;
  for (std::uint32_t restarts = 0; restarts < 1000; ++restarts) {
    CHECK(pause_before_restart_ns(restarts) >= before);
    before = pause_before_restart_ns(restarts);
  }
  for (const std::uint32_t restarts : {63u, 64u, 65u, 1'000'000u, ~0u}) {
    CHECK(pause_before_restart_ns(restarts) == 10'000'000'000);
  }
}

}  // namespace test_of_guard_reaction
