// Taking a slot and giving it back. Whatever kills a claimant, at whatever instruction: the slot is either what it was
// before or wholly claimed, because one store decides (layout.hpp), and the kernel drops all locks.
#pragma once

#include "count.hpp"
#include "restart.hpp"
#include "slots.hpp"

namespace shm_liveness {

inline constexpr std::uint32_t kCaller = ~0u;

struct ClaimOptions {
  Place place{};
  Creation creation{};
  std::string_view name{};
  std::uint64_t max_age_ns = 0;      // required
  std::uint64_t cycle_limit_ns = 0;  // 0: none
  Clock clock = Clock::precise;
  std::uint64_t wait_ns = detail::kClaimWaitNs;  // for another claim that does not finish
  std::uint32_t user = kCaller;                  // the region's owner; a root that stamps for its workers names theirs
};

// A held slot. The region's descriptor carries the lock: to close it gives the slot up.
struct Claim {
  Region region;
  std::uint32_t index = 0;
  std::uint32_t bank_index = 0;
  int group_fd = -1;  // carries the lock once more, in large regions (lock_group.hpp)
  Bank& bank() const { return region.slot(index).banks[bank_index]; }
  Life& life() const { return region.record(index).lives[bank_index]; }
};

namespace detail {

inline std::uint32_t user_or_caller(std::uint32_t user) { return user != kCaller ? user : sys::effective_user(); }

// Sequence counts: odd while being written. The odd store is ordered before the fields because those are stored with
// release order; the even one after them because it is one itself.
class SequenceWriter {
 public:
  explicit SequenceWriter(Word32& sequence) : sequence_(sequence), odd_(sequence.load_relaxed() | 1) {
    sequence_.store_relaxed(odd_);
  }
  ~SequenceWriter() { sequence_.store_release(odd_ + 1); }
  SequenceWriter(const SequenceWriter&) = delete;
  SequenceWriter& operator=(const SequenceWriter&) = delete;

