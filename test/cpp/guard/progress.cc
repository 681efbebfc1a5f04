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

TEST_CASE("CPU is progress from a twentieth of one CPU on") {
  CHECK(is_cpu_progress(100, 105, kSecond));
  CHECK_FALSE(is_cpu_progress(100, 104, kSecond));
  CHECK(is_cpu_progress(0, 10, 2 * kSecond));
  CHECK_FALSE(is_cpu_progress(0, 9, 2 * kSecond));
  // The smallest use that is counted at all, over the shortest window.
  CHECK(is_cpu_progress(100, 101, 50 * kMs));
  CHECK(is_cpu_progress(100, 101, 200 * kMs));
  CHECK_FALSE(is_cpu_progress(100, 101, 200 * kMs + 1));
}

TEST_CASE("bytes are progress from 4096 per second on") {
  CHECK(is_io_progress(100, 100 + 4096, kSecond));
  CHECK_FALSE(is_io_progress(100, 100 + 4095, kSecond));
  CHECK(is_io_progress(0, 8192, 2 * kSecond));
  CHECK_FALSE(is_io_progress(0, 8191, 2 * kSecond));
  CHECK(is_io_progress(0, 205, 50 * kMs));
  CHECK_FALSE(is_io_progress(0, 204, 50 * kMs));
}

TEST_CASE("a sum that stays or falls is no progress, whatever it was and however short the time") {
  for (const std::uint64_t took : {std::uint64_t(0), std::uint64_t(1), kSecond}) {
    CHECK_FALSE(is_cpu_progress(100, 100, took));
    CHECK_FALSE(is_cpu_progress(100, 99, took));
    CHECK_FALSE(is_cpu_progress(~std::uint64_t(0), 0, took));
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
    if (is_cpu_progress(0, ticks, took)) CHECK(is_cpu_progress(0, 2 * ticks, took));
    if (is_io_progress(0, bytes, took)) CHECK(is_io_progress(0, 2 * bytes, took));
  }
}

namespace {

// The guard's stamp in a region of its own, with a progress that looks at this process's children.
struct Scene {
  explicit Scene(unsigned sources, std::uint64_t limit = 400 * kMs) {
    REQUIRE_FALSE(stamp.claim(options_for(region, "main")));
    progress.watch_for(sources);
    progress.begin(limit, sys::process_id());
  }
  ~Scene() { stamp.give_up(true); }
  std::uint64_t beats() const { return facts_of(region, "main").beats; }

  UniqueRegion region;
  Stamp stamp;
  Progress progress{stamp};
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

TEST_CASE("a child that computes is progress, and one that waits is none") {
  Scene scene(kCpu);
  std::uint64_t now = kSecond;
  const auto look = [&] { scene.progress.look(0, now += 60 * kMs); };
  const pid_t waiting = start_child([] { return pause(); });
  for (int i = 0; i < 5; ++i) {
    look();
    usleep(20'000);
  }
  CHECK(scene.beats() == 0);
  const pid_t busy = start_child(burn);
  for (int i = 0; i < 500 && scene.beats() == 0; ++i) {
    look();
    usleep(10'000);
  }
  CHECK(scene.beats() > 0);
  kill_child(busy);
  kill_child(waiting);
}

TEST_CASE("a child that moves bytes is progress, where that is asked for") {
  const auto move_bytes = [] {
    const int from = open("/dev/zero", O_RDONLY);
    const int to = open("/dev/null", O_WRONLY);
    char bytes[65536];
    for (;;) {
      if (read(from, bytes, sizeof bytes) <= 0 || write(to, bytes, sizeof bytes) <= 0) return 1;
      usleep(1000);
    }
  };
  const pid_t mover = start_child(move_bytes);
  Scene scene(kIo);
  std::uint64_t now = kSecond;
  for (int i = 0; i < 500 && scene.beats() == 0; ++i) {
    scene.progress.look(0, now += 60 * kMs);
    usleep(10'000);
  }
  CHECK(scene.beats() > 0);
  kill_child(mover);
}

TEST_CASE("what was used before a step began is no progress of the step") {
  const pid_t busy = start_child(burn);
  Scene scene(kCpu);
  scene.progress.look(0, kSecond);
  Stat stat;
  for (int i = 0; i < 1000 && stat.cpu_ticks < 20; ++i) {
    usleep(10'000);
    read_stat(static_cast<std::uint32_t>(busy), stat);
  }
  REQUIRE(stat.cpu_ticks >= 20);
  kill(busy, SIGSTOP);
  int status = 0;
  waitpid(busy, &status, WUNTRACED);
  scene.progress.begin(400 * kMs, sys::process_id());
  scene.progress.look(0, 2 * kSecond);
  scene.progress.look(0, 3 * kSecond);
  CHECK(scene.beats() == 0);
  kill_child(busy);
}

}  // namespace test_of_guard_progress
