// What is due, and which thread to ask.
#pragma once

#include "watched.hpp"

namespace shm_liveness::addon::stacks {

// What one look has found to do; all of it a copy.
struct Work {
  enum class What : std::uint8_t { nothing, stack, native } what = What::nothing;
  std::uint64_t thread = 0;  // its number
  Task task;
  std::uint64_t asked_ns = 0;
  std::uint64_t answered_ns = 0;
  bool is_late = false;
  bool is_stall = false;  // of native: some heartbeat of the thread is silent, not just late
  bool is_promise_loop = false;
  Capture stack;
  std::uint32_t map_requests = 0;
  ToldMap told;
};

// Under the watched mutex and the fork guard's: a claim may be given up and made anew by its own thread at any time.
bool read_pace(const Watch& watch, Pace& out);

class Looker {
 public:
  // Finds the next work; returns when to look again.
  std::uint64_t look(Work& work);
  // The thread sleeps until then, or until there is news.
  void expect(std::uint64_t wake_ns) { expected_ns_ = wake_ns; }

 private:
  void excuse_sleep(std::uint64_t now);

  std::uint64_t expected_ns_ = kNever;
};

}  // namespace shm_liveness::addon::stacks
