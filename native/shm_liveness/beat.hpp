// The hot path: the clock (carried_clock.hpp), a handful of stores, no call into the kernel, no lock, no allocation. A
// counted beat (count.hpp) is one addition.
#pragma once

#include <bit>

#include "claim.hpp"
#if !defined(SHM_LIVENESS_FREESTANDING)
#include "cpu_counter.hpp"
#endif

namespace shm_liveness {

// The owner's private side of a slot. It lives on a page of its own that the kernel hands to a forked child as zeroes
// (MADV_WIPEONFORK, Linux 4.14): there `hot` is null and the child beats for nobody. getpid() on each beat would cost
// seven times the beat. One thread at a time may use a Pulse.
struct Pulse {
  Shared<Hot*> hot;  // null: nothing to stamp (stopped, forked, region lost)
  // Of a counted pulse, the word that a beat adds to. Null: attend() comes first. The sampler sets it so, too.
  Shared<Word32*> count;
  Word64* cycles;  // the histogram
  Bank* bank;
  std::uint64_t attend_at_ns;  // when attend() is due: now and then a worker looks whether its region is still there
  bool (*attend)(Pulse&);      // null: nobody looks. Returns whether the pulse owns a slot then
  void* owner;                 // attend()'s
  Clock clock;
#if !defined(SHM_LIVENESS_FREESTANDING)
  CarriedClock<CpuCounter> carried;  // of a precise pulse
#endif
  bool timing;    // false: the next cycle has no beginning (first beat, phase change)
  bool in_phase;  // cycles inside a phase are not timed: a model load is no cycle
  std::uint64_t last_ns;
  std::uint64_t sampled_ns;  // counted: the latest sample, whether or not the count had moved
  std::uint64_t beats;
  std::uint64_t attention_ns;  // the lower of worst cycle and cycle limit: one comparison for both
  std::uint64_t worst_ns;
  std::uint64_t cycle_limit_ns;
  std::uint64_t late_cycles;
  std::uint64_t max_age_ns;
};

namespace detail {

// What a beat that came later than any before it, or later than the cycle limit, has to write down. This and attend()
// are not [[gnu::cold]]: GCC 12 then moves the code around their calls, which every beat runs, to the cold section as
// well.
[[gnu::noinline]] inline void note_long_cycle(Pulse& pulse, Hot& hot, std::uint64_t cycle, std::uint64_t now) {
  if (cycle > pulse.worst_ns) {
    pulse.worst_ns = cycle;
    hot.worst_cycle_ns.store_relaxed(cycle);
  }
  if (pulse.cycle_limit_ns != 0 && cycle > pulse.cycle_limit_ns) {
    hot.late_at_ns.store_relaxed(now);
    hot.late_cycles.store_release(++pulse.late_cycles);
  }
  pulse.attention_ns =
      pulse.cycle_limit_ns != 0 && pulse.cycle_limit_ns < pulse.worst_ns ? pulse.cycle_limit_ns : pulse.worst_ns;
}

[[gnu::noinline]] inline bool attend(Pulse& pulse) {
  return pulse.attend != nullptr ? pulse.attend(pulse) : pulse.hot.load_relaxed() != nullptr;
}

[[gnu::always_inline]] inline bool add_to_count(Pulse& pulse) {
  Word32* const count = pulse.count.load_relaxed();
  if (count == nullptr) [[unlikely]]
    return false;
  count->store_relaxed(count->load_relaxed() + 1);
  return true;
}

// The programs of probe/ beat too seldom to gain by carrying.
[[gnu::always_inline]] inline std::uint64_t beat_ns(Pulse& pulse) {
#if !defined(SHM_LIVENESS_FREESTANDING)
  if (pulse.clock == Clock::precise) {
    const std::uint64_t now = pulse.carried.now();
    // A thread that takes a pulse over from another may be a little early. A cycle of -1 ns would be the longest ever.
    return pulse.last_ns - now - 1 < pulse.carried.kCarryNs ? pulse.last_ns : now;
  }
#endif
  return now_ns(pulse.clock);
}

inline void note_cycles(Pulse& pulse, std::uint64_t cycle, std::uint64_t how_many) {
  Word64& bin = pulse.cycles[static_cast<std::size_t>(std::bit_width(cycle | 1)) - 1];
  bin.store_relaxed(bin.load_relaxed() + how_many);
}

[[gnu::always_inline]] inline void stamp(Pulse& pulse, Hot& hot, std::uint64_t now) {
  const std::uint64_t cycle = now - pulse.last_ns;
  pulse.last_ns = now;
  hot.last_beat_ns.store_release(now);
  // With release order, so that a reader of a new worker that sees the first count also sees the time of that beat. On
  // x86 both are plain stores; on AArch64 stlr.
  hot.beats.store_release(++pulse.beats);
  if (pulse.timing) [[likely]] {
    note_cycles(pulse, cycle, 1);
    if (cycle > pulse.attention_ns) [[unlikely]]
      note_long_cycle(pulse, hot, cycle, now);
  } else {
    pulse.timing = !pulse.in_phase;
  }
}

}  // namespace detail

// A look at a counted pulse's word, and the stamp if it has moved since the last one. `now` was read before: a beat
// that comes meanwhile is stamped as older than it is, never as younger. For one thread at a time (sampler.hpp).
//
// What samples can tell of cycles. Between two samples `fresh` beats came, so the usual cycle is their mean. If the
// word had stood still for `silent` before, one cycle was at least that long. The longest cycle since the last stamp
// was no shorter than an even share of the time: that much is proven, and only what is proven counts as worst or late.
inline void sample(Pulse& pulse, Hot& hot, std::uint64_t now) {
  const std::uint32_t fresh = hot.count.load_acquire() - static_cast<std::uint32_t>(pulse.beats);
  const std::uint64_t before = pulse.sampled_ns;
  const std::uint64_t stamped = pulse.last_ns;
  pulse.sampled_ns = now;
  if (fresh == 0) return;
  pulse.last_ns = now;
  pulse.beats += fresh;
  hot.last_beat_ns.store_release(now);
  hot.beats.store_release(pulse.beats);
  if (!pulse.timing) {
    pulse.timing = !pulse.in_phase;
    return;
  }
  const std::uint64_t silent = before - stamped;
  const std::uint64_t mean = (now - before) / fresh;
  if (silent == 0) {
    detail::note_cycles(pulse, mean, fresh);
  } else {
    detail::note_cycles(pulse, silent + mean, 1);
    if (fresh > 1) detail::note_cycles(pulse, mean, fresh - 1);
  }
  const std::uint64_t share = (now - stamped) / (std::uint64_t(fresh) + 1);
  const std::uint64_t proven = silent > share ? silent : share;
  if (proven > pulse.attention_ns) detail::note_long_cycle(pulse, hot, proven, now);
}

// True: stamped, or counted. False: this pulse owns no slot any more.
[[gnu::always_inline]] inline bool beat(Pulse& pulse) {
  if (pulse.clock == Clock::counted) {
    if (detail::add_to_count(pulse)) [[likely]]
      return true;
    return detail::attend(pulse) && detail::add_to_count(pulse);
  }
  Hot* const hot = pulse.hot.load_relaxed();
  if (hot == nullptr) [[unlikely]]
    return detail::attend(pulse);
  const std::uint64_t now = detail::beat_ns(pulse);
  detail::stamp(pulse, *hot, now);
  if (now >= pulse.attend_at_ns) [[unlikely]]
    return detail::attend(pulse);
  return true;
}

// The same where nothing may be called that attend() can come to. False: nothing was done, and beat() must do it.
[[gnu::always_inline]] inline bool beat_unattended(Pulse& pulse) {
  if (pulse.clock == Clock::counted) return detail::add_to_count(pulse);
  Hot* const hot = pulse.hot.load_relaxed();
  if (hot == nullptr) [[unlikely]]
    return false;
  const std::uint64_t now = detail::beat_ns(pulse);
  if (now >= pulse.attend_at_ns) [[unlikely]]
    return false;
  detail::stamp(pulse, *hot, now);
  return true;
}

inline void start_pulse(Pulse& pulse, const Claim& claim, const ClaimOptions& options) {
  pulse.cycles = claim.life().cycles;
  pulse.bank = &claim.bank();
  pulse.attend_at_ns = ~std::uint64_t(0);
  pulse.attend = nullptr;
  pulse.owner = nullptr;
  pulse.clock = options.clock;
#if !defined(SHM_LIVENESS_FREESTANDING)
  pulse.carried = {};
  if (options.clock == Clock::precise && counter_keeps_time()) pulse.carried.carry();
#endif
  pulse.timing = false;
  pulse.in_phase = false;
  pulse.last_ns = 0;
  pulse.sampled_ns = 0;
  pulse.beats = 0;
  pulse.attention_ns = 0;
  pulse.worst_ns = 0;
  pulse.cycle_limit_ns = options.cycle_limit_ns;
  pulse.late_cycles = 0;
  pulse.max_age_ns = options.max_age_ns;
  if (claim.region.watched != nullptr) claim.region.watched->stamping.store_release(&pulse.hot);
  pulse.count.store_relaxed(options.clock == Clock::counted ? &claim.bank().hot.count : nullptr);
  pulse.hot.store_release(&claim.bank().hot);
}

// A phase: a stretch of work with its own budget in place of max age. Entering one while in one replaces it.
//
// Limit and sign of life are two words, and a reader may come between their stores. So the fresh sign of life always
// goes first, on entry and on leaving, and readers load the limit first: the other way round they could pair the old
// beat with a new, shorter limit and cry stalled.
inline bool begin_phase(Pulse& pulse, std::string_view name, std::uint64_t budget_ns) {
  Hot* const hot = pulse.hot.load_relaxed();
  if (hot == nullptr) return false;
  {
    const detail::SequenceWriter writing(pulse.bank->labels.sequence);
    pulse.bank->labels.phase.store(name);
  }
  pulse.in_phase = true;
  pulse.timing = false;
  hot->renewed_ns.store_release(monotonic_ns());
  hot->stall_limit_ns.store_release(budget_ns);
  hot->in_phase.store_release(1);
  return true;
}

inline bool end_phase(Pulse& pulse) {
  Hot* const hot = pulse.hot.load_relaxed();
  if (hot == nullptr) return false;
  pulse.in_phase = false;
  pulse.timing = false;
  hot->renewed_ns.store_release(monotonic_ns());
  hot->in_phase.store_release(0);
  hot->stall_limit_ns.store_release(pulse.max_age_ns);
  return true;
}

// A new max age, for a worker whose rhythm changes. The fresh sign of life first, as at a phase.
inline bool set_max_age(Pulse& pulse, std::uint64_t max_age_ns) {
  Hot* const hot = pulse.hot.load_relaxed();
  if (hot == nullptr) return false;
  pulse.bank->identity.max_age_ns.store_release(max_age_ns);  // one word, as in claim_on_behalf()
  pulse.max_age_ns = max_age_ns;
  hot->renewed_ns.store_release(monotonic_ns());
  if (!pulse.in_phase) hot->stall_limit_ns.store_release(max_age_ns);
  return true;
}

inline bool set_ready(Pulse& pulse, bool ready, std::string_view status) {
  Hot* const hot = pulse.hot.load_relaxed();
  if (hot == nullptr) return false;
  {
    const detail::SequenceWriter writing(pulse.bank->labels.sequence);
    pulse.bank->labels.status.store(status);
  }
  hot->ready.store_release(ready ? 1 : 0);
  return true;
}

}  // namespace shm_liveness
