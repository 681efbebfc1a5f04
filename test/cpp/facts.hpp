// Made-up facts for the tests of the judgement: a worker that beats, and what may be wrong with it.
#pragma once

#include <shm_liveness/verdict.hpp>
#include <string_view>

namespace shm_liveness::made_up {

inline constexpr std::uint64_t kMs = 1'000'000;
inline constexpr std::uint64_t kSecond = 1'000 * kMs;
inline constexpr std::uint64_t kNow = 1'000'000 * kSecond;      // CLOCK_MONOTONIC
inline constexpr std::uint64_t kNowBoot = 1'000'500 * kSecond;  // CLOCK_BOOTTIME, which has counted a suspend
inline constexpr ContainerId kHere{ContainerKind::mount_id, 42, 0};
inline constexpr ContainerId kElsewhere{ContainerKind::mount_id, 41, 0};

inline void name(WorkerFacts& worker, std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) worker.name[i] = text[i];
  worker.name[text.size()] = '\0';
}

// Claimed an hour ago, lock held, beat 10 ms ago, max age 250 ms.
inline WorkerFacts beating(std::string_view called = "grabber") {
  WorkerFacts worker;
  name(worker, called);
  worker.state = State::claimed;
  worker.lock = Lock::held;
  worker.incarnation = 7;
  worker.pid = 17;
  worker.observed_ns = kNow;
  worker.beats = 1000;
  worker.last_beat_ns = kNow - 10 * kMs;
  worker.claimed_ns = worker.renewed_ns = kNow - 3600 * kSecond;
  worker.claimed_boottime_ns = worker.grace_from_boottime_ns = kNowBoot - 3600 * kSecond;
  worker.max_age_ns = worker.stall_limit_ns = 250 * kMs;
  worker.container = kHere;
  return worker;
}
inline WorkerFacts ready(std::string_view called = "grabber") {
  WorkerFacts worker = beating(called);
  worker.ready = true;
  return worker;
}
inline WorkerFacts stalled(std::string_view called = "grabber") {
  WorkerFacts worker = ready(called);
  worker.last_beat_ns = kNow - 3214 * kMs;
  return worker;
}
inline WorkerFacts dead(std::string_view called = "grabber") {
  WorkerFacts worker = ready(called);
  worker.lock = Lock::gone;
  return worker;
}
inline WorkerFacts left_over(std::string_view called = "grabber") {
  WorkerFacts worker = dead(called);
  worker.container = kElsewhere;
  return worker;
}
inline WorkerFacts stopped(std::string_view called = "grabber") {
  WorkerFacts worker = dead(called);
  worker.state = State::stopped;
  return worker;
}
// Claimed `ago`, no beat yet.
inline WorkerFacts claimed(std::uint64_t ago, std::string_view called = "grabber") {
  WorkerFacts worker = beating(called);
  worker.beats = worker.last_beat_ns = 0;
  worker.claimed_ns = worker.renewed_ns = kNow - ago;
  worker.claimed_boottime_ns = worker.grace_from_boottime_ns = kNowBoot - ago;
  return worker;
}
// A supervisor has marked its restart, so long ago, with this budget.
inline WorkerFacts marked(WorkerFacts worker, std::uint64_t ago, std::uint64_t budget) {
  worker.marked_boottime_ns = kNowBoot - ago;
  worker.mark_budget_ns = budget;
  worker.restarts = 1;
  return worker;
}
inline WorkerFacts in_phase(WorkerFacts worker, std::uint64_t since, std::uint64_t budget) {
  worker.in_phase = true;
  worker.stall_limit_ns = budget;
  worker.renewed_ns = kNow - since;
  for (std::size_t i = 0; i < 9; ++i) worker.phase[i] = "calibrate"[i];
  return worker;
}

// A reader in the container `kHere`, which started `ago`.
inline Surroundings here(std::uint64_t started_ago = 3600 * kSecond) {
  Surroundings around;
  around.known = true;
  around.now_boottime_ns = kNowBoot;
  around.context.container = kHere;
  around.context.container_start_known = true;
  around.context.container_start_ns = kNowBoot - started_ago;
  return around;
}

inline RegionFacts region(Fault fault = Fault::none) {
  RegionFacts facts;
  facts.name = "camera";
  facts.failure.fault = fault;
  return facts;
}

}  // namespace shm_liveness::made_up
