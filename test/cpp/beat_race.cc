// A writer and readers at once, on one mapping, so that the thread sanitizer sees both sides.
#include <doctest/doctest.h>

#include <atomic>
#include <shm_liveness/record.hpp>
#include <thread>

#include "real.hpp"

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

// Runs `read` in two threads, again and again, until `write` has come back.
template <class Write, class Read>
void race(Write&& write, Read&& read) {
  std::atomic<bool> done{false};
  std::atomic<int> reading{0};
  const auto loop = [&] {
    ++reading;
    while (!done.load()) read();
  };
  std::thread first(loop);
  std::thread second(loop);
  while (reading.load() < 2) std::this_thread::yield();
  write();
  done = true;
  first.join();
  second.join();
}

}  // namespace

TEST_CASE("a reader never sees time or counts go back, nor a beat ahead of the clock") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  const Region& shared = heartbeat.claim_of().region;
  std::atomic<int> wrong{0};
  race(
      [&] {
        for (int i = 0; i < 200'000; ++i) heartbeat.beat();
      },
      [&] {
        thread_local std::uint64_t beats = 0, last = 0;
        WorkerFacts facts;
        read_slot(shared, 0, facts);
        facts.observed_ns = monotonic_ns();
        if (facts.beats < beats || facts.last_beat_ns < last || facts.sign_of_life_ns() > facts.observed_ns) ++wrong;
        beats = facts.beats;
        last = facts.last_beat_ns;
      });
  CHECK(wrong == 0);
}

TEST_CASE("labels and readiness change under readers, and are seen whole") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  const Region& shared = heartbeat.claim_of().region;
  std::atomic<int> wrong{0};
  race(
      [&] {
        for (int i = 0; i < 20'000; ++i) {
          heartbeat.begin_phase(std::string(20 + i % 40, static_cast<char>('a' + i % 26)), kSecond);
          heartbeat.beat();
          heartbeat.end_phase();
          i % 2 == 0 ? heartbeat.ready() : heartbeat.not_ready("draining");
        }
      },
      [&] {
        char phase[kNameBytes];
        const Labels& labels = shared.slot(0).labels;
        if (!detail::read_under(labels.sequence, [&] { labels.phase.load(phase); })) return;
        for (const char* c = phase; *c != '\0'; ++c) wrong += *c != phase[0] ? 1 : 0;
      });
  CHECK(wrong == 0);
}

// The writer puts an old sign of life in place, then changes the phase once; the reader takes only what it saw wholly
// within that change. The limit that the change makes shorter must never stand beside the old sign of life.
TEST_CASE("a new, shorter limit is never seen beside an old sign of life") {
  constexpr std::uint64_t kOld = 1;
  constexpr std::uint64_t kShort = kMs;
  bool on_entry = false;
  SUBCASE("on leaving a phase") {}
  SUBCASE("on entering one") { on_entry = true; }
  const UniqueRegion region;
  ClaimOptions options = options_for(region, "a");
  options.max_age_ns = on_entry ? kHour : kShort;
  auto [heartbeat, failure] = Heartbeat::claim(options);
  REQUIRE_FALSE(failure);
  Hot& hot = heartbeat.claim_of().slot().hot;
  std::atomic<std::uint64_t> step{0};
  std::atomic<int> wrong{0};
  std::atomic<int> seen_short{0};
  race(
      [&] {
        for (int i = 0; i < 300'000; ++i) {
          if (!on_entry) heartbeat.begin_phase("x", kHour);
          hot.renewed_ns.store_release(kOld);
          ++step;  // odd: in the change
          on_entry ? heartbeat.begin_phase("x", kShort) : heartbeat.end_phase();
          ++step;
          if (on_entry) heartbeat.end_phase();
        }
      },
      [&] {
        const std::uint64_t before = step.load();
        WorkerFacts facts;
        detail::read_hot(hot, facts);
        if (before % 2 == 0 || step.load() != before || facts.stall_limit_ns != kShort) return;
        ++seen_short;
        if (facts.renewed_ns == kOld) ++wrong;
      });
  CHECK(wrong == 0);
  MESSAGE("seen within the change: ", seen_short.load());
}

TEST_CASE("a claim that is written under readers is seen whole, its last words too, or as torn") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  const Region& shared = heartbeat.claim_of().region;
  std::atomic<int> wrong{0};
  std::atomic<int> whole{0};
  race(
      [&] {
        for (int i = 1; i < 1'000; ++i) {
          const std::string name = "w" + std::to_string(i);
          ClaimOptions options = options_for(region, name);
          options.max_age_ns = options.cycle_limit_ns = static_cast<std::uint64_t>(i);
          detail::write_claim(shared, 0, options, {ContainerKind::mount_id, 1, 0});
        }
      },
      [&] {
        WorkerFacts facts;
        read_slot(shared, 0, facts);
        if (!facts.torn && facts.max_age_ns < kHour) {
          ++whole;
          const std::string name = "w" + std::to_string(facts.max_age_ns);
          if (name != facts.name || facts.cycle_limit_ns != facts.max_age_ns) ++wrong;
          if (facts.claims != facts.max_age_ns + 1) ++wrong;
        }
        LastWordsFacts last;
        char own[kNameBytes];
        std::uint64_t max_age = 0;
        const Identity& identity = shared.slot(0).identity;
        const bool read = detail::read_under(identity.sequence, [&] {
          shared.record(0).last_words.name.load(last.name);
          identity.name.load(own);
          max_age = identity.max_age_ns.load_acquire();
        });
        if (read && max_age > 1 && max_age < kHour && last.name != "w" + std::to_string(max_age - 1)) ++wrong;
      });
  CHECK(wrong == 0);
  CHECK(whole > 0);
}
