// The judgement, and the only place where its rules are: a pure function of what was seen, the reader's surroundings
// and the question. No clock is read here and no system call made, so each row of the table in the README is a test
// that makes the facts up.
#pragma once

#include <span>

#include "fault.hpp"
#include "policy.hpp"
#include "snapshot.hpp"

namespace shm_liveness {

// One word for one worker.
enum class Condition : std::uint8_t {
  absent,     // the slot was never used, or its claim never finished
  left_over,  // of an earlier container or before a restart in place: neither passes nor fails anything
  running,    // beats within its limit
  starting,   // claimed, no beat yet, still allowed to be
  stalled,
  dead,
  stopped,
  unusable,  // its clock or its lock says nothing: see the fault
};
inline const char* name_of(Condition condition) {
  return nth_word("absent\0left-over\0running\0starting\0stalled\0dead\0stopped\0unusable",
                  static_cast<std::size_t>(condition));
}

enum class Kind : std::uint8_t { healthy, starting, late, not_ready, missing, stopped, stalled, dead, unusable };
inline const char* name_of(Kind kind) {
  return nth_word("healthy\0starting\0late\0not-ready\0missing\0stopped\0stalled\0dead\0unusable",
                  static_cast<std::size_t>(kind));
}

struct RegionFacts {
  std::string_view name;
  Failure failure;  // missing, or unusable; none: it was read
  std::uint64_t restart_boottime_ns = 0;
  std::uint64_t restart_budget_ns = 0;
};

// What the reader knows beside the regions. `known` is false on the first, quick look, which can only end in healthy.
struct Surroundings {
  bool known = false;
  std::uint64_t now_boottime_ns = 0;
  Context context;
};

struct Tally {
  std::uint32_t running = 0, starting = 0, bad = 0, stopped = 0, left_over = 0;
};

struct Verdict {
  Kind kind = Kind::healthy;
  bool passes = true;
  Fault fault = Fault::none;       // of Kind::unusable
  std::int32_t worker = -1;        // index of the worker it is about; -1: none
  std::int32_t region = -1;        // index of the region it is about; -1: none
  std::string_view expected;       // Kind::missing, Kind::stopped: the name somebody expected
  std::uint32_t others = 0;        // further workers that fail too
  Tally tally;

