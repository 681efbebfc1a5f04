// Taking a slot, giving it back, and retiring a dead one. All searching and taking happens under the claim byte: in a
// naive version two claimants of one name each locked a different free slot (24 of 40 runs).
#pragma once

#include "container.hpp"
#include "create.hpp"
#include "duration.hpp"

namespace shm_liveness {

inline constexpr std::uint32_t kCaller = ~0u;

struct ClaimOptions {
  Place place{};
  Creation creation{};
  std::string_view name{};
  std::uint64_t max_age_ns = 0;      // required
  std::uint64_t cycle_limit_ns = 0;  // 0: none
  Clock clock = Clock::precise;
  std::uint64_t wait_ns = detail::kClaimWaitNs;  // for other claims to finish
  std::uint32_t user = kCaller;                  // whose the region is; a root that stamps for its workers names theirs
};

// A held slot: the region's descriptor carries the lock, so whoever closes it gives the slot up.
struct Claim {
  Region region;
  std::uint32_t index = 0;
  Slot& slot() const { return region.slot(index); }
  Record& record() const { return region.record(index); }
};

namespace detail {

inline std::uint32_t user_or_caller(std::uint32_t user) { return user != kCaller ? user : sys::effective_user(); }

// stop() writes `stopped`, then unlocks; a successor that comes between the two waits this long at most.
inline constexpr std::uint64_t kReleaseWaitNs = 50'000'000;

inline State state_of(const Slot& slot) { return static_cast<State>(slot.hot.state.load_acquire()); }

inline bool has_name(const Slot& slot, std::string_view name) {
  char text[kNameBytes];
  slot.identity.name.load(text);
  return name == std::string_view(text);
}

inline ContainerId container_of(const Identity& identity) {
  return {static_cast<ContainerKind>(identity.container_kind.load_acquire()), identity.container_a.load_acquire(),
          identity.container_b.load_acquire()};
}

inline bool is_left_over(const Region& region, const Slot& slot, const ContainerId& mine) {
  const Header& header = region.header();
  const std::uint64_t restart = believed_restart(header.restart_boottime_ns.load_acquire(),
                                                 header.restart_budget_ns.load_relaxed(), boottime_ns());
  return shm_liveness::is_left_over(mine, container_of(slot.identity), slot.identity.claimed_boottime_ns.load_acquire(),
                                    restart);
}

// Whether the identity is one: a claimant that died while writing its first or next one leaves none. The claim byte is
// ours, so nobody is writing now.
inline bool has_identity(const Slot& slot) {
  return slot.identity.claims.load_relaxed() != 0 && (slot.identity.sequence.load_relaxed() & 1) == 0;
}

inline std::int64_t find_name(const Region& region, std::string_view name) {
  for (std::uint32_t i = 0; i < region.used_slots(); ++i) {
    const Slot& slot = region.slot(i);
    if (state_of(slot) != State::free && has_identity(slot) && has_name(slot, name)) return i;
  }
  return -1;
}

// The order in which a new name takes slots. A dead slot of this container is in no class: it is evidence.
enum class Class : std::uint8_t { never_used, stopped, left_over, not_free };

inline Class class_of(const Region& region, std::uint32_t index, const ContainerId& mine) {
  const Slot& slot = region.slot(index);
  const State state = state_of(slot);
  if (state == State::free || !has_identity(slot)) return Class::never_used;
  if (state == State::stopped) return Class::stopped;
  return is_left_over(region, slot, mine) ? Class::left_over : Class::not_free;
}

// Marks the slot as being claimed, then locks it: in this order, so that no reader pairs the new lock with the old
// beats. Nobody else locks slots, because the claim byte is ours; name_taken: its holder lives.
inline Failure begin_claim(const Region& region, std::uint32_t index, std::uint64_t wait_ns) {
  const std::uint64_t deadline = monotonic_ns() + wait_ns;
  for (Lock lock; (lock = query_lock(region.fd, index)) != Lock::gone; sys::sleep_ns(100'000)) {
    if (lock == Lock::unsupported) return {Fault::locks_unsupported, 0};
    if (monotonic_ns() >= deadline) return {Fault::name_taken, 0};
  }
  Hot& hot = region.slot(index).hot;
  // Before the first state, so that a reader never misses a claimed slot.
  Word32& used = region.header().used_slots;
  if (used.load_relaxed() <= index) used.store_release(index + 1);
  hot.claiming_boottime_ns.store_release(boottime_ns());
  hot.state.store_release(static_cast<std::uint32_t>(State::claiming));
  return try_lock(region.fd, lock_byte_of(index));
}

// Takes the best free slot: by class, and within it the one claimed longest ago, so that the flight recorder reaches
// as far back as it can.
inline Failure take_free_slot(const Region& region, const ContainerId& mine, std::uint32_t& index, State& was) {
  for (const Class wanted : {Class::never_used, Class::stopped, Class::left_over}) {
    for (std::uint64_t after = 0;;) {  // in the order of claim times, until one can be locked
      std::int64_t best = -1;
      std::uint64_t best_time = ~std::uint64_t(0);
      for (std::uint32_t i = 0; i < region.slot_count; ++i) {
        if (class_of(region, i, mine) != wanted) continue;
        // + 1 + i makes the times distinct, so that each slot is tried once.
        const std::uint64_t time = region.slot(i).identity.claimed_boottime_ns.load_relaxed() + 1 + i;
        if (time > after && time < best_time) {
          best = i;
          best_time = time;
        }
      }
      if (best < 0) break;
      index = static_cast<std::uint32_t>(best);
      was = state_of(region.slot(index));
      const Failure failure = begin_claim(region, index, 0);
      if (failure.fault != Fault::name_taken) return failure;
      after = best_time;
    }
  }
  return {Fault::no_slot, 0};
}

// `was`: the slot's state before.
inline Failure take_slot(const Region& region, std::string_view name, const ContainerId& mine, std::uint32_t& index,
                         State& was) {
  const std::int64_t own = find_name(region, name);
  if (own < 0) return take_free_slot(region, mine, index, was);
  index = static_cast<std::uint32_t>(own);
  was = state_of(region.slot(index));
  return begin_claim(region, index, was == State::stopped ? kReleaseWaitNs : 0);
}

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

template <std::size_t Bytes>
void copy_text(SharedText<Bytes>& to, const SharedText<Bytes>& from) {
  char text[Bytes];
  from.load(text);
  to.store(text);
}

// `was`: the slot's state before this claim began.
inline void keep_last_words(const Slot& slot, LastWords& last, State was, bool left_over) {
  const Hot& hot = slot.hot;
  const Identity& identity = slot.identity;
  Ended ended = Ended::none;
  if (was == State::stopped) ended = Ended::stopped;
  if (was == State::claimed || was == State::claiming) ended = left_over ? Ended::left_over : Ended::died;
  last.ended.store_release(static_cast<std::uint32_t>(ended));
  last.pid.store_release(identity.pid.load_relaxed());
  last.incarnation.store_release(identity.incarnation.load_relaxed());
  copy_text(last.name, identity.name);
  last.last_beat_ns.store_release(hot.last_beat_ns.load_relaxed());
  last.beats.store_release(hot.beats.load_relaxed());
  last.worst_cycle_ns.store_release(hot.worst_cycle_ns.load_relaxed());
  last.late_cycles.store_release(hot.late_cycles.load_relaxed());
  last.late_at_ns.store_release(hot.late_at_ns.load_relaxed());
  last.claimed_ns.store_release(identity.claimed_ns.load_relaxed());
  last.claimed_boottime_ns.store_release(identity.claimed_boottime_ns.load_relaxed());
  last.stall_limit_ns.store_release(hot.stall_limit_ns.load_relaxed());
  last.renewed_ns.store_release(hot.renewed_ns.load_relaxed());
  last.in_phase.store_release(hot.in_phase.load_relaxed());
  copy_text(last.phase, slot.labels.phase);
}

struct Grace {
  std::uint64_t from_boottime_ns;
  std::uint64_t deadline_ns = 0;
  bool inherited = false;
};

// A predecessor that died before its first beat hands its deadline on: a crash loop must not stay healthy for ever.
inline Grace grace_after(const Slot& slot, bool died_before_beating, std::uint64_t now, std::uint64_t now_boottime) {
  if (!died_before_beating) return {now_boottime};
  const Identity& predecessor = slot.identity;
  Grace grace{predecessor.grace_from_boottime_ns.load_relaxed(), 0, true};
  grace.deadline_ns = predecessor.inherited_deadline_ns.load_relaxed();
  if (grace.deadline_ns == 0 && slot.hot.in_phase.load_relaxed() != 0) {
    const std::uint64_t renewed = slot.hot.renewed_ns.load_relaxed();
    const std::uint64_t ago = now > renewed ? now - renewed : 0;
    grace.deadline_ns = now_boottime - (ago < now_boottime ? ago : 0) + slot.hot.stall_limit_ns.load_relaxed();
  }
  return grace;
}

inline void write_claim(const Region& region, std::uint32_t index, const ClaimOptions& options, const ContainerId& mine,
                        State was) {
  Slot& slot = region.slot(index);
  const bool left_over = is_left_over(region, slot, mine);
  const bool same_name = (was == State::claimed || was == State::claiming) && has_name(slot, options.name);
  const std::uint64_t now = monotonic_ns();
  const std::uint64_t now_boottime = boottime_ns();
  const bool died_before_beating = same_name && !left_over && slot.hot.beats.load_relaxed() == 0;
  const Grace grace = grace_after(slot, died_before_beating, now, now_boottime);
  // Whatever may take its time is asked before the first word is written.
  const std::uint64_t nonce = random_nonce();
  const std::uint64_t task_start_ticks = start_ticks("/proc/thread-self/stat");
  const std::uint64_t time_namespace = namespace_inode("/proc/self/ns/time");
  {
    Identity& identity = slot.identity;
    const SequenceWriter writing(identity.sequence);
    keep_last_words(slot, region.record(index).last_words, was, left_over);
    identity.clock.store_release(static_cast<std::uint32_t>(options.clock));
    identity.incarnation.store_release(nonce);
    identity.name.store(options.name);
    identity.max_age_ns.store_release(options.max_age_ns);
    identity.cycle_limit_ns.store_release(options.cycle_limit_ns);
    identity.pid.store_release(sys::process_id());
    identity.tid.store_release(sys::thread_id());
    identity.task_start_ticks.store_release(task_start_ticks);
    identity.claimed_ns.store_release(now);
    identity.claimed_boottime_ns.store_release(now_boottime);
    identity.container_kind.store_release(static_cast<std::uint64_t>(mine.kind));
    identity.container_a.store_release(mine.a);
    identity.container_b.store_release(mine.b);
    identity.time_namespace.store_release(time_namespace);
    identity.grace_from_boottime_ns.store_release(grace.from_boottime_ns);
    identity.inherited_deadline_ns.store_release(grace.deadline_ns);
    identity.inherited.store_release(grace.inherited ? 1 : 0);
    identity.claims.store_release(identity.claims.load_relaxed() + 1);
  }
  {
    const SequenceWriter writing(slot.labels.sequence);
    slot.labels.phase.store({});
    slot.labels.status.store({});
  }
  for (Word64& bin : region.record(index).cycles) bin.store_relaxed(0);
  Hot& hot = slot.hot;
  hot.last_beat_ns.store_release(0);
  hot.beats.store_release(0);
  hot.ready.store_release(0);
  hot.worst_cycle_ns.store_release(0);
  hot.late_cycles.store_release(0);
  hot.late_at_ns.store_release(0);
  hot.stall_limit_ns.store_release(options.max_age_ns);
  hot.renewed_ns.store_release(now);
  hot.in_phase.store_release(0);
  hot.state.store_release(static_cast<std::uint32_t>(State::claimed));
}

// Of a region that was opened for a claim and is not kept.
inline void close_mended(Region& region) {
  unlock(region.fd, kClaimByte);
  close_region(region);
}

inline Failure check_options(const ClaimOptions& options) {
  if (!is_valid_name(options.name)) return {Fault::invalid_name, 0};
  if (options.max_age_ns == 0 || options.max_age_ns > kMaxDurationNs || options.cycle_limit_ns > kMaxDurationNs) {
    return {Fault::invalid_option, 0};
  }
  return {};
}

}  // namespace detail

// Takes the slot of `options.name`, its old one if it has one. Opens a descriptor for this claim alone: an
// open-file-description lock shared with another claim would outlive this one.
inline Failure take(const ClaimOptions& options, Claim& out) {
  if (const Failure failure = detail::check_options(options)) return failure;
  Region region;
  if (const Failure failure = open_for_claim(options.place, &options.creation, detail::user_or_caller(options.user),
                                             region, options.wait_ns))
    return failure;
  const ContainerId mine = this_container();
  std::uint32_t index = 0;
  State was = State::free;
  if (const Failure failure = detail::take_slot(region, options.name, mine, index, was)) {
    detail::close_mended(region);
    return failure;
  }
  // A mapping keeps its open file, and so the lock, as a descriptor does: a forked child must not inherit it.
  sys::advise(region.memory, region.bytes, sys::kDontFork);
  detail::write_claim(region, index, options, mine, was);
  unlock(region.fd, kClaimByte);
  out = Claim{region, index};
  return {};
}

// Who is meant by this claim, where the claimant stamps for another process. For display and for whoever looks that
// task up, which must compare its start; the lock, and so the word on death, stays the claimant's. Word by word and not
// under the sequence, which belongs to claimants alone: a second one reads names without it under the claim byte, and a
// writer stopped in its midst would leave readers with a torn identity.
inline void claim_on_behalf(const Claim& claim, std::uint32_t pid, std::uint64_t task_start_ticks) {
  Identity& identity = claim.slot().identity;
  identity.pid.store_release(pid);
  identity.tid.store_release(pid);
  identity.task_start_ticks.store_release(task_start_ticks);
}

// Gives the slot up. Unlocks by itself, because closing alone would leave the lock to a child that is being forked at
// this moment. Never call it in a forked child: the lock is its parent's.
inline void abandon(Claim& claim) {
  unlock(claim.region.fd, lock_byte_of(claim.index));
  close_region(claim.region);
}

// stop(): first the state, then the lock. A reader that finds the lock gone reads the state again before it says dead.
inline void release(Claim& claim) {
  claim.slot().hot.state.store_release(static_cast<std::uint32_t>(State::stopped));
  abandon(claim);
}

// Marks a dead (or left-over) worker's slot stopped. Refuses a living one: its lock is held.
inline Failure retire(const Place& place, std::string_view name) {
  if (!is_valid_name(name)) return {Fault::invalid_name, 0};
  Region region;
  if (const Failure failure = open_for_claim(place, nullptr, sys::effective_user(), region)) return failure;
  Failure failure{Fault::no_such_worker, 0};
  if (const std::int64_t index = detail::find_name(region, name); index >= 0) {
    const std::uint32_t i = static_cast<std::uint32_t>(index);
    failure = try_lock(region.fd, lock_byte_of(i));
    if (failure.fault == Fault::name_taken) failure.fault = Fault::still_alive;
    if (!failure) region.slot(i).hot.state.store_release(static_cast<std::uint32_t>(State::stopped));
    if (!failure) unlock(region.fd, lock_byte_of(i));
  }
  detail::close_mended(region);
  return failure;
}

// Makes the region if there is none, for workers that will claim in it, and gives it to `user` and `group`. One that
// somebody holds a slot in is left as it is; one of yet another user that nobody holds (an image whose user has
// changed) is removed first. Needs CAP_CHOWN, or to be that user.
inline Failure make_region(const Place& place, const Creation& creation, std::uint32_t user, std::uint32_t group) {
  for (bool again = true;; again = false) {
    Region region;
    Failure failure = open_for_claim(place, &creation, user, region);
    // Made just now, by us: not theirs yet.
    if (failure.fault == Fault::owner) failure = open_for_claim(place, &creation, sys::effective_user(), region);
    if (!failure) {
      const int error = query_any_slot(region.fd) == Lock::held ? 0 : sys::set_owner(region.fd, user, group);
      detail::close_mended(region);
      return {error < 0 ? Fault::owner : Fault::none, -error};
    }
    if (failure.fault != Fault::owner || !again) return failure;
    PathBuffer path;
    const int fd = path.set(place) ? open_existing(path.text, Access::read) : -1;
    const bool is_free = fd >= 0 && query_any_slot(fd) == Lock::gone;
    if (fd >= 0) sys::close(fd);
    if (!is_free || sys::unlink(path.text) < 0) return failure;
  }
}

// Says that somebody restarts workers in place: claims from before are left over, and grace begins anew. `budget_ns`
// is how long the newcomers may take; 0 leaves it to the reader's own grace. `user` and `wait_ns`: as in
// ClaimOptions.
inline Failure mark_restart(const Place& place, std::uint64_t budget_ns, std::uint32_t user = kCaller,
                            std::uint64_t wait_ns = detail::kClaimWaitNs) {
  if (budget_ns > kMaxDurationNs) return {Fault::invalid_option, 0};
  Region region;
  if (const Failure failure = open_for_claim(place, nullptr, detail::user_or_caller(user), region, wait_ns))
    return failure;
  region.header().restart_budget_ns.store_relaxed(budget_ns);
  region.header().restart_boottime_ns.store_release(boottime_ns());
  detail::close_mended(region);
  return {};
}

}  // namespace shm_liveness
