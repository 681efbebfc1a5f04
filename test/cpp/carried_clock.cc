#include <doctest/doctest.h>

#include <random>
#include <shm_liveness/carried_clock.hpp>
#include <shm_liveness/cpu_counter.hpp>

namespace test_of_carried_clock {

using namespace shm_liveness;

namespace {

// A machine whose time and counter are set by the test. Each reading takes `reading_ns`.
struct Machine {
  static inline std::uint64_t real_ns;  // what the kernel's clock says
  static inline double counter;
  static inline double ticks_per_ns;
  static inline std::uint64_t pause_ns;  // happens once, just before the kernel's clock is read
  static inline int kernel_readings;
  static constexpr std::uint64_t reading_ns = 15;

  static void pass(std::uint64_t ns) {
    real_ns += ns;
    counter += static_cast<double>(ns) * ticks_per_ns;
  }
  static std::uint64_t ticks() {
    pass(reading_ns);
    return static_cast<std::uint64_t>(counter);
  }
  static std::uint64_t ticks_after_loads() { return ticks(); }
  static std::uint64_t ns() {
    pass(pause_ns + reading_ns);
    pause_ns = 0;
    ++kernel_readings;
    return real_ns;
  }
  static void boot(double rate) {
    real_ns = 1'000'000'000'000;
    counter = 77'000'000'000;
    ticks_per_ns = rate;
    pause_ns = 0;
    kernel_readings = 0;
  }
};

using Carried = CarriedClock<Machine>;

Carried measured(double rate) {
  Machine::boot(rate);
  Carried clock{};
  clock.carry();
  for (int i = 0; i < 20'000 && !clock.is_carrying(); ++i) {
    Machine::pass(1'000);
    clock.now();
  }
  CHECK(clock.is_carrying());
  return clock;
}

}  // namespace

TEST_CASE("a clock that may not carry asks the kernel each time") {
  Machine::boot(2.6);
  Carried clock{};
  for (int i = 0; i < 100'000; ++i) {
    Machine::pass(1'000);
    const std::uint64_t now = clock.now();
    CHECK(now == Machine::real_ns);
  }
  CHECK(Machine::kernel_readings == 100'000);
  CHECK_FALSE(clock.is_carrying());
}

TEST_CASE("carried times are at most 0.7 us behind the kernel's clock, never before it or each other") {
  for (const double rate : {0.0192, 0.025, 0.0625, 1.0, 2.6, 5.1}) {
    CAPTURE(rate);
    Carried clock = measured(rate);
    std::mt19937_64 random(1);
    std::uint64_t last = 0;
    // A slow counter cannot tell what is less than a tick.
    const std::uint64_t tick_ns = static_cast<std::uint64_t>(1 / rate) + 1;
    bool is_close = true, is_behind = true, is_monotone = true;
    for (int i = 0; i < 200'000; ++i) {
      Machine::pass(random() % (i % 1'000 == 0 ? 3'000'000 : 2'000));
      const std::uint64_t now = clock.now();
      is_close &= now + 700 + Machine::reading_ns + tick_ns >= Machine::real_ns;
      is_behind &= now <= Machine::real_ns + tick_ns;
      is_monotone &= now >= last;
      last = now;
    }
    CHECK(is_close);
    CHECK(is_behind);
    CHECK(is_monotone);
    CHECK(clock.is_carrying());
  }
}

TEST_CASE("a loop that beats often asks the kernel once in 50 us") {
  Carried clock = measured(2.6);
  Machine::kernel_readings = 0;
  const std::uint64_t from = Machine::real_ns;
  while (Machine::real_ns < from + 50'000'000) {
    Machine::pass(100);
    clock.now();
  }
  CHECK(Machine::kernel_readings > 900);
  CHECK(Machine::kernel_readings <= 1'000);
}

TEST_CASE("after a pause of any length the time is the kernel's") {
  Carried clock = measured(2.6);
  for (const std::uint64_t pause : {60'000ull, 1'000'000ull, 3'600'000'000'000ull, 31'536'000'000'000'000ull}) {
    clock.now();
    Machine::pass(pause);
    const std::uint64_t now = clock.now();
    CHECK(now == Machine::real_ns - Machine::reading_ns);
  }
}

TEST_CASE("a pause in the midst of a reading makes no later time wrong") {
  for (const std::uint64_t pause : {300ull, 10'000ull, 49'000ull, 200'000ull, 700'000'000ull}) {
    CAPTURE(pause);
    Carried clock = measured(2.6);
    Machine::pass(60'000);
    Machine::pause_ns = pause;
    std::uint64_t last = clock.now();
    bool holds = true;
    for (int i = 0; i < 20'000; ++i) {
      Machine::pass(20);
      const std::uint64_t now = clock.now();
      holds &= now >= last && now + 800 >= Machine::real_ns && now <= Machine::real_ns;
      last = now;
    }
    CHECK(holds);
    CHECK(clock.is_carrying());
  }
}

TEST_CASE("a counter that is reset, jumps or changes its pace costs 50 us at most") {
  const auto holds_after = [](Carried& clock, const char* what) {
    CAPTURE(what);
    std::uint64_t last = 0;
    bool holds = true;
    for (int i = 0; i < 300'000; ++i) {
      Machine::pass(100);
      const std::uint64_t now = clock.now();
      holds &= now >= last;
      holds &= now + Carried::kCarryNs * 2 >= Machine::real_ns && now <= Machine::real_ns + Carried::kCarryNs;
      last = now;
    }
    CHECK(holds);
    CHECK(clock.is_carrying());
  };
  Carried reset = measured(2.6);
  Machine::counter = 5;
  holds_after(reset, "reset");
  Carried back = measured(2.6);
  Machine::counter -= 100'000;
  holds_after(back, "back");
  Carried forth = measured(2.6);
  Machine::counter += 1e15;
  holds_after(forth, "forth");
  Carried faster = measured(2.6);
  Machine::ticks_per_ns = 5.2;
  holds_after(faster, "twice as fast");
  Carried slower = measured(2.6);
  Machine::ticks_per_ns = 2.0;
  holds_after(slower, "slower");
}

TEST_CASE("a counter that goes more slowly or more quickly than before is measured again") {
  for (const double rate : {0.065, 2.0, 2.4, 2.9, 5.2, 100.0}) {
    CAPTURE(rate);
    Carried clock = measured(2.6);
    Machine::ticks_per_ns = rate;
    for (int i = 0; i < 1'000'000; ++i) {
      Machine::pass(100);
      clock.now();
    }
    CHECK(clock.is_carrying());
    const std::uint64_t now = clock.now();
    CHECK(now + 800 >= Machine::real_ns);
    CHECK(now <= Machine::real_ns);
  }
}

TEST_CASE("a kernel's clock that is set back is followed, as after a restore on another machine") {
  Carried clock = measured(2.6);
  Machine::real_ns -= 900'000'000'000;
  Machine::pass(Carried::kCarryNs);
  bool holds = true;
  for (int i = 0; i < 1'000'000; ++i) {
    Machine::pass(100);
    const std::uint64_t now = clock.now();
    holds &= now <= Machine::real_ns && now + 800 >= Machine::real_ns;
  }
  CHECK(holds);
  CHECK(clock.is_carrying());
}

TEST_CASE("a machine that was suspended while the rate was measured is measured again") {
  for (int at = 1; at < 12; ++at) {
    CAPTURE(at);
    Machine::boot(2.6);
    Carried clock{};
    clock.carry();
    for (int ms = 0; ms < 40; ++ms) {
      if (ms == at) Machine::counter += 2.6e9;  // the counter goes on in the suspend, and the kernel's clock does not
      Machine::pass(1'000'000);
      clock.now();
    }
    CHECK(clock.is_carrying());
    const std::uint64_t from = clock.now();
    Machine::pass(40'000);
    const std::uint64_t took = clock.now() - from;
    CHECK(took > 39'500);
    CHECK(took < 40'100);
  }
}

TEST_CASE("readings that something came between measure nothing") {
  Machine::boot(2.6);
  Carried clock{};
  clock.carry();
  for (int ms = 0; ms < 100; ++ms) {
    Machine::pass(5'000'000);
    Machine::pause_ns = 50'000;
    clock.now();
  }
  CHECK_FALSE(clock.is_carrying());
}

TEST_CASE("where the kernel tells the time by this CPU's counter, carried times agree with the kernel's") {
  if (!counter_keeps_time()) {
    MESSAGE("not here: the kernel uses another clock");
    return;
  }
  CarriedClock<CpuCounter> clock{};
  clock.carry();
  const std::uint64_t give_up_ns = monotonic_ns() + 60'000'000'000;
  while (!clock.is_carrying() && monotonic_ns() < give_up_ns) clock.now();
  REQUIRE(clock.is_carrying());
  std::uint64_t last = 0;
  int too_young = 0, too_old = 0, backwards = 0;
  for (int i = 0; i < 3'000'000; ++i) {
    const std::uint64_t before = monotonic_ns();
    const std::uint64_t now = clock.now();
    const std::uint64_t after = monotonic_ns();
    too_old += now + 800 < before;
    too_young += now > after;
    backwards += now < last;
    last = now;
  }
  CHECK(backwards == 0);
  CHECK(too_old == 0);
  CHECK(too_young == 0);
}

}  // namespace test_of_carried_clock
