#include <doctest/doctest.h>
#include <fcntl.h>

#include "real.hpp"

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
  REQUIRE_FALSE(try_lock(file.fd, lock_byte_of(3)));
  const int reader = file.open_again(O_RDONLY);
  CHECK(query_lock(reader, 3) == Lock::held);
  CHECK(query_lock(reader, 2) == Lock::gone);
  CHECK(query_lock(reader, 4) == Lock::gone);
  CHECK(query_any_slot(reader) == Lock::held);
  unlock(file.fd, lock_byte_of(3));
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
  lock.l_start = lock_byte_of(0);
  lock.l_len = 1;
  REQUIRE(fcntl(stranger, F_OFD_SETLK, &lock) == 0);
  CHECK(query_lock(file.fd, 0) == Lock::gone);
  ::close(stranger);
}

TEST_CASE("closing another descriptor of the file does not drop a lock") {
  const File file;
  REQUIRE_FALSE(try_lock(file.fd, lock_byte_of(0)));
  ::close(file.open_again(O_RDWR));
  const int reader = file.open_again(O_RDONLY);
  CHECK(query_lock(reader, 0) == Lock::held);
  ::close(reader);
}

TEST_CASE("the kernel drops a lock of a process that is killed") {
  const File file;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t holder = start_child([&] {
    const int mine = file.open_again(O_RDWR);
    if (try_lock(mine, lock_byte_of(0)) || ::write(ends[1], "!", 1) != 1) return 1;
    for (;;) pause();
  });
  char byte;
  REQUIRE(::read(ends[0], &byte, 1) == 1);
  CHECK(query_lock(file.fd, 0) == Lock::held);
  CHECK(try_lock(file.fd, lock_byte_of(0)).fault == Fault::name_taken);
  kill_child(holder);
  CHECK(query_lock(file.fd, 0) == Lock::gone);
  CHECK_FALSE(try_lock(file.fd, lock_byte_of(0)));
  ::close(ends[0]);
  ::close(ends[1]);
}

TEST_CASE("the wait for a lock is bounded") {
  const File file;
  REQUIRE_FALSE(try_lock(file.fd, kClaimByte));
  const int other = file.open_again(O_RDWR);
  const std::uint64_t began = monotonic_ns();
  CHECK(lock_within(other, kClaimByte, 30 * kMs).fault == Fault::name_taken);
  CHECK(monotonic_ns() - began >= 30 * kMs);
  unlock(file.fd, kClaimByte);
  CHECK_FALSE(lock_within(other, kClaimByte, 0));
  ::close(other);
}

TEST_CASE("where locks cannot be had, that is said, and it is not death") {
  CHECK(query_lock(-1, 0) == Lock::unsupported);
  CHECK(try_lock(-1, 0).fault == Fault::system);
}
