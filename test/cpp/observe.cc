#include <doctest/doctest.h>

#include "real.hpp"

namespace test_of_observe {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

ClaimOptions quick(const UniqueRegion& region, std::string_view name) {
  ClaimOptions options = options_for(region, name);
  options.max_age_ns = 200 * kMs;
  return options;
}

void beat_every(Heartbeat& heartbeat, std::uint64_t ns) {
  for (;;) {
    heartbeat.beat();
    sys::sleep_ns(ns);
  }
}

Verdict first_look_into(const UniqueRegion& region) {
  WorkerFacts room[16];
  Observation seen;
  seen.room = room;
  add_region(seen, region.place(), sys::effective_user());
  const Verdict verdict = first_look(seen, {});
  close_observation(seen);
  return verdict;
}

}  // namespace

TEST_CASE("a worker that beats is healthy at first sight") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  heartbeat.beat();
  CHECK(first_look_into(region).kind == Kind::healthy);
  CHECK(look_into(region.place()).verdict.kind == Kind::healthy);
}

TEST_CASE("a stall is confirmed, and costs the wait; a death needs none") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(quick(region, "a"));
  heartbeat.beat();
  sys::sleep_ns(250 * kMs);
  CHECK(first_look_into(region).kind != Kind::healthy);
  std::uint64_t began = monotonic_ns();
  const Look look = look_into(region.place());
  CHECK(look.verdict.kind == Kind::stalled);
  CHECK(look.line.starts_with("stalled: a last beat "));
  CHECK(monotonic_ns() - began >= 200 * kMs);
  began = monotonic_ns();
  heartbeat = Heartbeat();
  CHECK(look_into(region.place(), {.confirm_ns = kHour}).verdict.kind == Kind::dead);
  CHECK(monotonic_ns() - began < kPatience);
}

TEST_CASE("one new beat while somebody watches is no stall, and ends the wait") {
  const UniqueRegion region;
  ClaimOptions options = quick(region, "a");
  options.max_age_ns = 1;  // older than that at every look
  const pid_t worker = start_child([&] {
    auto [heartbeat, failure] = Heartbeat::claim(options);
    beat_every(heartbeat, 20 * kMs);
    return 0;
  });
  REQUIRE(eventually([&] { return facts_of(region, "a").beats != 0; }));
  for (int i = 0; i < 5; ++i) {
    const std::uint64_t began = monotonic_ns();
    CHECK(look_into(region.place(), {.confirm_ns = kHour}).verdict.kind == Kind::healthy);
    CHECK(monotonic_ns() - began < kPatience);
  }
  kill_child(worker);
  CHECK(look_into(region.place()).verdict.kind == Kind::dead);
}

TEST_CASE("a process that is stopped by a signal stalls, and comes back") {
  const UniqueRegion region;
  const pid_t worker = start_child([&] {
    auto [heartbeat, failure] = Heartbeat::claim(quick(region, "a"));
    beat_every(heartbeat, kMs);
    return 0;
  });
  REQUIRE(eventually([&] { return facts_of(region, "a").beats != 0; }));
  kill(worker, SIGSTOP);
  sys::sleep_ns(250 * kMs);
  CHECK(look_into(region.place()).verdict.kind == Kind::stalled);
  kill(worker, SIGCONT);
  CHECK(look_into(region.place(), {.confirm_ns = kPatience}).verdict.kind == Kind::healthy);
  kill_child(worker);
}

TEST_CASE("a hang in a phase stalls once its budget is over, not before") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(quick(region, "a"));
  heartbeat.beat();
  heartbeat.begin_phase("calibrate", kHour);
  sys::sleep_ns(300 * kMs);  // past max age
  CHECK(look_into(region.place()).verdict.kind == Kind::healthy);
  heartbeat.begin_phase("calibrate", 300 * kMs);
  sys::sleep_ns(400 * kMs);
  const Look look = look_into(region.place());
  CHECK(look.verdict.kind == Kind::stalled);
  CHECK(look.line.find("in phase \"calibrate\"") != std::string::npos);
}

TEST_CASE("many stalled workers share one wait") {
  const UniqueRegion region;
  std::vector<Heartbeat> all;
  for (int i = 0; i < 8; ++i) {
    all.push_back(Heartbeat::claim(quick(region, "w" + std::to_string(i))).heartbeat);
    all.back().beat();
  }
  sys::sleep_ns(250 * kMs);
  const std::uint64_t began = monotonic_ns();
  // One after the other they would take 40 s.
  const Look look = look_into(region.place(), {.confirm_ns = 5 * kSecond});
  CHECK(look.verdict.kind == Kind::stalled);
  CHECK(look.verdict.others == 7);
  CHECK(monotonic_ns() - began < 30 * kSecond);
}

TEST_CASE("what is missing or unusable is a verdict, not an error") {
  const UniqueRegion region;
  CHECK(look_into(region.place(), {.startup_grace_ns = 1}).line ==
        "missing: no region " + std::string(region.place().region));
  REQUIRE(symlink("/nowhere", region.path().c_str()) == 0);
  CHECK(look_into(region.place()).verdict.exit() == Exit::unusable);
}

TEST_CASE("a left-over worker neither passes nor fails, until it comes back") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a"));
  move_to_other_container(region, 0);
  const Look look = look_into(region.place(), {.startup_grace_ns = 1});
  CHECK(look.verdict.kind == Kind::missing);
  CHECK(look.verdict.tally.left_over == 1);
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "b"));
  heartbeat.beat();
  CHECK(look_into(region.place()).verdict.kind == Kind::healthy);
}

}  // namespace test_of_observe
