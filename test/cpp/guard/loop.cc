#include "guard/loop.hpp"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <functional>
#include <memory>
#include <set>
#include <vector>

namespace test_of_guard_loop {

using namespace shm_liveness;
using namespace shm_liveness::guard;

namespace {

// A pipe whose end for reading is waited for, and what is done when it is ready.
struct Piped {
  explicit Piped(Loop& loop) : loop_(loop) {
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    into = ends[1];
    source = {ends[0],
              [](void* self, std::uint32_t events) {
                auto* piped = static_cast<Piped*>(self);
                ++piped->calls;
                piped->events = events;
                if (piped->act) piped->act();
              },
              this, 0};
    REQUIRE(loop.add(source, os::kReadable) == 0);
  }
  Piped(const Piped&) = delete;
  Piped& operator=(const Piped&) = delete;
  ~Piped() {
    loop_.remove(source);
    if (into >= 0) ::close(into);
  }
  void fill() const { REQUIRE(write(into, "!", 1) == 1); }
  void drain() const {
    char byte;
    REQUIRE(read(source.fd, &byte, 1) == 1);
  }

  Source source;
  int into = -1;
  int calls = 0;
  std::uint32_t events = 0;
  std::function<void()> act;

 private:
  Loop& loop_;
};

struct OpenLoop : Loop {
  OpenLoop() : descriptor(open()) { REQUIRE(descriptor >= 0); }
  ~OpenLoop() { ::close(descriptor); }
  int descriptor;
};

}  // namespace

TEST_CASE("whoever is ready is called, and nobody else") {
  OpenLoop loop;
  Piped ready(loop);
  Piped silent(loop);
  loop.turn(0);
  CHECK(ready.calls == 0);
  ready.fill();
  loop.turn(0);
  CHECK(ready.calls == 1);
  CHECK((ready.events & os::kReadable) != 0);
  CHECK(silent.calls == 0);
}

TEST_CASE("what a handler leaves undone comes again in the next turn, and once in each") {
  OpenLoop loop;
  Piped piped(loop);
  piped.fill();
  piped.fill();
  for (int turn = 1; turn <= 3; ++turn) {
    loop.turn(0);
    CHECK(piped.calls == turn);
  }
  piped.drain();
  loop.turn(0);
  CHECK(piped.calls == 4);
  piped.drain();
  loop.turn(0);
  CHECK(piped.calls == 4);
}

TEST_CASE("the end of a pipe is told without being asked for") {
  OpenLoop loop;
  Piped piped(loop);
  loop.wait_for(piped.source, 0);
  piped.fill();
  loop.turn(0);
  CHECK(piped.calls == 0);
  ::close(piped.into);
  piped.into = -1;
  loop.turn(0);
  CHECK(piped.calls == 1);
  CHECK((piped.events & os::kHangUpEvent) != 0);
}

TEST_CASE("waiting for nothing leaves a source alone until it is waited for again") {
  OpenLoop loop;
  Piped piped(loop);
  piped.fill();
  loop.wait_for(piped.source, 0);
  loop.turn(0);
  CHECK(piped.calls == 0);
  loop.wait_for(piped.source, os::kReadable);
  loop.turn(0);
  CHECK(piped.calls == 1);
}

TEST_CASE("a source that is removed during a turn is not called in it any more") {
  // Both are ready, so whichever comes first removes the other.
  OpenLoop loop;
  Piped one(loop);
  Piped other(loop);
  one.act = [&] { loop.remove(other.source); };
  other.act = [&] { loop.remove(one.source); };
  one.fill();
  other.fill();
  loop.turn(0);
  CHECK(one.calls + other.calls == 1);
  CHECK((one.source.fd < 0) != (other.source.fd < 0));
  loop.turn(0);
  CHECK(one.calls + other.calls == 2);
}

TEST_CASE("a source that removes itself is closed and forgotten, and may be removed again") {
  OpenLoop loop;
  Piped piped(loop);
  const int fd = piped.source.fd;
  piped.act = [&] { loop.remove(piped.source); };
  piped.fill();
  loop.turn(0);
  loop.turn(0);
  CHECK(piped.calls == 1);
  CHECK(piped.source.fd == -1);
  CHECK(fcntl(fd, F_GETFD) == -1);
  // Its number may be another's by now.
  const int again = dup(0);
  loop.remove(piped.source);
  CHECK(fcntl(again, F_GETFD) != -1);
  ::close(again);
}

TEST_CASE("a source that is forgotten stays open, and is not called even in this turn") {
  OpenLoop loop;
  Piped one(loop);
  Piped other(loop);
  one.act = [&] { loop.forget(other.source); };
  other.act = [&] { loop.forget(one.source); };
  one.fill();
  other.fill();
  loop.turn(0);
  loop.turn(0);
  loop.turn(0);
  CHECK((one.calls == 0 || other.calls == 0));
  CHECK(one.calls + other.calls == 3);
  CHECK(fcntl(one.source.fd, F_GETFD) != -1);
  CHECK(fcntl(other.source.fd, F_GETFD) != -1);
}

TEST_CASE("a memory that is another source's by now gets no event of the one that was there") {
  OpenLoop loop;
  auto first = std::make_unique<Piped>(loop);
  Piped killer(loop);
  std::unique_ptr<Piped> second;
  first->fill();
  killer.fill();
  const auto replace = [&] {
    if (second) return;
    killer.drain();
    first.reset();
    second = std::make_unique<Piped>(loop);
  };
  killer.act = replace;
  loop.turn(0);
  loop.turn(0);
  REQUIRE(second);
  CHECK(second->calls == 0);
}

TEST_CASE("few are called in a turn, and all of them in turn, however many are always ready") {
  OpenLoop loop;
  std::vector<std::unique_ptr<Piped>> pipes;
  for (int i = 0; i < 100; ++i) {
    pipes.push_back(std::make_unique<Piped>(loop));
    pipes.back()->fill();
  }
  const auto total = [&] {
    int calls = 0;
    for (const auto& piped : pipes) calls += piped->calls;
    return calls;
  };
  int before = 0;
  for (int turn = 0; turn < 14; ++turn) {
    loop.turn(0);
    CHECK(total() - before <= 16);
    before = total();
  }
  for (const auto& piped : pipes) CHECK(piped->calls >= 1);
}

TEST_CASE("a turn in which nothing happens ends by its timeout, or by a signal") {
  OpenLoop loop;
  loop.turn(1);
  struct sigaction action = {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  alarm(1);
  // Without the signal the test's own time limit would end it.
  loop.turn(-1);
  CHECK(alarm(0) == 0);
}

TEST_CASE("what cannot be waited for is refused with the kernel's word") {
  OpenLoop loop;
  Source file{open("/etc/hostname", O_RDONLY), nullptr, nullptr, 0};
  Source closed{-1, nullptr, nullptr, 0};
  CHECK(loop.add(file, os::kReadable) == -EPERM);
  CHECK(loop.add(closed, os::kReadable) == -EBADF);
  ::close(file.fd);
}

}  // namespace test_of_guard_loop
