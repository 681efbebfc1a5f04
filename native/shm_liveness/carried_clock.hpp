// CLOCK_MONOTONIC, carried on by the CPU's counter for a little while after each reading of it.
//
// The kernel's clock in the vDSO is this counter, multiplied. But it orders the counter behind all earlier loads
// (lfence or rdtscp on x86, isb on AArch64), which takes longer than all else that it does. A beat needs no such order.
//
// What is promised: a time is not ahead of the kernel's clock, at most 0.7 us behind the moment at which the CPU read
// the counter, and on one thread never before one that was returned earlier. The CPU may read the counter before
// earlier loads are done, so a thread that takes over from another one can get a time that is some 100 ns before the
// other's. If the counter jumps (a virtual machine that moves, a suspend, a reset), times are ahead by 50 us at most:
// when it has gone on by that, or has gone back, the kernel is asked again.
#pragma once

#include <cstdint>

namespace shm_liveness {

// `Source` has three static functions: ns(), the kernel's clock; ticks(), the counter; and ticks_after_loads(), the
// same, not before what stands before it was read. For one thread at a time. A clock of zeroes carries nothing: each of
// its times is the kernel's.
template <class Source>
class CarriedClock {
 public:
  static constexpr std::uint64_t kCarryNs = 50'000;

  [[gnu::always_inline]] std::uint64_t now() {
    if (carry_ticks_ != 0) [[likely]] {
      const std::uint64_t ticks = Source::ticks();
      const std::uint64_t since = ticks - base_ticks_;
      return since < carry_ticks_ ? base_ns_ + carried_ns(since) : read(ticks);
    }
    return is_measuring_ ? read(Source::ticks()) : Source::ns();
  }

  // From now on it measures how fast the counter goes, and then carries.
  void carry() { is_measuring_ = true; }
  bool is_carrying() const { return carry_ticks_ != 0; }

 private:
  static constexpr int kFraction = 32;
  static constexpr std::uint64_t kShortestMeasureNs = 5'000'000;
  static constexpr std::uint64_t kLongestMeasureNs = 5'000'000'000;

  struct Pair {
    std::uint64_t ticks;
    std::uint64_t ns;
    std::uint64_t width;  // how long it took to read both, in ticks
    std::uint64_t rate;   // from the pair before to this one; 0: not known
  };

  // The kernel's clock was read between `before` and `after`, so what is carried on from `after` stays behind it. If
  // much passed between the two (an interrupt, a pause of the process), it would stay behind by so much: then the base
  // is one that is used up.
  [[gnu::noinline]] std::uint64_t read(std::uint64_t before) {
    const std::uint64_t ns = Source::ns();
    const std::uint64_t after = Source::ticks_after_loads();
    if (carry_ticks_ != 0) {
      latest_ns_ = base_ns_ + carried_ns(carry_ticks_);
      if (ns < latest_ns_ || is_slow(ns, after)) start_again();
    } else if (before_.ns == 0 || ns - before_.ns >= kShortestMeasureNs) {
      measure({before, ns, after - before, 0});
    }
    // Further back than a carry: the kernel's own clock was set back (a process that was restored on another machine).
    const std::uint64_t now = latest_ns_ - ns - 1 < kCarryNs ? latest_ns_ : ns;
    latest_ns_ = now;
    const std::uint64_t used_up = after - before < carry_ticks_ / 128 ? 0 : carry_ticks_;
    base_ticks_ = after - used_up;
    base_ns_ = now - carried_ns(used_up);
    return now;
  }

  std::uint64_t carried_ns(std::uint64_t ticks) const { return ticks * ns_per_tick_ >> kFraction; }

  // Whether the counter goes more slowly than it was measured to. For a while only: over a longer time two clocks may
  // part.
  bool is_slow(std::uint64_t ns, std::uint64_t ticks) const {
    const std::uint64_t since = ticks - base_ticks_;
    return since < carry_ticks_ * 1024 && ns - base_ns_ > carried_ns(since) + carried_ns(since) / 16;
  }

  void start_again() {
    carry_ticks_ = 0;
    before_ = {};
  }

  // A rate is believed when it was measured twice in a row, and was the same: a suspend or a move of the machine spoils
  // one of the two. A pause between the two readings of a pair shows in its width.
  void measure(Pair pair) {
    const Pair from = before_;
    const std::uint64_t ticks = pair.ticks - from.ticks;
    const std::uint64_t ns = pair.ns - from.ns;
    const bool is_precise = from.ns != 0 && ns < kLongestMeasureNs && pair.ticks > from.ticks &&
                            pair.width < ticks / 2048 && from.width < ticks / 2048;
    if (is_precise) {
      pair.rate = static_cast<std::uint64_t>(static_cast<double>(ns) / static_cast<double>(ticks) *
                                             static_cast<double>(std::uint64_t(1) << kFraction));
    }
    before_ = pair;
    const std::uint64_t difference = pair.rate > from.rate ? pair.rate - from.rate : from.rate - pair.rate;
    if (from.rate == 0 || pair.rate == 0 || difference > pair.rate / 1024) return;
    // A little slower, because what is carried must stay behind the kernel's clock.
    ns_per_tick_ = pair.rate - pair.rate / 256;
    carry_ticks_ = (kCarryNs << kFraction) / pair.rate;
  }

  std::uint64_t base_ticks_;
  std::uint64_t base_ns_;
  std::uint64_t carry_ticks_;  // how far the counter may go from its base; 0: nothing is carried
  std::uint64_t ns_per_tick_;  // in parts of 2^-32
  std::uint64_t latest_ns_;    // no time is before it
  Pair before_;
  bool is_measuring_;
};

}  // namespace shm_liveness
