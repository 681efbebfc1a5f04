// A fork while another thread claims. A claim may wait for seconds; a fork waits for none of it, and its child keeps
// nothing of what the other thread was about to hold.
#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "real.hpp"

namespace test_of_fork_waiting {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

// How many descriptors of this process refer to the region, or to a lock file of it.
int descriptors_of(const UniqueRegion& region) {
  const std::string name = std::string(region.place().region);
  int count = 0;
  for (const std::string& fd : files_with("/proc/self/fd", "")) {
    char target[512];
    const ssize_t length = readlink(("/proc/self/fd/" + fd).c_str(), target, sizeof target);
    if (length > 0 && std::string(target, static_cast<std::size_t>(length)).find(name) != std::string::npos) ++count;
  }
  return count;
}

// A claim on another thread that waits, because this one holds the claim byte.
class WaitingClaim {
 public:
  explicit WaitingClaim(const UniqueRegion& region) {
    const Failure failure = make_region(region.place(), {}, geteuid(), getegid());
    REQUIRE_FALSE(failure);
    holder_ = open_existing(region.path().c_str(), Access::write);
    REQUIRE_FALSE(try_lock(holder_, kClaimByte));
    const int before = descriptors_of(region);
    thread_ = std::thread([this, &region] {
      ClaimOptions options = options_for(region, "a");
      options.wait_ns = kPatience;
      auto claimed = Heartbeat::claim(options);
      failure_ = claimed.failure;
      heartbeat_ = std::move(claimed.heartbeat);
    });
    REQUIRE(eventually([&] { return descriptors_of(region) > before; }));
  }
  WaitingClaim(const WaitingClaim&) = delete;
  WaitingClaim& operator=(const WaitingClaim&) = delete;
  ~WaitingClaim() {
    if (thread_.joinable()) finish();
  }
  Heartbeat& finish() {
    sys::close(holder_);
    thread_.join();
    CHECK_FALSE(failure_);
    return heartbeat_;
  }
  int holder() const { return holder_; }

 private:
  int holder_ = -1;
  Failure failure_;
  Heartbeat heartbeat_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("a fork does not wait for a claim that waits on another thread") {
  const UniqueRegion region;
  WaitingClaim waiting(region);
  const std::uint64_t began = monotonic_ns();
  for (int i = 0; i < 10; ++i) CHECK(in_child([] { return 0; }) == 0);
  CHECK(monotonic_ns() - began < 20 * kSecond);  // the claim would wait for a minute
  CHECK(slot_of(region, "a") == -1);
  CHECK(waiting.finish().beat());
}

TEST_CASE("nor does a beat, or a stop, of another heartbeat") {
  const UniqueRegion other;
  auto claimed = Heartbeat::claim(options_for(other, "b"));
  REQUIRE_FALSE(claimed.failure);
  const UniqueRegion region;
  WaitingClaim waiting(region);
  const std::uint64_t began = monotonic_ns();
  CHECK(claimed.heartbeat.beat());
  CHECK(claimed.heartbeat.ready());
  claimed.heartbeat.stop();
  CHECK(monotonic_ns() - began < 20 * kSecond);
  CHECK(waiting.finish().beat());
}

TEST_CASE("the child keeps no descriptor of the claim under way, and not its lock either") {
  const UniqueRegion region;
  WaitingClaim waiting(region);
  const pid_t child = start_waiting_child([&] {
    sys::close(waiting.holder());  // the test's own
    if (descriptors_of(region) != 0) _exit(1);
  });
  Heartbeat& heartbeat = waiting.finish();
  CHECK(heartbeat.beat());
  heartbeat = Heartbeat();
  CHECK(condition_of(region, "a") == Condition::dead);
  kill_child(child);
}

TEST_CASE("of many forks in the midst of many claims no child holds anything") {
  constexpr int kChildren = 60;
  const UniqueRegion region;
  make_region(region.place(), {}, geteuid(), getegid());
  std::atomic<bool> over{false};
  std::atomic<int> claims{0};
  std::vector<std::thread> claimants;
  for (const char* name : {"a", "b"}) {
    claimants.emplace_back([&, name] {
      while (!over.load()) {
        auto claimed = Heartbeat::claim(options_for(region, name));
        if (!claimed.failure) ++claims;
        claimed.heartbeat.beat();
        if (claims.load() % 2 == 0) claimed.heartbeat.stop();
      }
    });
  }
  std::vector<pid_t> children;
  for (int i = 0; i < kChildren; ++i) {
    const int before = claims.load();
    children.push_back(start_child([] { return pause(); }));
    eventually([&] { return claims.load() > before; });
  }
  over = true;
  for (std::thread& claimant : claimants) claimant.join();
  CHECK(claims.load() >= kChildren);
  const Opened opened(region.place());
  CHECK(query_any_slot(opened.fd) == Lock::gone);
  CHECK(query_locks(opened.fd, kClaimByte, 1) == Lock::gone);
  for (const pid_t child : children) kill_child(child);
}

}  // namespace test_of_fork_waiting
