// When the guard wakes up. It sleeps until a worker could have stalled, and hears of deaths and newcomers from the
// kernel; or it looks at each interval, where something else changes with time, or where the kernel does not tell.
#pragma once

#include "region_events.hpp"
#include "schedule.hpp"

namespace shm_liveness::guard {

class Pace {
 public:
  Pace(Watch& watch, std::uint64_t interval_ns) : watch_(watch), interval_ns_(interval_ns) {}

  // `look` is called when a look is due. -errno, or 0.
  int open(Loop& loop, void (*look)(void*), void* owner) {
    look_ = look;
    owner_ = owner;
    timer_ = {os::monotonic_timer(), [](void* self, std::uint32_t) { static_cast<Pace*>(self)->look(); }, this, 0};
    if (timer_.fd < 0) return timer_.fd;
    if (const int error = loop.add(timer_, os::kReadable); error < 0) return error;
    const int told = events_.open(
        loop, [](void* self, std::uint32_t) { static_cast<Pace*>(self)->hear(); }, this);
    if (told < 0) fall_back(told);
    return 0;
  }
  bool is_told_by_kernel() const { return is_told_; }

  // After each look, and whenever one of these has changed. `must_tick`: something else than workers is waited for.
  // `most_ns`: no look later than this, for graces that end at a look.
  void set(bool must_tick, std::uint64_t most_ns) {
    bool is_new = false;
    if (is_told_) {
      const int error = events_.follow(watch_, is_new);
      if (error < 0) fall_back(error);
    }
    if (is_new) most_ns = newcomer_ns();
    const std::uint64_t now = watch_.clock_ns();
    const std::uint64_t tick = now + (interval_ns_ < most_ns ? interval_ns_ : most_ns);
    const bool sleeps = is_told_ && !is_muted_ && !is_new && !must_tick && watch_.may_sleep();
    std::uint64_t due = watch_.next_look_ns();
    if (!sleeps && tick < due) due = tick;
    watch_.plan(due);
    // Not planned, so that what delays these does not count as lost.
    due = rechecks_.before(due, now);
    // Never later than was said before: clients that come and go would else put off every look.
    if (due_ns_ != 0 && due_ns_ <= due) return;
    due_ns_ = due;
    os::set_timer_at(timer_.fd, due);
  }

 private:
  static constexpr std::uint64_t kNewcomerNs = 20'000'000;
  static constexpr std::uint32_t kMostNewsPerSecond = 64;

  void look() {
    due_ns_ = 0;
    if (watch_.clock_ns() - counted_from_ns_ > 1'000'000'000) {
      counted_from_ns_ = watch_.clock_ns();
      news_ = 0;
      if (is_muted_) events_.hear();
      is_muted_ = false;
    }
    look_(owner_);
  }

  void hear() {
    const RegionNews news = events_.take(watch_);
    if (++news_ > kMostNewsPerSecond) {
      events_.mute();
      is_muted_ = true;
    }
    if (news.renamed) watch_.doubt_names();
    if (news.closed) rechecks_.begin();
    if (news.closed || news.renamed || is_muted_) return look();
    if (news.opened) expect_newcomer();
  }
  // It claims in a moment: a look a little later sees it.
  std::uint64_t newcomer_ns() const { return interval_ns_ < kNewcomerNs ? interval_ns_ : kNewcomerNs; }
  void expect_newcomer() {
    const std::uint64_t soon = monotonic_ns() + newcomer_ns();
    if (due_ns_ != 0 && due_ns_ <= soon) return;
    due_ns_ = soon;
    os::set_timer_at(timer_.fd, soon);
  }
  void fall_back(int error) {
    is_told_ = false;
    Line line;
    line << "looks at each interval, because the kernel does not tell of deaths here: inotify: ";
    line.error(-error);
  }

  Watch& watch_;
  std::uint64_t interval_ns_;
  void (*look_)(void*) = nullptr;
  void* owner_ = nullptr;
  Source timer_;
  RegionEvents events_;
  bool is_told_ = true;
  bool is_muted_ = false;
  Rechecks rechecks_;
  std::uint32_t news_ = 0;  // in this second
  std::uint64_t counted_from_ns_ = 0;
  std::uint64_t due_ns_ = 0;
};

}  // namespace shm_liveness::guard
