// Whose a process is and what it has used, on real processes.
#include "guard/usage.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/prctl.h>

#include <ctime>
#include <set>

#include "../real.hpp"

namespace test_of_guard_usage {

using namespace shm_liveness;
using namespace shm_liveness::real;
using namespace shm_liveness::guard;

namespace {

// This process is the guard: orphans become its children.
struct Guarding {
  Guarding() { prctl(PR_SET_CHILD_SUBREAPER, 1); }
  ~Guarding() {
    for (const pid_t pid : started) kill(pid, SIGKILL);
    for (const pid_t pid : started) waitpid(pid, nullptr, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 0);
  }
  // A child in a group of its own, as the guard starts its command. It runs this, and then waits.
  template <class Run>
  pid_t start(Run&& run) {
    const pid_t pid = start_waiting_child([&] {
      setpgid(0, 0);
      run();
    });
    started.push_back(pid);
    return pid;
  }
  pid_t start() {
    return start([] {});
  }
  // What an orphan was left behind by: a process that ends at once. Returns once it has.
  pid_t orphan(bool with_session) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    wait_for(start_child([&] {
      start_child([&] {
        if (with_session) setsid();
        const pid_t self = getpid();
        if (write(ends[1], &self, sizeof self) != sizeof self) return 1;
        return pause();
      });
      return 0;
    }));
    pid_t pid = 0;
    if (read(ends[0], &pid, sizeof pid) != sizeof pid) std::abort();
    ::close(ends[0]);
    ::close(ends[1]);
    return pid;
  }
  // What a command leaves behind, by `leave`.
  template <class Leave>
  pid_t orphan_of_command(Leave&& leave, pid_t& command) {
    int ends[2];
    if (pipe(ends) != 0) std::abort();
    command = start([&] {
      const pid_t pid = leave();
      if (write(ends[1], &pid, sizeof pid) != sizeof pid) std::abort();
    });
    pid_t pid = 0;
    if (read(ends[0], &pid, sizeof pid) != sizeof pid) std::abort();
    ::close(ends[0]);
    ::close(ends[1]);
    started.push_back(pid);
    return pid;
  }

