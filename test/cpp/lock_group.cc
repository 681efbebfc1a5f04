// Lock files of groups of slots, in large regions: they make looks quicker, and the dead are no less dead for them.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "real.hpp"

namespace test_of_lock_group {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

constexpr std::uint32_t kSlots = 256;
constexpr std::uint32_t kStranger = 54'321;

bool is_root() { return geteuid() == 0; }

std::string only_hidden_file(const UniqueRegion& region) {
  const std::vector<std::string> files = region.hidden_files();
  REQUIRE(files.size() == 1);
  return std::string(kDefaultDirectory) + "/" + files[0];
}

// A lock on all bytes of the file, until the end of the test.
class WriteLock {
 public:
  explicit WriteLock(const std::string& path, short type = F_WRLCK)
      : fd_(::open(path.c_str(), (type == F_WRLCK ? O_RDWR : O_RDONLY) | O_CLOEXEC)) {
    struct flock lock = {};
    lock.l_type = type;
    REQUIRE(fcntl(fd_, F_OFD_SETLK, &lock) == 0);
  }
  WriteLock(const WriteLock&) = delete;
  WriteLock& operator=(const WriteLock&) = delete;
  ~WriteLock() { ::close(fd_); }

 private:
  int fd_;
};

void make_file(const std::string& path, mode_t mode) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  REQUIRE(fd >= 0);
  REQUIRE(fchmod(fd, mode) == 0);
  ::close(fd);
}

}  // namespace

TEST_CASE("a small region has no lock files, and a large one has them with its own mode and owner") {
  const UniqueRegion small;
  const auto one = Heartbeat::claim(options_for(small, "a", kGroupSlots));
  CHECK(small.hidden_files().empty());
  const UniqueRegion large;
  ClaimOptions options = options_for(large, "a", kGroupSlots + 1);
  options.creation.mode = 0640;
  const auto two = Heartbeat::claim(options);
  struct stat status = {};
  REQUIRE(stat(only_hidden_file(large).c_str(), &status) == 0);
  CHECK((status.st_mode & 07777) == 0640);
  CHECK(status.st_uid == geteuid());
  CHECK(is_valid_name(large.hidden_files()[0]) == false);  // no region of anybody's
}

TEST_CASE("a death is seen at once") {
  const UniqueRegion region;
  const pid_t worker = start_worker(options_for(region, "a", kSlots));
  const std::string file = only_hidden_file(region);
  SUBCASE("with the group's file") {}
  SUBCASE("without it") { ::unlink(file.c_str()); }
  SUBCASE("with an empty one in its place") {
    ::unlink(file.c_str());
    make_file(file, 0600);
  }
  SUBCASE("with one that is no file") {
    ::unlink(file.c_str());
    REQUIRE(mkfifo(file.c_str(), 0600) == 0);
  }
  SUBCASE("with one that everybody may write") { REQUIRE(chmod(file.c_str(), 0666) == 0); }
  CHECK(condition_of(region, "a") == Condition::running);
  CHECK(look_into(region.place()).verdict.kind == Kind::healthy);
  kill_child(worker);
  CHECK(condition_of(region, "a") == Condition::dead);
  CHECK(look_into(region.place()).verdict.kind == Kind::dead);
}

TEST_CASE("a stranger's file with a stranger's lock keeps nobody alive") {
  const UniqueRegion region;
  const pid_t worker = start_worker(options_for(region, "a", kSlots));
  const std::string file = only_hidden_file(region);
  SUBCASE("of another user") {
    if (!is_root()) {
      kill_child(worker);
      return;
    }
    ::unlink(file.c_str());
    make_file(file, 0600);
    REQUIRE(chown(file.c_str(), kStranger, kStranger) == 0);
  }
  SUBCASE("that everybody may write") {
    ::unlink(file.c_str());
    make_file(file, 0602);
  }
  SUBCASE("behind a symbolic link") {
    const std::string elsewhere = region.path() + "-elsewhere";
    ::unlink(file.c_str());
    make_file(elsewhere, 0600);
    REQUIRE(symlink(elsewhere.c_str(), file.c_str()) == 0);
    ::unlink(elsewhere.c_str());
    make_file(elsewhere, 0600);
  }
  {
    const WriteLock lock(file);
    CHECK(condition_of(region, "a") == Condition::running);
    kill_child(worker);
    CHECK(condition_of(region, "a") == Condition::dead);
    CHECK(look_into(region.place()).verdict.kind == Kind::dead);
    CHECK_FALSE(Heartbeat::claim(options_for(region, "a", kSlots)).failure);
  }
  ::unlink((region.path() + "-elsewhere").c_str());
}

