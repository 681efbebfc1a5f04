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

inline bool copy_at(int fd, void* to, std::size_t bytes, std::size_t from) {
  return sys::read_at(fd, to, bytes, static_cast<std::int64_t>(from)) == static_cast<long>(bytes);
}

// An observation of one region, that is a copy.
struct CopiedRegion : Observation {
  CopiedRegion(int fd, std::uint8_t* copy) {
    region_count = 1;
    regions[0].fd = fd;
    regions[0].memory = copy;
  }
  void add_to(Judge& judge, std::span<WorkerFacts> workers, std::uint32_t index) {
    const std::span<WorkerFacts> seen = workers.first(Reader(*this).read(workers));
    for (WorkerFacts& worker : seen) worker.region = index;
    judge.add(seen);
  }
};

// For any number of slots, a few at a time, so that little memory is touched. Out of line for the same reason.
[[gnu::noinline]] inline bool glance_at_many(int fd, std::uint32_t used, std::uint32_t index, Judge& judge) {
  constexpr std::uint32_t kPortion = 16;
  alignas(Slot) std::uint8_t copy[sizeof(Header) + kPortion * sizeof(Slot)];
  WorkerFacts workers[kPortion];
  CopiedRegion seen(fd, copy);
  Region& region = seen.regions[0];
  if (!copy_at(fd, copy, sizeof(Header), 0)) return false;
  for (; region.first_slot < used; region.first_slot = region.slot_count) {
    const std::uint32_t count = used - region.first_slot < kPortion ? used - region.first_slot : kPortion;
    const std::size_t from = sizeof(Header) + region.first_slot * sizeof(Slot);
    if (!copy_at(fd, copy + sizeof(Header), count * sizeof(Slot), from)) return false;
    region.slot_count = region.first_slot + count;
    seen.add_to(judge, workers, index);
  }
  return true;
}

// Most regions have one worker, for which one short read will do.
inline bool glance_at(int fd, std::uint64_t bytes, std::uint32_t index, Judge& judge) {
  alignas(Slot) std::uint8_t copy[sizeof(Header) + sizeof(Slot)];
  WorkerFacts worker[1];
  CopiedRegion seen(fd, copy);
  Region& region = seen.regions[0];
  if (!copy_at(fd, copy, sizeof copy, 0) || check_header(region.header(), bytes, region.slot_count)) return false;
  const std::uint32_t used = region.used_slots();
  if (used > 1) return glance_at_many(fd, used, index, judge);
  seen.add_to(judge, worker, index);
  return true;
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
    if (detail::check_file(fd, places[r], Access::read, user, bytes) || !detail::glance_at(fd, bytes, r, judge)) {
      sys::close(fd);
      return false;
    }
  }
  return judge.judge().kind == Kind::healthy;
}

}  // namespace shm_liveness
