// What the scheduler withheld from a worker that seems stalled. Plain values, no operating system.
//
// A worker that would run and is not let (more runnable tasks than CPUs, a CPU quota that is used up) has not stalled,
// and ending it would help nobody. A worker that did run, for longer than a cycle of its own takes, and still has not
// beaten, has had its chance: nothing is excused then, also not what held up the guard itself. Without that second half
// a spin under a quota, which withholds the CPU from guard and worker alike, was found only after several limits.
#pragma once

#include <cstdint>

namespace shm_liveness::guard {

struct Scheduled {
  bool is_known = false;
  std::uint64_t at_ns = 0;      // CLOCK_MONOTONIC, when this was read
  std::uint64_t cpu_ns = 0;     // on a CPU so far
  std::uint64_t waited_ns = 0;  // runnable and not on a CPU; the wait that is under way is not in it
};

// A worker had enough of a CPU when it ran for three of its usual cycles, and for this part of its limit at least: a
// single long cycle (a collection of garbage, what was left undone in a pause) has not. Nor less: under a quota of a
// fifth a spin must be found within two limits.
inline constexpr std::uint64_t kEnoughCpuPart = 6;
// Nothing is excused for ever. Who gets no CPU at all for so many limits is as good as stalled.
inline constexpr std::uint64_t kMostExcusedLimits = 10;

// Whether the worker ran for long enough since `then` to have beaten.
constexpr bool had_enough_cpu(const Scheduled& then, const Scheduled& now, std::uint64_t limit_ns,
                              std::uint64_t usual_cycle_ns) {
  if (!then.is_known || !now.is_known) return false;
  if (usual_cycle_ns == 0 || usual_cycle_ns >= limit_ns / 2) return now.cpu_ns - then.cpu_ns > limit_ns;
  const std::uint64_t part = limit_ns / kEnoughCpuPart;
  return now.cpu_ns - then.cpu_ns > (3 * usual_cycle_ns > part ? 3 * usual_cycle_ns : part);
}

// How long since `then` it was runnable and not let. While it waits the kernel's count stands still, so for a task that
// is runnable now, all that it did not run or wait for counts, too: it has been waiting, or is about to be seen
// sleeping at the next look.
constexpr std::uint64_t withheld_ns(const Scheduled& then, const Scheduled& now, bool is_runnable,
                                    std::uint64_t limit_ns) {
  if (!then.is_known || !now.is_known) return 0;
  const std::uint64_t passed = now.at_ns - then.at_ns;
  const std::uint64_t ran = now.cpu_ns - then.cpu_ns;
  const std::uint64_t waited = is_runnable ? (passed > ran ? passed - ran : 0) : now.waited_ns - then.waited_ns;
  const std::uint64_t most = kMostExcusedLimits * limit_ns;
  return waited < most ? waited : most;
}

}  // namespace shm_liveness::guard