  Exit exit() const {
    if (kind == Kind::unusable) return Exit::unusable;
    return passes ? Exit::healthy : Exit::unhealthy;
  }
};

// Two clock readings on two CPUs may be off by a little; a tenth of a second is not a little.
inline constexpr std::uint64_t kFutureToleranceNs = 100'000'000;

constexpr std::uint64_t limit_of(const WorkerFacts& worker, const Policy& policy) {
  return policy.max_age_ns != 0 && !worker.in_phase ? policy.max_age_ns : worker.stall_limit_ns;
}

namespace detail {

constexpr std::uint64_t later(std::uint64_t a, std::uint64_t b) { return a > b ? a : b; }

// When grace ends that began at `from`, CLOCK_BOOTTIME. The latest restart in place begins it anew, with its own budget.
constexpr std::uint64_t grace_end(std::uint64_t from, const RegionFacts& region, const Policy& policy) {
  std::uint64_t end = from == 0 ? 0 : from + policy.startup_grace_ns;
  if (region.restart_boottime_ns != 0) {
    const std::uint64_t budget = region.restart_budget_ns != 0 ? region.restart_budget_ns : policy.startup_grace_ns;
    end = later(end, region.restart_boottime_ns + budget);
  }
  return end;
}

constexpr std::uint64_t container_start(const Surroundings& around) {
  return around.context.container_start_known ? around.context.container_start_ns : 0;
}

inline bool is_left_over(const WorkerFacts& worker, const RegionFacts& region, const Surroundings& around) {
  return worker.claimed_boottime_ns < region.restart_boottime_ns ||
         (around.known && is_other_container(around.context.container, worker.container));
}

// Held lock, no beat yet.
constexpr Condition condition_before_first_beat(const WorkerFacts& worker, const RegionFacts& region,
                                                const Surroundings& around, const Policy& policy) {
  if (worker.in_phase && worker.age_ns() > worker.stall_limit_ns) return Condition::stalled;
  if (!around.known || (worker.in_phase && !worker.inherited)) return Condition::starting;
  std::uint64_t from = later(container_start(around), worker.grace_from_boottime_ns);
  if (!worker.inherited && worker.renewed_ns > worker.claimed_ns) {
    // A phase has ended since the claim: the way to the first beat begins there. Ages are the same in both clocks
    // but for a suspend, which can only make this one longer.
    const std::uint64_t age = worker.age_ns();
    from = later(from, around.now_boottime_ns > age ? around.now_boottime_ns - age : 0);
  }
  const std::uint64_t end = later(grace_end(from, region, policy), worker.inherited_deadline_ns);
  return around.now_boottime_ns > end ? Condition::stalled : Condition::starting;
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
  if (worker.state == State::claiming && worker.lock == Lock::gone) return {Condition::absent};
  if (worker.torn && worker.state != State::claiming) return {Condition::unusable, Fault::layout};
  if (worker.state == State::stopped) {
    return {detail::is_left_over(worker, region, around) ? Condition::left_over : Condition::stopped};
  }
  // A held lock is always current, whatever clocks and containers say.
  if (worker.lock == Lock::gone) {
    return {detail::is_left_over(worker, region, around) ? Condition::left_over : Condition::dead};
  }
  const bool foreign_clock = around.known && around.context.time_namespace != 0 && worker.time_namespace != 0 &&
                             around.context.time_namespace != worker.time_namespace;
  if (worker.sign_of_life_ns() > worker.observed_ns + kFutureToleranceNs) {
    return {Condition::unusable, foreign_clock ? Fault::clock_foreign : Fault::clock_future};
  }
  Condition condition = Condition::running;
  if (worker.beats == 0) {
    condition = detail::condition_before_first_beat(worker, region, around, policy);
  } else if (worker.age_ns() > limit_of(worker, policy)) {
    condition = Condition::stalled;
  }
  if (condition != Condition::stalled) return {condition};
  // An age that is measured between two time namespaces means nothing, one way or the other.
  if (foreign_clock) return {Condition::unusable, Fault::clock_foreign};
  return {worker.beat_seen && worker.beats != 0 ? Condition::running : Condition::stalled};
}

namespace detail {

struct Outcome {
  Kind kind;
  bool passes;
};

inline bool is_late(const WorkerFacts& worker, const Policy& policy) {
  if (policy.cycle_window_ns == 0 || worker.late_cycles == 0) return false;
  return worker.late_at_ns + policy.cycle_window_ns > worker.observed_ns;
}

// One row of the table: what a worker in this condition means for the check. Stopped, left over and absent workers
// are no rows: they count where the whole is judged.
inline Outcome outcome_of(const WorkerFacts& worker, Condition condition, const Policy& policy) {
  switch (condition) {
    case Condition::starting:
      return {Kind::starting, policy.check == Check::liveness};
    case Condition::running:
      if (policy.check != Check::readiness) return {Kind::healthy, true};
      if (!worker.ready) return {Kind::not_ready, false};
      return is_late(worker, policy) ? Outcome{Kind::late, false} : Outcome{Kind::healthy, true};
    case Condition::dead:
      if (policy.check == Check::liveness && policy.dead_grace_ns != 0 && worker.age_ns() <= policy.dead_grace_ns) {
        return {Kind::starting, true};
      }
      return {Kind::dead, false};
    case Condition::unusable:
      return {Kind::unusable, false};
    default:
      return {Kind::stalled, false};
  }
}

inline bool counts(Condition condition) {
  return condition != Condition::absent && condition != Condition::left_over && condition != Condition::stopped;
}

}  // namespace detail

inline constexpr std::size_t kMaxExpected = 64;

// Workers are added, in as many portions as their reader likes, and then all is judged. The gravest failure wins, and
// of two as grave the first.
class Judge {
 public:
  // regions.size() <= kMaxRegions; at most kMaxExpected names in policy.expect.
  Judge(std::span<const RegionFacts> regions, const Surroundings& around, const Policy& policy)
      : regions_(regions), around_(around), policy_(policy) {
    for (std::size_t r = 0; r < regions_.size(); ++r) {
      const Fault fault = regions_[r].failure.fault;
      if (fault != Fault::none && fault != Fault::missing) fail(Kind::unusable, -1, static_cast<int>(r), fault);
    }
  }

  void add(std::span<const WorkerFacts> workers) {
    for (const WorkerFacts& worker : workers) add_one(worker, next_index_++);
  }

  Verdict judge() {
    const bool quorum = policy_.min != 0 && passing_ >= policy_.min;
    if (failing_ != 0 && !quorum) {
      fail(worst_, worst_worker_, worst_region_, worst_fault_);
      if (verdict_.worker == worst_worker_) verdict_.others = failing_ - 1;
    }
    if (policy_.min != 0 && !quorum && failing_ == 0) absent(-1, {});
    for (std::size_t r = 0; r < regions_.size(); ++r) judge_region(r);
    judge_expected();
    if (verdict_.passes && verdict_.tally.starting != 0) verdict_.kind = Kind::starting;
    return verdict_;
  }

