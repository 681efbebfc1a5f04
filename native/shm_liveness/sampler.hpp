// The thread that stamps for counted heartbeats (count.hpp): one for each process (and copy of this code), from the
// first counted claim to the last one's end. It sleeps between samples, a third of the smallest max age apart.
//
// It touches claims only under the ForkGuard's mutex, under which they also change. So nothing is unmapped under it,
// and a fork never finds it in the midst of a sample. A beat never takes that mutex. Claims, stops, phases and forks
// may wait for a sample, which takes a microsecond and waits for nothing.
//
// A forked child has no such thread. It notices at its first counted claim that this sampler is its parent's.
#pragma once

#include "fork_guard.hpp"
#include "helper_thread.hpp"

namespace shm_liveness::detail {

// What the sampler knows of one heartbeat.
struct Counted {
  Member* of = nullptr;
  std::uint64_t period_ns = 0;
  std::uint64_t attention_at_ns = 0;  // when the worker has to look at its region
  bool is_listed = false;
  Counted* after = nullptr;
  Counted* before = nullptr;

  // What the worker may add to, from now on; or nothing, so that its next beat asks first.
  void arm() {
    of->pulse->count.store_release(&of->claim.bank().hot.count);
    if (of->window != nullptr) of->window->arm();
  }
  void disarm() {
    of->pulse->count.store_release(nullptr);
    if (of->window != nullptr) of->window->disarm();
  }
  // The caller holds the mutex, as for all that changes the pulse beside the sampler.
  void take_sample(std::uint64_t now) {
    Hot* const hot = of->pulse->hot.load_acquire();
    if (hot != nullptr) sample(*of->pulse, *hot, now);
    if (hot != nullptr && now < attention_at_ns) return;
    attention_at_ns = now + kLongestSampleNs;
    disarm();
  }
};

class Sampler {
 public:
  static Sampler& instance() {
    static Sampler sampler;
    return sampler;
  }

  // False: the system refused the thread.
  bool add(Counted& counted) {
    HelperThread ended;
    bool is_running = true;
    {
      const Locked locked(ForkGuard::instance());
      if (owner_ != sys::process_id()) begin_in_this_process();
      counted.attention_at_ns = monotonic_ns() + kLongestSampleNs;
      link(counted);
      if (!is_running_) {
        ended = thread_;
        thread_ = HelperThread{};
        is_running = is_running_ = thread_.start([](void* self) { static_cast<Sampler*>(self)->run(); }, this);
        if (!is_running) unlink(counted);
      }
    }
    wake();  // its period may be shorter than those before it
    // Outside of the mutex, so that no fork waits for a thread that is starved on its last step.
    ended.join();
    return is_running;
  }

  // Stamps what the worker has counted since the last sample, and forgets it. The thread ends after the last one.
  void remove(Counted& counted) {
    {
      const Locked locked(ForkGuard::instance());
      if (!counted.is_listed || owner_ != sys::process_id()) return;
      counted.take_sample(monotonic_ns());
      counted.disarm();
      unlink(counted);
      if (first_ != nullptr) return;
    }
    wake();
  }

 private:
  void link(Counted& counted) {
    counted.is_listed = true;
    counted.before = nullptr;
    counted.after = first_;
    if (first_ != nullptr) first_->before = &counted;
    first_ = &counted;
  }
  void unlink(Counted& counted) {
    counted.is_listed = false;
    (counted.before != nullptr ? counted.before->after : first_) = counted.after;
    if (counted.after != nullptr) counted.after->before = counted.before;
  }
  void begin_in_this_process() {
    for (Counted* of_parent = first_; of_parent != nullptr; of_parent = of_parent->after) of_parent->is_listed = false;
    first_ = nullptr;
    is_running_ = false;
    thread_ = HelperThread{};
    owner_ = sys::process_id();
  }
  void wake() {
    turn_.store_release(turn_.load_relaxed() + 1);
    sys::wake_one_at(&turn_);
  }

  void run() {
    for (;;) {
      const std::uint32_t turn = turn_.load_acquire();
      std::uint64_t period_ns = kLongestSampleNs;
      {
        const Locked locked(ForkGuard::instance());
        if (first_ == nullptr) {
          is_running_ = false;
          return;
        }
        for (Counted* counted = first_; counted != nullptr; counted = counted->after) {
          counted->take_sample(monotonic_ns());
          if (counted->period_ns < period_ns) period_ns = counted->period_ns;
        }
      }
      sys::wait_at(&turn_, turn, period_ns);
    }
  }

  // All but `turn_` under the ForkGuard's mutex.
  Counted* first_ = nullptr;
  bool is_running_ = false;
  std::uint32_t owner_ = 0;  // the process that the thread belongs to
  HelperThread thread_;
  Word32 turn_{};  // the thread sleeps at it
};

// For a change of a pulse: the sampler stands still meanwhile, and what was counted before is stamped as before.
class BetweenSamples {
 public:
  explicit BetweenSamples(Counted& counted) : counted_(counted.is_listed ? &counted : nullptr) {
    if (counted_ == nullptr) return;
    ForkGuard::instance().lock();
    counted_->take_sample(monotonic_ns());
  }
  ~BetweenSamples() {
    if (counted_ != nullptr) ForkGuard::instance().unlock();
  }
  BetweenSamples(const BetweenSamples&) = delete;
  BetweenSamples& operator=(const BetweenSamples&) = delete;

 private:
  Counted* counted_;
};

}  // namespace shm_liveness::detail
