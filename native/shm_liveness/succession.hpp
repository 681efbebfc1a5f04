// Which names a worker may take that has waited for one: another worker held it when this one came first.
#pragma once

#include "slots.hpp"

namespace shm_liveness {

// The phase of a program's start, as shm-liveness/auto and its twin in Python name it.
inline constexpr std::string_view kStartPhase = "start";

namespace detail {

inline bool is_in_start(const Bank& bank) {
  char phase[kNameBytes];
  bank.labels.phase.load(phase);
  return bank.hot.in_phase.load_acquire() != 0 && kStartPhase == phase;
}

}  // namespace detail

// Whether the name belongs to a worker that no waiting worker may follow. Its death must stay in the region until a
// probe or a guard has seen it, or a new process takes its place (a restart in place).
//
// Free for a waiting worker is the name of a holder that has stopped, of one that another container left over, and of
// one that died in its start: a health check that came first and failed must not restart the server behind it.
//
// `since_ns`: when this worker claimed the name last, if it did. What is older cannot be another's who came after it:
// it is in a copy of the region that somebody has put back.
//
// The caller holds the claim byte. So nobody claims the name, and crashes, between this look and the claim after it.
inline bool is_kept_from_waiting(const Region& region, std::string_view name, std::uint64_t since_ns = 0) {
  const std::int64_t found = detail::find_name(region, name);
  if (found < 0) return false;
  const auto index = static_cast<std::uint32_t>(found);
  const Slot& slot = region.slot(index);
  const Current current = current_of(slot);
  // Also of a holder that hangs between storing `stopped` and unlocking. A claim would wait for it, and a beat must
  // not.
  if (query_lock(region.fd, index, current.bank) == Lock::held) return true;
  const Bank& bank = slot.banks[current.bank];
  return detail::state_of(bank) != State::stopped && bank.identity.claimed_ns.load_acquire() > since_ns &&
         !detail::is_in_start(bank) && !is_other_container(this_container(), detail::container_of(bank.identity));
}

// The rule of a claim (take()), for a worker that may have waited for its name.
struct Succession {
  bool after_waiting = false;
  std::uint64_t since_ns = 0;
  bool keeps(const Region& region, std::string_view name) const {
    return after_waiting && is_kept_from_waiting(region, name, since_ns);
  }
};

}  // namespace shm_liveness
