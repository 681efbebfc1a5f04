// Ages in the guard's own running time. All times are made up.
#include "guard/aging.hpp"

#include <doctest/doctest.h>

#include "../facts.hpp"
#include "random.hpp"

namespace test_of_guard_aging {

using namespace shm_liveness;
using namespace shm_liveness::made_up;
using guard::Age;
using guard::age_in_running_time;
using guard::Random;
using guard::RunningTime;

namespace {

constexpr std::uint64_t kInterval = 20 * kMs;
constexpr std::uint64_t kLimit = 250 * kMs;

void tick(RunningTime& time, std::uint64_t now) {
  time.advance(now);
  time.look();
}

// One guard that watches one worker.
struct Scene {
  std::uint64_t now = kNow;
  std::uint64_t beat = kNow;
  std::uint64_t incarnation = 7;
  bool counted = false;
  std::uint64_t beats = 12;  // of a counted worker; `beat` is its sampler's stamp
  RunningTime time{kInterval};
  Age age;

  // The guard looks after `gap`; what it then believes of the worker.
  WorkerFacts look_after(std::uint64_t gap) {
    now += gap;
    return look();
  }
  WorkerFacts look() {
    WorkerFacts worker = beating();
    worker.incarnation = incarnation;
    worker.observed_ns = now;
    worker.last_beat_ns = beat;
    worker.renewed_ns = 0;
    worker.counted = counted;
    worker.beats = beats;
    tick(time, now);
    age_in_running_time(worker, age, time);
    return worker;
  }
  void beat_now() { beat = now; }
  // Looks at its interval, the worker beating, until all is in step.
  void settle() {
    for (int i = 0; i < 5; ++i) {
      now += kInterval / 2;
      beat_now();
      look_after(kInterval / 2);
    }
  }
};

}  // namespace

TEST_CASE("at a steady interval a worker is as old as the clock says") {
  Scene scene;
  scene.settle();
  for (int i = 1; i <= 100; ++i) {
    const WorkerFacts worker = scene.look_after(kInterval);
    CHECK(worker.age_ns() == scene.now - scene.beat);
  }
  CHECK(scene.time.lost_ns() == 0);
}

TEST_CASE("a gap counts as two intervals at most, the rest of it as lost") {
  RunningTime time(kInterval);
  tick(time, kNow);
  CHECK(time.running_ns() == 0);
  tick(time, kNow + kInterval);
  CHECK(time.running_ns() == kInterval);
  tick(time, kNow + 3 * kInterval);
  CHECK(time.running_ns() == 3 * kInterval);
  CHECK(time.lost_ns() == 0);
  tick(time, kNow + 6 * kInterval);
  CHECK(time.running_ns() == 5 * kInterval);
  CHECK(time.lost_ns() == kInterval);
  CHECK(time.since_look_ns() == 2 * kInterval);
}

TEST_CASE("a machine that was paused makes no worker stall") {
  Scene scene;
  scene.settle();
  // A VM that was paused does not even move the clock; a frozen cgroup moves it by all of the pause.
  for (const std::uint64_t pause : {10 * kSecond, 3600 * kSecond, std::uint64_t(1)}) {
    const WorkerFacts worker = scene.look_after(pause);
    CHECK(worker.age_ns() <= 4 * kInterval);
    CHECK(worker.age_ns() <= kLimit);
    scene.settle();
  }
}

TEST_CASE("a guard that looks once a second for want of CPU gives a worker two intervals of age each time") {
  Scene scene;
  scene.settle();
  const std::uint64_t before = scene.look_after(kInterval).age_ns();
  for (std::uint64_t looks = 1; looks <= 5; ++looks) {
    CHECK(scene.look_after(kSecond).age_ns() == before + looks * 2 * kInterval);
  }
}

TEST_CASE("a worker that never comes back after a pause stalls once it has been silent for its limit of running time") {
  Scene scene;
  scene.settle();
  WorkerFacts worker = scene.look_after(10 * kSecond);
  CHECK(worker.age_ns() <= kLimit);
  const std::uint64_t running = scene.time.running_ns();
  while (worker.age_ns() <= kLimit) worker = scene.look_after(kInterval);
  CHECK(scene.time.running_ns() - running <= kLimit + 2 * kInterval);
  CHECK(scene.time.running_ns() - running > kLimit - 4 * kInterval);
}

TEST_CASE("at the first look a worker has no age, however old its beat is, and then ages") {
  Scene scene;
  scene.now += 3600 * kSecond;
  CHECK(scene.look().age_ns() == 0);
  CHECK(scene.look_after(kInterval).age_ns() == kInterval);
  CHECK(scene.look_after(kInterval).age_ns() == 2 * kInterval);
}

TEST_CASE("a new incarnation begins with a new age") {
  Scene scene;
  scene.settle();
  for (int i = 0; i < 20; ++i) scene.look_after(kInterval);
  CHECK(scene.look().age_ns() >= 20 * kInterval);
  scene.incarnation = 8;
  // The same sign of life under another incarnation: it came since the last look, or the guard would have seen it.
  CHECK(scene.look_after(kInterval).age_ns() == kInterval);
}

TEST_CASE("a worker that was never seen before is no older than the last gap") {
  Scene scene;
  for (int i = 0; i < 5; ++i) {
    scene.now += kInterval;
    tick(scene.time, scene.now);
  }
  scene.beat = scene.now - kSecond;
  CHECK(scene.look_after(kInterval).age_ns() == kInterval);
}

TEST_CASE("a counted worker whose sampler is starved lives by its count") {
  Scene scene;
  scene.counted = true;
  scene.settle();
  for (int i = 0; i < 100; ++i) {
    ++scene.beats;
    CHECK(scene.look_after(kInterval).age_ns() == 0);
  }
  // Far apart, too: when the beats came is not known, only that the sampler was not there.
  scene.time.plan(scene.now + 2 * kLimit);
  ++scene.beats;
  CHECK(scene.look_after(2 * kLimit).age_ns() == 0);
}

TEST_CASE("a counted worker that hangs stalls, whatever becomes of its sampler") {
  Scene scene;
  scene.counted = true;
  scene.settle();
  ++scene.beats;
  scene.look_after(kInterval);
  const std::uint64_t moved = scene.now;
  for (int i = 0; i < 20; ++i) {
    const WorkerFacts worker = scene.look_after(kInterval);
    CHECK(worker.age_ns() == scene.now - moved);
  }
  CHECK(scene.look_after(kInterval).age_ns() > kLimit);
}

TEST_CASE("a counted worker that is stamped is as old as its stamp says") {
  Scene scene;
  scene.counted = true;
  scene.settle();
  scene.beats += 1'000;
  scene.beat = scene.now + kInterval / 4;
  CHECK(scene.look_after(kInterval).age_ns() == kInterval * 3 / 4);
}

TEST_CASE("a clock that goes backwards counts for nothing, and the worker does not stall of it") {
  Scene scene;
  scene.settle();
  const std::uint64_t running = scene.time.running_ns();
  scene.now -= 30 * kSecond;
  WorkerFacts worker = scene.look();
  CHECK(worker.age_ns() == 0);
  CHECK(scene.time.running_ns() == running);
  CHECK(scene.time.lost_ns() == 0);
  worker = scene.look_after(kInterval);
  CHECK(scene.time.running_ns() == running + kInterval);
  // Back where it was: the jump is lost time, as any other gap.
  worker = scene.look_after(30 * kSecond);
  CHECK(worker.age_ns() <= kLimit);
}

TEST_CASE("a beat from the future stays one, and is no older than the time since it was seen once it is the past") {
  Scene scene;
  scene.settle();
  scene.beat = scene.now + 5 * kSecond;
  WorkerFacts worker = scene.look_after(kInterval);
  CHECK(worker.age_ns() == 0);
  CHECK(worker.sign_of_life_ns() > worker.observed_ns + kFutureToleranceNs);
  while (scene.now < scene.beat) worker = scene.look_after(kInterval);
  CHECK(worker.age_ns() == scene.now - scene.beat);
}

TEST_CASE("a phase change is a sign of life as a beat is") {
  Scene scene;
  scene.settle();
  for (int i = 0; i < 30; ++i) scene.look_after(kInterval);
  WorkerFacts worker = beating();
  scene.now += kInterval;
  worker.observed_ns = scene.now;
  worker.last_beat_ns = scene.beat;
  worker.renewed_ns = scene.now - 3 * kMs;
  tick(scene.time, scene.now);
  age_in_running_time(worker, scene.age, scene.time);
  CHECK(worker.age_ns() == 3 * kMs);
}

// A schedule of looks: mostly on time, sometimes late, sometimes very late, with a clock that may step back.
TEST_CASE("by any schedule a worker is never older than the clock says, nor older than the guard has run") {
  Random random;
  for (int schedule = 0; schedule < 500; ++schedule) {
    Scene scene;
    for (int look = 0; look < 200; ++look) {
      std::uint64_t gap = random.between(kInterval / 2, 3 * kInterval / 2);
      if (random.chance(5)) gap = random.below(100 * kInterval);
      if (random.chance(1)) gap = 3600 * kSecond;
      scene.now += gap;
      if (random.chance(1)) scene.now -= random.below(2 * kSecond);
      if (random.chance(30)) scene.beat = scene.now - random.below(gap + 1);
      if (random.chance(2)) scene.beat = scene.now + random.below(kSecond);
      if (random.chance(1)) ++scene.incarnation;
      const std::uint64_t real = scene.now > scene.beat ? scene.now - scene.beat : 0;
      const WorkerFacts worker = scene.look();
      CHECK_MESSAGE(worker.age_ns() <= real, "schedule ", schedule, " look ", look);
      CHECK_MESSAGE(worker.age_ns() <= scene.time.running_ns(), "schedule ", schedule, " look ", look);
      // Late cycles and beats from the future are judged by the clock as it was.
      CHECK_MESSAGE(worker.observed_ns == scene.now, "schedule ", schedule, " look ", look);
    }
  }
}

TEST_CASE("by any schedule a worker that falls silent is found within its limit and two intervals, and not before") {
  Random random;
  for (int schedule = 0; schedule < 2000; ++schedule) {
    CAPTURE(schedule);
    Scene scene;
    const unsigned late = static_cast<unsigned>(random.below(30));
    const auto next_gap = [&] {
      return random.chance(late) ? random.below(50 * kInterval) : random.between(kInterval / 2, 3 * kInterval / 2);
    };
    for (int look = 0; look < 20; ++look) {
      const std::uint64_t gap = next_gap();
      scene.beat = scene.now + gap - random.below(gap + 1);
      scene.look_after(gap);
    }
    // Its last beat, somewhere in the gap before the next look. Silence in running time is counted here by itself.
    std::uint64_t gap = next_gap();
    const std::uint64_t ago = random.below(gap + 1);
    scene.beat = scene.now + gap - ago;
    std::uint64_t silent = std::min(ago, std::min(gap, 2 * kInterval));
    std::uint64_t before = 0;
    WorkerFacts worker = scene.look_after(gap);
    while (worker.age_ns() <= kLimit) {
      gap = next_gap();
      before = silent;
      silent += std::min(gap, 2 * kInterval);
      worker = scene.look_after(gap);
    }
    CHECK(silent > kLimit);
    CHECK(before <= kLimit);
    CHECK(silent <= kLimit + 2 * kInterval);
  }
}

TEST_CASE("a worker that beats within its limit of running time never stalls, whatever is lost between") {
  Random random;
  for (int schedule = 0; schedule < 500; ++schedule) {
    Scene scene;
    std::uint64_t ran = 0;  // since the worker's last beat, as far as the guard can have run
    for (int look = 0; look < 200; ++look) {
      const std::uint64_t gap = random.chance(10) ? random.below(10 * kSecond) : kInterval;
      ran += std::min(gap, 2 * kInterval);
      scene.now += gap;
      if (ran > kLimit - 4 * kInterval) {
        scene.beat_now();
        ran = 0;
      }
      CHECK(scene.look().age_ns() <= kLimit);
    }
  }
}

}  // namespace test_of_guard_aging
