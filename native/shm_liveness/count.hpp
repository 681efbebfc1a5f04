// Counted beats: the loop adds 1 to a word of its slot, and nothing else. It reads no clock and makes no call, so a
// beat costs about as much as an assignment. A thread of the worker's process, the sampler (sampler.hpp), looks at the
// word several times per max age and stamps for the loop when the word has moved.
//
// Where the word lies: in the slot (Hot::count), not in memory of the worker's own that the sampler copies. The reason
// is the sampler's own fate. It can be starved beside a loop that owns the CPU (SCHED_FIFO, an isolated core, a quota),
// or be held by a debugger. A reader must not take that for a stall of the loop, and so it must see the count itself.
//
// What a reader does:
//   - The total of the beats is `beats` (the count at the latest sample) and what the word is ahead of it. So every
//     rule that asks whether a worker has beaten since, as the confirmation does, goes by the loop and not by the
//     sampler.
//   - The age is that of the latest sample at which the word had moved. It is never too old while the sampler runs, and
//     too young by the time between two samples at most.
//   - A stamp that is old makes no stall by itself. The confirmation looks again, and a count that has moved meanwhile
//   is
//     a beat. A count that stands still is a stall, whatever became of the sampler: only the loop can move it.
//
// Why `beats` serves as the count at the latest sample: both begin at 0, so its lower half is that count. One word, and
// so a reader never pairs the count of one sample with the sum of another.
//
// Why a plain store is seen: an aligned word is stored whole, and a store leaves the CPU within a microsecond whatever
// its memory order. Order is needed only between words, and here is one. There is one writer, so no addition is lost.
//
// Older readers of layout version 2 do not know the word. They go by the sampler's stamps, which are right while it
// runs.
#pragma once

#include "clock.hpp"
#include "layout.hpp"

namespace shm_liveness {

// Below this the samples would come every few milliseconds, and scheduling alone would make ages old.
inline constexpr std::uint64_t kLeastCountedMaxAgeNs = 10'000'000;
// Age is right within this part of max age. More samples cost more: 40 a second took 0.26 % of a CPU (measured).
inline constexpr std::uint64_t kSamplesPerMaxAge = 3;
// The sampler also sees to it, as often, that the worker looks whether its region is still there.
inline constexpr std::uint64_t kLongestSampleNs = 1'000'000'000;

constexpr std::uint64_t sample_period_ns(std::uint64_t max_age_ns) {
  const std::uint64_t period_ns = max_age_ns / kSamplesPerMaxAge;
  return period_ns < kLongestSampleNs ? period_ns : kLongestSampleNs;
}

constexpr bool is_counted(std::uint32_t clock) { return clock == static_cast<std::uint32_t>(Clock::counted); }

// All beats of a claim. `beats` is loaded first: the count is ahead of it then, never behind.
[[gnu::always_inline]] inline std::uint64_t total_beats(const Hot& hot, bool counted) {
  const std::uint64_t sampled = hot.beats.load_acquire();
  if (!counted) return sampled;
  const std::uint32_t fresh = hot.count.load_acquire() - static_cast<std::uint32_t>(sampled);
  return sampled + fresh;
}

}  // namespace shm_liveness
