// From region names to a verdict: look quickly; only if that is not plainly healthy, find out where we are, look
// again, and wait for one new beat of whoever seems stalled. The healthy path reads no /proc and never sleeps.
#pragma once

#include "rhythm.hpp"
#include "verdict.hpp"

namespace shm_liveness {

// Open regions, and room for what is seen in them. The caller owns the memory for the workers.
struct Observation {
  Region regions[kMaxRegions];
  Place places[kMaxRegions];  // the texts are the caller's, and stay as long as the observation
  RegionFacts facts[kMaxRegions];
  std::size_t region_count = 0;
  std::span<WorkerFacts> room;
  std::size_t worker_count = 0;
  Surroundings around;

  std::span<const RegionFacts> region_facts() const { return {facts, region_count}; }
  std::span<const WorkerFacts> workers() const { return {room.data(), worker_count}; }
};

// Opens a region for the observation. A missing or unusable one is a fact, not an error.
inline void add_region(Observation& seen, const Place& place, std::uint32_t user) {
  RegionFacts& facts = seen.facts[seen.region_count];
  facts.name = place.region;
  seen.places[seen.region_count] = place;
  facts.failure = open_region(place, user, seen.regions[seen.region_count]);
  ++seen.region_count;
}

inline void close_observation(Observation& seen) {
  for (std::size_t r = 0; r < seen.region_count; ++r) close_region(seen.regions[r]);
  seen.region_count = 0;
}

namespace detail {

inline void enter_locks(const Observation& seen, std::size_t r, LockReader& locks) {
  const Region& region = seen.regions[r];
  locks.enter(region.fd, seen.places[r], region.header().nonce.load_relaxed(), region.slot_count);
}

// Walks all slots that were ever used, and fills `room` with as many of them as it has room for, again and again.
class Reader {
 public:
  // `now_ns`: what the clock said before the first read, CLOCK_MONOTONIC; else it is read beside each portion.
  explicit Reader(Observation& seen, std::uint64_t now_ns = 0) : seen_(seen), given_ns_(now_ns) {}

  // How many of `room` were filled; 0 at the end.
  //
  // All beats first, then the clock once, then the locks: a clock reading for each of 256 workers would cost a probe
  // without vDSO a tenth of its run, and beats that come meanwhile only make their workers younger.
  std::size_t read(std::span<WorkerFacts> room) {
    std::size_t count = 0;
    for (; region_ < seen_.region_count; ++region_, slot_ = 0) {
      if (seen_.facts[region_].failure) continue;
      const Region& region = seen_.regions[region_];
      const std::uint32_t used = region.used_slots();
      for (; slot_ < used && count < room.size(); ++slot_) {
        read_slot(region, slot_, room[count]);
        room[count].region = region_;
        if (room[count].state != State::free) ++count;
      }
      if (slot_ < used) break;  // the room is full
    }
    const std::uint64_t now = given_ns_ != 0 ? given_ns_ : monotonic_ns();
    for (WorkerFacts& worker : room.first(count)) {
      const Region& region = seen_.regions[worker.region];
      worker.observed_ns = now;
      LockReader& locks = locks_of(worker.region);
      if (!ask_lock(region, locks, worker)) look_at(region, locks, worker.slot, worker);
    }
    return count;
  }

 private:
  LockReader& locks_of(std::uint32_t region) {
    if (region != asked_) {
      enter_locks(seen_, region, locks_);
      asked_ = region;
    }
    return locks_;
  }

