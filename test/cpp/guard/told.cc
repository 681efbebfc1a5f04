// What signals to the guard ask for, at times that are made up.
#include "guard/told.hpp"

#include <doctest/doctest.h>

#include "../facts.hpp"

namespace test_of_guard_told {

using namespace shm_liveness::made_up;
using shm_liveness::guard::Options;
using shm_liveness::guard::Told;
using Means = Told::Means;
namespace os = shm_liveness::os;

TEST_CASE("SIGTERM is a stop, and so is the stop signal that was named") {
  Options options;
  options.stop_signal = os::kQuit;
  for (const int signal : {os::kTerminate, os::kQuit}) {
    Told told(options, false);
    CHECK_FALSE(told.may_be_stopping());
    CHECK(told.hear(signal, kSecond, true) == Means::stop);
    CHECK(told.by() == signal);
    CHECK(told.may_be_stopping());
  }
  Told told(options, false);
  for (const int signal : {os::kInterrupt, os::kWindowChange, os::kHangUp, os::kUser1}) {
    CHECK(told.hear(signal, kSecond, true) == Means::pass_on);
    CHECK_FALSE(told.may_be_stopping());
  }
}

TEST_CASE("where nobody named one, what may be a stop is passed on, and is taken for one for 30 s") {
  const Options options;
  for (const int signal : {os::kInterrupt, os::kQuit, os::kWindowChange}) {
    Told told(options, false);
    CHECK(told.hear(signal, kSecond, true) == Means::pass_on);
    CHECK_FALSE(told.is_told());
    CHECK(told.may_be_stopping());
    CHECK(told.is_asked(30 * kSecond));
    CHECK_FALSE(told.is_asked(31 * kSecond));
    CHECK(told.may_be_stopping());  // nothing is started again, however late the command ends
    told.was_no_stop();
    CHECK_FALSE(told.may_be_stopping());
  }
}

TEST_CASE("a grace longer than 30 s is how long such a stop may take") {
  Options options;
  options.grace_ns = 90 * kSecond;
  Told told(options, false);
  told.hear(os::kQuit, kSecond, true);
  CHECK(told.is_asked(90 * kSecond));
  CHECK_FALSE(told.is_asked(91 * kSecond));
}

TEST_CASE("a command that ends after such a signal has ended by it") {
  const Options options;
  Told told(options, false);
  told.hear(os::kQuit, kSecond, true);
  told.command_ended(0, 2 * kSecond);
  CHECK(told.by() == os::kQuit);
  CHECK_FALSE(told.awaits_word(2 * kSecond));
}

TEST_CASE("steps are stopped by SIGINT and SIGQUIT at once, and a terminal that changes its size is none of that") {
  const Options options;
  for (const int signal : {os::kInterrupt, os::kQuit}) {
    Told told(options, true);
    CHECK(told.hear(signal, kSecond, true) == Means::stop);
  }
  Told told(options, true);
  CHECK(told.hear(os::kWindowChange, kSecond, true) == Means::pass_on);
  CHECK_FALSE(told.may_be_stopping());
}

TEST_CASE("the same signal within a second is an echo; another one, or a later one, counts") {
  const Options options;
  Told told(options, false);
  CHECK(told.hear(os::kTerminate, 10 * kSecond, true) == Means::stop);
  CHECK(told.hear(os::kTerminate, 10 * kSecond + 999 * kMs, false) == Means::nothing);
  CHECK(told.hear(os::kInterrupt, 10 * kSecond + 999 * kMs, false) == Means::stop);
  CHECK(told.hear(os::kTerminate, 11 * kSecond, false) == Means::stop);
}

TEST_CASE("a command that died of a stop signal may have got it before the guard: its word is awaited") {
  const Options options;
  Told told(options, false);
  told.command_ended(os::kTerminate, kSecond);
  CHECK(told.awaits_word(kSecond + 249 * kMs));
  CHECK_FALSE(told.awaits_word(kSecond + 250 * kMs));
  CHECK(told.hear(os::kTerminate, kSecond + 100 * kMs, false) == Means::stop);
  CHECK_FALSE(told.awaits_word(kSecond + 100 * kMs));
}

TEST_CASE("no word is awaited after an end by another signal, or by none, and Ctrl-C at a terminal is a stop") {
  const Options options;
  for (const int signal : {0, os::kAbort, os::kKill}) {
    Told told(options, false);
    told.command_ended(signal, kSecond);
    CHECK_FALSE(told.awaits_word(kSecond));
    CHECK_FALSE(told.is_told());
  }
  Told told(options, false);
  told.command_ended(os::kInterrupt, kSecond);
  CHECK(told.by() == os::kInterrupt);
}

}  // namespace test_of_guard_told
