// What a supervisor does for its workers: a region in their name, and marks of their restarts.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/stat.h>

#include "real.hpp"

namespace test_of_owner {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

// Users that need not exist.
constexpr std::uint32_t kWorker = 54'321, kWorkerGroup = 54'322, kStranger = 54'323;

struct Owner {
  uid_t user = ~0u;
  gid_t group = ~0u;
  mode_t mode = 0;
  ino_t inode = 0;
};
Owner owner_of(const UniqueRegion& region) {
  struct stat status = {};
  if (stat(region.path().c_str(), &status) != 0) return {};
  return {status.st_uid, status.st_gid, static_cast<mode_t>(status.st_mode & 07777), status.st_ino};
}

// Runs as another user, without any of root's rights.
template <class Run>
int as_user(std::uint32_t user, std::uint32_t group, Run&& run) {
  return in_child([&] {
    if (setgroups(0, nullptr) != 0 || setgid(group) != 0 || setuid(user) != 0) return 100;
    return static_cast<int>(run());
  });
}
int code(Fault fault) { return static_cast<int>(fault); }

Failure make_for_worker(const UniqueRegion& region, unsigned mode = 0600) {
  Creation creation;
  creation.slots = 4;
  creation.mode = mode;
  return make_region(region.place(), creation, kWorker, kWorkerGroup);
}

bool is_root() { return geteuid() == 0; }

}  // namespace

// Giving a file away takes CAP_CHOWN: whoever is not root has nothing to look at in these.
TEST_CASE("root makes a region that its worker may claim in, and nobody else") {
  if (!is_root()) return;
  const UniqueRegion region;
  CHECK_FALSE(make_for_worker(region, 0640));
  CHECK(owner_of(region).user == kWorker);
  CHECK(owner_of(region).group == kWorkerGroup);
  CHECK(owner_of(region).mode == 0640);
  const auto claims = [&] { return Heartbeat::claim(options_for(region, "a")).failure.fault; };
  CHECK(as_user(kWorker, kWorkerGroup, claims) == code(Fault::none));
  CHECK(as_user(kStranger, kStranger, claims) == code(Fault::access));
  CHECK(facts_of(region, "a").claims == 1);
}

TEST_CASE("made again, it stays the same region with all that is in it") {
  if (!is_root()) return;
  const UniqueRegion region;
  CHECK_FALSE(make_for_worker(region));
  const ino_t first = owner_of(region).inode;
  CHECK(as_user(kWorker, kWorkerGroup, [&] {
          Heartbeat::claim(options_for(region, "a")).heartbeat.stop();
          return 0;
        }) == 0);
  CHECK_FALSE(make_for_worker(region));
  CHECK(owner_of(region).inode == first);
  CHECK(slot_of(region, "a") == 0);
}

TEST_CASE("a region that root made for itself, and nobody holds, becomes its worker's") {
  if (!is_root()) return;
  const UniqueRegion region;
  Heartbeat::claim(options_for(region, "a")).heartbeat.stop();
  CHECK(owner_of(region).user == 0);
  CHECK_FALSE(make_for_worker(region));
  CHECK(owner_of(region).user == kWorker);
  CHECK(owner_of(region).group == kWorkerGroup);
  CHECK(slot_of(region, "a") == 0);
}

TEST_CASE("a region that somebody holds a slot in is left as it is") {
  if (!is_root()) return;
  const UniqueRegion region;
  auto held = Heartbeat::claim(options_for(region, "a"));
  REQUIRE_FALSE(held.failure);
  CHECK_FALSE(make_for_worker(region));
  CHECK(owner_of(region).user == 0);
  held.heartbeat.stop();
  CHECK_FALSE(make_for_worker(region));
  CHECK(owner_of(region).user == kWorker);
}

TEST_CASE("a stranger's region that nobody holds any more makes way: an image may run as another user now") {
  if (!is_root()) return;
  const UniqueRegion region;
  CHECK(as_user(kStranger, kStranger, [&] {
          Heartbeat::claim(options_for(region, "a")).heartbeat.stop();
          return 0;
        }) == 0);
  CHECK_FALSE(make_for_worker(region));
  CHECK(owner_of(region).user == kWorker);
}

