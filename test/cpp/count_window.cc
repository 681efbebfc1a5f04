// The pages through which compiled code counts. The test plays the compiled code: it adds to words of an array.
#include <doctest/doctest.h>

#include "real.hpp"
#include "sigbus.hpp"

namespace test_of_count_window {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

struct Counting {
  Counting() : window(static_cast<std::size_t>(sysconf(_SC_PAGESIZE))) {
    ClaimOptions options = options_for(region, "a", 64);
    options.clock = Clock::counted;
    // Not the first slot: its page is not the region's first.
    for (int i = 0; i < 20; ++i) leave_dead(options_for(region, "w" + std::to_string(i), 64));
    auto claimed = Heartbeat::claim(options);
    REQUIRE_FALSE(claimed.failure);
    heartbeat = std::move(claimed.heartbeat);
    REQUIRE(window.memory() != nullptr);
    heartbeat.count_through(window);
  }
  std::uint32_t index() { return words()[0]; }
  // As lib/internal/beats.ts.
  bool beat() {
    const std::uint32_t at = index();
    if (at == 0) return heartbeat.beat();
    words()[at] = words()[at] + 1;
    return true;
  }
  volatile std::uint32_t* words() { return static_cast<volatile std::uint32_t*>(window.memory()); }
  std::uint64_t beats() const { return facts_of(region, "a").beats; }

  UniqueRegion region;
  CountWindow window;
  Heartbeat heartbeat;
};

}  // namespace

TEST_CASE("what is added through the window is what readers see") {
  Counting worker;
  CHECK(worker.beat());
  CHECK(worker.index() != 0);
  CHECK(worker.beat());
  CHECK(worker.beats() == 2);
  CHECK(worker.heartbeat.beat());
  CHECK(worker.beats() == 3);
}

TEST_CASE("after stop() there is nothing to add to, and a late store lands in memory of the window's own") {
  Counting worker;
  worker.beat();
  const std::uint32_t at = worker.index();
  worker.heartbeat.stop();
  CHECK(worker.index() == 0);
  CHECK_FALSE(worker.beat());
  worker.words()[at] = 1'000'000;
  CHECK(worker.beats() == 1);
}

TEST_CASE("a region that is removed or cut short is claimed anew, and the window shows the new one") {
  handle_sigbus();
  Counting worker;
  worker.beat();
  SUBCASE("removed") { REQUIRE(::unlink(worker.region.path().c_str()) == 0); }
  SUBCASE("cut short") { REQUIRE(truncate(worker.region.path().c_str(), 0) == 0); }
  SUBCASE("cut short before the slot") { REQUIRE(truncate(worker.region.path().c_str(), 4'096) == 0); }
  CHECK(eventually([&] { return worker.beat() && worker.heartbeat.comebacks() == 1; }));
  const std::uint64_t before = worker.beats();
  CHECK(worker.beat());
  CHECK(worker.beats() == before + 1);
}

TEST_CASE("a forked child adds to nothing") {
  Counting worker;
  worker.beat();
  CHECK(in_child([&] { return worker.index() != 0 || worker.beat() ? 1 : 0; }) == 0);
  const pid_t child = _Fork();  // runs no handlers
  if (child == 0) _exit(worker.index() != 0 || worker.beat() ? 1 : 0);
  CHECK(wait_for(child) == 0);
  CHECK(worker.beat());
  CHECK(worker.beats() == 2);
}

TEST_CASE("a parent that is killed is dead, though its child inherited the window") {
  const UniqueRegion region;
  ClaimOptions options = options_for(region, "a");
  options.clock = Clock::counted;
  Gate gate;
  kill_child(start_worker(options, [&](Heartbeat& heartbeat) {
    auto* window = new CountWindow(static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
    heartbeat.count_through(*window);
    start_child([&] {
      gate.wait();
      return 0;
    });
  }));
  CHECK(condition_of(region, "a") == Condition::dead);
  gate.open();
}

}  // namespace test_of_count_window
