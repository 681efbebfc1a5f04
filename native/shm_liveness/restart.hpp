// Restarts in place: what a supervisor's mark forgives, and when a row of lives that come to nothing has used up its
// grace. Pure rules on plain values; claimants and readers both go by them.
#pragma once

#include "clock.hpp"
#include "duration.hpp"

namespace shm_liveness {

// So many lives in a row may end before they have beaten for long, each with a budget of its own. Those after them
// share the deadline of the last, so that a crash loop does not stay healthy for ever.
inline constexpr std::uint32_t kForgivenLives = 3;
constexpr bool is_beyond_forgiven(std::uint32_t row) { return row >= kForgivenLives; }

// Whether a life ended before it had beaten for long. Under a supervisor that has marked its restart, "long" is the
// budget that the supervisor gives to a new life; else one beat is enough.
constexpr bool ended_young(std::uint64_t beats, std::uint64_t last_beat_ns, std::uint64_t claimed_ns, bool is_marked,
                           std::uint64_t mark_budget_ns) {
  return beats == 0 || (is_marked && last_beat_ns < claimed_ns + mark_budget_ns);
}

// A mark from the future (another time namespace, a damaged region) would excuse every death, and so would a budget
// that no supervisor can have given.
constexpr bool is_believed_mark(std::uint64_t marked_boottime_ns, std::uint64_t budget_ns,
                                std::uint64_t now_boottime_ns) {
  return marked_boottime_ns != 0 && marked_boottime_ns <= now_boottime_ns + kFutureToleranceNs &&
         budget_ns <= kMaxDurationNs;
}

}  // namespace shm_liveness
