// starved_target REGION LIMIT_MS MODE: a worker that beats every 5 ms.
//   spin  spins after a second, and prints at the guard's signal (SIGUSR1) how long after its last beat that came, in
//         nanoseconds
//   live  beats for two seconds, and prints its longest cycle in nanoseconds
#include <signal.h>
#include <unistd.h>

#include <string_view>

#include "measure.hpp"
#include "shm_liveness/heartbeat.hpp"

static volatile std::uint64_t g_last_beat_ns;

static void say(std::uint64_t ns) {
  char text[32];
  const int size = std::snprintf(text, sizeof text, "%llu\n", static_cast<unsigned long long>(ns));
  if (write(1, text, static_cast<std::size_t>(size)) != size) _exit(1);
}
static void on_signal(int) {
  say(bench::clock_ns() - g_last_beat_ns);
  _exit(0);
}

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  signal(SIGUSR1, on_signal);
  const bool lives = std::string_view(argv[3]) == "live";
  auto claimed = shm_liveness::Heartbeat::claim(
      {.place = {.region = argv[1]}, .name = "target", .max_age_ns = std::strtoull(argv[2], nullptr, 10) * 1'000'000});
  if (claimed.failure) bench::die("claim");
  std::uint64_t longest_ns = 0;
  for (const std::uint64_t end = bench::clock_ns() + (lives ? 2'000'000'000 : 1'000'000'000);
       bench::clock_ns() < end;) {
    claimed.heartbeat.beat();
    const std::uint64_t now = bench::clock_ns();
    if (g_last_beat_ns != 0 && now - g_last_beat_ns > longest_ns) longest_ns = now - g_last_beat_ns;
    g_last_beat_ns = now;
    usleep(5000);
  }
  while (!lives) asm volatile("");
  say(longest_ns);
  claimed.heartbeat.stop();
}