TEST_CASE("a stranger's region that somebody holds is refused, and left as it is") {
  if (!is_root()) return;
  const UniqueRegion region;
  int up[2];
  int end[2];
  REQUIRE(pipe(up) == 0);
  REQUIRE(pipe(end) == 0);
  const pid_t holder = fork();
  if (holder == 0) {
    close(end[1]);
    if (setresgid(kStranger, kStranger, kStranger) != 0 || setresuid(kStranger, kStranger, kStranger) != 0) _exit(1);
    const auto claimed = Heartbeat::claim(options_for(region, "a"));
    char byte = 'u';
    if (claimed.failure || write(up[1], &byte, 1) != 1) _exit(1);
    _exit(read(end[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(end[0]);
  char byte;
  REQUIRE(read(up[0], &byte, 1) == 1);
  const ino_t first = owner_of(region).inode;
  CHECK(make_for_worker(region).fault == Fault::owner);
  CHECK(owner_of(region).user == kStranger);
  CHECK(owner_of(region).inode == first);
  close(end[1]);
  waitpid(holder, nullptr, 0);
  close(up[0]);
  close(up[1]);
}

TEST_CASE("what is no region in the region's place is not given away") {
  if (!is_root()) return;
  const UniqueRegion region;
  SUBCASE("a symbolic link to a file of root's") {
    const UniqueRegion target;
    Heartbeat::claim(options_for(target, "a")).heartbeat.stop();
    REQUIRE(symlink(target.path().c_str(), region.path().c_str()) == 0);
    CHECK(make_for_worker(region).fault == Fault::not_a_file);
    CHECK(owner_of(target).user == 0);
  }
  SUBCASE("a FIFO") {
    REQUIRE(mkfifo(region.path().c_str(), 0600) == 0);
    CHECK(make_for_worker(region));
    CHECK(owner_of(region).user == 0);
  }
  SUBCASE("a file that everybody may write is no region, and is replaced by one") {
    const int fd = ::open(region.path().c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
    REQUIRE(fd >= 0);
    fchmod(fd, 0666);
    ::close(fd);
    CHECK(make_for_worker(region).fault == Fault::mode);
    CHECK(owner_of(region).user == 0);
  }
}

TEST_CASE("an unusable region of the worker's is replaced by one that is its own again") {
  if (!is_root()) return;
  const UniqueRegion region;
  CHECK_FALSE(make_for_worker(region));
  REQUIRE(truncate(region.path().c_str(), 100) == 0);
  const ino_t damaged = owner_of(region).inode;
  CHECK_FALSE(make_for_worker(region));
  CHECK(owner_of(region).inode != damaged);
  CHECK(owner_of(region).user == kWorker);
  CHECK_FALSE(Opened(region.place()).failure);
}

TEST_CASE("root claims and marks a restart in its worker's region only in the worker's name") {
  if (!is_root()) return;
  const UniqueRegion region;
  CHECK_FALSE(make_for_worker(region));
  ClaimOptions options = options_for(region, "main");
  CHECK(Stamping(options).failure.fault == Fault::owner);
  const auto mark_as = [&](std::uint32_t user) {
    return mark_restarts(region.place(), kHour, user, kSecond, [](auto, auto) { return true; }).fault;
  };
  CHECK(mark_as(kCaller) == Fault::owner);
  CHECK(mark_restart(region.place(), "main", kHour).fault == Fault::owner);
  options.user = kStranger;
  CHECK(Stamping(options).failure.fault == Fault::owner);
  CHECK(mark_as(kStranger) == Fault::owner);
  options.user = kWorker;
  CHECK_FALSE(Stamping(options).failure);
  CHECK(condition_of(region, "main") == Condition::dead);
  CHECK(mark_as(kWorker) == Fault::none);
  CHECK(condition_of(region, "main") == Condition::starting);
  CHECK(facts_of(region, "main").restarts == 1);
  CHECK(owner_of(region).user == kWorker);
}

TEST_CASE("worker and supervisor hold slots of one region side by side") {
  if (!is_root()) return;
  const UniqueRegion region;
  CHECK_FALSE(make_for_worker(region));
  ClaimOptions options = options_for(region, "main");
  options.user = kWorker;
  Stamping stamping(options);
  REQUIRE_FALSE(stamping.failure);
  CHECK(beat(stamping.pulse));
  CHECK(as_user(kWorker, kWorkerGroup, [&] {
          if (Heartbeat::claim(options_for(region, "main")).failure.fault != Fault::name_taken) return 1;
          auto claimed = Heartbeat::claim(options_for(region, "grabber"));
          if (claimed.failure) return 2;
          claimed.heartbeat.stop();
          return 0;
        }) == 0);
  CHECK(condition_of(region, "main") == Condition::running);
  CHECK(condition_of(region, "grabber") == Condition::stopped);
}

TEST_CASE("whoever is not root gives a region to nobody but itself") {
  if (!is_root()) return;
  const UniqueRegion region;
  CHECK(as_user(kWorker, kWorkerGroup,
                [&] { return make_region(region.place(), {}, kStranger, kWorkerGroup).fault; }) == code(Fault::owner));
  ::unlink(region.path().c_str());
  CHECK(as_user(kWorker, kWorkerGroup, [&] { return make_region(region.place(), {}, kWorker, kWorkerGroup).fault; }) ==
        code(Fault::none));
  CHECK(owner_of(region).user == kWorker);
}

TEST_CASE("a region that cannot be made is told as a claim would tell it") {
  const UniqueRegion region;
  const std::uint32_t me = geteuid();
  const std::uint32_t group = getegid();
  Creation creation;
  creation.slots = 0;
  CHECK(make_region(region.place(), creation, me, group).fault == Fault::invalid_option);
  CHECK(make_region({"/nowhere", "a"}, {}, me, group).fault == Fault::missing);
  CHECK(make_region({"/dev/shm", "../a"}, {}, me, group).fault == Fault::invalid_name);
  CHECK(owner_of(region).inode == 0);
}

TEST_CASE("nobody holds a region that was just made: it can be claimed in at once") {
  const UniqueRegion region;
  CHECK_FALSE(make_region(region.place(), {}, geteuid(), getegid()));
  ClaimOptions options = options_for(region, "a");
  options.wait_ns = 0;
  CHECK_FALSE(Heartbeat::claim(options).failure);
}

TEST_CASE("a restart is marked only in a region that is there") {
  const UniqueRegion region;
  CHECK(mark_restart(region.place(), "a", 0).fault == Fault::missing);
  CHECK(owner_of(region).inode == 0);
}

}  // namespace test_of_owner
