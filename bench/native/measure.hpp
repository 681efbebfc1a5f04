// What the benchmark's helper programs share: a clock, medians, a pinned CPU, an end with a reason.
#pragma once

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace bench {

[[noreturn]] inline void die(const char* why) {
  std::perror(why);
  std::exit(1);
}

inline std::uint64_t clock_ns(clockid_t clock = CLOCK_MONOTONIC) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000'000u + static_cast<std::uint64_t>(t.tv_nsec);
}

// `part` of 4: 1 the lower quartile, 2 the median, 3 the upper quartile.
inline double quartile(std::vector<double> values, std::size_t part) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0 : values[std::min(values.size() - 1, values.size() * part / 4)];
}
inline double median(const std::vector<double>& values) { return quartile(values, 2); }

// Nanoseconds per call of `once`: the median of `chunks` means, so that a chunk that was interrupted does not count;
// or by the thread's own time, which knows no interruptions.
template <class Once>
double ns_per_call(clockid_t clock, int chunks, int calls, Once&& once) {
  std::vector<double> means;
  for (int c = 0; c < chunks; ++c) {
    const std::uint64_t began = clock_ns(clock);
    for (int i = 0; i < calls; ++i) once();
    means.push_back(static_cast<double>(clock_ns(clock) - began) / calls);
  }
  return median(means);
}

// The CPUs we may run on, counted from the end: 0 is the last. False if there are not so many.
inline bool pin_to(int from_the_end) {
  cpu_set_t allowed, one;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return false;
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0; --cpu) {
    if (!CPU_ISSET(cpu, &allowed) || from_the_end-- != 0) continue;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return sched_setaffinity(0, sizeof one, &one) == 0;
  }
  return false;
}

}  // namespace bench
