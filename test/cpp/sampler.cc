// Counted heartbeats with their real sampler: what readers see while it runs, is held up, or is not there.
#include <doctest/doctest.h>
#include <sched.h>
#include <sys/ptrace.h>

#include <fstream>
#include <thread>

#include "real.hpp"
#include "sigbus.hpp"

namespace test_of_sampler {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

constexpr std::uint64_t kMaxAgeNs = 100 * kMs;

ClaimOptions counted(const UniqueRegion& region, std::string_view name, std::uint64_t max_age_ns = kMaxAgeNs) {
  ClaimOptions options = options_for(region, name);
  options.clock = Clock::counted;
  options.max_age_ns = max_age_ns;
  return options;
}

// The thread ids of the samplers in a process.
std::vector<pid_t> samplers_of(pid_t pid) {
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  std::vector<pid_t> found;
  for (const std::string& task : files_with(tasks, "")) {
    std::string name;
    std::getline(std::ifstream(tasks + '/' + task + "/comm"), name);
    if (name == "shm-liveness") found.push_back(std::stoi(task));
  }
  return found;
}
bool has_sampler(pid_t pid) {
  return eventually([&] { return samplers_of(pid).size() == 1; });
}

// A child whose loop beats as fast as it can while `is_beating`.
class Loop {
 public:
  template <class Before>
  Loop(const UniqueRegion& region, Before&& before)
      : is_beating_(static_cast<Word32*>(
            sys::map(nullptr, 4096, sys::kProtRead | sys::kProtWrite, sys::kMapShared | sys::kMapAnonymous, -1))) {
    is_beating_->store_release(1);
    pid_ = start_worker(counted(region, "a"), [&](Heartbeat& heartbeat) {
      before();
      std::thread([&, loop = is_beating_] {
        for (;;) {
          if (loop->load_relaxed() != 0) heartbeat.beat();
        }
      }).detach();
    });
  }
  explicit Loop(const UniqueRegion& region) : Loop(region, [] {}) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    kill_child(pid_);
    sys::unmap(is_beating_, 4096);
  }
  void hang() { is_beating_->store_release(0); }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
  Word32* is_beating_;
};

// A thread of a child, held as a debugger holds it.
class Frozen {
 public:
  explicit Frozen(pid_t thread) : thread_(thread) {
    REQUIRE(ptrace(PTRACE_SEIZE, thread_, nullptr, nullptr) == 0);
    REQUIRE(ptrace(PTRACE_INTERRUPT, thread_, nullptr, nullptr) == 0);
    REQUIRE(waitpid(thread_, nullptr, __WALL) == thread_);
  }
  Frozen(const Frozen&) = delete;
  Frozen& operator=(const Frozen&) = delete;
  ~Frozen() { ptrace(PTRACE_DETACH, thread_, nullptr, nullptr); }

 private:
  pid_t thread_;
};

bool is_stale(const UniqueRegion& region) {
  const WorkerFacts facts = facts_of(region, "a");
  return facts.age_ns() > facts.stall_limit_ns;
}

}  // namespace

TEST_CASE("the sampler stamps while the loop beats, and not when it hangs") {
  const UniqueRegion region;
  Loop loop(region);
  const std::uint64_t first = facts_of(region, "a").last_beat_ns;
  CHECK(eventually([&] { return facts_of(region, "a").last_beat_ns > first + kMaxAgeNs; }));
  CHECK(look_into(region.place()).verdict.kind == Kind::healthy);
  loop.hang();
  CHECK(eventually([&] { return is_stale(region); }));
  CHECK(look_into(region.place()).verdict.kind == Kind::stalled);
}

TEST_CASE("a sampler that is held up makes no healthy loop stalled, and keeps no hung loop alive") {
  const UniqueRegion region;
  Loop loop(region);
  REQUIRE(has_sampler(loop.pid()));
  {
    const Frozen sampler(samplers_of(loop.pid()).front());
    CHECK(eventually([&] { return is_stale(region); }));
    CHECK(look_into(region.place()).verdict.kind == Kind::healthy);
    CHECK(is_stale(region));
    loop.hang();
    CHECK(eventually([&] { return look_into(region.place()).verdict.kind == Kind::stalled; }));
  }
}

// The loop owns the only CPU that its process may use. The kernel lets others have 50 ms of it each second.
TEST_CASE("a loop that starves its sampler by its priority is not stalled") {
  const UniqueRegion region;
  bool may = true;
  {
    const sched_param priority{.sched_priority = 1};
    may = in_child([&] { return sched_setscheduler(0, SCHED_FIFO, &priority) == 0 ? 0 : 1; }) == 0;
  }
  if (!may) {
    MESSAGE("SKIPPED: this user may not set real-time priorities");
    return;
  }
  Loop loop(region, [] {
    // The sampler has taken the main thread's CPUs when it began.
    const bool has_begun = has_sampler(getpid());
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    const sched_param priority{.sched_priority = 1};
    sched_setaffinity(getpid(), sizeof one, &one);
    if (has_begun) sched_setaffinity(samplers_of(getpid()).front(), sizeof one, &one);
    sched_setscheduler(0, SCHED_FIFO, &priority);  // inherited by the thread that beats
  });
  CHECK(eventually([&] { return is_stale(region); }));
  CHECK(look_into(region.place()).verdict.kind == Kind::healthy);
}

