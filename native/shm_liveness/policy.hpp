// The question a reader asks. Plain values, no operating system.
#pragma once

#include <cstdint>
#include <string_view>

#include "text.hpp"

namespace shm_liveness {

enum class Check : std::uint8_t { liveness, readiness, startup };
inline const char* name_of(Check check) {
  return nth_word("liveness\0readiness\0startup", static_cast<std::size_t>(check));
}

inline constexpr std::uint64_t kDefaultStartupGraceNs = 60'000'000'000;
inline constexpr std::uint64_t kConfirmFloorNs = 50'000'000;
inline constexpr std::uint64_t kConfirmCeilingNs = 300'000'000;
// The kubelet's default timeoutSeconds, and what the runtime takes of it to start the probe and to hear its end
// (measured in a Kata VM: 0.5 s at most of a whole exec, most of it before the timeout counts).
inline constexpr std::uint64_t kDefaultTimeoutNs = 1'000'000'000;
inline constexpr std::uint64_t kTimeoutReserveNs = 200'000'000;
inline constexpr std::uint64_t kConfirmAutomatic = ~std::uint64_t(0);
inline constexpr std::size_t kMaxRegions = 4;

struct Policy {
  Check check = Check::liveness;
  std::string_view expect{};     // names, separated by commas: each must be there and pass by itself
  std::uint32_t min = 0;         // so many passing workers will do, and no fewer; 0: all of them must pass
  std::uint64_t max_age_ns = 0;  // in place of the workers' own; 0: theirs
  std::uint64_t startup_grace_ns = kDefaultStartupGraceNs;
  std::uint64_t dead_grace_ns = 0;    // liveness forgives a death this long: something restarts workers in place
  std::uint64_t cycle_window_ns = 0;  // readiness fails this long after a cycle beyond the limit; 0: never
  std::uint64_t confirm_ns = kConfirmAutomatic;  // how long to wait for one new beat before saying stalled
  std::uint64_t timeout_ns = kDefaultTimeoutNs;  // the caller gives up then: no confirmation may last longer
};

// How long to wait for a new beat of a worker that seems stalled: long enough for a thawed or throttled worker to come
// round once more (`cycle_ns`, as long as its cycles usually take at most), and short enough for the probe's timeout.
constexpr std::uint64_t confirm_ns_for(const Policy& policy, std::uint64_t limit_ns, std::uint64_t cycle_ns) {
  if (policy.confirm_ns != kConfirmAutomatic) return policy.confirm_ns;
  const std::uint64_t usual = limit_ns < kConfirmFloorNs     ? kConfirmFloorNs
                              : limit_ns > kConfirmCeilingNs ? kConfirmCeilingNs
                                                             : limit_ns;
  const std::uint64_t room =
      policy.timeout_ns > 2 * kTimeoutReserveNs ? policy.timeout_ns - kTimeoutReserveNs : policy.timeout_ns / 2;
  const std::uint64_t wanted = cycle_ns > usual ? cycle_ns : usual;
  return wanted < room ? wanted : room;
}

// Calls visit(name) for each name of a list; stops at the first that returns false, and returns that.
template <class Visit>
bool for_each_name(std::string_view list, Visit&& visit) {
  while (!list.empty()) {
    const std::string_view name = head(list, list.find(','));
    list = tail(list, name.size() + 1);
    if (!name.empty() && !visit(name)) return false;
  }
  return true;
}

}  // namespace shm_liveness