 private:
  Word32& sequence_;
  std::uint32_t odd_;
};

// What a claim takes over from the claim before it in its slot.
struct Heritage {
  Ended ended = Ended::none;
  std::uint32_t row = 0;
  std::uint64_t grace_from_boottime_ns = 0;  // 0: from the claim
  std::uint64_t deadline_boottime_ns = 0;
};

inline Heritage heritage_of(const Region& region, std::uint32_t index, const Current& before, std::string_view name,
                            const ContainerId& mine, std::uint64_t now, std::uint64_t now_boottime) {
  if (before.serial == 0) return {};
  const Bank& bank = region.slot(index).banks[before.bank];
  const Identity& identity = bank.identity;
  const RestartMark& mark = region.record(index).mark;
  const bool left_over = is_other_container(mine, container_of(identity));
  Heritage heritage;
  const bool stopped = state_of(bank) == State::stopped;
  heritage.ended = stopped ? Ended::stopped : left_over ? Ended::left_over : Ended::died;
  if (left_over || !has_name(bank, name)) return heritage;
  const bool is_marked = mark.incarnation.load_relaxed() == identity.incarnation.load_relaxed();
  const std::uint64_t budget = mark.budget_ns.load_relaxed();
  if (is_marked) heritage.deadline_boottime_ns = mark.marked_boottime_ns.load_relaxed() + budget;
  const bool young =
      ended_young(total_beats(bank.hot, is_counted(identity.clock.load_relaxed())),
                  bank.hot.last_beat_ns.load_relaxed(), identity.claimed_ns.load_relaxed(), is_marked, budget);
  if (stopped || !young) return heritage;
  heritage.row = identity.row.load_relaxed() + 1;
  if (!is_beyond_forgiven(heritage.row)) return heritage;
  heritage.grace_from_boottime_ns = identity.grace_from_boottime_ns.load_relaxed();
  heritage.deadline_boottime_ns = identity.deadline_boottime_ns.load_relaxed();
  if (heritage.row == kForgivenLives && bank.hot.in_phase.load_relaxed() != 0) {
    const std::uint64_t renewed = bank.hot.renewed_ns.load_relaxed();
    const std::uint64_t ago = now > renewed ? now - renewed : 0;
    const std::uint64_t end = now_boottime - (ago < now_boottime ? ago : 0) + bank.hot.stall_limit_ns.load_relaxed();
    if (end > heritage.deadline_boottime_ns) heritage.deadline_boottime_ns = end;
  }
  return heritage;
}

// Who claims. Read before the claim byte is taken, because /proc takes longer than all that happens under it.
struct Claimant {
  ContainerId container;
  std::uint64_t task_start_ticks = 0;
  std::uint64_t time_namespace = 0;
};

inline Claimant this_thread() {
  return {this_container(), start_ticks("/proc/thread-self/stat"), namespace_inode("/proc/self/ns/time")};
}

// Writes the bank that is not current, and makes it current by its last store.
inline void write_claim(const Region& region, std::uint32_t index, const ClaimOptions& options,
                        const Claimant& claimant) {
  const Current before = current_of(region.slot(index));
  Bank& bank = region.slot(index).banks[1 - before.bank];
  Life& life = region.record(index).lives[1 - before.bank];
  // All that may take its time comes before the first store.
  const std::uint64_t nonce = random_nonce();
  const std::uint64_t now = monotonic_ns();
  const std::uint64_t now_boottime = boottime_ns();
  const ContainerId& mine = claimant.container;
  const Heritage heritage = heritage_of(region, index, before, options.name, mine, now, now_boottime);

  // A reader that took this bank for current long ago sees by this that it is not any more. The stores below have
  // release order, so that none of them is seen before this one.
  bank.hot.serial.store_release(0);
  Identity& identity = bank.identity;
  identity.incarnation.store_release(nonce);
  identity.clock.store_release(static_cast<std::uint32_t>(options.clock));
  identity.predecessor_ended.store_release(static_cast<std::uint32_t>(heritage.ended));
  identity.name.store(options.name);
  identity.max_age_ns.store_release(options.max_age_ns);
  identity.cycle_limit_ns.store_release(options.cycle_limit_ns);
  identity.pid.store_release(sys::process_id());
  identity.tid.store_release(sys::thread_id());
  identity.task_start_ticks.store_release(claimant.task_start_ticks);
  identity.claimed_ns.store_release(now);
  identity.claimed_boottime_ns.store_release(now_boottime);
  identity.container_kind.store_release(static_cast<std::uint64_t>(mine.kind));
  identity.container_a.store_release(mine.a);
  identity.container_b.store_release(mine.b);
  identity.time_namespace.store_release(claimant.time_namespace);
  identity.grace_from_boottime_ns.store_release(heritage.grace_from_boottime_ns != 0 ? heritage.grace_from_boottime_ns
                                                                                     : now_boottime);
  identity.deadline_boottime_ns.store_release(heritage.deadline_boottime_ns);
  identity.row.store_release(heritage.row);
  {
    const SequenceWriter writing(bank.labels.sequence);
    bank.labels.phase.store({});
    bank.labels.status.store({});
  }
  for (Word64& bin : life.cycles) bin.store_relaxed(0);
  {
    const SequenceWriter writing(life.where.sequence);
    life.where.kind.store_release(0);
  }
  for (SlowPlace& place : life.slow_places) {
    const SequenceWriter writing(place.sequence);
    place.count.store_release(0);
  }
  Hot& hot = bank.hot;
  hot.last_beat_ns.store_release(0);
  hot.beats.store_release(0);
  hot.ready.store_release(0);
  hot.worst_cycle_ns.store_release(0);
  hot.late_cycles.store_release(0);
  hot.late_at_ns.store_release(0);
  hot.stall_limit_ns.store_release(options.max_age_ns);
  hot.renewed_ns.store_release(now);
  hot.in_phase.store_release(0);
  hot.count.store_release(0);
  hot.state.store_release(static_cast<std::uint32_t>(State::claimed));
  hot.serial.store_release(before.serial + 1);
}

// The second lock of a claim in a large region; where it cannot be had, readers ask the region.
inline int lock_in_group(const Region& region, const Place& place, std::uint32_t index, std::uint32_t bank) {
  if (region.slot_count <= kGroupSlots) return -1;
  const int fd = open_or_make_lock_group(region, place, group_of(index));
  if (fd < 0 || !try_lock(fd, lock_byte_of(index, bank))) return fd;
  sys::close(fd);
  return -1;
}

inline Failure check_options(const ClaimOptions& options) {
  if (!is_valid_name(options.name)) return {Fault::invalid_name, 0};
  if (options.max_age_ns == 0 || options.max_age_ns > kMaxDurationNs || options.cycle_limit_ns > kMaxDurationNs) {
    return {Fault::invalid_option, 0};
  }
  if (options.clock == Clock::counted && options.max_age_ns < kLeastCountedMaxAgeNs) return {Fault::invalid_option, 0};
  return {};
}

}  // namespace detail

// Which names a claim leaves to others, beside those of workers that live: none.
struct AnyName {
  bool keeps(const Region&, std::string_view) const { return false; }
};

// Takes the slot of `options.name`, its old one if it has one. Opens a descriptor for this claim alone: an
// open-file-description lock shared with another claim would outlive this one.
//
// `mutex`, `out`: as open_for_claim() uses them. `rule` is asked while nobody else can claim.
template <class Mutex = NoForks, class Rule = AnyName>
Failure take(const ClaimOptions& options, Claim& out, Mutex&& mutex = {}, Rule rule = {}) {
  if (const Failure failure = detail::check_options(options)) return failure;
  const detail::Claimant claimant = detail::this_thread();
  if (const Failure failure = open_for_claim(options.place, &options.creation, detail::user_or_caller(options.user),
                                             out.region, options.wait_ns, mutex))
    return failure;
  Failure failure = rule.keeps(out.region, options.name)
                        ? Failure{Fault::name_taken, 0}
                        : detail::lock_slot(out.region, options.name, claimant.container, out.index);
  if (!failure) {
    out.bank_index = 1 - current_of(out.region.slot(out.index)).bank;
    {
      const detail::Locked locked(mutex);
      out.group_fd = detail::lock_in_group(out.region, options.place, out.index, out.bank_index);
    }
    detail::write_claim(out.region, out.index, options, claimant);
  }
  detail::leave_claim_byte(out.region);
  if (!failure && is_lost(out.region)) failure = {Fault::truncated, 0};
  if (failure) {
    const detail::Locked locked(mutex);
    if (out.group_fd >= 0) sys::close(out.group_fd);
    close_region(out.region);
    out = Claim{};
  }
  return failure;
}

// Names the task that is meant by this claim, where the claimant stamps for another process. For display and for code
// that looks that task up, which must compare its start; the lock, and so the word on death, stays the claimant's. Each
// is one word, and readers bear a mix of old and new.
inline void claim_on_behalf(const Claim& claim, std::uint32_t pid, std::uint64_t task_start_ticks) {
  Identity& identity = claim.bank().identity;
  identity.pid.store_release(pid);
  identity.tid.store_release(pid);
  identity.task_start_ticks.store_release(task_start_ticks);
}

// Gives the slot up. Unlocks by itself, because closing alone would leave the lock to a child that is being forked at
// this moment. Never call it in a forked child: the lock is its parent's.
inline void abandon(Claim& claim) {
  const std::int64_t byte = lock_byte_of(claim.index, claim.bank_index);
  unlock(claim.region.fd, byte);
  if (claim.group_fd >= 0) {
    unlock(claim.group_fd, byte);
    sys::close(claim.group_fd);
    claim.group_fd = -1;
  }
  close_region(claim.region);
}

// stop(): first the state, then the lock. A reader that finds the lock gone reads the state again before it says dead.
//
// That order needs the barrier. A query takes no lock of the kernel's when the inode's list is empty (fs/locks.c,
// posix_test_lock: list_empty_careful, an acquire load), and the unlocking call stores the empty list with plain
// stores. On AArch64 the store of `stopped` could else become visible after them: "lock gone" beside a stale `claimed`.
// On x86 stores are not reordered. The reader's side needs none: its load of the state follows that acquire load.
inline void release(Claim& claim) {
  claim.bank().hot.state.store_release(static_cast<std::uint32_t>(State::stopped));
  full_barrier();
  abandon(claim);
}

}  // namespace shm_liveness
