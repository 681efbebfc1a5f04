// A verdict, and the one worker it is about. Facts of workers are large (400 bytes): of a thousand that are read, only
// those are kept that the verdict may be about in the end.
#pragma once

#include "../../native/shm_liveness/verdict.hpp"

namespace shm_liveness::guard {

// `verdict.worker` is 0 where it is about a worker: the index in about().
struct Judged {
  Verdict verdict;
  WorkerFacts worker;

  std::span<const WorkerFacts> about() const {
    return {&worker, verdict.worker >= 0 ? std::size_t(1) : std::size_t(0)};
  }
};

// Judges workers one after the other.
class Judging {
 public:
  Judging(std::span<const RegionFacts> regions, const Surroundings& around, const Policy& policy)
      : judge_(regions, around, policy) {}

  void add(const WorkerFacts& worker) {
    judge_.add({&worker, 1});
    if (judge_.may_be_about(count_)) keep(worker);
    ++count_;
  }

  void conclude(Judged& judged) {
    judged.verdict = judge_.judge();
    if (judged.verdict.worker < 0) return;
    for (const Kept& kept : kept_) {
      if (kept.index == judged.verdict.worker) judged.worker = kept.worker;
    }
    judged.verdict.worker = 0;
  }

 private:
  struct Kept {
    std::int32_t index = -1;
    WorkerFacts worker;
  };

  // There is a place: the judge has in mind no more workers than there are places, this one among them.
  void keep(const WorkerFacts& worker) {
    Kept* place = kept_;
    while (judge_.may_be_about(place->index)) ++place;
    place->index = count_;
    place->worker = worker;
  }

  Judge judge_;
  std::int32_t count_ = 0;
  Kept kept_[Judge::kCandidates];
};

}  // namespace shm_liveness::guard
