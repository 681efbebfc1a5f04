// Reading a slot that others write: bounded, whole or marked as torn, and never in anybody's way.
#pragma once

#include "container.hpp"
#include "count.hpp"
#include "lock_group.hpp"

namespace shm_liveness {

// What one look at one slot found. Plain values: verdict.hpp judges them, and tests make them up. All defaults are
// zero, so that the probe's array of them costs nothing in its file.
struct WorkerFacts {
  std::uint32_t region = 0;  // index into the observed regions
  std::uint32_t slot = 0;
  std::uint32_t bank = 0;
  State state = State::free;
  Lock lock = Lock::gone;
  bool torn = false;       // the slot changed hands at every look
  bool beat_seen = false;  // a new sign of life came while somebody was watching (confirm)
  bool ready = false;
  bool in_phase = false;
  bool coarse_clock = false;  // its beats lag by up to one kernel tick
  bool counted = false;       // its beats are stamped by another thread, at samples (count.hpp)
  Ended predecessor_ended = Ended::none;
  std::uint32_t pid = 0;
  std::uint32_t tid = 0;
  std::uint32_t claims = 0;  // of the slot, with this one
  std::uint32_t row = 0;     // lives before this one, in a row, that ended before they had beaten for long
  std::uint32_t restarts =
      0;  // marked by supervisors. This and the two below only where the lock is gone, or on request
  std::uint64_t marked_boottime_ns = 0;  // this claim's end is forgiven; 0: it is not
  std::uint64_t mark_budget_ns = 0;
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
  std::uint64_t deadline_boottime_ns = 0;
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
  facts.incarnation = identity.incarnation.load_acquire();
  identity.name.load(facts.name);
  const std::uint32_t clock = identity.clock.load_acquire();
  facts.coarse_clock = clock == static_cast<std::uint32_t>(Clock::coarse);
  facts.counted = is_counted(clock);
  const std::uint32_t ended = identity.predecessor_ended.load_acquire();
  facts.predecessor_ended =
      ended <= static_cast<std::uint32_t>(Ended::left_over) ? static_cast<Ended>(ended) : Ended::none;
  facts.pid = identity.pid.load_acquire();
  facts.tid = identity.tid.load_acquire();
  facts.max_age_ns = identity.max_age_ns.load_acquire();
  facts.cycle_limit_ns = identity.cycle_limit_ns.load_acquire();
  facts.task_start_ticks = identity.task_start_ticks.load_acquire();
  facts.claimed_ns = identity.claimed_ns.load_acquire();
  facts.claimed_boottime_ns = identity.claimed_boottime_ns.load_acquire();
  facts.container = {static_cast<ContainerKind>(identity.container_kind.load_acquire()),
                     identity.container_a.load_acquire(), identity.container_b.load_acquire()};
  facts.time_namespace = identity.time_namespace.load_acquire();
  facts.grace_from_boottime_ns = identity.grace_from_boottime_ns.load_acquire();
  facts.deadline_boottime_ns = identity.deadline_boottime_ns.load_acquire();
  facts.row = identity.row.load_acquire();
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
  facts.beats = total_beats(hot, facts.counted);
  facts.last_beat_ns = hot.last_beat_ns.load_acquire();
  // Beats that no sample has seen yet are no older than the claim.
  if (facts.counted && facts.last_beat_ns == 0) facts.last_beat_ns = facts.claimed_ns;
  facts.ready = hot.ready.load_acquire() != 0;
  facts.late_cycles = hot.late_cycles.load_acquire();
  facts.late_at_ns = hot.late_at_ns.load_acquire();
  facts.worst_cycle_ns = hot.worst_cycle_ns.load_acquire();
}

[[gnu::always_inline]] inline void read_bank(const Bank& bank, WorkerFacts& facts) {
  const std::uint32_t state = bank.hot.state.load_acquire();
  facts.state = state == static_cast<std::uint32_t>(State::stopped) ? State::stopped : State::claimed;
  read_identity(bank.identity, facts);
  read_hot(bank.hot, facts);
  if (facts.in_phase || !facts.ready) read_labels(bank.labels, facts);
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
  const Current current = current_of(slot);
  if (current.serial == 0) return;
  facts.bank = current.bank;
  facts.claims = current.serial;
  detail::read_bank(slot.banks[current.bank], facts);
}

// A supervisor's mark on the slot; of a mapped region only.
inline void read_mark(const Region& region, WorkerFacts& facts) {
  const RestartMark& mark = region.record(facts.slot).mark;
  const std::uint64_t incarnation = mark.incarnation.load_acquire();
  facts.restarts = mark.restarts.load_acquire();
  const std::uint64_t marked = mark.marked_boottime_ns.load_acquire();
  facts.mark_budget_ns = mark.budget_ns.load_acquire();
  // The marking stores clear `incarnation` first and set it last: equal on both sides, the words between belong to it.
  const bool is_whole = mark.incarnation.load_relaxed() == incarnation;
  facts.marked_boottime_ns = is_whole && incarnation == facts.incarnation ? marked : 0;
}

// Whether the slot is still what was read of it: no other claim has become current, and nobody has stopped it.
inline bool is_unchanged(const Region& region, const WorkerFacts& facts) {
  const Slot& slot = region.slot(facts.slot);
  const Current current = current_of(slot);
  const std::uint32_t state = slot.banks[facts.bank].hot.state.load_acquire();
  return current.bank == facts.bank && current.serial == facts.claims &&
         (state == static_cast<std::uint32_t>(State::stopped)) == (facts.state == State::stopped);
}

// Asks the kernel for the claim's lock, and then the slot once more: stop() writes `stopped` and then unlocks, so "lock
// gone" beside an unchanged `claimed` means that nobody called stop(). False: the slot has changed hands or state since
// it was read, and must be read again.
//
// Why the order holds. The slot's loads before the query precede it in program order; the query is a system call, and
// its answer comes from memory that the kernel reads after them. The loads after it follow an acquire in the kernel
// (claim.hpp, release()). On x86 loads are not reordered with loads at all.
inline bool ask_lock(const Region& region, LockReader& locks, WorkerFacts& facts) {
  facts.lock = locks.query(facts.slot, facts.bank);
  if (facts.lock == Lock::gone) read_mark(region, facts);
  return is_unchanged(region, facts);
}

// One whole look at one slot. A slot that changes all the time is torn, and so never believed.
inline void look_at(const Region& region, LockReader& locks, std::uint32_t index, WorkerFacts& facts) {
  const std::uint32_t of_region = facts.region;
  for (int i = 0; i < detail::kReadTries; ++i) {
    read_slot(region, index, facts);
    facts.region = of_region;
    facts.observed_ns = monotonic_ns();
    if (facts.state == State::free || ask_lock(region, locks, facts)) return;
  }
  facts.torn = true;
}

}  // namespace shm_liveness
