// A writer and readers at once, on one mapping, so that the thread sanitizer sees both sides.
#include <doctest/doctest.h>

#include <atomic>
#include <shm_liveness/record.hpp>
#include <thread>

#include "real.hpp"

namespace test_of_beat_race {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

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
  Stamping worker(options_for(region, "a"));
  REQUIRE_FALSE(worker.failure);
  const Region& shared = worker.claim.region;
  std::atomic<int> wrong{0};
  std::atomic<int> moved{0};
  std::uint64_t beats = 0;
  std::uint64_t last = 0;
  race(
      moved, 20'000, [&](int) { beat(worker.pulse); },
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
  Stamping worker(options_for(region, "a"));
  REQUIRE_FALSE(worker.failure);
  const Labels& labels = worker.claim.bank().labels;
  std::atomic<int> wrong{0};
  std::atomic<int> moved{0};
  char before = '\0';
  race(
      moved, 2'000,
      [&](int round) {
        const std::string name(20 + static_cast<std::size_t>(round % 40), static_cast<char>('a' + round % 26));
        begin_phase(worker.pulse, name, kSecond);
        end_phase(worker.pulse);
        set_ready(worker.pulse, round % 2 == 0, "draining");
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
  Stamping worker(options);
  REQUIRE_FALSE(worker.failure);
  Hot& hot = worker.claim.bank().hot;
  std::atomic<std::uint64_t> step{0};
  std::atomic<int> wrong{0};
  std::atomic<int> seen_short{0};
  race(
      seen_short, 200,
      [&](int) {
        if (!on_entry) begin_phase(worker.pulse, "x", kHour);
        hot.renewed_ns.store_release(kOld);
        ++step;  // odd: in the change
        on_entry ? begin_phase(worker.pulse, "x", kShort) : end_phase(worker.pulse);
        ++step;
        if (on_entry) end_phase(worker.pulse);
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

TEST_CASE("a claim that is written under readers is seen whole or not at all, its predecessor's words too") {
  const UniqueRegion region;
  Stamping worker(options_for(region, "a"));
  REQUIRE_FALSE(worker.failure);
  const Region& shared = worker.claim.region;
  std::atomic<int> wrong{0};
  std::atomic<int> moved{0};
  std::uint64_t before = 0;
  const auto is_of = [](const WorkerFacts& facts, std::uint64_t n) {
    return facts.name == "w" + std::to_string(n) && facts.max_age_ns == n && facts.cycle_limit_ns == n &&
           facts.stall_limit_ns == n && facts.beats == 0;
  };
  race(
      moved, 500,
      [&](int round) {  // the n-th claim is of "w<n>", with a max age of n
        const auto n = static_cast<std::uint64_t>(round) + 2;
        const std::string name = "w" + std::to_string(n);
        ClaimOptions options = options_for(region, name);
        options.max_age_ns = options.cycle_limit_ns = n;
        detail::write_claim(shared, 0, options, {{ContainerKind::mount_id, 1, 0}});
      },
      [&] {
        WorkerFacts facts;
        read_slot(shared, 0, facts);
        if (!is_unchanged(shared, facts)) return;
        const std::uint64_t n = facts.claims;
        if (n < 2) return;
        if (!is_of(facts, n)) ++wrong;
        if (n > before) ++moved;
        before = n;
        const LastWords last = read_last_words(shared, facts);
        if (n > 2 && last.ended != Ended::none && !is_of(last.worker, n - 1)) ++wrong;
      });
  CHECK(wrong == 0);
}

}  // namespace test_of_beat_race
