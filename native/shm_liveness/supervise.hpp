// What supervisors do to slots that are not theirs: retire the dead, mark restarts, make a region for others.
#pragma once

#include "claim.hpp"

namespace shm_liveness {

namespace detail {

// Opens the region of `place` with its claim byte held, gives visit() the region, and closes it again.
template <class Visit>
Failure with_region(const Place& place, std::uint32_t user, std::uint64_t wait_ns, Visit&& visit) {
  Region region;
  if (const Failure failure = open_for_claim(place, nullptr, user_or_caller(user), region, wait_ns)) return failure;
  Failure failure = visit(region);
  leave_claim_byte(region);
  if (is_lost(region)) failure = {Fault::truncated, 0};
  close_region(region);
  return failure;
}

inline void mark_slot(const Region& region, std::uint32_t index, std::uint64_t budget_ns) {
  const Slot& slot = region.slot(index);
  const Identity& identity = slot.banks[current_of(slot).bank].identity;
  RestartMark& mark = region.record(index).mark;
  // Nobody is forgiven until the last store: a supervisor that is killed in between restarts nothing. A claim that is
  // marked once more stays forgiven meanwhile, or a reader that comes in between would call it dead.
  const std::uint64_t forgiven = identity.incarnation.load_relaxed();
  if (mark.incarnation.load_relaxed() != forgiven) mark.incarnation.store_release(0);
  mark.marked_boottime_ns.store_release(boottime_ns());
  mark.budget_ns.store_release(budget_ns);
  mark.restarts.store_release(mark.restarts.load_relaxed() + 1);
  mark.incarnation.store_release(forgiven);
}

}  // namespace detail

// Marks a dead (or left-over) worker's slot stopped. Refuses a living one: its lock is held. Asks for the lock and does
// not take it, because a reader would see the taken lock as life. Nobody can claim meanwhile: the claim byte is ours.
inline Failure retire(const Place& place, std::string_view name) {
  if (!is_valid_name(name)) return {Fault::invalid_name, 0};
  return detail::with_region(place, kCaller, detail::kClaimWaitNs, [&](const Region& region) -> Failure {
    const std::int64_t found = detail::find_name(region, name);
    if (found < 0) return {Fault::no_such_worker, 0};
    const std::uint32_t index = static_cast<std::uint32_t>(found);
    const Current current = current_of(region.slot(index));
    const Lock lock = query_lock(region.fd, index, current.bank);
    if (lock == Lock::unsupported) return {Fault::locks_unsupported, 0};
    if (lock == Lock::held) return {Fault::still_alive, 0};
    region.slot(index).banks[current.bank].hot.state.store_release(static_cast<std::uint32_t>(State::stopped));
    return {};
  });
}

// A supervisor's word that it restarts this worker in place: the end of the claim that holds the slot now is forgiven
// until `budget_ns` after this call, and the next claim may take as long for its first beat. 0 leaves the time to the
// reader's own grace. Only the named worker is forgiven; a death without a mark stays a death.
inline Failure mark_restart(const Place& place, std::string_view name, std::uint64_t budget_ns) {
  if (!is_valid_name(name)) return {Fault::invalid_name, 0};
  if (budget_ns > kMaxDurationNs) return {Fault::invalid_option, 0};
  return detail::with_region(place, kCaller, detail::kClaimWaitNs, [&](const Region& region) -> Failure {
    const std::int64_t index = detail::find_name(region, name);
    if (index < 0) return {Fault::no_such_worker, 0};
    detail::mark_slot(region, static_cast<std::uint32_t>(index), budget_ns);
    return {};
  });
}

// The same for each slot for which is_mine(index, incarnation) holds. `user` and `wait_ns`: as in ClaimOptions.
template <class IsMine>
Failure mark_restarts(const Place& place, std::uint64_t budget_ns, std::uint32_t user, std::uint64_t wait_ns,
                      IsMine&& is_mine) {
  return detail::with_region(place, user, wait_ns, [&](const Region& region) -> Failure {
    for (std::uint32_t i = 0; i < region.used_slots(); ++i) {
      const Current current = current_of(region.slot(i));
      const Identity& identity = region.slot(i).banks[current.bank].identity;
      if (current.serial != 0 && is_mine(i, identity.incarnation.load_relaxed()))
        detail::mark_slot(region, i, budget_ns);
    }
    return {};
  });
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
      detail::leave_claim_byte(region);
      close_region(region);
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

}  // namespace shm_liveness