 private:
  void add_one(const WorkerFacts& worker, int index) {
    const Judgement judgement = judge_worker(worker, regions_[worker.region], around_, policy_);
    Tally& tally = verdict_.tally;
    if (judgement.condition == Condition::left_over) ++tally.left_over;
    if (judgement.condition == Condition::stopped) {
      ++tally.stopped;
      ++stopped_in_[worker.region];
      expected_stopped_ |= expected_bit(worker);
    }
    if (!detail::counts(judgement.condition)) return;
    ++current_in_[worker.region];
    if (judgement.condition == Condition::running) ++tally.running;
    const std::uint64_t expected = expected_bit(worker);
    expected_present_ |= expected;
    const detail::Outcome outcome = detail::outcome_of(worker, judgement.condition, policy_);
    if (outcome.kind == Kind::starting) {
      ++tally.starting;
      if (verdict_.worker < 0) verdict_.worker = index;
    }
    if (outcome.passes) {
      ++passing_;
      return;
    }
    ++failing_;
    ++tally.bad;
    // A quorum forgives others, not the ones that were asked for by name.
    if (expected != 0) fail(outcome.kind, index, static_cast<int>(worker.region), judgement.fault);
    if (outcome.kind > worst_) {
      worst_ = outcome.kind;
      worst_worker_ = index;
      worst_region_ = static_cast<int>(worker.region);
      worst_fault_ = judgement.fault;
    }
  }

  // The bit of the worker's name in the list of expected names; 0 if it is not in it.
  std::uint64_t expected_bit(const WorkerFacts& worker) const {
    std::uint64_t bit = 1;
    const bool absent = for_each_name(policy_.expect, [&](std::string_view name) {
      if (name == worker.name_view()) return false;
      bit <<= 1;
      return true;
    });
    return absent ? 0 : bit;
  }

  // A region without one current worker: nothing yet, only left-overs, or all stopped.
  void judge_region(std::size_t r) {
    if (current_in_[r] != 0) return;
    const Fault fault = regions_[r].failure.fault;
    if (fault != Fault::none && fault != Fault::missing) return;
    if (stopped_in_[r] != 0) {
      fail(Kind::stopped, -1, static_cast<int>(r));
    } else {
      absent(static_cast<int>(r), {});
    }
  }

  void judge_expected() {
    std::uint64_t bit = 1;
    for_each_name(policy_.expect, [&](std::string_view name) {
      if ((expected_present_ & bit) == 0) {
        if ((expected_stopped_ & bit) != 0) {
          fail(Kind::stopped, -1, -1, Fault::none, name);
        } else {
          absent(-1, name);
        }
      }
      bit <<= 1;
      return true;
    });
  }

  // Somebody is not there (any more, or yet): liveness forgives that within the grace. region < 0: in any of them.
  void absent(int region, std::string_view name) {
    if (policy_.check == Check::liveness && around_.known && within_grace(region)) {
      if (verdict_.passes) verdict_.kind = Kind::starting;
      return;
    }
    fail(Kind::missing, -1, region, Fault::none, name);
  }

  bool within_grace(int region) const {
    for (std::size_t r = 0; r < regions_.size(); ++r) {
      if (region >= 0 && static_cast<std::size_t>(region) != r) continue;
      if (around_.now_boottime_ns <= detail::grace_end(detail::container_start(around_), regions_[r], policy_)) return true;
    }
    return false;
  }

  void fail(Kind kind, int worker, int region, Fault fault = Fault::none, std::string_view expected = {}) {
    if (!verdict_.passes && kind <= verdict_.kind) return;
    verdict_.passes = false;
    verdict_.kind = kind;
    verdict_.worker = worker;
    verdict_.region = region;
    verdict_.fault = fault;
    verdict_.expected = expected;
  }

  std::span<const RegionFacts> regions_;
  const Surroundings& around_;
  const Policy& policy_;
  Verdict verdict_;
  int next_index_ = 0;
  std::uint32_t passing_ = 0;
  std::uint32_t failing_ = 0;
  std::uint32_t current_in_[kMaxRegions] = {};
  std::uint32_t stopped_in_[kMaxRegions] = {};
  std::uint64_t expected_present_ = 0;
  std::uint64_t expected_stopped_ = 0;
  Kind worst_ = Kind::healthy;
  int worst_worker_ = -1;
  int worst_region_ = -1;
  Fault worst_fault_ = Fault::none;
};

// All at once; workers[i].region < regions.size().
inline Verdict judge(std::span<const RegionFacts> regions, std::span<const WorkerFacts> workers,
                     const Surroundings& around, const Policy& policy) {
  Judge all(regions, around, policy);
  all.add(workers);
  return all.judge();
}

}  // namespace shm_liveness
