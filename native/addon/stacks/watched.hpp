// What the watcher knows: the threads that can be asked, and the heartbeats that they beat. All of it under one mutex.
#pragma once

#include <node_api.h>
#include <pthread.h>

#include "mapping.hpp"
#include "shm_liveness/comeback.hpp"
#include "shm_liveness/kernel_place.hpp"
#include "shm_liveness/where.hpp"
#include "timing.hpp"

namespace shm_liveness::addon::stacks {

enum class Asking : std::uint8_t {
  nothing,
  asked,   // an answer is wanted
  taking,  // its interrupt is filling in the stack
  taken,   // the stack waits for the watcher
};

// One environment, and so one thread.
struct Thread {
  std::uint64_t number = 0;
  napi_env env = nullptr;
  void* isolate = nullptr;
  Task task;
  Asking asking = Asking::nothing;
  bool is_queued = false;    // an interrupt lies in the isolate's queue
  bool native_told = false;  // it did not answer in time, and /proc was asked
  std::uint64_t asked_ns = 0;
  std::uint64_t first_asked_ns = 0;  // of a row of questions that found no frame
  std::uint64_t ask_again_ns = 0;    // 0: not
  bool is_promise_loop = false;      // an answer in this row had no frame
  std::uint64_t patience_ns = 0;     // an answer that takes longer tells of what came after
  std::uint64_t answered_ns = 0;
  std::uint32_t map_requests = 0;  // in this silence
  Capture stack;
  ToldMap told;
  Thread* next = nullptr;
};

// One heartbeat.
struct Watch {
  const shm_liveness::detail::Held* held = nullptr;
  Thread* thread = nullptr;
  Timing timing;
  bool has_claim = false;
  bool wants_stall = false;
  bool wants_cycle = false;
  bool is_loop_told = false;  // of this question: no frame so far
  std::uint64_t asked_beats = 0;
  std::uint64_t answered_beats = 0;
  std::uint64_t report = 0;  // the report that is being written for it
  bool report_stall = false;
  bool report_cycle = false;
  StuckSequence stuck;
  char native_place[kPlaceBytes] = {};    // of this cycle: what /proc said, in place of a stack
  char unmapped_place[kPlaceBytes] = {};  // of this cycle: while a map is asked for
  Watch* next = nullptr;

  bool wants() const { return wants_stall || wants_cycle; }
};

struct Watched {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  Thread* threads = nullptr;
  Watch* watches = nullptr;
  std::uint64_t last_number = 0;
  Word64 taken{};  // stacks so far
  bool is_running = false;
  Word32 has_ended{};         // the process exits: ask nobody any more
  Word32 news{};              // changes whenever the watcher must look again
  std::uint64_t told_ns = 0;  // when that was, for the first time since the latest look; 0: not since

  void lock() { pthread_mutex_lock(&mutex); }
  void unlock() { pthread_mutex_unlock(&mutex); }
  // Under the mutex.
  void tell() {
    if (told_ns == 0) told_ns = monotonic_ns();
    news.store_release(news.load_relaxed() + 1);
    sys::wake_one_at(&news);
  }
  Thread* thread(std::uint64_t number) const {
    Thread* at = threads;
    while (at != nullptr && at->number != number) at = at->next;
    return at;
  }
  template <class Visit>
  void for_watches_of(const Thread& of, Visit&& visit) const {
    for (Watch* watch = watches; watch != nullptr; watch = watch->next) {
      if (watch->thread == &of) visit(*watch);
    }
  }
};

// Never destroyed: the watcher's thread may outlive the program's static objects.
inline Watched g_watched;

class Locked {
 public:
  Locked() { g_watched.lock(); }
  ~Locked() { g_watched.unlock(); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;
};

template <class Item>
bool unlink(Item*& first, const Item* item) {
  for (Item** at = &first; *at != nullptr; at = &(*at)->next) {
    if (*at != item) continue;
    *at = item->next;
    return true;
  }
  return false;
}

}  // namespace shm_liveness::addon::stacks
