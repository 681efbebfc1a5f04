#include "guard/progress.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>

#include "../real.hpp"
#include "random.hpp"

namespace test_of_guard_progress {

using namespace shm_liveness;
using namespace shm_liveness::real;
using namespace shm_liveness::guard;

TEST_CASE("use is summed up for an eighth of the limit, from 50 ms to 2 s") {
  CHECK(progress_window_ns(0) == 50 * kMs);
  CHECK(progress_window_ns(100 * kMs) == 50 * kMs);
  CHECK(progress_window_ns(400 * kMs) == 50 * kMs);
  CHECK(progress_window_ns(408 * kMs) == 51 * kMs);
  CHECK(progress_window_ns(8 * kSecond) == kSecond);
  CHECK(progress_window_ns(16 * kSecond) == 2 * kSecond);
  CHECK(progress_window_ns(300 * kSecond) == 2 * kSecond);
  CHECK(progress_window_ns(~std::uint64_t(0)) == 2 * kSecond);
}

TEST_CASE("CPU is progress from the least percentage of one CPU on") {
  CHECK(is_cpu_progress(100, 105, 5, kSecond));
  CHECK_FALSE(is_cpu_progress(100, 104, 5, kSecond));
  CHECK(is_cpu_progress(0, 66, 33, 2 * kSecond));
  CHECK_FALSE(is_cpu_progress(0, 65, 33, 2 * kSecond));
  // The smallest use that is counted at all, over the shortest window.
  CHECK(is_cpu_progress(100, 101, 5, 50 * kMs));
  CHECK(is_cpu_progress(100, 101, 5, 200 * kMs));
  CHECK_FALSE(is_cpu_progress(100, 101, 5, 200 * kMs + 1));
}

TEST_CASE("bytes are progress from 16 KiB per second on") {
  CHECK(is_io_progress(100, 100 + 16384, kSecond));
  CHECK_FALSE(is_io_progress(100, 100 + 16383, kSecond));
  CHECK(is_io_progress(0, 32768, 2 * kSecond));
  CHECK_FALSE(is_io_progress(0, 32767, 2 * kSecond));
  CHECK(is_io_progress(0, 820, 50 * kMs));
  CHECK_FALSE(is_io_progress(0, 819, 50 * kMs));
}

TEST_CASE("a sum that stays or falls is no progress, whatever it was and however short the time") {
  for (const std::uint64_t took : {std::uint64_t(0), std::uint64_t(1), kSecond}) {
    CHECK_FALSE(is_cpu_progress(100, 100, 5, took));
    CHECK_FALSE(is_cpu_progress(100, 99, 5, took));
    CHECK_FALSE(is_cpu_progress(~std::uint64_t(0), 0, 5, took));
    CHECK_FALSE(is_io_progress(100, 100, took));
    CHECK_FALSE(is_io_progress(100, 99, took));
    CHECK_FALSE(is_io_progress(~std::uint64_t(0), 0, took));
  }
}

TEST_CASE("more use in the same time is never less progress, up to what a machine can do in a year") {
  Random random;
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t took = random.below(10 * kSecond);
    // 4096 CPUs for a year; 10 GB/s for a week.
    const std::uint64_t ticks = random.below(std::uint64_t(1) << random.between(1, 43));
    const std::uint64_t bytes = random.below(std::uint64_t(1) << random.between(1, 52));
    if (is_cpu_progress(0, ticks, 33, took)) CHECK(is_cpu_progress(0, 2 * ticks, 33, took));
    if (is_io_progress(0, bytes, took)) CHECK(is_io_progress(0, 2 * bytes, took));
  }
}

namespace {

// What a tree used in two seconds, as was measured of real programs: docs/guard.md.
struct Used {
  const char* program;
  std::uint64_t cpu_ticks, own_cpu_ticks, written_bytes, own_read_bytes;
  std::uint64_t least_percent = kLeastCpuPercent;
};
bool is_progress(const Used& used) {
  Usage before;
  Usage after;
  after.cpu_ticks = used.cpu_ticks;
  after.own_cpu_ticks[1] = used.own_cpu_ticks;
  after.written_bytes = used.written_bytes;
  after.own_read_bytes[1] = used.own_read_bytes;
  return computes(before, after, used.least_percent, 2 * kSecond) || moves_bytes(before, after, 2 * kSecond);
}

}  // namespace

