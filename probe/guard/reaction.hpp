// What the guard does when something happens: one table, stage by event. No operating system.
#pragma once

#include <cstdint>

namespace shm_liveness::guard {

enum class Stage : std::uint8_t {
  idle,      // no command: a sidecar
  running,   // the command runs and is watched
  draining,  // told to stop: the command ends by itself, and is watched no more
  struck,    // a worker failed, or time was over: signalled, waited for
  killed,    // SIGKILL was sent
  flushing,  // the command has ended, its last output is on its way
  pausing,   // before the next start
  ended
};

enum class Event : std::uint8_t {
  unhealthy,      // a worker stalled or died
  overdue,        // a step is beyond its time limit
  told_to_stop,   // SIGTERM, SIGINT or SIGQUIT came
  command_ended,  // its first process was reaped
  worker_gone,    // the signalled worker is gone, or had half of the grace
  all_gone,       // nothing is left of the command's group
  time_over,      // the grace, the pause, or the time for the last output is over
  flushed,        // the last output has gone out
};

enum class Action : std::uint8_t {
  none,
  forward,       // the signal that came, to the command
  strike,        // --signal to the stalled worker
  terminate,     // SIGTERM to the group
  strike_group,  // --signal to the group
  kill,          // SIGKILL to the group and to every descendant
  settle,        // the last output
  sweep,         // as settle, and SIGKILL to whoever left the group
  hurry,         // no longer than the grace for the last output
  conclude,      // next step, restart, or end
  start,
  stop,     // end without a command
  give_up,  // end although it will not die
};

struct Reaction {
  Stage stage;
  Event event;
  Action action;
  Stage next;  // what `conclude` and `start` decide differently, they set themselves
};

inline constexpr Reaction kReactions[] = {
    {Stage::idle, Event::told_to_stop, Action::stop, Stage::ended},

    {Stage::running, Event::unhealthy, Action::strike, Stage::struck},
    {Stage::running, Event::overdue, Action::terminate, Stage::struck},
    {Stage::running, Event::told_to_stop, Action::forward, Stage::draining},
    {Stage::running, Event::command_ended, Action::settle, Stage::flushing},

    {Stage::draining, Event::told_to_stop, Action::forward, Stage::draining},
    {Stage::draining, Event::command_ended, Action::settle, Stage::flushing},
    {Stage::draining, Event::time_over, Action::kill, Stage::killed},

    {Stage::struck, Event::told_to_stop, Action::forward, Stage::struck},
    {Stage::struck, Event::worker_gone, Action::strike_group, Stage::struck},
    {Stage::struck, Event::all_gone, Action::sweep, Stage::flushing},
    {Stage::struck, Event::time_over, Action::kill, Stage::killed},

    {Stage::killed, Event::all_gone, Action::sweep, Stage::flushing},
    {Stage::killed, Event::time_over, Action::give_up, Stage::ended},

    {Stage::flushing, Event::told_to_stop, Action::hurry, Stage::flushing},
    {Stage::flushing, Event::flushed, Action::conclude, Stage::ended},
    {Stage::flushing, Event::time_over, Action::conclude, Stage::ended},

    {Stage::pausing, Event::time_over, Action::start, Stage::running},
    {Stage::pausing, Event::told_to_stop, Action::stop, Stage::ended},
};

// Nothing, and the same stage, where the table has no row.
constexpr Reaction reaction_to(Stage stage, Event event) {
  for (const Reaction& reaction : kReactions) {
    if (reaction.stage == stage && reaction.event == event) return reaction;
  }
  return {stage, event, Action::none, stage};
}

// Between two starts in place: 100 ms, doubled each time, 10 s at most.
constexpr std::uint64_t pause_before_restart_ns(std::uint32_t restarts) {
  constexpr std::uint64_t kFirst = 100'000'000;
  constexpr std::uint64_t kMost = 10'000'000'000;
  const std::uint64_t pause = restarts < 7 ? kFirst << restarts : kMost;
  return pause < kMost ? pause : kMost;
}
// A command that ran this long has its restarts back, as the kubelet has it for a container.
inline constexpr std::uint64_t kForgivenAfterNs = 600'000'000'000;

}  // namespace shm_liveness::guard
