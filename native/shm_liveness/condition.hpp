// What one worker is: a pure function of what was seen of it, the reader's surroundings and the question.
#pragma once

#include "fault.hpp"
#include "policy.hpp"
#include "restart.hpp"
#include "snapshot.hpp"

namespace shm_liveness {

// One word for one worker.
enum class Condition : std::uint8_t {
  absent,     // the slot was never used
  left_over,  // of an earlier container: neither passes nor fails anything
  running,    // beats within its limit
  starting,   // claimed, no beat yet, still allowed to be; or ended, and a supervisor is restarting it
  stalled,
  dead,
  stopped,
  unusable,  // its clock or its lock says nothing: see the fault
};
inline const char* name_of(Condition condition) {
  return nth_word("absent\0left-over\0running\0starting\0stalled\0dead\0stopped\0unusable",
                  static_cast<std::size_t>(condition));
}

struct RegionFacts {
  std::string_view name;
  Failure failure;  // missing, or unusable; none: it was read
  // For a reader that started the workers itself: claims from before are left over, and grace counts from then. 0:
  // none.
  std::uint64_t began_boottime_ns = 0;
};

// What the reader knows beside the regions. `known` is false on the first, quick look, which can only end in healthy.
struct Surroundings {
  bool known = false;
  std::uint64_t now_boottime_ns = 0;
  Context context;
};

constexpr std::uint64_t limit_of(const WorkerFacts& worker, const Policy& policy) {
  return policy.max_age_ns != 0 && !worker.in_phase ? policy.max_age_ns : worker.stall_limit_ns;
}

namespace detail {

constexpr std::uint64_t later(std::uint64_t a, std::uint64_t b) { return a > b ? a : b; }

// When grace ends that began at `from`, CLOCK_BOOTTIME.
constexpr std::uint64_t grace_end(std::uint64_t from, const RegionFacts& region, const Policy& policy) {
  const std::uint64_t began = later(from, region.began_boottime_ns);
  return began == 0 ? 0 : began + policy.startup_grace_ns;
}

constexpr std::uint64_t container_start(const Surroundings& around) {
  return around.context.container_start_known ? around.context.container_start_ns : 0;
}

inline bool is_left_over(const WorkerFacts& worker, const RegionFacts& region, const Surroundings& around) {
  return around.known && (is_other_container(around.context.container, worker.container) ||
                          worker.claimed_boottime_ns < region.began_boottime_ns);
}

// Claimed, no beat yet.
constexpr Condition condition_before_first_beat(const WorkerFacts& worker, const RegionFacts& region,
                                                const Surroundings& around, const Policy& policy) {
  if (worker.in_phase && worker.age_ns() > worker.stall_limit_ns) return Condition::stalled;
  // A phase has its budget, unless too many lives of this row have ended already.
  const bool shares_deadline = is_beyond_forgiven(worker.row);
  if (!around.known || (worker.in_phase && !shares_deadline)) return Condition::starting;
  std::uint64_t from = later(container_start(around), worker.grace_from_boottime_ns);
  if (!shares_deadline && worker.renewed_ns > worker.claimed_ns) {
    // A phase has ended since the claim: the way to the first beat begins there. Ages are the same in both clocks
    // but for a suspend, which can only make this one longer.
    const std::uint64_t age = worker.age_ns();
    from = later(from, around.now_boottime_ns > age ? around.now_boottime_ns - age : 0);
  }
  const std::uint64_t end = later(grace_end(from, region, policy), worker.deadline_boottime_ns);
  return around.now_boottime_ns > end ? Condition::stalled : Condition::starting;
}

// Ended, and a supervisor has said that it restarts this worker: forgiven for as long as it said. The last of a row of
// lives that came to nothing is forgiven no longer than it could have lived.
constexpr bool is_being_restarted(const WorkerFacts& worker, const RegionFacts& region, const Surroundings& around,
                                  const Policy& policy) {
  const std::uint64_t marked = worker.marked_boottime_ns;
  if (!around.known || !is_believed_mark(marked, worker.mark_budget_ns, around.now_boottime_ns)) return false;
  const std::uint64_t budget = worker.mark_budget_ns != 0 ? worker.mark_budget_ns : policy.startup_grace_ns;
  if (around.now_boottime_ns > marked + budget) return false;
  const bool young = ended_young(worker.beats, worker.last_beat_ns, worker.claimed_ns, true, worker.mark_budget_ns);
  if (worker.state == State::stopped || !young || !is_beyond_forgiven(worker.row + 1)) return true;
  const std::uint64_t end =
      later(grace_end(worker.grace_from_boottime_ns, region, policy), worker.deadline_boottime_ns);
  return around.now_boottime_ns <= end;
}

// Whether the worker's stamps may be compared with this reader's clocks.
inline bool has_foreign_clock(const WorkerFacts& worker, const Surroundings& around) {
  return around.known && around.context.time_namespace != 0 && worker.time_namespace != 0 &&
         around.context.time_namespace != worker.time_namespace;
}
inline bool is_from_the_future(const WorkerFacts& worker, const Surroundings& around) {
  return worker.sign_of_life_ns() > worker.observed_ns + kFutureToleranceNs ||
         (worker.beats == 0 && around.known &&
          worker.claimed_boottime_ns > around.now_boottime_ns + kFutureToleranceNs);
}

}  // namespace detail

struct Judgement {
  Condition condition = Condition::absent;
  Fault fault = Fault::none;
};

inline Judgement judge_worker(const WorkerFacts& worker, const RegionFacts& region, const Surroundings& around,
                              const Policy& policy) {
  if (worker.state == State::free) return {Condition::absent};
  if (worker.lock == Lock::unsupported) return {Condition::unusable, Fault::locks_unsupported};
  if (worker.torn) return {Condition::unusable, Fault::layout};
  // A held lock is always current, whatever clocks and containers say. Between the two steps of stop() it is held, too.
  if (worker.lock == Lock::gone || worker.state == State::stopped) {
    if (detail::is_left_over(worker, region, around)) return {Condition::left_over};
    if (detail::is_being_restarted(worker, region, around, policy)) return {Condition::starting};
    return {worker.state == State::stopped ? Condition::stopped : Condition::dead};
  }
  const bool foreign_clock = detail::has_foreign_clock(worker, around);
  if (detail::is_from_the_future(worker, around)) {
    return {Condition::unusable, foreign_clock ? Fault::clock_foreign : Fault::clock_future};
  }
  Condition condition = Condition::running;
  if (worker.beats == 0) {
    condition = detail::condition_before_first_beat(worker, region, around, policy);
  } else if (worker.age_ns() > limit_of(worker, policy)) {
    condition = Condition::stalled;
  }
  if (condition == Condition::running) return {condition};
  // Measured between two time namespaces, an age means nothing, one way or the other.
  if (foreign_clock) return {Condition::unusable, Fault::clock_foreign};
  if (condition == Condition::stalled && worker.beat_seen && worker.beats != 0) condition = Condition::running;
  return {condition};
}

}  // namespace shm_liveness
