// The slot's memory: what its last holder left, and how its cycles were. For people, not for verdicts.
#pragma once

#include "snapshot.hpp"

namespace shm_liveness {

// How the slot's holder before this one ended. Times are its own readings of CLOCK_MONOTONIC and CLOCK_BOOTTIME.
struct LastWords {
  Ended ended = Ended::none;  // none: this claim is the slot's first, or the words are lost
  WorkerFacts worker;         // what its bank says
};

// The words are lost if a claim was killed between taking the other bank for its own and becoming current.
inline LastWords read_last_words(const Region& region, const WorkerFacts& now) {
  const Slot& slot = region.slot(now.slot);
  const Bank& other = slot.banks[1 - now.bank];
  LastWords last;
  last.worker.claims = other.hot.serial.load_acquire();
  if (now.predecessor_ended == Ended::none || last.worker.claims + 1 != now.claims) return last;
  last.worker.slot = now.slot;
  last.worker.bank = 1 - now.bank;
  detail::read_bank(other, last.worker);
  last.worker.observed_ns = now.observed_ns;
  // Unless the next claim began to write it meanwhile.
  if (other.hot.serial.load_relaxed() == last.worker.claims) last.ended = now.predecessor_ended;
  return last;
}

}  // namespace shm_liveness