TEST_CASE("a poll and an idle server are silent") {
  for (const Used& used : {Used{"until curl -s; sleep 1", 8, 0, 0, 0},
                           {"the same, beside seven others", 9, 0, 0, 0, kLeastCrampedPercent},
                           {"until python3 -c, on a full machine", 14, 0, 400, 0, kLeastOnFullMachinePercent},
                           {"until python3 -c; sleep 1", 28, 0, 720, 0},
                           {"until node -e fetch; sleep 1", 48, 0, 34, 0},
                           {"while ! nc -z; sleep 0.1", 24, 1, 0, 0},
                           {"watch -n1 ls", 6, 2, 330, 300},
                           {"inotifywait -m", 4, 4, 0, 10'000},
                           {"redis-server", 1, 1, 0, 7'000},
                           {"postgres", 2, 2, 0, 0}}) {
    CAPTURE(used.program);
    CHECK_FALSE(is_progress(used));
  }
}

TEST_CASE("a compiler, a download and a test run are progress") {
  for (const Used& used : {Used{"g++ -O2", 120, 120, 0, 0},
                           {"make of 300 small files", 140, 1, 25'000, 0},
                           {"make under a quota of 0.2 CPU", 40, 1, 6'000, 0, kLeastCrampedPercent},
                           {"make beside seven others", 51, 1, 10'000, 0, kLeastOnFullMachinePercent},
                           {"curl -o", 6, 3, 20'000'000, 0},
                           {"npm ci", 70, 70, 200'000, 220'000},
                           {"sha256sum of a cold disk", 4, 4, 0, 2'000'000},
                           {"python3 -m unittest", 170, 170, 0, 0}}) {
    CAPTURE(used.program);
    CHECK(is_progress(used));
  }
}

namespace {

// The guard's stamp in a region of its own, with a progress that looks at a command that is a child of this process.
struct Scene {
  explicit Scene(unsigned sources, int (*command)() = pause) {
    REQUIRE_FALSE(stamp.claim(options_for(region, "main")));
    progress.watch_for(sources);
    start(command);
  }
  ~Scene() {
    for (const pid_t pid : commands) kill_child(pid);
    stamp.give_up(true);
  }
  void start(int (*command)()) {
    progress.before_start();
    const pid_t pid = start_child([&] {
      setpgid(0, 0);
      return command();
    });
    setpgid(pid, pid);
    commands.push_back(pid);
    progress.begin(400 * kMs, static_cast<std::uint32_t>(pid));
  }
  // Looks until there is progress, or so often, in time that goes faster than the clock.
  bool lives(int looks) {
    const std::uint64_t before = beats();
    for (int i = 0; i < looks && beats() == before; ++i) {
      progress.look(0, now += 60 * kMs);
      usleep(10'000);
    }
    return beats() != before;
  }
  std::uint64_t beats() const { return facts_of(region, "main").beats; }

  UniqueRegion region;
  Stamp stamp;
  Progress progress{stamp};
  std::vector<pid_t> commands;
  std::uint64_t now = kSecond;
};

// Without a pause, so that it uses a whole CPU, or as much as it gets.
int burn() {
  for (;;) (void)monotonic_ns();
}

}  // namespace

TEST_CASE("output is progress at the look that finds it, and silence is none") {
  Scene scene(kOutput);
  scene.progress.look(0, kSecond);
  CHECK(scene.beats() == 0);
  scene.progress.look(1, kSecond + kMs);
  CHECK(scene.beats() == 1);
  scene.progress.look(1, 2 * kSecond);
  CHECK(scene.beats() == 1);
  scene.progress.look(17, 3 * kSecond);
  CHECK(scene.beats() == 2);
}

TEST_CASE("output that is not asked for is no progress") {
  Scene scene(kCpu);
  scene.progress.look(100, kSecond);
  scene.progress.look(200, kSecond + kMs);
  CHECK(scene.beats() == 0);
}

TEST_CASE("a command that computes is progress, and one that waits is not") {
  Scene waiting(kCpu);
  CHECK_FALSE(waiting.lives(5));
  Scene busy(kCpu, burn);
  CHECK(busy.lives(500));
}

TEST_CASE("a command that reads is progress, where that is asked for") {
  const auto reads = [] {
    const int from = open("/dev/zero", O_RDONLY);
    char bytes[65536];
    for (;;) {
      if (read(from, bytes, sizeof bytes) <= 0) return 1;
      usleep(1000);
    }
  };
  Scene scene(kIo, reads);
  CHECK(scene.lives(500));
}

TEST_CASE("a command that writes in short-lived children is progress") {
  const auto writes = [] {
    for (;;) {
      in_child([] {
        const std::string bytes(65536, 'x');
        return static_cast<int>(write(open("/dev/null", O_WRONLY), bytes.data(), bytes.size()));
      });
      usleep(1000);
    }
    return 0;
  };
  Scene scene(kIo, writes);
  CHECK(scene.lives(500));
}

TEST_CASE("what is left of an earlier step is no progress of the next") {
  Scene scene(kCpu, burn);
  REQUIRE(scene.lives(500));
  usleep(20'000);
  scene.start(pause);
  CHECK_FALSE(scene.lives(20));
}

}  // namespace test_of_guard_progress
