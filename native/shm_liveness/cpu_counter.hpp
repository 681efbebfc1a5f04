// The CPU's own counter, and whether it is what the kernel tells the time by.
#pragma once

#include "carried_clock.hpp"
#include "clock.hpp"
#include "procfs.hpp"

#if defined(__x86_64__)
#include <x86intrin.h>
#endif

namespace shm_liveness {

struct CpuCounter {
  static std::uint64_t ns() { return monotonic_ns(); }
#if defined(__x86_64__)
  static std::uint64_t ticks() { return __rdtsc(); }
  static std::uint64_t ticks_after_loads() {
    _mm_lfence();
    return __rdtsc();
  }
#else
  static std::uint64_t ticks() {
    std::uint64_t ticks;
    asm volatile("mrs %0, cntvct_el0" : "=r"(ticks));
    return ticks;
  }
  static std::uint64_t ticks_after_loads() {
    asm volatile("isb" ::: "memory");
    return ticks();
  }
#endif
};

// Whether the kernel has chosen the counter for its own clock, after tests that we could not make: that it neither
// stops in sleep nor changes its pace, and is the same on all CPUs (kernel: kernel/time/clocksource.c,
// arch/x86/kernel/tsc.c). Otherwise, and where nobody says, the kernel's clock is read each time: kvm-clock, Hyper-V,
// a sandbox. A program that forbids reading the counter (prctl(2), PR_SET_TSC) has forbidden the kernel's clock in the
// vDSO, too.
inline bool counter_keeps_time() {
  char buffer[32];
  const std::string_view name =
      read_small_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", buffer, sizeof buffer);
#if defined(__x86_64__)
  return name == "tsc\n";
#else
  return name == "arch_sys_counter\n";
#endif
}

}  // namespace shm_liveness
