// The tree of processes, on real ones.
#include <doctest/doctest.h>
#include <sys/prctl.h>

#include <algorithm>
#include <map>

#include "../real.hpp"
#include "guard/kin.hpp"

namespace test_of_guard_tree {

using namespace shm_liveness;
using namespace shm_liveness::real;
using namespace shm_liveness::guard;

namespace {

std::uint32_t self() { return sys::process_id(); }

Stat stat_of(pid_t pid) {
  Stat stat;
  REQUIRE(read_stat(static_cast<std::uint32_t>(pid), stat));
  return stat;
}

std::map<std::uint32_t, Stat> descendants_of(std::uint32_t guard) {
  std::map<std::uint32_t, Stat> found;
  CHECK(for_each_descendant(guard, [&](std::uint32_t pid, const Stat& stat) { found[pid] = stat; }));
  return found;
}

// A child that has a child, and that one's pid. Both wait until they are killed.
struct Family {
  explicit Family(bool with_session = false) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    child = start_child([&] {
      const pid_t grandchild_ = start_child([&] {
        if (with_session) setsid();
        const pid_t self_ = getpid();
        if (write(ends[1], &self_, sizeof self_) != sizeof self_) return 1;
        return pause();
      });
      return wait_for(grandchild_);
    });
    REQUIRE(read(ends[0], &grandchild, sizeof grandchild) == sizeof grandchild);
    ::close(ends[0]);
    ::close(ends[1]);
  }
  ~Family() {
    if (is_reaped) return;
    kill(grandchild, SIGKILL);
    kill_child(child);
  }
  bool is_reaped = false;
  pid_t child = 0;
  pid_t grandchild = 0;
};

}  // namespace

TEST_CASE("this process is what /proc says of it") {
  const Stat stat = stat_of(getpid());
  CHECK(stat.parent == static_cast<std::uint32_t>(getppid()));
  CHECK(stat.group == static_cast<std::uint32_t>(getpgrp()));
  CHECK(stat.start_ticks == start_ticks("/proc/self/stat"));
  CHECK(stat.start_ticks > 0);
}

TEST_CASE("a process that is not there has no stat, and nor has a number that is none") {
  const pid_t gone = start_child([] { return 0; });
  wait_for(gone);
  Stat stat;
  CHECK_FALSE(read_stat(static_cast<std::uint32_t>(gone), stat));
  CHECK_FALSE(read_stat(0, stat));
  CHECK_FALSE(read_stat(~0u, stat));
}

TEST_CASE("a name with parentheses, spaces and line ends misleads nobody") {
  for (const char* name : {") R 1 1 (", "a b) Z 0", "))))", "\n) S 7\n", ""}) {
    CAPTURE(name);
    Gate gate;
    const pid_t child = start_waiting_child([&] { prctl(PR_SET_NAME, name); });
    CHECK(stat_of(child).parent == self());
    CHECK(is_descendant(static_cast<std::uint32_t>(child), self()));
    kill_child(child);
  }
}

TEST_CASE("a child that has ended and is not reaped is a descendant on its way out") {
  const pid_t child = start_child([] { return 0; });
  siginfo_t info;
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK(stat_of(child).is_exiting);
  CHECK(descendants_of(self()).count(static_cast<std::uint32_t>(child)) == 1);
  wait_for(child);
  CHECK(descendants_of(self()).count(static_cast<std::uint32_t>(child)) == 0);
}

TEST_CASE("children and their children are descendants, parents and strangers are none") {
  const Family family;
  const auto child = static_cast<std::uint32_t>(family.child);
  const auto grandchild = static_cast<std::uint32_t>(family.grandchild);
  CHECK(is_descendant(child, self()));
  CHECK(is_descendant(grandchild, self()));
  CHECK(is_descendant(grandchild, child));
  CHECK_FALSE(is_descendant(child, grandchild));
  CHECK_FALSE(is_descendant(static_cast<std::uint32_t>(getppid()), self()));
  CHECK_FALSE(is_descendant(self(), child));
  CHECK_FALSE(is_descendant(0, self()));
  CHECK_FALSE(is_descendant(~0u, self()));
  const auto found = descendants_of(self());
  CHECK(found.size() == 2);
  CHECK(found.count(child) == 1);
  CHECK(found.count(grandchild) == 1);
  CHECK(found.at(grandchild).parent == child);
  CHECK(descendants_of(child).size() == 1);
  CHECK(descendants_of(grandchild).empty());
}

TEST_CASE("hundreds of descendants are all found, whichever piece of the directory they are in") {
  constexpr std::size_t kChildren = 300;
  std::vector<pid_t> children;
  for (std::size_t i = 0; i < kChildren; ++i) children.push_back(start_child([] { return pause(); }));
  const auto found = descendants_of(self());
  for (const pid_t child : children) CHECK(found.count(static_cast<std::uint32_t>(child)) == 1);
  CHECK(found.size() == kChildren);
  for (const pid_t child : children) kill(child, SIGKILL);
  for (const pid_t child : children) wait_for(child);
}

TEST_CASE("looking at the tree leaves no descriptor open") {
  const int before = open("/dev/null", O_RDONLY);
  ::close(before);
  const Family family;
  for (int i = 0; i < 10; ++i) CHECK(descendants_of(self()).size() == 2);
  const int after = open("/dev/null", O_RDONLY);
  ::close(after);
  CHECK(after == before);
}

TEST_CASE("a signal to all descendants reaches those that left the group, and not the guard") {
  // As the guard is: who loses its parent in the middle of this is its child then, and still found.
  REQUIRE(os::become_subreaper() == 0);
  Kin kin;
  kin.note_groups();
  Family family(true);
  kin.begin(static_cast<std::uint32_t>(family.child));
  kin.send_signal(SIGKILL);
  CHECK(wait_for(family.child) == -SIGKILL);
  // Reaped by its parent in that one's last moment, or by this process.
  for (int i = 0; i < 1000 && kill(family.grandchild, 0) == 0; ++i) {
    if (waitpid(family.grandchild, nullptr, WNOHANG) == 0) usleep(5000);
  }
  CHECK(kill(family.grandchild, 0) == -1);
  family.is_reaped = kill(family.grandchild, 0) == -1;
  prctl(PR_SET_CHILD_SUBREAPER, 0);
}

}  // namespace test_of_guard_tree
