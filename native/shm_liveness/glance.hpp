// The quickest look at a region that can end in healthy: a copy of its header and slots, taken with read().
//
// Mapping a page costs a probe more than all its other system calls together (the page fault, and undoing it at exit).
// A copy made by read() is not promised to be whole word by word. That is harmless here, because a word is torn only
// if its worker stored it at this moment: a torn time of the last beat belongs to a worker that has just beaten, and a
// torn limit to one that has just changed its phase. So a copy may prove that all is well, and nothing else; anything
// but healthy is looked at again in a mapping, with whole words (second_look). Nor is the lock, asked after the copy
// was made, at odds with it: held, it vouches for this incarnation or for a newer one, and both were alive just now.
#pragma once

#include "observe.hpp"

namespace shm_liveness {

namespace detail {

// Judges the copied slots first, as if the locks that they should hold were held, and then asks for those locks: the
// kernel's walk of its lock list sweeps the cache, and what it sweeps out would have to come back for the judgement.
inline bool glance_at_copy(const Region& copy, std::uint32_t end, std::uint32_t index, LockReader& locks,
                           Judge& judge) {
  const std::uint64_t now = monotonic_ns();
  WorkerFacts worker;
  for (std::uint32_t i = copy.first_slot; i < end; ++i) {
    read_slot(copy, i, worker);
    worker.region = index;
    worker.observed_ns = now;
    worker.lock = worker.state == State::claimed ? Lock::held : Lock::gone;
    judge.add({&worker, 1});
  }
  for (std::uint32_t i = copy.first_slot; i < end; ++i) {
    const Current current = current_of(copy.slot(i));
    const Hot& hot = copy.slot(i).banks[current.bank].hot;
    const bool claimed = current.serial != 0 && hot.state.load_relaxed() == static_cast<std::uint32_t>(State::claimed);
    if (claimed && locks.query(i, current.bank) != Lock::held) return false;
  }
  return true;
}

// For any number of slots, a few at a time, so that little memory is touched. Out of line for the same reason.
[[gnu::noinline]] inline bool glance_at_many(int fd, std::uint32_t used, std::uint32_t index, LockReader& locks,
                                             Judge& judge) {
  constexpr std::uint32_t kPortion = 16;
  alignas(Slot) std::uint8_t memory[sizeof(Header) + kPortion * sizeof(Slot)];
  for (std::uint32_t first = 0; first < used;) {
    const std::uint32_t count = used - first < kPortion ? used - first : kPortion;
    if (!copy_at(fd, memory + sizeof(Header), count * sizeof(Slot), sizeof(Header) + first * sizeof(Slot)))
      return false;
    const Region copy{fd, memory, nullptr, 0, first, first + count};  // its header is not there, and not asked for
    first += count;
    if (!glance_at_copy(copy, first, index, locks, judge)) return false;
  }
  return true;
}

// Most regions have one worker, for which one short read will do.
inline bool glance_at(int fd, const Place& place, std::uint64_t bytes, std::uint32_t index, Judge& judge) {
  alignas(Slot) std::uint8_t memory[sizeof(Header) + sizeof(Slot)];
  Region copy{fd, memory, nullptr, bytes, 0, 0};
  if (!copy_at(fd, memory, sizeof memory, 0) || check_header(copy.header(), bytes, copy.slot_count)) return false;
  const std::uint32_t used = copy.used_slots();
  LockReader locks;
  locks.enter(fd, place, copy.header().nonce.load_relaxed(), copy.slot_count);
  return used > 1 ? glance_at_many(fd, used, index, locks, judge) : glance_at_copy(copy, used, index, locks, judge);
}

}  // namespace detail

// True: plainly healthy. False: look properly. Leaves descriptors open when all is well: the process is about to end.
inline bool are_healthy_at_a_glance(std::span<const Place> places, std::uint32_t user, const Policy& policy) {
  RegionFacts facts[kMaxRegions];
  const Surroundings unknown;
  Judge judge({facts, places.size()}, unknown, policy);
  for (std::uint32_t r = 0; r < places.size(); ++r) {
    int fd = -1;
    std::uint64_t bytes = 0;
    if (open_for_reading(places[r], fd)) return false;
    if (detail::check_file(fd, places[r], Access::read, user, bytes) ||
        !detail::glance_at(fd, places[r], bytes, r, judge)) {
      sys::close(fd);
      return false;
    }
  }
  return judge.judge().kind == Kind::healthy;
}

}  // namespace shm_liveness
