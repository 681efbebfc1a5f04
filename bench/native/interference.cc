// interference PAIRS CHUNKS REGION: how much slower a writer beats while another process, on another CPU, reads its
// region: not at all (twice: the noise), every millisecond, or as fast as it can.
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "measure.hpp"
#include "shm_liveness/heartbeat.hpp"
#include "shm_liveness/observe.hpp"

namespace {

constexpr int kCallsPerChunk = 150'000;  // some 5 ms: several looks fall into each

// Orders to the reader, and its place among the contenders. `quiet_again` against `quiet` is the noise.
enum Order : char { quiet, quiet_again, each_millisecond, flat_out, kOrders };

struct Shared {
  std::atomic<std::uint64_t> looks, bad_looks;
  std::atomic<int> obeyed;  // the reader's present order
};

// The reader opens nothing after its start: only the looks are measured.
[[noreturn]] void read_as_told(int orders, const char* region, Shared& shared) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  prctl(PR_SET_TIMERSLACK, 1000);
  bench::pin_to(0);
  char order = quiet;
  pollfd input{orders, POLLIN, 0};
  static shm_liveness::WorkerFacts room[4];
  static shm_liveness::Observation seen;
  const shm_liveness::Policy policy{};
  for (;;) {
    const int timeout_ms = order == flat_out ? 0 : order == each_millisecond ? 1 : -1;
    if (poll(&input, 1, timeout_ms) > 0) {
      if (read(orders, &order, 1) != 1) _exit(0);
      if (seen.region_count == 0) {
        seen.room = room;
        shm_liveness::add_region(seen, {.region = region}, geteuid());
      }
      shared.obeyed = order;
      continue;
    }
    for (int i = 0; i < (order == flat_out ? 100 : 1); ++i) {
      const bool healthy = shm_liveness::first_look(seen, policy).kind == shm_liveness::Kind::healthy;
      shared.looks.fetch_add(1, std::memory_order_relaxed);
      if (!healthy) shared.bad_looks.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int pairs = std::atoi(argv[1]);
  const int chunks = std::atoi(argv[2]);
  void* memory = mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  int orders[2];
  if (memory == MAP_FAILED || pipe(orders) != 0) bench::die("setup");
  Shared& shared = *new (memory) Shared{};
  const pid_t reader = fork();
  if (reader < 0) bench::die("fork");
  if (reader == 0) {
    close(orders[1]);
    read_as_told(orders[0], argv[3], shared);
  }
  const bool apart = bench::pin_to(1);
  auto claimed =
      shm_liveness::Heartbeat::claim({.place = {.region = argv[3]}, .name = "writer", .max_age_ns = 10'000'000'000});
  if (claimed.failure) bench::die("claim");
  claimed.heartbeat.ready();

  std::vector<double> ns[kOrders], ratios[kOrders];
  double looks_per_second[kOrders] = {};
  for (int pair = 0; pair < pairs; ++pair) {
    for (int turn = 0; turn < kOrders; ++turn) {
      // Rotated, so that no order has the same neighbour always.
      const int order = (pair + turn) % kOrders;
      const char told = static_cast<char>(order);
      if (write(orders[1], &told, 1) != 1) bench::die("reader");
      claimed.heartbeat.beat();
      do {
        usleep(1000);
        if (waitpid(reader, nullptr, WNOHANG) == reader) bench::die("the reader has ended");
      } while (shared.obeyed != order);
      const std::uint64_t looks = shared.looks;
      const std::uint64_t began = bench::clock_ns();
      ns[order].push_back(
          bench::ns_per_call(CLOCK_THREAD_CPUTIME_ID, chunks, kCallsPerChunk, [&] { claimed.heartbeat.beat(); }));
      looks_per_second[order] +=
          static_cast<double>(shared.looks - looks) * 1e9 / static_cast<double>(bench::clock_ns() - began) / pairs;
    }
    for (int order = 0; order < kOrders; ++order) ratios[order].push_back(ns[order].back() / ns[quiet].back());
  }
  kill(reader, SIGKILL);
  waitpid(reader, nullptr, 0);  // before the slot is given up: nobody shall see that
  claimed.heartbeat.stop();
  std::printf(R"({"apart":%s,"badLooks":%llu,"orders":[)", apart ? "true" : "false",
              static_cast<unsigned long long>(shared.bad_looks));
  for (int order = 0; order < kOrders; ++order) {
    std::printf(R"(%s{"ns":%.3f,"ratio":%.5f,"low":%.5f,"high":%.5f,"looksPerSecond":%.0f})", order == 0 ? "" : ",",
                bench::median(ns[order]), bench::median(ratios[order]), bench::quartile(ratios[order], 1),
                bench::quartile(ratios[order], 3), looks_per_second[order]);
  }
  std::printf("]}\n");
}
