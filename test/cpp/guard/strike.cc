// Handles of real processes, and signals to real groups.
#include "guard/strike.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include "../real.hpp"

namespace test_of_guard_strike {

using namespace shm_liveness;
using namespace shm_liveness::real;
using namespace shm_liveness::guard;

namespace {

std::uint32_t self() { return sys::process_id(); }

// Waits as a program does that knows nothing of signals: without doctest's handlers.
pid_t start_waiting() {
  return start_waiting_child([] { signal(SIGTERM, SIG_DFL); });
}

std::uint64_t ticks_of(pid_t pid) {
  Stat stat;
  return read_stat(static_cast<std::uint32_t>(pid), stat) ? stat.start_ticks : 0;
}
WorkerFacts worker_of(pid_t pid) {
  WorkerFacts worker;
  worker.pid = worker.tid = static_cast<std::uint32_t>(pid);
  worker.task_start_ticks = ticks_of(pid);
  return worker;
}
bool opens(const WorkerFacts& worker) {
  const int handle = open_worker(worker, self());
  if (handle >= 0) ::close(handle);
  return handle >= 0;
}

}  // namespace

TEST_CASE("a handle of a worker that is a child means that child") {
  const pid_t child = start_waiting();
  const int handle = open_worker(worker_of(child), self());
  REQUIRE(handle >= 0);
  CHECK_FALSE(has_ended(handle));
  CHECK(os::send_signal_by_descriptor(handle, SIGTERM) == 0);
  CHECK(wait_for(child) == -SIGTERM);
  CHECK(has_ended(handle));
  CHECK(os::send_signal_by_descriptor(handle, SIGTERM) == -ESRCH);
  ::close(handle);
}

TEST_CASE("a worker whose number was started at another time is not this worker") {
  const pid_t child = start_waiting();
  WorkerFacts worker = worker_of(child);
  REQUIRE(opens(worker));
  ++worker.task_start_ticks;
  CHECK_FALSE(opens(worker));
  worker.task_start_ticks -= 2;
  CHECK_FALSE(opens(worker));
  // Not known: nothing says that it is this one.
  worker.task_start_ticks = 0;
  CHECK_FALSE(opens(worker));
  kill_child(child);
}

TEST_CASE("a worker that is gone has no handle, nor one whose task is another's") {
  const pid_t child = start_waiting();
  const pid_t sibling = start_waiting();
  WorkerFacts mixed = worker_of(child);
  mixed.tid = static_cast<std::uint32_t>(sibling);
  CHECK_FALSE(opens(mixed));
  const WorkerFacts worker = worker_of(child);
  kill_child(child);
  CHECK_FALSE(opens(worker));
  WorkerFacts none = worker_of(sibling);
  none.pid = 0;
  CHECK_FALSE(opens(none));
  kill_child(sibling);
}

TEST_CASE("neither the guard itself nor a process that is none of its descendants is struck") {
  CHECK_FALSE(opens(worker_of(getpid())));
  const WorkerFacts parent = worker_of(getppid());
  REQUIRE(parent.task_start_ticks != 0);
  CHECK_FALSE(opens(parent));
}

TEST_CASE("a worker that is a thread of a child is found by its task, and struck by its process") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  static int into;
  into = ends[1];
  const pid_t child = start_child([] {
    pthread_t thread;
    const auto run = [](void*) -> void* {
      const std::uint32_t tid = sys::thread_id();
      if (write(into, &tid, sizeof tid) != sizeof tid) std::abort();
      pause();
      return nullptr;
    };
    if (pthread_create(&thread, nullptr, run, nullptr) != 0) return 1;
    return pause();
  });
  std::uint32_t tid = 0;
  REQUIRE(read(ends[0], &tid, sizeof tid) == sizeof tid);
  ::close(ends[0]);
  ::close(ends[1]);
  WorkerFacts worker;
  worker.pid = static_cast<std::uint32_t>(child);
  worker.tid = tid;
  worker.task_start_ticks =
      start_ticks(("/proc/" + std::to_string(child) + "/task/" + std::to_string(tid) + "/stat").c_str());
  REQUIRE(worker.task_start_ticks != 0);
  CHECK(opens(worker));
  kill_child(child);
}

TEST_CASE("a refused worker leaves no descriptor open") {
  const pid_t child = start_waiting();
  WorkerFacts worker = worker_of(child);
  ++worker.task_start_ticks;
  const int before = dup(0);
  ::close(before);
  for (int i = 0; i < 10; ++i) CHECK_FALSE(opens(worker));
  const int after = dup(0);
  ::close(after);
  CHECK(after == before);
  kill_child(child);
}

TEST_CASE("a signal to a group reaches each of it, also those that are stopped") {
  const pid_t leader = start_waiting();
  setpgid(leader, leader);
  const pid_t member = start_waiting();
  setpgid(member, leader);
  CHECK_FALSE(is_group_empty(leader));
  kill(member, SIGSTOP);
  int status = 0;
  REQUIRE(waitpid(member, &status, WUNTRACED) == member);
  REQUIRE(WIFSTOPPED(status));
  signal_group(leader, SIGTERM);
  CHECK(wait_for(leader) == -SIGTERM);
  CHECK(wait_for(member) == -SIGTERM);
  CHECK(is_group_empty(leader));
}

TEST_CASE("a process on its way out is told from one that lives, and from none") {
  const pid_t child = start_waiting();
  CHECK_FALSE(is_exiting(static_cast<std::uint32_t>(child)));
  CHECK_FALSE(is_exiting(self()));
  kill(child, SIGKILL);
  siginfo_t info;
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK(is_exiting(static_cast<std::uint32_t>(child)));
  wait_for(child);
  CHECK_FALSE(is_exiting(static_cast<std::uint32_t>(child)));
}

}  // namespace test_of_guard_strike
