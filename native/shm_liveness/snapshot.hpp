// Reading a slot that others write: bounded, whole or marked as torn, and never in anybody's way.
#pragma once

#include "container.hpp"
#include "region.hpp"

namespace shm_liveness {

// What one look at one slot found. Plain values: verdict.hpp judges them, and tests make them up. All defaults are
// zero, so that the probe's array of them costs nothing in its file.
struct WorkerFacts {
  std::uint32_t region = 0;  // index into the observed regions
  std::uint32_t slot = 0;
  State state = State::free;
  Lock lock = Lock::gone;
  bool torn = false;       // the identity could not be read whole: a claim is being written, or was left half-written
  bool beat_seen = false;  // a new sign of life came while somebody was watching (confirm)
  bool ready = false;
  bool in_phase = false;
  bool inherited = false;
  bool coarse_clock = false;  // its beats lag by up to one kernel tick
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint32_t claims = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t observed_ns = 0;  // CLOCK_MONOTONIC, read after the beat was
  std::uint64_t excused_ns = 0;   // of its age: time in which the reader itself did not run
  std::uint64_t last_beat_ns = 0;
  std::uint64_t beats = 0;
  std::uint64_t renewed_ns = 0;
  std::uint64_t stall_limit_ns = 0;
  std::uint64_t worst_cycle_ns = 0;
  std::uint64_t late_cycles = 0;
  std::uint64_t late_at_ns = 0;
  std::uint64_t max_age_ns = 0;
  std::uint64_t cycle_limit_ns = 0;
  std::uint64_t task_start_ticks = 0;
  std::uint64_t claimed_ns = 0;
  std::uint64_t claimed_boottime_ns = 0;
  std::uint64_t grace_from_boottime_ns = 0;
  std::uint64_t claiming_boottime_ns = 0;  // State::claiming: when that began
  std::uint64_t inherited_deadline_ns = 0;
  std::uint64_t time_namespace = 0;
  ContainerId container;
  char name[kNameBytes] = {};
  char phase[kNameBytes] = {};
  char status[kStatusBytes] = {};

