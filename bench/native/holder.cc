// holder REGION WORKERS MAX_AGE_MS BEAT_MS: that many workers in one region, one claim each, which beat for ever. Says
// "up" when all have beaten. Ends, and removes the region, when its standard input does: so it cannot outlive who
// started it.
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>

#include "measure.hpp"
#include "shm_liveness/heartbeat.hpp"

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  const std::string region = argv[1];
  const int count = std::atoi(argv[2]);
  const std::uint64_t max_age_ns = std::strtoull(argv[3], nullptr, 10) * 1'000'000;
  const int beat_ms = std::atoi(argv[4]);
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);

  std::vector<shm_liveness::Heartbeat> workers;
  for (int i = 0; i < count; ++i) {
    const std::string name = "worker-" + std::to_string(i);
    auto claimed = shm_liveness::Heartbeat::claim({.place = {.region = region},
                                                   .creation = {.slots = static_cast<std::uint32_t>(count)},
                                                   .name = name,
                                                   .max_age_ns = max_age_ns});
    if (claimed.failure) bench::die("claim");
    claimed.heartbeat.ready();
    claimed.heartbeat.beat();
    workers.push_back(std::move(claimed.heartbeat));
  }
  if (write(1, "up\n", 3) != 3) return 1;
  for (pollfd input{0, POLLIN, 0}; poll(&input, 1, beat_ms) == 0;) {
    for (auto& worker : workers) worker.beat();
  }
  unlink(("/dev/shm/" + region).c_str());
}