TEST_CASE("stop() leaves the exact number of beats, and the thread ends after the last of them") {
  const UniqueRegion region;
  CHECK(in_child([&] {
          auto a = Heartbeat::claim(counted(region, "a", kHour));
          auto b = Heartbeat::claim(counted(region, "b", kHour));
          if (a.failure || b.failure || !has_sampler(getpid())) return 1;
          for (int i = 0; i < 1'000; ++i) a.heartbeat.beat();
          a.heartbeat.stop();
          if (a.heartbeat.beat()) return 2;
          if (samplers_of(getpid()).size() != 1) return 3;
          b.heartbeat.stop();
          if (!eventually([] { return samplers_of(getpid()).empty(); })) return 4;
          // And begins again.
          auto c = Heartbeat::claim(counted(region, "b", kMaxAgeNs));
          if (c.failure || !c.heartbeat.beat() || !has_sampler(getpid())) return 5;
          return eventually([&] { return facts_of(region, "b").last_beat_ns > facts_of(region, "b").claimed_ns; }) ? 0
                                                                                                                   : 6;
        }) == 0);
  const WorkerFacts facts = facts_of(region, "a");
  CHECK(facts.state == State::stopped);
  CHECK(facts.beats == 1'000);
  CHECK(facts.last_beat_ns > facts.claimed_ns);
}

TEST_CASE("a phase begins and ends between samples, and stands in for max age") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(counted(region, "a"));
  REQUIRE_FALSE(failure);
  heartbeat.beat();
  REQUIRE(heartbeat.begin_phase("load", kHour));
  CHECK(facts_of(region, "a").last_beat_ns > facts_of(region, "a").claimed_ns);  // the beat before it is stamped
  sys::sleep_ns(2 * kMaxAgeNs);
  CHECK(look_into(region.place()).verdict.kind == Kind::healthy);
  REQUIRE(heartbeat.end_phase());
  CHECK(eventually([&] { return look_into(region.place()).verdict.kind == Kind::stalled; }));
}

TEST_CASE("a killed worker is dead, and its count is exact") {
  const UniqueRegion region;
  kill_child(start_worker(counted(region, "a", kHour), [](Heartbeat& heartbeat) {
    for (int i = 0; i < 77; ++i) heartbeat.beat();
  }));
  CHECK(condition_of(region, "a") == Condition::dead);
  CHECK(facts_of(region, "a").beats == 77);
}

TEST_CASE("a forked child neither beats nor samples for its parent, and counts in its own right") {
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(counted(region, "a"));
  REQUIRE_FALSE(failure);
  heartbeat.beat();
  CHECK(in_child([&] {
          if (heartbeat.beat() || heartbeat.owns_slot()) return 1;
          if (!samplers_of(getpid()).empty()) return 2;
          auto own = Heartbeat::claim(counted(region, "own"));
          if (own.failure || !own.heartbeat.beat() || !has_sampler(getpid())) return 3;
          if (!eventually([&] { return facts_of(region, "own").last_beat_ns > facts_of(region, "own").claimed_ns; }))
            return 4;
          heartbeat.stop();
          return own.heartbeat.beat() ? 0 : 5;
        }) == 0);
  const pid_t child = _Fork();  // runs no handlers
  if (child == 0) _exit(heartbeat.beat() || heartbeat.owns_slot() ? 1 : 0);
  CHECK(wait_for(child) == 0);
  CHECK(heartbeat.beat());
  CHECK(facts_of(region, "a").beats == 2);
  CHECK(facts_of(region, "a").lock == Lock::held);
}

TEST_CASE("a region that is lost under the loop is claimed anew by its next beats") {
  handle_sigbus();
  const UniqueRegion region;
  auto [heartbeat, failure] = Heartbeat::claim(counted(region, "a"));
  REQUIRE_FALSE(failure);
  Fault what = Fault::none;
  SUBCASE("removed") { REQUIRE(::unlink(region.path().c_str()) == 0); }
  SUBCASE("cut short") { REQUIRE(truncate(region.path().c_str(), 0) == 0); }
  SUBCASE("cut short behind its header") { REQUIRE(truncate(region.path().c_str(), 256) == 0); }
  heartbeat.listen_for_loss([](void* told, const detail::Held&, Fault lost) { *static_cast<Fault*>(told) = lost; },
                            &what);
  CHECK(eventually([&] { return heartbeat.beat() && heartbeat.comebacks() == 1; }));
  CHECK(what != Fault::none);
  heartbeat.beat();
  CHECK(eventually([&] { return facts_of(region, "a").last_beat_ns > facts_of(region, "a").claimed_ns; }));
}

// The C library has each thread do it, by a signal of its own.
TEST_CASE("a process with a sampler can change its user and group") {
  const UniqueRegion region;
  CHECK(in_child([&] {
          alarm(60);
          auto [heartbeat, failure] = Heartbeat::claim(counted(region, "a"));
          if (failure || !has_sampler(getpid())) return 1;
          return setegid(getegid()) == 0 && seteuid(geteuid()) == 0 ? 0 : 2;
        }) == 0);
}

// Claims, stops, forks and phases of several threads beside the sampler: for the thread sanitizer.
TEST_CASE("many threads claim, beat and stop beside one sampler") {
  const UniqueRegion region;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      const std::string name = "w" + std::to_string(t);
      for (int life = 0; life < 20; ++life) {
        auto [heartbeat, failure] = Heartbeat::claim(counted(region, name, kLeastCountedMaxAgeNs));
        if (failure) continue;
        for (int i = 0; i < 10'000; ++i) heartbeat.beat();
        heartbeat.begin_phase("x", kHour);
        heartbeat.end_phase();
        heartbeat.stop();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int t = 0; t < 4; ++t) {
    const WorkerFacts facts = facts_of(region, "w" + std::to_string(t));
    CHECK(facts.state == State::stopped);
    CHECK(facts.beats == 10'000);
  }
}

}  // namespace test_of_sampler
