#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "real.hpp"

namespace test_of_region {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

constexpr std::uint32_t kNobody = 65534;

Fault fault_of(const UniqueRegion& region) { return Opened(region.place()).failure.fault; }

void write_file(const UniqueRegion& region, const std::string& content) {
  const int fd = ::open(region.path().c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
  CHECK(::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size()));
  ::close(fd);
}

void make(const UniqueRegion& region) { Heartbeat::claim(options_for(region, "maker")).heartbeat.stop(); }

// The fault that another user meets, or -1 where this test is not root.
int fault_as_nobody(const UniqueRegion& region, std::uint32_t group = kNobody) {
  if (geteuid() != 0) return -1;
  return in_child([&] {
    if (setgid(group) != 0 || setuid(kNobody) != 0) return 255;
    return static_cast<int>(fault_of(region));
  });
}

}  // namespace

TEST_CASE("a region that is not there is missing") {
  CHECK(fault_of(UniqueRegion()) == Fault::missing);
  CHECK(Opened({"/nowhere", "x"}).failure.fault == Fault::missing);
}

TEST_CASE("a region's name is checked before anything is opened") {
  for (const char* bad : {"", "..", "../etc/passwd", "a/b"}) {
    CHECK(Opened({kDefaultDirectory, bad}).failure.fault == Fault::invalid_name);
  }
  CHECK(Opened({std::string(600, 'd'), "x"}).failure.fault == Fault::invalid_option);
}

TEST_CASE("what is no regular file is no region, and hangs nobody") {
  const UniqueRegion region;
  SUBCASE("a directory") {
    REQUIRE(mkdir(region.path().c_str(), 0700) == 0);
    CHECK(fault_of(region) == Fault::not_a_file);
    rmdir(region.path().c_str());
  }
  SUBCASE("a FIFO") {
    REQUIRE(mkfifo(region.path().c_str(), 0600) == 0);
    CHECK(fault_of(region) == Fault::not_a_file);
  }
  SUBCASE("a symlink, even to a region") {
    const UniqueRegion real;
    make(real);
    REQUIRE(symlink(real.path().c_str(), region.path().c_str()) == 0);
    CHECK(fault_of(region) == Fault::not_a_file);
  }
}

TEST_CASE("what is too short, too long or foreign is each named") {
  const UniqueRegion region;
  write_file(region, "");
  CHECK(fault_of(region) == Fault::size);
  write_file(region, std::string(255, 'x'));
  CHECK(fault_of(region) == Fault::size);
  write_file(region, std::string(256, 'x'));
  CHECK(fault_of(region) == Fault::magic);
  write_file(region, std::string(8192, 'x'));
  CHECK(fault_of(region) == Fault::magic);
  REQUIRE(truncate(region.path().c_str(), static_cast<off_t>(region_bytes_for(kMaxSlots)) + 1) == 0);
  CHECK(fault_of(region) == Fault::size);
}

TEST_CASE("each damaged word of the header is noticed") {
  const UniqueRegion region;
  make(region);
  REQUIRE(fault_of(region) == Fault::none);
  {
    Scribbled scribbled(region);
    SUBCASE("magic") { scribbled.header().magic.store_relaxed(kMagic + 1); }
    SUBCASE("version") { scribbled.header().version.store_relaxed(kVersion + 1); }
    SUBCASE("no version yet") { scribbled.header().version.store_relaxed(0); }
    SUBCASE("signature") { scribbled.header().signature.store_relaxed(kSignature + 1); }
    SUBCASE("header size") { scribbled.header().header_bytes.store_relaxed(128); }
    SUBCASE("slot size") { scribbled.header().slot_bytes.store_relaxed(512); }
    SUBCASE("no slots") { scribbled.header().slot_count.store_relaxed(0); }
    SUBCASE("too many slots") { scribbled.header().slot_count.store_relaxed(kMaxSlots + 1); }
    SUBCASE("more slots than bytes") { scribbled.header().slot_count.store_relaxed(200); }
    SUBCASE("size") { scribbled.header().region_bytes.store_relaxed(1); }
  }
  const Fault fault = fault_of(region);
  CHECK((fault == Fault::magic || fault == Fault::version || fault == Fault::layout));
}

TEST_CASE("a region that was cut short has a wrong size") {
  const UniqueRegion region;
  make(region);
  REQUIRE(truncate(region.path().c_str(), 4096) == 0);
  CHECK(fault_of(region) == Fault::size);
}

TEST_CASE("more used slots than there are is no reason to read beyond the end") {
  const UniqueRegion region;
  make(region);
  Scribbled(region).header().used_slots.store_relaxed(~std::uint32_t(0));
  const Opened opened(region.place());
  REQUIRE_FALSE(opened.failure);
  CHECK(opened.used_slots() == 8);
}

TEST_CASE("a file that everybody may write is nobody's region") {
  const UniqueRegion region;
  make(region);
  REQUIRE(chmod(region.path().c_str(), 0602) == 0);
  CHECK(fault_of(region) == Fault::mode);
}

TEST_CASE("a region on a disk is refused, unless that is allowed") {
  const UniqueRegion region(std::string(getenv("HOME") != nullptr ? getenv("HOME") : "/var/tmp"));
  ClaimOptions options = options_for(region, "a");
  const Failure refused = Heartbeat::claim(options).failure;
  if (!refused) return;  // that directory is a tmpfs here
  CHECK(refused.fault == Fault::not_tmpfs);
  CHECK(access(region.path().c_str(), F_OK) != 0);
  options.place.allow_disk = true;
  auto [heartbeat, failure] = Heartbeat::claim(options);
  CHECK_FALSE(failure);
  CHECK(Opened(region.place()).failure.fault == Fault::not_tmpfs);
  CHECK_FALSE(Opened(region.place(true)).failure);
}

TEST_CASE("another user's region is read by root, and by a group that it is open to") {
  const UniqueRegion region;
  make(region);
  REQUIRE(chmod(region.path().c_str(), 0600) == 0);
  if (fault_as_nobody(region) < 0) return;  // not root: no other user to be
  CHECK(fault_as_nobody(region) == static_cast<int>(Fault::access));
  REQUIRE(chmod(region.path().c_str(), 0644) == 0);
  CHECK(fault_as_nobody(region) == static_cast<int>(Fault::owner));
  REQUIRE(chmod(region.path().c_str(), 0640) == 0);
  REQUIRE(chown(region.path().c_str(), 0, kNobody) == 0);
  CHECK(fault_as_nobody(region) == static_cast<int>(Fault::none));
  REQUIRE(chown(region.path().c_str(), kNobody, kNobody) == 0);
  CHECK(fault_of(region) == Fault::none);
}

TEST_CASE("a writer refuses a region that another user owns, root too") {
  const UniqueRegion region;
  make(region);
  if (geteuid() != 0) return;
  REQUIRE(chown(region.path().c_str(), kNobody, kNobody) == 0);
  CHECK(Heartbeat::claim(options_for(region, "a")).failure.fault == Fault::owner);
  CHECK(access(region.path().c_str(), F_OK) == 0);
}

}  // namespace test_of_region
