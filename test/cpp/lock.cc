#include <doctest/doctest.h>
#include <fcntl.h>

#include "real.hpp"

namespace test_of_lock {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {
struct File {
  File() : fd(::open(region.path().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {}
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { ::close(fd); }
  int open_again(int flags) const { return ::open(region.path().c_str(), flags | O_CLOEXEC); }
  UniqueRegion region;
  int fd;
};
}  // namespace

TEST_CASE("a lock is seen through a read-only descriptor, and on its own byte only") {
  const File file;
  REQUIRE_FALSE(try_lock(file.fd, lock_byte_of(3, 1)));
  const int reader = file.open_again(O_RDONLY);
  CHECK(query_lock(reader, 3, 1) == Lock::held);
  CHECK(query_lock(reader, 3, 0) == Lock::gone);
  CHECK(query_lock(reader, 2, 1) == Lock::gone);
  CHECK(query_lock(reader, 4, 0) == Lock::gone);
  CHECK(query_any_slot(reader) == Lock::held);
  unlock(file.fd, lock_byte_of(3, 1));
  CHECK(query_any_slot(reader) == Lock::gone);
  ::close(reader);
}

TEST_CASE("the claim byte is no slot") {
  const File file;
  REQUIRE_FALSE(try_lock(file.fd, kClaimByte));
  const int reader = file.open_again(O_RDONLY);
  CHECK(query_any_slot(reader) == Lock::gone);
  ::close(reader);
}

TEST_CASE("a stranger's read lock fakes no life") {
  const File file;
  const int stranger = file.open_again(O_RDONLY);
  struct flock lock = {};
  lock.l_type = F_RDLCK;
  lock.l_start = lock_byte_of(0, 0);
  lock.l_len = 1;
  REQUIRE(fcntl(stranger, F_OFD_SETLK, &lock) == 0);
  CHECK(query_lock(file.fd, 0, 0) == Lock::gone);
  ::close(stranger);
}

TEST_CASE("closing another descriptor of the file does not drop a lock") {
  const File file;
  REQUIRE_FALSE(try_lock(file.fd, lock_byte_of(0, 0)));
  ::close(file.open_again(O_RDWR));
  const int reader = file.open_again(O_RDONLY);
  CHECK(query_lock(reader, 0, 0) == Lock::held);
  ::close(reader);
}

TEST_CASE("the kernel drops a lock of a process that is killed") {
  const File file;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t holder = start_child([&] {
    const int mine = file.open_again(O_RDWR);
    if (try_lock(mine, lock_byte_of(0, 0)) || ::write(ends[1], "!", 1) != 1) return 1;
    for (;;) pause();
  });
  char byte;
  REQUIRE(::read(ends[0], &byte, 1) == 1);
  CHECK(query_lock(file.fd, 0, 0) == Lock::held);
  CHECK(try_lock(file.fd, lock_byte_of(0, 0)).fault == Fault::name_taken);
  kill_child(holder);
  CHECK(query_lock(file.fd, 0, 0) == Lock::gone);
  CHECK_FALSE(try_lock(file.fd, lock_byte_of(0, 0)));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("no two banks share a byte, and none is the claim byte") {
  CHECK(lock_byte_of(0, 0) == kFirstSlotByte);
  CHECK(lock_byte_of(0, 1) != lock_byte_of(0, 0));
  CHECK(lock_byte_of(1, 0) != lock_byte_of(0, 1));
  CHECK(kFirstSlotByte != kClaimByte);
  const File file;
  REQUIRE_FALSE(try_lock(file.fd, lock_byte_of(kMaxSlots - 1, kBanks - 1)));
  const int reader = file.open_again(O_RDONLY);
  CHECK(query_any_slot(reader) == Lock::held);
  ::close(reader);
}

namespace {

// Counts its waits, and lets `turns_pass` of the first of them be turns of others.
struct Queue {
  std::uint32_t turns_pass = 0;
  std::uint32_t turns = 0;
  std::uint64_t waits = 0;
  std::uint32_t turn() const { return turns; }
  void wait(std::uint32_t, std::uint64_t ns) {
    ++waits;
    if (turns < turns_pass) ++turns;
    sys::sleep_ns(ns);
  }
};

}  // namespace

TEST_CASE("the wait for a lock that nobody gives back is bounded") {
  const File file;
  REQUIRE_FALSE(try_lock(file.fd, kClaimByte));
  const int other = file.open_again(O_RDWR);
  Queue queue;
  const std::uint64_t began = monotonic_ns();
  CHECK(lock_within(other, kClaimByte, 30 * kMs, queue).fault == Fault::name_taken);
  CHECK(monotonic_ns() - began >= 30 * kMs);
  CHECK(queue.waits > 0);
  ::close(other);
}

TEST_CASE("a lock that is free is taken without a wait, whatever the bound") {
  const File file;
  Queue queue;
  CHECK_FALSE(lock_within(file.fd, kClaimByte, 0, queue));
  CHECK(queue.waits == 0);
}

TEST_CASE("each turn of another begins the wait anew, but not for ever") {
  const File file;
  REQUIRE_FALSE(try_lock(file.fd, kClaimByte));
  const int other = file.open_again(O_RDWR);
  std::uint64_t least = 0;
  Queue queue;
  SUBCASE("one turn, after a while") {
    queue.turns_pass = 1;
    least = 40 * kMs;
  }
  SUBCASE("a turn at each look") {
    queue.turns_pass = ~0u;
    least = kMostWaits * 40 * kMs;
  }
  const std::uint64_t began = monotonic_ns();
  CHECK(lock_within(other, kClaimByte, 40 * kMs, queue).fault == Fault::name_taken);
  CHECK(monotonic_ns() - began >= least);
  CHECK(monotonic_ns() - began < kPatience);
  ::close(other);
}

TEST_CASE("a claimant that waits gets the claim byte when its holder gives it back") {
  const UniqueRegion region;
  REQUIRE_FALSE(make_region(region.place(), {}, geteuid(), getegid()));
  Region holder;
  REQUIRE_FALSE(open_for_claim(region.place(), nullptr, geteuid(), holder));
  const pid_t waiting = start_child([&] {
    ClaimOptions options = options_for(region, "a");
    options.wait_ns = kPatience;
    auto claimed = Heartbeat::claim(options);
    claimed.heartbeat.stop();
    return static_cast<int>(claimed.failure.fault);
  });
  sys::sleep_ns(50 * kMs);  // long enough for it to wait, or not: either way it must get the byte
  CHECK(slot_of(region, "a") == -1);
  detail::leave_claim_byte(holder);
  CHECK(wait_for(waiting) == 0);
  close_region(holder);
}

TEST_CASE("where locks cannot be had, that is said, and it is not death") {
  CHECK(query_lock(-1, 0, 0) == Lock::unsupported);
  CHECK(try_lock(-1, 0).fault == Fault::system);
}

}  // namespace test_of_lock
