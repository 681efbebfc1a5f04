// timer_floor INTERVAL_MS SECONDS: a loop that does nothing but wake up at each interval. Prints its share of one CPU
// in percent, by the scheduler's own count: what any program that looks so often must pay on this machine.
#include <sys/timerfd.h>
#include <unistd.h>

#include "measure.hpp"

static std::uint64_t run_ns() {
  std::FILE* file = std::fopen("/proc/self/schedstat", "r");
  unsigned long long ns = 0;
  if (file == nullptr || std::fscanf(file, "%llu", &ns) != 1) bench::die("/proc/self/schedstat");
  std::fclose(file);
  return ns;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const long interval_ns = std::atol(argv[1]) * 1'000'000;
  const int timer = timerfd_create(CLOCK_MONOTONIC, 0);
  const itimerspec each{{0, interval_ns}, {0, interval_ns}};
  if (timer < 0 || timerfd_settime(timer, 0, &each, nullptr) != 0) bench::die("timerfd");
  const std::uint64_t cpu = run_ns();
  const std::uint64_t began = bench::clock_ns();
  const std::uint64_t end = began + std::strtoull(argv[2], nullptr, 10) * 1'000'000'000;
  while (bench::clock_ns() < end) {
    std::uint64_t expiries;
    if (read(timer, &expiries, sizeof expiries) != sizeof expiries) bench::die("read");
  }
  std::printf("%.4f\n", static_cast<double>(run_ns() - cpu) / static_cast<double>(bench::clock_ns() - began) * 100);
}
