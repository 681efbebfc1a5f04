// death_target REGION MEGABYTES: the parent of a worker that it kills. The guard's signal (SIGUSR1) comes to the
// parent, which prints, in nanoseconds since the kill: when the kernel released the worker's lock, and when the signal
// came.
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "measure.hpp"
#include "shm_liveness/heartbeat.hpp"
#include "shm_liveness/observe.hpp"

static volatile std::uint64_t g_signalled_ns;

static void on_signal(int) { g_signalled_ns = bench::clock_ns(); }

[[noreturn]] static void work(const char* region, std::size_t bytes, int ready) {
  char* memory =
      static_cast<char*>(mmap(nullptr, bytes + 1, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  memset(memory, 1, bytes);
  auto claimed =
      shm_liveness::Heartbeat::claim({.place = {.region = region}, .name = "target", .max_age_ns = 60'000'000'000});
  if (claimed.failure) bench::die("claim");
  claimed.heartbeat.beat();
  if (write(ready, "r", 1) != 1) std::exit(1);
  for (;;) {
    claimed.heartbeat.beat();
    usleep(1000);
  }
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  signal(SIGUSR1, on_signal);
  int ready[2];
  if (pipe(ready) != 0) bench::die("pipe");
  const pid_t worker = fork();
  if (worker == 0) work(argv[1], std::strtoull(argv[2], nullptr, 10) << 20, ready[1]);
  char byte;
  if (read(ready[0], &byte, 1) != 1) bench::die("worker");
  shm_liveness::Region region;
  if (shm_liveness::open_region({.region = argv[1]}, geteuid(), region)) bench::die("open");
  usleep(60'000 + static_cast<useconds_t>(bench::clock_ns() % 20'000));

  const std::uint64_t killed_ns = bench::clock_ns();
  kill(worker, SIGKILL);
  const std::uint32_t bank = shm_liveness::current_of(region.slot(0)).bank;
  while (shm_liveness::query_lock(region.fd, 0, bank) == shm_liveness::Lock::held) {
  }
  const std::uint64_t released_ns = bench::clock_ns();
  while (g_signalled_ns == 0) usleep(100);
  std::printf("%llu %llu\n", static_cast<unsigned long long>(released_ns - killed_ns),
              static_cast<unsigned long long>(g_signalled_ns - killed_ns));
}
