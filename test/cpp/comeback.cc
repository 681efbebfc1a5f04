// A region that is removed or cut short under its workers: they notice, and claim their names anew where that is safe.
#include <doctest/doctest.h>
#include <fcntl.h>

#include <shm_liveness/record.hpp>

#include "real.hpp"
#include "sigbus.hpp"
#include "told.hpp"

namespace test_of_comeback {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

ino_t inode_of(const UniqueRegion& region) {
  sys::FileStatus status{};
  return sys::status(region.path().c_str(), 0, STATX_INO, status) < 0 ? 0 : status.stx_ino;
}

}  // namespace

TEST_CASE("a worker whose region is removed claims anew at its next word") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  Told told(heartbeat);
  heartbeat.beat();
  ::unlink(region.path().c_str());
  SUBCASE("owns_slot") { CHECK(heartbeat.owns_slot()); }
  SUBCASE("ready") { CHECK(heartbeat.ready()); }
  SUBCASE("phase") { CHECK(heartbeat.begin_phase("load", kHour)); }
  SUBCASE("end of phase") { CHECK(heartbeat.end_phase()); }
  CHECK(heartbeat.comebacks() == 1);
  CHECK(heartbeat.fault() == Fault::none);
  CHECK(told.times == 1);
  CHECK(told.lost == Fault::removed);
  CHECK_FALSE(told.superseded);
  CHECK(facts_of(region, "a").lock == Lock::held);
  CHECK(heartbeat.beat());
  CHECK(condition_of(region, "a") == Condition::running);
  heartbeat.stop();
  CHECK(condition_of(region, "a") == Condition::stopped);
}

TEST_CASE("a worker that does nothing but beat notices it, too") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  ::unlink(region.path().c_str());
  CHECK(eventually([&] {
    heartbeat.beat();
    return heartbeat.comebacks() == 1;
  }));
  CHECK(condition_of(region, "a") == Condition::running);
}

TEST_CASE("what the worker had said goes along: readiness, status, phase and its budget") {
  const UniqueRegion region;
  ClaimOptions options = options_for(region, "a", 3);
  options.cycle_limit_ns = 20 * kMs;
  auto [heartbeat, failure] = Heartbeat::claim(options);
  REQUIRE_FALSE(failure);
  bool is_ready = false;
  SUBCASE("ready, in a phase") {
    heartbeat.ready();
    is_ready = true;
  }
  SUBCASE("not ready, in a phase") { heartbeat.not_ready("draining"); }
  heartbeat.begin_phase("calibrate", 7 * kSecond);
  ::unlink(region.path().c_str());
  CHECK(heartbeat.owns_slot());
  const WorkerFacts facts = facts_of(region, "a");
  CHECK(facts.ready == is_ready);
  CHECK(std::string(facts.status) == (is_ready ? "" : "draining"));
  CHECK(std::string(facts.phase) == "calibrate");
  CHECK(facts.in_phase);
  CHECK(facts.stall_limit_ns == 7 * kSecond);
  CHECK(facts.cycle_limit_ns == 20 * kMs);
  CHECK(facts.max_age_ns == kHour);
  CHECK(facts.claims == 1);
  CHECK(Opened(region.place()).slot_count == 3);
  CHECK(heartbeat.end_phase());
  CHECK(facts_of(region, "a").stall_limit_ns == kHour);
}

TEST_CASE("where another worker has the name by now, it is not taken from it until that one has stopped") {
  const UniqueRegion region;
  auto first = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(first.failure);
  Told told(first.heartbeat);
  ::unlink(region.path().c_str());
  auto second = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(second.failure);
  CHECK_FALSE(first.heartbeat.owns_slot());
  CHECK_FALSE(first.heartbeat.beat());
  CHECK_FALSE(first.heartbeat.ready());
  CHECK(first.heartbeat.fault() == Fault::removed);
  CHECK(first.heartbeat.comebacks() == 0);
  CHECK(told.times == 1);
  CHECK(told.superseded);
  CHECK(second.heartbeat.beat());
  CHECK(second.heartbeat.owns_slot());
  CHECK_FALSE(first.heartbeat.owns_slot());
  CHECK(told.times == 1);
  second.heartbeat.stop();
  CHECK(first.heartbeat.owns_slot());
  CHECK(first.heartbeat.comebacks() == 1);
  CHECK(told.times == 2);
  CHECK_FALSE(told.superseded);
  CHECK(condition_of(region, "a") == Condition::running);
  CHECK(facts_of(region, "a").claims == 2);
}