  std::string_view name_view() const { return name; }
  // The last sign of life: a beat, a phase change, or the claim.
  std::uint64_t sign_of_life_ns() const { return last_beat_ns > renewed_ns ? last_beat_ns : renewed_ns; }
  // 0 for a sign of life that is slightly ahead of the clock.
  std::uint64_t age_ns() const {
    const std::uint64_t counted_ns = observed_ns - excused_ns;
    return counted_ns > sign_of_life_ns() ? counted_ns - sign_of_life_ns() : 0;
  }
};

namespace detail {

inline constexpr int kReadTries = 64;

// Runs `read` until it saw an even sequence count that did not move; false if it never did.
template <class Read>
[[gnu::always_inline]] inline bool read_under(const Word32& sequence, Read&& read) {
  for (int i = 0; i < kReadTries; ++i) {
    const std::uint32_t before = sequence.load_acquire();
    if ((before & 1) == 0) {
      read();  // loads with acquire order, so that the next load cannot come before them
      if (sequence.load_relaxed() == before) return true;
    }
  }
  return false;
}

[[gnu::always_inline]] inline void read_identity(const Identity& identity, WorkerFacts& facts) {
  facts.torn = !read_under(identity.sequence, [&] {
    identity.name.load(facts.name);
    facts.coarse_clock = identity.clock.load_acquire() == static_cast<std::uint32_t>(Clock::coarse);
    facts.pid = identity.pid.load_acquire();
    facts.tid = identity.tid.load_acquire();
    facts.claims = identity.claims.load_acquire();
    facts.max_age_ns = identity.max_age_ns.load_acquire();
    facts.cycle_limit_ns = identity.cycle_limit_ns.load_acquire();
    facts.task_start_ticks = identity.task_start_ticks.load_acquire();
    facts.claimed_ns = identity.claimed_ns.load_acquire();
    facts.claimed_boottime_ns = identity.claimed_boottime_ns.load_acquire();
    facts.container = {static_cast<ContainerKind>(identity.container_kind.load_acquire()),
                       identity.container_a.load_acquire(), identity.container_b.load_acquire()};
    facts.time_namespace = identity.time_namespace.load_acquire();
    facts.grace_from_boottime_ns = identity.grace_from_boottime_ns.load_acquire();
    facts.inherited_deadline_ns = identity.inherited_deadline_ns.load_acquire();
    facts.inherited = identity.inherited.load_acquire() != 0;
  });
}

inline void read_labels(const Labels& labels, WorkerFacts& facts) {
  // Torn labels are shown as they are: they decide nothing.
  read_under(labels.sequence, [&] {
    labels.phase.load(facts.phase);
    labels.status.load(facts.status);
  });
}

[[gnu::always_inline]] inline void read_hot(const Hot& hot, WorkerFacts& facts) {
  // The limit before the signs of life: beat.hpp says why.
  facts.in_phase = hot.in_phase.load_acquire() != 0;
  facts.stall_limit_ns = hot.stall_limit_ns.load_acquire();
  facts.renewed_ns = hot.renewed_ns.load_acquire();
  facts.beats = hot.beats.load_acquire();
  facts.last_beat_ns = hot.last_beat_ns.load_acquire();
  facts.ready = hot.ready.load_acquire() != 0;
  facts.late_cycles = hot.late_cycles.load_acquire();
  facts.late_at_ns = hot.late_at_ns.load_acquire();
  facts.worst_cycle_ns = hot.worst_cycle_ns.load_acquire();
}

}  // namespace detail

// What slot `index` says of itself. The clock is read after this (observed_ns) and the lock asked (ask_lock): a beat
// that comes meanwhile makes its worker younger, never older.
inline void read_slot(const Region& region, std::uint32_t index, WorkerFacts& facts) {
  const Slot& slot = region.slot(index);
  // As `facts = {}`, but for the bytes behind the first of each text: with 256 workers they show.
  __builtin_memset(static_cast<void*>(&facts), 0, offsetof(WorkerFacts, name));
  facts.name[0] = facts.phase[0] = facts.status[0] = '\0';
  facts.slot = index;
  const std::uint32_t state = slot.hot.state.load_acquire();
  facts.state = state <= static_cast<std::uint32_t>(State::stopped) ? static_cast<State>(state) : State::free;
  if (facts.state == State::free) return;
  facts.incarnation = slot.identity.incarnation.load_acquire();
  detail::read_identity(slot.identity, facts);
  if (facts.state == State::claiming) {
    // Beats, phase and flags are the predecessor's still, or half cleared.
    facts.claiming_boottime_ns = slot.hot.claiming_boottime_ns.load_acquire();
    return;
  }
  detail::read_hot(slot.hot, facts);
  if (facts.in_phase || !facts.ready) detail::read_labels(slot.labels, facts);
}

// Asks the kernel for the slot's lock, and the slot once more for its state and incarnation: stop() writes `stopped`
// and then unlocks, so "lock gone" beside an unchanged `claimed` means that nobody said goodbye. False: the slot has
// changed hands or state since it was read, and what was read must be read again.
inline bool ask_lock(const Region& region, WorkerFacts& facts) {
  const Slot& slot = region.slot(facts.slot);
  facts.lock = query_lock(region.fd, facts.slot);
  // A claimant marks its slot before it locks it, and holds the claim byte all the while.
  if (facts.state == State::claiming && facts.lock == Lock::gone) facts.lock = query_locks(region.fd, kClaimByte, 1);
  return slot.hot.state.load_acquire() == static_cast<std::uint32_t>(facts.state) &&
         slot.identity.incarnation.load_acquire() == facts.incarnation;
}

// One whole look at one slot. A slot that changes all the time is torn, and so never believed.
inline void look_at(const Region& region, std::uint32_t index, WorkerFacts& facts) {
  const std::uint32_t of_region = facts.region;
  for (int i = 0; i < detail::kReadTries; ++i) {
    read_slot(region, index, facts);
    facts.region = of_region;
    facts.observed_ns = monotonic_ns();
    if (facts.state == State::free || ask_lock(region, facts)) return;
  }
  facts.torn = true;
}

}  // namespace shm_liveness
