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

// Whether the name belongs to a worker that has not stopped, and that no waiting worker may follow. Its death must stay
// in the region until a probe or a guard has seen it, or a new process takes its place (a restart in place).
//
// Free for a waiting worker is the name of a holder that has stopped, of one that another container left over, and of
// one that died in its start: a health check that came first and failed must not restart the server behind it.
//
// A look, not a claim: take() comes after it, and is refused while a holder lives. One that is in its start at the look
// does not end that, and die, before take().
inline bool is_kept_from_waiting(const Place& place, std::string_view name) {
  Region region;
  if (open_region(place, sys::effective_user(), region)) return false;  // take() says why
  const std::int64_t found = detail::find_name(region, name);
  bool is_kept = false;
  if (found >= 0) {
    const Slot& slot = region.slot(static_cast<std::uint32_t>(found));
    const Bank& bank = slot.banks[current_of(slot).bank];
    is_kept = detail::state_of(bank) != State::stopped && !detail::is_in_start(bank) &&
              !is_other_container(this_container(), detail::container_of(bank.identity));
  }
  close_region(region);
  return is_kept;
}

}  // namespace shm_liveness
