// The CPU's own counter, and whether it is what the kernel tells the time by.
#pragma once

#include "carried_clock.hpp"
#include "clock.hpp"
#include "procfs.hpp"

#if defined(__x86_64__)
#include <sys/prctl.h>
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

namespace detail {

// A program may have asked that reading the counter is a SIGSEGV: prctl(2), PR_SET_TSC.
inline bool may_read_counter() {
#if defined(__x86_64__)
  int permission = 0;
  return ::prctl(PR_GET_TSC, &permission) == 0 && permission == PR_TSC_ENABLE;
#else
  return true;
#endif
}

}  // namespace detail

// Whether the kernel has chosen the counter for its own clock, after tests that we could not make: that it neither
// stops in sleep nor changes its pace, and is the same on all CPUs (kernel: kernel/time/clocksource.c,
// arch/x86/kernel/tsc.c). Otherwise, and where nobody says, the kernel's clock is read each time: kvm-clock, Hyper-V,
// a sandbox.
inline bool counter_keeps_time() {
  char buffer[32];
  const std::string_view name =
      read_small_file("/sys/devices/system/clocksource/clocksource0/current_clocksource", buffer, sizeof buffer);
#if defined(__x86_64__)
  return name == "tsc\n" && detail::may_read_counter();
#else
  return name == "arch_sys_counter\n";
#endif
}

}  // namespace shm_liveness
