// stall_target REGION LIMIT_MS: a worker that beats each millisecond, then stops. The guard's signal (SIGUSR1) finds
// it, and it prints how long after its last beat that was, in nanoseconds.
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "measure.hpp"
#include "shm_liveness/heartbeat.hpp"

static std::uint64_t g_last_beat_ns;

static void on_signal(int) {
  char text[32];
  const int size =
      std::snprintf(text, sizeof text, "%llu\n", static_cast<unsigned long long>(bench::clock_ns() - g_last_beat_ns));
  _exit(write(1, text, static_cast<std::size_t>(size)) == size ? 0 : 1);
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  signal(SIGUSR1, on_signal);
  auto claimed = shm_liveness::Heartbeat::claim(
      {.place = {.region = argv[1]}, .name = "target", .max_age_ns = std::strtoull(argv[2], nullptr, 10) * 1'000'000});
  if (claimed.failure) bench::die("claim");
  // An odd number of beats, so that the stall does not always begin at the same place within the guard's interval.
  const int beats = 37 + static_cast<int>(bench::clock_ns() % 29);
  for (int i = 0; i < beats; ++i) {
    claimed.heartbeat.beat();
    g_last_beat_ns = bench::clock_ns();
    usleep(1000);
  }
  for (;;) pause();
}
