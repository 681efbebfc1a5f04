// Finding the slot that a claim takes. All of it happens under the claim byte: in a version without, two claimants of
// one name each locked a different free slot (24 of 40 runs).
#pragma once

#include "container.hpp"
#include "create.hpp"

namespace shm_liveness {

namespace detail {

// stop() writes `stopped`, then unlocks; a successor that comes between the two waits this long at most.
inline constexpr std::uint64_t kReleaseWaitNs = 50'000'000;

inline State state_of(const Bank& bank) { return static_cast<State>(bank.hot.state.load_acquire()); }

inline bool has_name(const Bank& bank, std::string_view name) {
  char text[kNameBytes];
  bank.identity.name.load(text);
  return name == std::string_view(text);
}

inline ContainerId container_of(const Identity& identity) {
  return {static_cast<ContainerKind>(identity.container_kind.load_acquire()), identity.container_a.load_acquire(),
          identity.container_b.load_acquire()};
}

// The order in which a new name takes slots, once all were touched: never_used are those whose claimants were killed in
// the midst of their first claim. A dead slot of this container is in no class: it is evidence.
enum class Class : std::uint8_t { never_used, stopped, left_over, not_free };

inline Class class_of(const Slot& slot, const Current& current, const ContainerId& mine) {
  if (current.serial == 0) return Class::never_used;
  const Bank& bank = slot.banks[current.bank];
  if (state_of(bank) == State::stopped) return Class::stopped;
  return is_other_container(mine, container_of(bank.identity)) ? Class::left_over : Class::not_free;
}

inline bool holds_name(const Slot& slot, std::string_view name) {
  const Current current = current_of(slot);
  return current.serial != 0 && has_name(slot.banks[current.bank], name);
}

// Reads copies, because each page of a mapping that is touched for the first time is a page fault, for each claimant:
// that would make a crowd's claims quadratic. What is compared here changes only under the claim byte, which is ours.
inline std::int64_t find_name(const Region& region, std::string_view name) {
  constexpr std::uint32_t kPortion = 16;
  alignas(Slot) std::uint8_t memory[sizeof(Header) + kPortion * sizeof(Slot)];
  const std::uint32_t used = region.used_slots();
  for (std::uint32_t first = 0; first < used; first += kPortion) {
    const std::uint32_t end = used - first < kPortion ? used : first + kPortion;
    const Region copy{-1, memory, nullptr, 0, first, end};
    const bool is_whole = copy_at(region.fd, memory + sizeof(Header), (end - first) * sizeof(Slot),
                                  sizeof(Header) + first * sizeof(Slot));
    // A file that was cut short meanwhile: its mapping notices that.
    const Region& slots = is_whole ? copy : region;
    for (std::uint32_t i = first; i < end; ++i) {
      if (holds_name(slots.slot(i), name)) return i;
    }
  }
  return -1;
}

// Locks the bank that is not current, for a claim. The claim byte is ours, so nobody else takes slots.
//   name_taken: the slot's owner lives. slot_locked: somebody who is not its owner holds a lock here, such as a reader
//   that took a read lock, or a child of an earlier owner that kept its descriptor.
inline Failure lock_bank(const Region& region, std::uint32_t index, const Current& current, std::uint64_t wait_ns) {
  const std::uint64_t deadline = monotonic_ns() + wait_ns;
  for (Lock lock; (lock = query_lock(region.fd, index, current.bank)) != Lock::gone; sys::sleep_ns(100'000)) {
    if (lock == Lock::unsupported) return {Fault::locks_unsupported, 0};
    if (current.serial == 0) return {Fault::slot_locked, 0};
    if (monotonic_ns() >= deadline) return {Fault::name_taken, 0};
  }
  Failure failure = try_lock(region.fd, lock_byte_of(index, 1 - current.bank));
  if (failure.fault == Fault::name_taken) failure.fault = Fault::slot_locked;
  return failure;
}

// The first slot that was never touched and can be locked. no_slot: there is none; slot_locked: none that can be
// locked.
inline Failure lock_fresh_slot(const Region& region, std::uint32_t& index) {
  Failure refused{Fault::no_slot, 0};
  for (index = region.used_slots(); index < region.slot_count; ++index) {
    const Failure failure = lock_bank(region, index, {}, 0);
    if (!failure) region.header().used_slots.store_release(index + 1);  // before the claim, so that no reader misses it
    if (failure.fault != Fault::slot_locked) return failure;
    refused = failure;
  }
  return refused;
}

inline bool is_passed_over(const Failure& failure) {
  return failure.fault == Fault::no_slot || failure.fault == Fault::name_taken || failure.fault == Fault::slot_locked;
}

// The best slot of one class: the one claimed longest ago, so that the flight recorder reaches as far back as it can.
inline Failure lock_used_slot(const Region& region, Class wanted, const ContainerId& mine, std::uint32_t& index) {
  const std::uint32_t used = region.used_slots();
  Failure refused{Fault::no_slot, 0};
  for (std::uint64_t after = 0;;) {  // in the order of claim times, until one can be locked
    std::int64_t best = -1;
    std::uint64_t best_time = ~std::uint64_t(0);
    for (std::uint32_t i = 0; i < used; ++i) {
      const Slot& slot = region.slot(i);
      const Current current = current_of(slot);
      if (class_of(slot, current, mine) != wanted) continue;
      // + 1 + i makes the times distinct, so that each slot is tried once.
      const std::uint64_t claimed =
          current.serial == 0 ? 0 : slot.banks[current.bank].identity.claimed_boottime_ns.load_relaxed();
      const std::uint64_t time = claimed + 1 + i;
      if (time > after && time < best_time) {
        best = i;
        best_time = time;
      }
    }
    if (best < 0) return refused;
    index = static_cast<std::uint32_t>(best);
    const Failure failure = lock_bank(region, index, current_of(region.slot(index)), 0);
    if (!is_passed_over(failure)) return failure;
    if (failure.fault == Fault::slot_locked) refused = failure;
    after = best_time;
  }
}

// A slot for a new name. One that somebody who is not its owner has locked is passed over.
inline Failure lock_free_slot(const Region& region, const ContainerId& mine, std::uint32_t& index) {
  Failure refused = lock_fresh_slot(region, index);
  for (const Class wanted : {Class::never_used, Class::stopped, Class::left_over}) {
    if (!is_passed_over(refused)) return refused;
    const Failure failure = lock_used_slot(region, wanted, mine, index);
    if (failure.fault != Fault::no_slot) refused = failure;
  }
  return refused;
}

// The slot of `name`, its old one if it has one, with the bank locked that a claim may write.
inline Failure lock_slot(const Region& region, std::string_view name, const ContainerId& mine, std::uint32_t& index) {
  const std::int64_t own = find_name(region, name);
  if (own < 0) return lock_free_slot(region, mine, index);
  index = static_cast<std::uint32_t>(own);
  const Slot& slot = region.slot(index);
  const Current current = current_of(slot);
  const bool is_stopping = state_of(slot.banks[current.bank]) == State::stopped;
  return lock_bank(region, index, current, is_stopping ? kReleaseWaitNs : 0);
}

}  // namespace detail
}  // namespace shm_liveness