  Observation& seen_;
  std::uint32_t region_ = 0;
  std::uint32_t slot_ = 0;
  std::uint64_t given_ns_;
  LockReader locks_;
  std::uint32_t asked_ = ~0u;  // the region that locks_ is about
};

// Waits for one new sign of life of a worker that seems stalled. Measured: after a freeze of a second the probe ran
// before the worker in 27 of 30 thaws; without this each of them would have been a false alarm. All waits share one
// beginning, so that any number of stalled workers costs no more than the longest of them. A turn that took far too
// long was spent frozen together with the workers, and does not count: once, so that the whole stays bounded.
inline void confirm(Observation& seen, const Policy& policy) {
  constexpr std::uint64_t kFrozenNs = 25'000'000;
  std::uint64_t began = monotonic_ns();
  bool excused = false;
  for (std::size_t w = 0; w < seen.worker_count; ++w) {
    WorkerFacts& worker = seen.room[w];
    const RegionFacts& facts = seen.facts[worker.region];
    if (judge_worker(worker, facts, seen.around, policy).condition != Condition::stalled) continue;
    const Region& region = seen.regions[worker.region];
    LockReader locks;
    enter_locks(seen, worker.region, locks);
    const std::uint64_t cycle_ns = usual_cycle_ns(region.record(worker.slot).lives[worker.bank]);
    const std::uint64_t wait_ns = confirm_ns_for(policy, limit_of(worker, policy), cycle_ns);
    const std::uint64_t incarnation = worker.incarnation;
    const std::uint64_t beats = worker.beats;
    for (std::uint64_t previous = monotonic_ns();;) {
      const std::uint64_t now = monotonic_ns();
      if (!excused && now - previous > kFrozenNs) {
        began += now - previous;
        excused = true;
      }
      previous = now;
      const bool late = now >= began + wait_ns;
      look_at(region, locks, worker.slot, worker);
      worker.beat_seen = worker.incarnation == incarnation && worker.beats != beats;
      if (judge_worker(worker, facts, seen.around, policy).condition != Condition::stalled || late) break;
      sys::sleep_ns(1'000'000);
    }
  }
}

}  // namespace detail

// A region that was cut short while it was read has told nothing but zeroes from then on, also where it has its size
// again.
inline bool was_cut_short(const Region& region) {
  sys::FileStatus status{};
  return is_lost(region) || sys::status(region.fd, status) < 0 || status.stx_size != region.bytes ||
         region.header().magic.load_relaxed() != kMagic;
}

// True: some region was, and is a fault now; what was seen of workers is of no use.
inline bool notice_truncation(Observation& seen) {
  bool any = false;
  for (std::size_t r = 0; r < seen.region_count; ++r) {
    if (seen.facts[r].failure || !was_cut_short(seen.regions[r])) continue;
    seen.facts[r].failure = {Fault::truncated, 0};
    any = true;
  }
  if (any) seen.worker_count = 0;
  return any;
}

// Only what is plainly healthy is so at first sight. Judges a few workers at a time, so that the memory it touches
// does not grow with their number; what it leaves in `room` is of no use.
inline Verdict first_look(Observation& seen, const Policy& policy) {
  constexpr std::size_t kPortion = 16;
  seen.around = Surroundings{};
  detail::Reader reader(seen);
  const std::span<WorkerFacts> portion = seen.room.first(seen.room.size() < kPortion ? seen.room.size() : kPortion);
  Judge judge(seen.region_facts(), seen.around, policy);
  while (const std::size_t count = reader.read(portion)) judge.add(portion.first(count));
  return notice_truncation(seen) ? shm_liveness::judge(seen.region_facts(), {}, seen.around, policy) : judge.judge();
}

// All workers, as far as there is room for them; no sleep, no /proc.
inline void look(Observation& seen) {
  detail::Reader reader(seen);
  seen.worker_count = reader.read(seen.room);
}

// The careful one: may sleep for as long as the policy confirms.
inline Verdict second_look(Observation& seen, const Policy& policy) {
  seen.around.context = read_context();
  look(seen);
  seen.around.now_boottime_ns = boottime_ns();
  seen.around.known = true;
  detail::confirm(seen, policy);
  notice_truncation(seen);
  return judge(seen.region_facts(), seen.workers(), seen.around, policy);
}

}  // namespace shm_liveness
