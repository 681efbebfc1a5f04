// A writer and readers at once, on one mapping, so that the thread sanitizer sees both sides.
#include <doctest/doctest.h>

#include <atomic>
#include <shm_liveness/record.hpp>
#include <thread>

#include "real.hpp"

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

constexpr std::uint64_t kPatience = 60 * kSecond;

// Calls write(0), write(1) … in this thread and read() in another, until the reader has seen enough: on a busy machine
// a fixed number of rounds may be over before it ran at all, and then nothing was tested.
template <class Write, class Read>
void race(const std::atomic<int>& seen, int enough, Write&& write, Read&& read) {
  std::atomic<bool> done{false};
  std::thread reader([&] {
    while (!done.load()) read();
  });
  const std::uint64_t deadline = monotonic_ns() + kPatience;
  for (int round = 0; seen.load() < enough && monotonic_ns() < deadline; ++round) write(round);
  done = true;
  reader.join();
  CHECK(seen >= enough);
}

}  // namespace

TEST_CASE("a reader never sees time or counts go back, nor a beat ahead of the clock") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  const Region& shared = heartbeat.claim_of().region;
  std::atomic<int> wrong{0};
  std::atomic<int> moved{0};
  std::uint64_t beats = 0;
  std::uint64_t last = 0;
  race(
      moved, 20'000, [&](int) { heartbeat.beat(); },
      [&] {
        WorkerFacts facts;
        read_slot(shared, 0, facts);
        facts.observed_ns = monotonic_ns();
        if (facts.beats < beats || facts.last_beat_ns < last || facts.last_beat_ns > facts.observed_ns) ++wrong;
        if (facts.beats > beats) ++moved;
        beats = facts.beats;
        last = facts.last_beat_ns;
      });
  CHECK(wrong == 0);
}

TEST_CASE("a phase's name changes under readers, and is seen whole") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  const Labels& labels = heartbeat.claim_of().slot().labels;
  std::atomic<int> wrong{0};
  std::atomic<int> moved{0};
  char before = '\0';
  race(
      moved, 2'000,
      [&](int round) {
        const std::string name(20 + static_cast<std::size_t>(round % 40), static_cast<char>('a' + round % 26));
        heartbeat.begin_phase(name, kSecond);
        heartbeat.end_phase();
        round % 2 == 0 ? heartbeat.ready() : heartbeat.not_ready("draining");
      },
      [&] {
        char phase[kNameBytes];
        if (!detail::read_under(labels.sequence, [&] { labels.phase.load(phase); })) return;
        for (const char* c = phase; *c != '\0'; ++c) wrong += *c != phase[0] ? 1 : 0;
        if (phase[0] != before) ++moved;
        before = phase[0];
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
      seen_short, 200,
      [&](int) {
        if (!on_entry) heartbeat.begin_phase("x", kHour);
        hot.renewed_ns.store_release(kOld);
        ++step;  // odd: in the change
        on_entry ? heartbeat.begin_phase("x", kShort) : heartbeat.end_phase();
        ++step;
        if (on_entry) heartbeat.end_phase();
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
}

TEST_CASE("a claim that is written under readers is seen whole, its last words too, or as torn") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(failure);
  const Region& shared = heartbeat.claim_of().region;
  std::atomic<int> wrong{0};
  std::atomic<int> moved{0};
  std::uint64_t before = 0;
  race(
      moved, 500,
      [&](int round) {  // the n-th claim is of "w<n>", with a max age of n
        const auto n = static_cast<std::uint64_t>(round) + 2;
        const std::string name = "w" + std::to_string(n);
        ClaimOptions options = options_for(region, name);
        options.max_age_ns = options.cycle_limit_ns = n;
        detail::write_claim(shared, 0, options, {ContainerKind::mount_id, 1, 0}, State::claimed);
      },
      [&] {
        WorkerFacts facts;
        read_slot(shared, 0, facts);
        const std::uint64_t n = facts.claims;
        if (facts.torn || n < 2) return;
        if (facts.name != "w" + std::to_string(n) || facts.max_age_ns != n || facts.cycle_limit_ns != n) ++wrong;
        if (n > before) ++moved;
        before = n;
        LastWordsFacts last;
        std::uint32_t claims = 0;
        const Identity& identity = shared.slot(0).identity;
        const bool whole = detail::read_under(identity.sequence, [&] {
          claims = identity.claims.load_acquire();
          shared.record(0).last_words.name.load(last.name);
        });
        if (whole && claims > 2 && last.name != "w" + std::to_string(claims - 1)) ++wrong;
      });
  CHECK(wrong == 0);
}