TEST_CASE("a stranger's read lock on the group's file costs a claim its second lock, and nothing else") {
  const UniqueRegion region;
  Heartbeat::claim(options_for(region, "a", kSlots)).heartbeat.stop();
  const WriteLock lock(only_hidden_file(region), F_RDLCK);
  const pid_t worker = start_worker(options_for(region, "a", kSlots));
  CHECK(condition_of(region, "a") == Condition::running);
  kill_child(worker);
  CHECK(condition_of(region, "a") == Condition::dead);
}

TEST_CASE("stopping and giving up let go of both locks, a forked child or not") {
  const UniqueRegion region;
  auto claimed = Heartbeat::claim(options_for(region, "a", kSlots));
  REQUIRE_FALSE(claimed.failure);
  const int group = ::open(only_hidden_file(region).c_str(), O_RDONLY | O_CLOEXEC);
  CHECK(query_any_slot(group) == Lock::held);
  const pid_t child = start_child([] { return pause(); });
  SUBCASE("stop") {
    claimed.heartbeat.stop();
    CHECK(condition_of(region, "a") == Condition::stopped);
  }
  SUBCASE("without a word") {
    claimed.heartbeat = Heartbeat();
    CHECK(condition_of(region, "a") == Condition::dead);
  }
  CHECK(query_any_slot(group) == Lock::gone);
  ::close(group);
  kill_child(child);
}

TEST_CASE("many workers in many groups are each told by their own locks") {
  constexpr std::size_t kWorkers = 200;
  const UniqueRegion region;
  std::vector<Heartbeat> all;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    all.push_back(Heartbeat::claim(options_for(region, "w" + std::to_string(i), kSlots)).heartbeat);
    all.back().beat();
  }
  CHECK(region.hidden_files().size() == group_of(kWorkers - 1) + 1);
  Look look = look_into(region.place());
  CHECK(look.verdict.kind == Kind::healthy);
  CHECK(look.verdict.tally.running == kWorkers);
  for (const std::size_t gone : {0u, 63u, 64u, 127u, 199u}) {
    const bool is_stopped = gone % 2 == 0;
    if (is_stopped) all[gone].stop();
    all[gone] = Heartbeat();
    CHECK(condition_of(region, "w" + std::to_string(gone)) == (is_stopped ? Condition::stopped : Condition::dead));
  }
  look = look_into(region.place());
  CHECK(look.verdict.kind == Kind::dead);
  CHECK(look.verdict.tally.running == kWorkers - 5);
  CHECK(look.verdict.tally.stopped == 2);
  CHECK(look.verdict.tally.bad == 3);
}

TEST_CASE("a new region under the name sweeps away the lock files of the one before it, and no others") {
  const UniqueRegion region;
  Heartbeat::claim(options_for(region, "a", kSlots)).heartbeat.stop();
  const std::string old_file = only_hidden_file(region);
  // Names that are nearly such a file's.
  const std::string stem = std::string(kDefaultDirectory) + "/." + std::string(region.place().region);
  const std::vector<std::string> others = {stem + "-x.17.locks.0", stem + ".17.locks.x", stem + ".x.locks.0",
                                           stem + ".17.locks.", stem + ".17"};
  for (const std::string& other : others) make_file(other, 0600);
  ::unlink(region.path().c_str());
  const auto claimed = Heartbeat::claim(options_for(region, "a", kSlots));
  CHECK(access(old_file.c_str(), F_OK) != 0);
  for (const std::string& other : others) {
    CAPTURE(other);
    CHECK(access(other.c_str(), F_OK) == 0);
    ::unlink(other.c_str());
  }
  CHECK(only_hidden_file(region) != old_file);
}

TEST_CASE("a reader asks the group of each slot, in any order") {
  const UniqueRegion region;
  std::vector<Heartbeat> all;
  for (std::size_t i = 0; i < 130; ++i)
    all.push_back(Heartbeat::claim(options_for(region, "w" + std::to_string(i), kSlots)).heartbeat);
  const Opened opened(region.place());
  for (const std::uint32_t slot : {129u, 0u, 64u, 63u, 128u, 1u}) {
    const std::uint32_t bank = current_of(opened.slot(slot)).bank;
    CHECK(opened.locks().query(slot, bank) == Lock::held);
    CHECK(opened.locks().query(slot, 1 - bank) == Lock::gone);
  }
  CHECK(opened.locks().query(200, 0) == Lock::gone);
}

}  // namespace test_of_lock_group
