// crowd PROCESSES SPINNERS: that many processes claim a slot of one region at the same moment, beside so many busy
// loops. Prints the nanoseconds until all have claimed and beaten, and how many were refused.
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "measure.hpp"
#include "shm_liveness/heartbeat.hpp"

namespace {

struct Shared {
  std::atomic<int> claimed{0};
  std::atomic<int> refused{0};
};

// Ends with its parent, so that a benchmark that is killed leaves nobody behind.
pid_t child_that(auto&& run) {
  const pid_t pid = fork();
  if (pid < 0) bench::die("fork");
  if (pid != 0) return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  run();
  _exit(0);
}

// `gate`: a pipe whose other end is closed to let all of them go.
void claim(Shared& shared, int gate, const std::string& region, int number, int processes) {
  char nothing;
  while (read(gate, &nothing, 1) != 0) {
  }
  const std::string name = "worker-" + std::to_string(number);
  auto claimed = shm_liveness::Heartbeat::claim({.place = {.region = region},
                                                 .creation = {.slots = static_cast<std::uint32_t>(processes)},
                                                 .name = name,
                                                 .max_age_ns = 60'000'000'000});
  if (claimed.failure || !claimed.heartbeat.beat()) {
    ++shared.refused;
  } else {
    ++shared.claimed;
  }
  pause();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::string region = argv[1];
  const int processes = std::atoi(argv[2]);
  const int spinners = std::atoi(argv[3]);
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) bench::die("mmap");
  auto& shared = *new (memory) Shared;
  int gate[2];
  if (pipe(gate) != 0) bench::die("pipe");
  std::vector<pid_t> children;
  for (int i = 0; i < spinners; ++i) {
    children.push_back(child_that([&] {
      close(gate[1]);
      for (;;) asm volatile("");
    }));
  }
  for (int i = 0; i < processes; ++i) {
    children.push_back(child_that([&] {
      close(gate[1]);
      claim(shared, gate[0], region, i, processes);
    }));
  }
  const std::uint64_t began = shm_liveness::monotonic_ns();
  close(gate[1]);
  while (shared.claimed + shared.refused < processes) usleep(500);
  const std::uint64_t took = shm_liveness::monotonic_ns() - began;
  std::printf("%llu %d\n", static_cast<unsigned long long>(took), shared.refused.load());
  for (const pid_t child : children) kill(child, SIGKILL);
  for (const pid_t child : children) waitpid(child, nullptr, 0);
  unlink(("/dev/shm/" + region).c_str());
}