  std::vector<pid_t> started;
};

std::set<pid_t> of(const Kin& kin) {
  std::set<pid_t> found;
  CHECK(kin.for_each([&](std::uint32_t pid, const Stat&) { found.insert(static_cast<pid_t>(pid)); }));
  return found;
}

// A start is told by the tick (10 ms) in which it was.
void next_tick() { usleep(25'000); }

}  // namespace

TEST_CASE("the command's first process and its children are its processes") {
  Guarding guarding;
  Kin kin;
  kin.note_groups();
  pid_t child = 0;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  const pid_t first = guarding.start([&] {
    const pid_t pid = start_child([] { return pause(); });
    if (write(ends[1], &pid, sizeof pid) != sizeof pid) std::abort();
  });
  REQUIRE(read(ends[0], &child, sizeof child) == sizeof child);
  guarding.started.push_back(child);  // an orphan once its parent is killed
  ::close(ends[0]);
  ::close(ends[1]);
  kin.begin(static_cast<std::uint32_t>(first));
  CHECK(of(kin) == std::set<pid_t>{first, child});
}

TEST_CASE("orphans that the command leaves are its processes, in its group or in a session of their own") {
  for (const bool with_session : {false, true}) {
    CAPTURE(with_session);
    Guarding guarding;
    Kin kin;
    kin.note_groups();
    pid_t first = 0;
    const pid_t orphan = guarding.orphan_of_command([&] { return guarding.orphan(with_session); }, first);
    kin.begin(static_cast<std::uint32_t>(first));
    CHECK(of(kin) == std::set<pid_t>{first, orphan});
  }
}

TEST_CASE("what an earlier command left is not the next one's, and nor is what it starts or orphans later") {
  Guarding guarding;
  // Told by a byte, the leftover leaves an orphan and says its pid.
  int go[2];
  int said[2];
  REQUIRE(pipe(go) == 0);
  REQUIRE(pipe(said) == 0);
  const pid_t leftover = start_child([&] {
    setpgid(0, 0);
    char byte = 0;
    if (write(said[1], "!", 1) != 1 || read(go[0], &byte, 1) != 1) return 1;
    const pid_t pid = guarding.orphan(false);
    const pid_t child = start_child([] { return pause(); });
    if (write(said[1], &pid, sizeof pid) != sizeof pid || write(said[1], &child, sizeof child) != sizeof child)
      return 1;
    return pause();
  });
  guarding.started.push_back(leftover);
  char byte = 0;
  REQUIRE(read(said[0], &byte, 1) == 1);
  next_tick();
  Kin kin;
  kin.note_groups();
  const pid_t first = guarding.start();
  kin.begin(static_cast<std::uint32_t>(first));
  next_tick();
  REQUIRE(write(go[1], "!", 1) == 1);
  pid_t orphan = 0;
  pid_t child = 0;
  REQUIRE(read(said[0], &orphan, sizeof orphan) == sizeof orphan);
  REQUIRE(read(said[0], &child, sizeof child) == sizeof child);
  guarding.started.push_back(orphan);
  guarding.started.push_back(child);
  CHECK(of(kin) == std::set<pid_t>{first});
  for (const int fd : {go[0], go[1], said[0], said[1]}) ::close(fd);
}

TEST_CASE("what runs in the guard's own group is not the command's") {
  Guarding guarding;
  Kin kin;
  kin.note_groups();
  const pid_t first = guarding.start();
  kin.begin(static_cast<std::uint32_t>(first));
  const pid_t helper = start_waiting_child([] {});
  guarding.started.push_back(helper);
  CHECK(of(kin) == std::set<pid_t>{first});
}

TEST_CASE("the CPU that a child uses is in the sum, and stays there once its parent has reaped it") {
  Guarding guarding;
  Kin kin;
  kin.note_groups();
  const pid_t first = guarding.start([] {
    wait_for(start_child([] {
      while (clock() < 80 * (CLOCKS_PER_SEC / 1000)) continue;
      return 0;
    }));
  });
  kin.begin(static_cast<std::uint32_t>(first));
  const std::uint64_t now = boottime_ns() / kNsPerTick;
  Usage usage;
  REQUIRE(read_usage(kin, now, 0, false, usage));
  CHECK(usage.lasting == 1);
  CHECK(usage.cpu_ticks >= 7);
  CHECK(usage.own_cpu_ticks[0] <= 2);
  CHECK(usage.own_cpu_ticks[1] == 0);
  CHECK_FALSE(usage.io_known);
}

TEST_CASE("a process's own use is told from its children's, and counts if it began early enough") {
  Guarding guarding;
  Kin kin;
  kin.note_groups();
  const auto read_zeros = [](std::size_t bytes) {
    const int from = open("/dev/zero", O_RDONLY);
    std::string room(bytes, ' ');
    if (read(from, room.data(), bytes) != static_cast<ssize_t>(bytes)) std::abort();
    ::close(from);
  };
  const pid_t first = guarding.start([&] {
    while (clock() < 50 * (CLOCKS_PER_SEC / 1000)) continue;
    read_zeros(100'000);
    wait_for(start_child([&] {
      read_zeros(10'000'000);
      const int to = open("/dev/null", O_WRONLY);
      const std::string bytes(200'000, 'x');
      return write(to, bytes.data(), bytes.size()) == 200'000 ? 0 : 1;
    }));
  });
  kin.begin(static_cast<std::uint32_t>(first));
  Usage usage;
  const std::uint64_t now = boottime_ns() / kNsPerTick;
  REQUIRE(read_usage(kin, now, kin.since_ticks() - 1, true, usage));
  CHECK(usage.io_known);
  CHECK(usage.written_bytes >= 200'000);
  CHECK(usage.own_read_bytes[0] >= 100'000);
  CHECK(usage.own_read_bytes[0] < 10'000'000);
  CHECK(usage.own_cpu_ticks[0] >= 4);
  CHECK(usage.own_read_bytes[1] == 0);
  CHECK(usage.own_cpu_ticks[1] == 0);
  REQUIRE(read_usage(kin, now, kin.since_ticks(), true, usage));
  CHECK(usage.own_read_bytes[1] == usage.own_read_bytes[0]);
}

TEST_CASE("reading the use leaves no descriptor open") {
  const int before = open("/dev/null", O_RDONLY);
  ::close(before);
  Guarding guarding;
  Kin kin;
  const pid_t first = guarding.start();
  kin.begin(static_cast<std::uint32_t>(first));
  Usage usage;
  for (int i = 0; i < 10; ++i) CHECK(read_usage(kin, ~std::uint64_t(0), 0, true, usage));
  CHECK(usage.lasting == 1);
  const int after = open("/dev/null", O_RDONLY);
  ::close(after);
  CHECK(after == before);
}

}  // namespace test_of_guard_usage
