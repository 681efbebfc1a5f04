// cpp_beat CHUNKS CALLS REGION: nanoseconds of a beat from C++.
#include "measure.hpp"
#include "shm_liveness/heartbeat.hpp"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  auto claimed =
      shm_liveness::Heartbeat::claim({.place = {.region = argv[3]}, .name = "beater", .max_age_ns = 1'000'000'000});
  if (claimed.failure) bench::die("claim");
  std::printf("%.3f\n", bench::ns_per_call(CLOCK_MONOTONIC, std::atoi(argv[1]), std::atoi(argv[2]),
                                           [&] { claimed.heartbeat.beat(); }));
  claimed.heartbeat.stop();
}
