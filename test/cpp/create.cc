#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "real.hpp"

namespace test_of_create {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

Fault claim_fault(const ClaimOptions& options) { return Heartbeat::claim(options).failure.fault; }

ino_t inode_of(const UniqueRegion& region) {
  struct stat status = {};
  return stat(region.path().c_str(), &status) == 0 ? status.st_ino : 0;
}

}  // namespace

TEST_CASE("a region is made whole, with its space allocated and nothing left beside it") {
  const UniqueRegion region;
  ClaimOptions options = options_for(region, "a", 3);
  options.creation.mode = 0640;
  const mode_t before = umask(0777);
  CHECK(claim_fault(options) == Fault::none);
  umask(before);
  struct stat status = {};
  REQUIRE(stat(region.path().c_str(), &status) == 0);
  CHECK(static_cast<std::uint64_t>(status.st_size) == region_bytes_for(3));
  CHECK(status.st_blocks * 512 >= status.st_size);
  CHECK((status.st_mode & 07777) == 0640);
  CHECK(region.hidden_files().empty());
  const Opened opened(region.place());
  CHECK(opened.slot_count == 3);
  CHECK(opened.header().nonce.load_acquire() != 0);
}

TEST_CASE("a capacity out of range, a bad name and a bad directory are refused, and nothing is made") {
  const UniqueRegion region;
  CHECK(claim_fault(options_for(region, "a", 0)) == Fault::invalid_option);
  CHECK(claim_fault(options_for(region, "a", kMaxSlots + 1)) == Fault::invalid_option);
  ClaimOptions options = options_for(region, "a");
  options.place.region = "../x";
  CHECK(claim_fault(options) == Fault::invalid_name);
  options = options_for(region, "a");
  options.place.directory = "/nowhere";
  CHECK(claim_fault(options) == Fault::missing);
  options = options_for(region, "a");
  options.creation.mode = 0666;
  CHECK(claim_fault(options) == Fault::mode);
  CHECK(inode_of(region) == 0);
  CHECK(region.hidden_files().empty());
}

TEST_CASE("the largest region can be made") {
  const UniqueRegion region;
  CHECK(claim_fault(options_for(region, "a", kMaxSlots)) == Fault::none);
  CHECK(Opened(region.place()).slot_count == kMaxSlots);
}

TEST_CASE("a region that is there is used as it is") {
  const UniqueRegion region;
  CHECK(claim_fault(options_for(region, "a", 3)) == Fault::none);
  const ino_t first = inode_of(region);
  CHECK(claim_fault(options_for(region, "b", 5)) == Fault::none);
  CHECK(inode_of(region) == first);
  CHECK(Opened(region.place()).slot_count == 3);
}

TEST_CASE("an unusable region that nobody holds is replaced") {
  const UniqueRegion region;
  const int fd = ::open(region.path().c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  SUBCASE("an empty file") {}
  SUBCASE("random bytes") {
    const std::string junk(9000, '\x5a');
    REQUIRE(::write(fd, junk.data(), junk.size()) == 9000);
  }
  ::close(fd);
  const ino_t junk = inode_of(region);
  CHECK(claim_fault(options_for(region, "a")) == Fault::none);
  CHECK(inode_of(region) != junk);
  CHECK_FALSE(Opened(region.place()).failure);
  CHECK(region.hidden_files().empty());
}

TEST_CASE("another layout is replaced when nobody holds it, and refused when anybody does") {
  const UniqueRegion region;
  auto old = Heartbeat::claim(options_for(region, "old"));
  REQUIRE_FALSE(old.failure);
  {
    Scribbled scribbled(region);
    SUBCASE("a newer version") { scribbled.header().version.store_relaxed(kVersion + 1); }
    SUBCASE("another signature") { scribbled.header().signature.store_relaxed(1); }
  }
  CHECK(claim_fault(options_for(region, "new")) == Fault::in_use);
  CHECK(claim_fault(options_for(region, "old")) == Fault::in_use);
  old.heartbeat.stop();
  CHECK(claim_fault(options_for(region, "new")) == Fault::none);
  CHECK(slot_of(region, "old") == -1);
}

TEST_CASE("a region that was cut short under its worker is refused until the worker is gone") {
  const UniqueRegion region;
  const pid_t worker = start_worker(options_for(region, "a"));
  REQUIRE(truncate(region.path().c_str(), 0) == 0);
  CHECK(claim_fault(options_for(region, "b")) == Fault::in_use);
  kill_child(worker);
  CHECK(claim_fault(options_for(region, "b")) == Fault::none);
}

TEST_CASE("what is not ours to replace stays") {
  const UniqueRegion region;
  SUBCASE("a FIFO") { REQUIRE(mkfifo(region.path().c_str(), 0600) == 0); }
  SUBCASE("a symlink to nowhere") { REQUIRE(symlink("/nowhere", region.path().c_str()) == 0); }
  SUBCASE("a symlink to a file") { REQUIRE(symlink("/etc/hostname", region.path().c_str()) == 0); }
  CHECK(claim_fault(options_for(region, "a")) == Fault::not_a_file);
  struct stat status = {};
  CHECK(lstat(region.path().c_str(), &status) == 0);
}

TEST_CASE("a claimant that is stopped in mid-claim holds nobody for ever") {
  const UniqueRegion region;
  REQUIRE(claim_fault(options_for(region, "a")) == Fault::none);
  const int fd = ::open(region.path().c_str(), O_RDWR | O_CLOEXEC);
  REQUIRE_FALSE(try_lock(fd, kClaimByte));
  const std::uint64_t began = monotonic_ns();
  ClaimOptions options = options_for(region, "b");
  options.wait_ns = 300 * kMs;
  CHECK(claim_fault(options) == Fault::claim_busy);
  CHECK(monotonic_ns() - began >= 300 * kMs);
  ::close(fd);
  CHECK(claim_fault(options_for(region, "b")) == Fault::none);
}

TEST_CASE("a lock that somebody holds on the directory keeps nobody from making a region there") {
  const UniqueRegion region;
  const int directory = open("/dev/shm", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  REQUIRE(flock(directory, LOCK_EX) == 0);
  CHECK(claim_fault(options_for(region, "a")) == Fault::none);
  close(directory);
}

TEST_CASE("a full tmpfs is an error at the claim, not a SIGBUS at the first beat") {
  constexpr int kNotAllowed = 99;
  const int result = in_child([] {
    if (unshare(CLONE_NEWNS) != 0 || mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount("small", "/dev/shm", "tmpfs", 0, "size=64k") != 0) {
      return kNotAllowed;
    }
    const UniqueRegion region;
    if (claim_fault(options_for(region, "a", 64)) != Fault::no_space) return 1;
    if (!region.hidden_files().empty()) return 2;
    return claim_fault(options_for(region, "a", 1)) == Fault::none ? 0 : 3;
  });
  if (result == kNotAllowed) return;  // no right to mount here
  CHECK(result == 0);
}

}  // namespace test_of_create
