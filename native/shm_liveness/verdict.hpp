// The judgement of the whole, and the only place where its rules are: a pure function. No clock is read here and no
// system call made, so each row of the table in the README is a test that makes the facts up.
#pragma once

#include <span>

#include "condition.hpp"

namespace shm_liveness {

enum class Kind : std::uint8_t { healthy, starting, late, not_ready, missing, stopped, stalled, dead, unusable };
inline const char* name_of(Kind kind) {
  return nth_word("healthy\0starting\0late\0not-ready\0missing\0stopped\0stalled\0dead\0unusable",
                  static_cast<std::size_t>(kind));
}

struct Tally {
  std::uint32_t running = 0, starting = 0, bad = 0, stopped = 0, left_over = 0;
};

struct Verdict {
  Kind kind = Kind::healthy;
  bool passes = true;
  Fault fault = Fault::none;  // of Kind::unusable
  int error = 0;              // the kernel's number, where there was one
  std::int32_t worker = -1;   // index of the worker it is about; -1: none
  std::int32_t region = -1;   // index of the region it is about; -1: none
  std::string_view expected;  // Kind::missing, Kind::stopped: the name somebody expected
  std::uint32_t others = 0;   // further workers that fail too
  Tally tally;

  Exit exit() const {
    if (kind == Kind::unusable) return Exit::unusable;
    return passes ? Exit::healthy : Exit::unhealthy;
  }
};

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
      if (fault == Fault::none || fault == Fault::missing) continue;
      if (verdict_.kind != Kind::unusable)
        verdict_.error = regions_[r].failure.error;  // the first of two as grave wins
      fail(Kind::unusable, -1, static_cast<int>(r), fault);
    }
  }

  void add(std::span<const WorkerFacts> workers) {
    for (const WorkerFacts& worker : workers) add_one(worker, next_index_++);
  }

  // Whether the verdict may be about worker `index`, counted in the order of adding, of those that were added so far.
  bool may_be_about(std::int32_t index) const {
    return index >= 0 && (index == verdict_.worker || index == worst_worker_ || index == starting_worker_);
  }
  static constexpr std::size_t kCandidates = 3;

  Verdict judge() {
    const bool quorum = policy_.min != 0 && passing_ >= policy_.min;
    if (failing_ != 0 && !quorum) {
      fail(worst_, worst_worker_, worst_region_, worst_fault_);
    }
    if (policy_.min != 0 && !quorum && failing_ == 0) absent(-1, {});
    for (std::size_t r = 0; r < regions_.size(); ++r) judge_region(r);
    judge_expected();
    if (!verdict_.passes && verdict_.worker >= 0) verdict_.others = failing_ - 1;
    if (verdict_.passes && verdict_.tally.starting != 0) {
      verdict_.kind = Kind::starting;
      verdict_.worker = starting_worker_;
    }
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
      expected_stopped_ |= expected_bits(worker);
    }
    if (!detail::counts(judgement.condition)) return;
    ++current_in_[worker.region];
    if (judgement.condition == Condition::running) ++tally.running;
    const std::uint64_t expected = expected_bits(worker);
    expected_present_ |= expected;
    detail::Outcome outcome = detail::outcome_of(worker, judgement.condition, policy_);
    // Dead grace is for workers that are restarted, not for a row of them that never come to a beat.
    if (judgement.condition == Condition::dead && worker.beats == 0 &&
        detail::condition_before_first_beat(worker, regions_[worker.region], around_, policy_) == Condition::stalled) {
      outcome = {Kind::dead, false};
    }
    if (outcome.kind == Kind::starting) {
      ++tally.starting;
      if (starting_worker_ < 0) starting_worker_ = index;
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

  // The bits of the worker's name in the list of expected names, which may name it more than once.
  std::uint64_t expected_bits(const WorkerFacts& worker) const {
    std::uint64_t bits = 0;
    std::uint64_t bit = 1;
    for_each_name(policy_.expect, [&](std::string_view name) {
      if (name == worker.name_view()) bits |= bit;
      bit <<= 1;
      return true;
    });
    return bits;
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
      if (around_.now_boottime_ns <= detail::grace_end(detail::container_start(around_), regions_[r], policy_))
        return true;
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
  int starting_worker_ = -1;
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
