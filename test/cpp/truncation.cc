// A real SIGBUS, from a real ftruncate.
#include <doctest/doctest.h>

#include <shm_liveness/truncation.hpp>

#include "real.hpp"

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

void on_sigbus(int, siginfo_t* info, void*) {
  if (!truncation::recover(info->si_addr)) signal(SIGBUS, SIG_DFL);  // repeated, the instruction now ends the process
}

void handle_sigbus() {
  struct sigaction action = {};
  action.sa_sigaction = on_sigbus;
  action.sa_flags = SA_SIGINFO;
  REQUIRE(sigaction(SIGBUS, &action, nullptr) == 0);
}

struct Watch {
  Watch(const Region& region, Pulse* pulse = nullptr) : entry(truncation::watch(region.memory, region.bytes, pulse)) {}
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;
  ~Watch() { truncation::unwatch(entry); }
  truncation::Watched* entry;
};

}  // namespace

TEST_CASE("a reader whose region is cut short reads zeroes, and knows") {
  handle_sigbus();
  const UniqueRegion region;
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  const Opened opened(region.place());
  const Watch watch(opened);
  CHECK_FALSE(truncation::is_lost(watch.entry));
  REQUIRE(truncate(region.path().c_str(), 0) == 0);
  WorkerFacts facts;
  look_at(opened, 0, facts);
  CHECK(facts.state == State::free);
  CHECK(truncation::is_lost(watch.entry));
  CHECK(opened.header().magic.load_acquire() == 0);
}

TEST_CASE("a worker whose region is cut short stops beating, and can claim a new one") {
  handle_sigbus();
  const UniqueRegion region;
  auto claimed = Heartbeat::claim(options_for(region, "a"));
  {
    const Watch watch(claimed.heartbeat.claim_of().region, &claimed.heartbeat.pulse());
    CHECK(claimed.heartbeat.beat());
    REQUIRE(truncate(region.path().c_str(), 0) == 0);
    claimed.heartbeat.beat();  // may be the one that faults
    CHECK_FALSE(claimed.heartbeat.beat());
    CHECK_FALSE(claimed.heartbeat.owns_slot());
    CHECK_FALSE(claimed.heartbeat.begin_phase("x", 1));
    CHECK_FALSE(claimed.heartbeat.ready());
    CHECK(truncation::is_lost(watch.entry));
  }
  claimed.heartbeat.stop();
  auto again = Heartbeat::claim(options_for(region, "a"));
  CHECK_FALSE(again.failure);
  CHECK(again.heartbeat.beat());
}

TEST_CASE("a phase change or a stop over a lost region harms nobody") {
  handle_sigbus();
  const UniqueRegion region;
  auto claimed = Heartbeat::claim(options_for(region, "a"));
  const Watch watch(claimed.heartbeat.claim_of().region, &claimed.heartbeat.pulse());
  REQUIRE(truncate(region.path().c_str(), 0) == 0);
  SUBCASE("phase") { claimed.heartbeat.begin_phase("x", 1); }
  SUBCASE("ready") { claimed.heartbeat.not_ready("x"); }
  SUBCASE("stop") { claimed.heartbeat.stop(); }
  CHECK(truncation::is_lost(watch.entry));
  CHECK_FALSE(claimed.heartbeat.beat());
}

TEST_CASE("the loss of one region is not the loss of another") {
  handle_sigbus();
  const UniqueRegion lost;
  const UniqueRegion kept;
  auto first = Heartbeat::claim(options_for(lost, "a"));
  auto second = Heartbeat::claim(options_for(kept, "a"));
  const Watch one(first.heartbeat.claim_of().region, &first.heartbeat.pulse());
  const Watch two(second.heartbeat.claim_of().region, &second.heartbeat.pulse());
  REQUIRE(truncate(lost.path().c_str(), 0) == 0);
  first.heartbeat.beat();
  CHECK(truncation::is_lost(one.entry));
  CHECK_FALSE(truncation::is_lost(two.entry));
  CHECK(second.heartbeat.beat());
}

TEST_CASE("a SIGBUS that is not ours is passed on") {
  const UniqueRegion region;
  const auto claimed = Heartbeat::claim(options_for(region, "a"));
  CHECK(in_child([&] {
          handle_sigbus();
          const Opened unwatched(region.place());
          if (truncate(region.path().c_str(), 0) != 0) return 1;
          return static_cast<int>(unwatched.header().version.load_acquire());
        }) == -SIGBUS);
}

TEST_CASE("what is not watched any more is not recovered") {
  char memory[64] = {};
  truncation::Watched* entry = truncation::watch(memory, sizeof memory);
  REQUIRE(entry != nullptr);
  truncation::unwatch(entry);
  CHECK_FALSE(truncation::recover(memory));
  CHECK_FALSE(truncation::recover(nullptr));
}

TEST_CASE("a full table says so, and an entry that was given back is used again") {
  static char memory[truncation::kMaxWatched + 1];
  std::vector<truncation::Watched*> entries;
  for (std::size_t i = 0; i < truncation::kMaxWatched; ++i) {
    entries.push_back(truncation::watch(memory + i, 1));
    REQUIRE(entries.back() != nullptr);
  }
  CHECK(truncation::watch(memory, 1) == nullptr);
  CHECK_FALSE(truncation::is_lost(nullptr));
  truncation::unwatch(nullptr);
  truncation::unwatch(entries.back());
  CHECK(truncation::watch(memory, 1) == entries.back());
  for (truncation::Watched* entry : entries) truncation::unwatch(entry);
}
