#include <doctest/doctest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shm_liveness/kernel_place.hpp>
#include <string>
#include <thread>

#include "real.hpp"

namespace test_of_kernel_place {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

std::string said(const std::string& line) {
  char buffer[kKernelPlaceBytes];
  Text text(buffer);
  detail::TaskPath path({.pid = sys::process_id(), .tid = sys::thread_id()});
  detail::say_call(text, path, line);
  return std::string(text.view());
}

Task this_task() { return {sys::process_id(), sys::thread_id(), start_ticks("/proc/thread-self/stat")}; }

std::string place_of(const Task& task, char& state) {
  char buffer[kKernelPlaceBytes];
  Text text(buffer);
  state = say_kernel_place(text, task);
  return std::string(text.view());
}

}  // namespace

TEST_CASE("a call has its name, a descriptor its target, and what is unknown its number") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  char fd[16];
  std::snprintf(fd, sizeof fd, "0x%x", static_cast<unsigned>(ends[0]));
  const std::string rest = " 0x7f0000000000 0x20 0x0 0x0 0x0 0x7ffe6d835248 0x7f66294a72ad\n";
  CHECK(said(std::to_string(__NR_read) + " " + fd + rest)
            .starts_with("read of fd " + std::to_string(ends[0]) + " -> pipe:["));
  CHECK(said(std::to_string(__NR_read) + " 0xfffffff" + rest) == "read of fd 268435455");
  CHECK(said(std::to_string(__NR_wait4) + " 0xffffffff" + rest) == "wait4");
  CHECK(said("4000 0x1" + rest) == "system call 4000");
  // The same number means another call to a 32-bit program.
  CHECK(said(std::to_string(__NR_read) + " 0x3 0x1 0x20 0x0 0x0 0x0 0xffb1c2d0 0xf7f2d549\n") ==
        "system call " + std::to_string(__NR_read));
  close(ends[0]);
  close(ends[1]);
}

TEST_CASE("what is no such line is nothing that is believed") {
  for (const char* line : {"", "\n", "running\n", "-1 0x7ffe 0x7f66\n", "x", "99999999999999999999 0x1\n"}) {
    CHECK(said(line) == "waiting");
  }
  said("0");
  said("0 ");
  said("0 zz zz zz zz zz zz zzzzzzzzzzzz");
}

TEST_CASE("a thread that waits and one that runs are told apart") {
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  Task reader, spinner;
  std::atomic<int> known = 0;
  std::atomic<bool> done = false;
  std::thread reads([&] {
    reader = this_task();
    ++known;
    char byte;
    CHECK(read(ends[0], &byte, 1) == 1);
  });
  std::thread spins([&] {
    spinner = this_task();
    ++known;
    while (!done) {
    }
  });
  char state = 0;
  REQUIRE(eventually([&] { return known.load() == 2; }));
  CHECK(eventually(
      [&] { return place_of(reader, state).starts_with("read of fd " + std::to_string(ends[0]) + " -> pipe:["); }));
  CHECK(state == 'S');
  CHECK(eventually([&] { return place_of(spinner, state).starts_with("running in "); }));
  CHECK(state == 'R');
  ++reader.start_ticks;  // the number is another task's now
  CHECK(place_of(reader, state).empty());
  CHECK(state == '\0');
  done = true;
  spins.join();
  CHECK(write(ends[1], "x", 1) == 1);
  reads.join();
  CHECK(place_of(spinner, state).empty());
  CHECK(place_of({}, state).empty());
  close(ends[0]);
  close(ends[1]);
}

}  // namespace test_of_kernel_place
