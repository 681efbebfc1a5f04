// The slot's memory: what its last holder left, and how its cycles were. For people, not for verdicts.
#pragma once

#include "snapshot.hpp"

namespace shm_liveness {

// How the slot's holder before this one ended. Times are its own readings of CLOCK_MONOTONIC and CLOCK_BOOTTIME.
struct LastWordsFacts {
  Ended ended = Ended::none;  // none: this claim is the slot's first
  bool in_phase = false;
  std::uint32_t pid = 0;
  std::uint64_t incarnation = 0;
  std::uint64_t last_beat_ns = 0;
  std::uint64_t beats = 0;
  std::uint64_t worst_cycle_ns = 0;
  std::uint64_t late_cycles = 0;
  std::uint64_t late_at_ns = 0;
  std::uint64_t claimed_ns = 0;
  std::uint64_t claimed_boottime_ns = 0;
  std::uint64_t stall_limit_ns = 0;
  std::uint64_t renewed_ns = 0;
  char name[kNameBytes] = {};
  char phase[kNameBytes] = {};
};

// False: a claim was being written all the while, or was never finished.
inline bool read_last_words(const Region& region, std::uint32_t index, LastWordsFacts& out) {
  const LastWords& last = region.record(index).last_words;
  return detail::read_under(region.slot(index).identity.sequence, [&] {
    const std::uint32_t ended = last.ended.load_acquire();
    out.ended = ended <= static_cast<std::uint32_t>(Ended::left_over) ? static_cast<Ended>(ended) : Ended::none;
    out.in_phase = last.in_phase.load_acquire() != 0;
    out.pid = last.pid.load_acquire();
    out.incarnation = last.incarnation.load_acquire();
    out.last_beat_ns = last.last_beat_ns.load_acquire();
    out.beats = last.beats.load_acquire();
    out.worst_cycle_ns = last.worst_cycle_ns.load_acquire();
    out.late_cycles = last.late_cycles.load_acquire();
    out.late_at_ns = last.late_at_ns.load_acquire();
    out.claimed_ns = last.claimed_ns.load_acquire();
    out.claimed_boottime_ns = last.claimed_boottime_ns.load_acquire();
    out.stall_limit_ns = last.stall_limit_ns.load_acquire();
    out.renewed_ns = last.renewed_ns.load_acquire();
    last.name.load(out.name);
    last.phase.load(out.phase);
  });
}

}  // namespace shm_liveness
