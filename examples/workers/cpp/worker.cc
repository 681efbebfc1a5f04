// A worker in C++: cpp-worker REGION NAME. Warms up in a phase, beats every millisecond, stops on SIGTERM or SIGINT.
// It may share its region with workers in Node.js or any other language.
#include <csignal>
#include <cstdio>
#include <ctime>
#include <shm_liveness/heartbeat.hpp>

namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;

volatile std::sig_atomic_t g_stop = 0;

void sleep_ms(long ms) {
  const std::timespec span{ms / 1000, ms % 1000 * 1'000'000};
  nanosleep(&span, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: cpp-worker REGION NAME\n");
    return 2;
  }
  std::signal(SIGTERM, [](int) { g_stop = 1; });
  std::signal(SIGINT, [](int) { g_stop = 1; });

  auto [heartbeat, failure] = shm_liveness::Heartbeat::claim({
      .place = {.region = argv[1]},
      .creation = {},
      .name = argv[2],
      .max_age_ns = 250 * kMillisecond,
      .cycle_limit_ns = 20 * kMillisecond,
  });
  if (failure) {
    std::fprintf(stderr, "cpp-worker: %s [%s]\n", sentence_of(failure.fault), code_of(failure.fault));
    return 1;
  }

  // A phase has its own budget, so that a long warm-up is no stall.
  heartbeat.begin_phase("warm up", 2'000 * kMillisecond);
  sleep_ms(100);
  heartbeat.end_phase();

  heartbeat.beat();
  heartbeat.ready();
  std::puts("beating");
  std::fflush(stdout);
  while (g_stop == 0) {
    heartbeat.beat();
    sleep_ms(1);
  }
  heartbeat.stop();  // without it the end would count as a death
}
