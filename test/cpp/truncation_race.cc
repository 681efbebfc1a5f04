// A neighbour of the same user that cuts the region short and restores it, over and over, while everything is done in
// it that can be done. And the table of mappings, while another thread changes it.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/mman.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "real.hpp"
#include "sigbus.hpp"

namespace test_of_truncation_race {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

constexpr int kRounds = 1'000;
constexpr int kNeverWhole = 100;
constexpr int kNeverCut = 101;

// Truncates whatever is under the region's name, at another length each time, and writes the region back as it was.
class Neighbour {
 public:
  explicit Neighbour(const UniqueRegion& region) : path_(region.path()), thread_([this] { run(); }) {}
  Neighbour(const Neighbour&) = delete;
  Neighbour& operator=(const Neighbour&) = delete;
  ~Neighbour() {
    over_ = true;
    thread_.join();
  }
  std::uint64_t turns() const { return turns_.load(); }

 private:
  void run() {
    std::vector<char> whole(region_bytes_for(4));
    int fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
    if (::pread(fd, whole.data(), whole.size(), 0) != static_cast<ssize_t>(whole.size())) std::abort();
    constexpr off_t kLengths[] = {0, 100, 4096, 8192};
    while (!over_.load()) {
      const std::uint64_t turn = turns_.fetch_add(1);
      ::close(fd);
      fd = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
      if (fd < 0) continue;
      if (ftruncate(fd, kLengths[turn % 4]) != 0) std::abort();
      if (turn % 3 == 0) std::this_thread::yield();
      if (::pwrite(fd, whole.data(), whole.size(), 0) != static_cast<ssize_t>(whole.size())) std::abort();
      // Whole for as long as it takes to claim in it, or not.
      for (std::uint64_t wait = monotonic_ns() + (turn % 5) * 200'000; monotonic_ns() < wait;) continue;
    }
    ::close(fd);
  }

  std::string path_;
  std::atomic<bool> over_{false};
  std::atomic<std::uint64_t> turns_{0};
  std::thread thread_;
};

// Each operation says whether it came to its end, as it does in a region that is whole.
bool operate(int kind, const UniqueRegion& region, const ClaimOptions& options) {
  switch (kind) {
    case 0: {
      const Opened opened(region.place());
      return !opened.failure && opened.look(0).state == State::claimed;
    }
    case 1: {
      Claim claim;
      if (take(options, claim)) return false;
      Pulse pulse{};
      start_pulse(pulse, claim, options);
      beat(pulse);
      set_ready(pulse, false, "draining");
      begin_phase(pulse, "load", kHour);
      end_phase(pulse);
      const bool is_whole = !is_lost(claim.region);
      release(claim);
      return is_whole;
    }
    case 2:
      return !retire(region.place(), "dead");
    case 3:
      return !mark_restart(region.place(), "dead", kHour);
    case 4:
      return !make_region(region.place(), options.creation, geteuid(), getegid());
    case 5:
      return !mark_restarts(region.place(), kHour, kCaller, kSecond, [](auto, auto) { return true; });
    default:
      return look_into(region.place(), {.confirm_ns = 0}).verdict.kind != Kind::unusable;
  }
}

}  // namespace

// In a child, so that a SIGBUS is this test's failure and not its end.
TEST_CASE("no operation dies of a region that is cut short and restored meanwhile") {
  for (int kind = 0; kind <= 6; ++kind) {
    CAPTURE(kind);
    const UniqueRegion region;
    ClaimOptions options = options_for(region, "dead", 4);
    leave_dead(options);
    options.name = "a";
    options.wait_ns = kMs;
    const bool always_whole = kind == 4;  // it replaces what is unusable
    CHECK(in_child([&] {
            handle_sigbus();
            const Neighbour neighbour(region);
            int whole = 0;
            int cut = 0;
            // Each came to its end, and each was cut short: else nothing was tested.
            const auto is_enough = [&] { return whole >= 20 && cut >= (always_whole ? 0 : 20); };
            const std::uint64_t end = monotonic_ns() + kPatience;
            for (int i = 0; (i < kRounds || !is_enough()) && monotonic_ns() < end; ++i) {
              (operate(kind, region, options) ? whole : cut) += 1;
            }
            return whole < 20 ? kNeverWhole : is_enough() ? 0 : kNeverCut;
          }) == 0);
  }
}

TEST_CASE("a heartbeat outlives it, and comes back") {
  const UniqueRegion region;
  const ClaimOptions options = options_for(region, "a", 4);
  leave_dead(options);
  CHECK(in_child([&] {
          handle_sigbus();
          auto claimed = Heartbeat::claim(options);
          if (claimed.failure) return 1;
          {
            const Neighbour neighbour(region);
            const std::uint64_t end = monotonic_ns() + kPatience;
            while ((claimed.heartbeat.comebacks() < 2 || neighbour.turns() < 2'000) && monotonic_ns() < end) {
              claimed.heartbeat.beat();
              claimed.heartbeat.not_ready("draining");
            }
          }
          if (claimed.heartbeat.comebacks() < 2) return 2;
          if (!eventually([&] { return claimed.heartbeat.owns_slot(); })) return 3;
          claimed.heartbeat.stop();
          return 0;
        }) == 0);
}

// An entry changes hands between two mappings. A handler that paired the begin of one with the end of the other would
// take all that lies between for a region, and put zeroes there.
TEST_CASE("nothing is put over memory that is not a region's, while another thread changes the table") {
  constexpr std::size_t kPage = 4096;
  constexpr std::uint64_t kTurns = 200'000;
  auto* const memory =
      static_cast<char*>(::mmap(nullptr, 3 * kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  REQUIRE(memory != MAP_FAILED);
  char* const foreign = memory + kPage;
  std::memset(foreign, 'f', kPage);
  std::atomic<bool> over{false};
  std::atomic<std::uint64_t> turns{0};
  std::thread other([&] {
    while (!over.load()) {
      truncation::unwatch(truncation::watch(memory, kPage));
      truncation::unwatch(truncation::watch(memory + 2 * kPage, kPage));
      turns.fetch_add(1);
    }
  });
  const std::uint64_t end = monotonic_ns() + kPatience;
  int recovered = 0;
  for (std::uint64_t i = 0; (turns.load() < kTurns || i < kTurns / 10) && monotonic_ns() < end; ++i) {
    recovered += truncation::recover(foreign) ? 1 : 0;
  }
  over = true;
  other.join();
  CHECK(recovered == 0);
  CHECK(turns.load() >= kTurns);
  CHECK(std::string(foreign, kPage) == std::string(kPage, 'f'));
  ::munmap(memory, 3 * kPage);
}

TEST_CASE("a thread's own mapping is recovered, while others come and go") {
  handle_sigbus();
  std::atomic<bool> over{false};
  std::thread other([&] {
    char memory[64];
    while (!over.load()) truncation::unwatch(truncation::watch(memory, sizeof memory));
  });
  const UniqueRegion region;
  int lost = 0;
  for (int i = 0; i < 300; ++i) {
    Heartbeat::claim(options_for(region, "a", 4)).heartbeat.stop();
    const Opened opened(region.place());
    REQUIRE_FALSE(opened.failure);
    REQUIRE(truncate(region.path().c_str(), 0) == 0);
    (void)opened.header().used_slots.load_acquire();
    lost += is_lost(opened) ? 1 : 0;
  }
  over = true;
  other.join();
  CHECK(lost == 300);
}

}  // namespace test_of_truncation_race