TEST_CASE("a worker that waits for its name holds nothing of the region that was removed") {
  const UniqueRegion region;
  auto [first, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  const Opened removed(region.place());
  ::unlink(region.path().c_str());
  auto second = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(second.failure);
  CHECK_FALSE(first.owns_slot());
  CHECK(query_any_slot(removed.fd) == Lock::gone);
  CHECK(first.held()->claim.region.memory == nullptr);
}

TEST_CASE("what a worker says while another one has its name is said when it comes back") {
  const UniqueRegion region;
  auto [first, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  first.ready();
  first.begin_phase("load", 7 * kSecond);
  ::unlink(region.path().c_str());
  auto second = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(second.failure);
  CHECK_FALSE(first.owns_slot());
  const auto after_comeback = [&] {
    second.heartbeat.stop();
    CHECK(first.owns_slot());
    return facts_of(region, "a");
  };
  SUBCASE("the end of its phase") {
    CHECK_FALSE(first.end_phase());
    const WorkerFacts facts = after_comeback();
    CHECK_FALSE(facts.in_phase);
    CHECK(facts.stall_limit_ns == kHour);
  }
  SUBCASE("another phase") {
    CHECK_FALSE(first.begin_phase("calibrate", 9 * kSecond));
    const WorkerFacts facts = after_comeback();
    CHECK(std::string(facts.phase) == "calibrate");
    CHECK(facts.stall_limit_ns == 9 * kSecond);
  }
  SUBCASE("that it is not ready any more") {
    CHECK_FALSE(first.not_ready("draining"));
    const WorkerFacts facts = after_comeback();
    CHECK_FALSE(facts.ready);
    CHECK(std::string(facts.status) == "draining");
  }
}

TEST_CASE("where another worker had the name and died, its death stays to be seen") {
  const UniqueRegion region;
  auto [first, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  ::unlink(region.path().c_str());
  {
    auto second = Heartbeat::claim(options_for(region, "a"));
    REQUIRE_FALSE(second.failure);
    CHECK_FALSE(first.owns_slot());
  }
  CHECK_FALSE(first.owns_slot());
  CHECK(condition_of(region, "a") == Condition::dead);
  REQUIRE_FALSE(retire(region.place(), "a"));
  CHECK(first.owns_slot());
}

TEST_CASE("a copy of the region that was put back under it holds no other worker's death, but its own") {
  handle_sigbus();
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  std::vector<char> copy(region_bytes_for(8));
  const auto size = static_cast<ssize_t>(copy.size());
  const int before = ::open(region.path().c_str(), O_RDONLY | O_CLOEXEC);
  REQUIRE(::pread(before, copy.data(), copy.size(), 0) == size);
  ::close(before);
  ::unlink(region.path().c_str());
  REQUIRE(heartbeat.owns_slot());
  const int after = ::open(region.path().c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE(ftruncate(after, 0) == 0);
  REQUIRE(::pwrite(after, copy.data(), copy.size(), 0) == size);
  ::close(after);
  CHECK(heartbeat.owns_slot());
  CHECK(heartbeat.comebacks() == 2);
  CHECK(condition_of(region, "a") == Condition::running);
}

TEST_CASE("while another claim does not finish, beats go on without a slot, and come back after it") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  ::unlink(region.path().c_str());
  make_region(region.place(), {}, geteuid(), getegid());
  const Scribbled busy(region);
  REQUIRE_FALSE(try_lock(busy.fd, kClaimByte));
  CHECK_FALSE(heartbeat.owns_slot());
  CHECK(heartbeat.fault() == Fault::removed);
  CHECK_FALSE(heartbeat.beat());
  unlock(busy.fd, kClaimByte);
  CHECK(eventually([&] { return heartbeat.beat(); }));
  CHECK(heartbeat.comebacks() == 1);
  CHECK(heartbeat.fault() == Fault::none);
  CHECK(condition_of(region, "a") == Condition::running);
}

TEST_CASE("a worker comes back as often as its region is removed, and holds nothing of the earlier ones") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  for (std::uint32_t i = 1; i <= 3; ++i) {
    const Opened earlier(region.place());
    ::unlink(region.path().c_str());
    CHECK(heartbeat.owns_slot());
    CHECK(heartbeat.comebacks() == i);
    CHECK(query_any_slot(earlier.fd) == Lock::gone);
    CHECK(facts_of(region, "a").lock == Lock::held);
  }
}

TEST_CASE("all workers of a removed region find each other in the new one") {
  const UniqueRegion region;
  std::vector<Heartbeat> all;
  for (const char* name : {"a", "b", "c"}) all.push_back(Heartbeat::claim(options_for(region, name)).heartbeat);
  ::unlink(region.path().c_str());
  for (Heartbeat& heartbeat : all) {
    CHECK(heartbeat.owns_slot());
    CHECK(heartbeat.beat());
  }
  CHECK(look_into(region.place(), {.expect = "a,b,c"}).verdict.kind == Kind::healthy);
}

TEST_CASE("a worker whose region is cut short replaces it, at its next beat") {
  handle_sigbus();
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  Told told(heartbeat);
  heartbeat.begin_phase("load", kHour);
  const ino_t before = inode_of(region);
  REQUIRE(truncate(region.path().c_str(), 0) == 0);
  CHECK(eventually([&] {
    heartbeat.beat();  // the first of them faults
    return heartbeat.comebacks() == 1;
  }));
  CHECK(told.times == 1);
  CHECK(told.lost == Fault::truncated);
  CHECK(inode_of(region) != before);
  CHECK(heartbeat.beat());
  CHECK(condition_of(region, "a") == Condition::running);
  // The bytes that said so are gone; the worker has kept what it said.
  CHECK(facts_of(region, "a").in_phase);
  CHECK(facts_of(region, "a").stall_limit_ns == kHour);
}

TEST_CASE("one that is cut short and made long again is a loss as well, with or without a fault") {
  handle_sigbus();
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  REQUIRE(truncate(region.path().c_str(), 0) == 0);
  REQUIRE(truncate(region.path().c_str(), static_cast<off_t>(region_bytes_for(8))) == 0);
  CHECK(heartbeat.owns_slot());
  CHECK(heartbeat.comebacks() == 1);
  CHECK_FALSE(Opened(region.place()).failure);
  CHECK(heartbeat.beat());
  CHECK(condition_of(region, "a") == Condition::running);
}

// Each holds the damaged file by its lock until it has noticed, and none can be without the others.
TEST_CASE("two workers of a region that is cut short come back into one region") {
  handle_sigbus();
  const UniqueRegion region;
  auto first = Heartbeat::claim(options_for(region, "a"));
  auto second = Heartbeat::claim(options_for(region, "b"));
  REQUIRE(truncate(region.path().c_str(), 100) == 0);
  CHECK(eventually([&] {
    first.heartbeat.beat();
    second.heartbeat.beat();
    return first.heartbeat.comebacks() == 1 && second.heartbeat.comebacks() == 1;
  }));
  CHECK(first.heartbeat.beat());
  CHECK(second.heartbeat.beat());
  CHECK(look_into(region.place(), {.expect = "a,b"}).verdict.kind == Kind::healthy);
}

TEST_CASE("a forked child does not come back in its parent's name") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  ::unlink(region.path().c_str());
  CHECK(in_child([&] { return heartbeat.owns_slot() || heartbeat.beat() || heartbeat.ready() ? 1 : 0; }) == 0);
  CHECK(inode_of(region) == 0);
  CHECK(heartbeat.owns_slot());
  CHECK(in_child([&] { return heartbeat.owns_slot() || heartbeat.beat() ? 1 : 0; }) == 0);
  CHECK(facts_of(region, "a").pid == static_cast<std::uint32_t>(getpid()));
}

TEST_CASE("a stop over a removed region ends it, and makes no new one") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  ::unlink(region.path().c_str());
  heartbeat.stop();
  CHECK(inode_of(region) == 0);
  CHECK_FALSE(heartbeat.owns_slot());
}

}  // namespace test_of_comeback
