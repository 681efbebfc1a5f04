// cpp_beat CHUNKS CALLS REGION precise|counted: nanoseconds of a beat from C++.
#include "measure.hpp"
#include "shm_liveness/heartbeat.hpp"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  using shm_liveness::Clock;
  const Clock clock = std::string_view(argv[4]) == "counted" ? Clock::counted : Clock::precise;
  auto claimed = shm_liveness::Heartbeat::claim(
      {.place = {.region = argv[3]}, .name = "beater", .max_age_ns = 250'000'000, .clock = clock});
  if (claimed.failure) bench::die("claim");
  std::printf("%.3f\n", bench::ns_per_call(CLOCK_MONOTONIC, std::atoi(argv[1]), std::atoi(argv[2]),
                                           [&] { claimed.heartbeat.beat(); }));
  claimed.heartbeat.stop();
}
