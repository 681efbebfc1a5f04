#include <doctest/doctest.h>

#include <shm_liveness/duration.hpp>
#include <string>

using namespace shm_liveness;

// The vectors are those of test/vectors/durations.json, which lib/duration.ts is tested with too.
namespace {
struct Timed {
  std::string text;
  std::uint64_t ns;
};
const Timed kValid[] = {
#define VALID(text, ns) {text, ns},
#define INVALID(text)
#define SAID(ns, text)
#include "durations.inc"
#undef VALID
#undef INVALID
#undef SAID
};
const std::string kInvalid[] = {
#define VALID(text, ns)
#define INVALID(text) text,
#define SAID(ns, text)
#include "durations.inc"
#undef VALID
#undef INVALID
#undef SAID
};
const Timed kSaid[] = {
#define VALID(text, ns)
#define INVALID(text)
#define SAID(ns, text) {text, ns},
#include "durations.inc"
#undef VALID
#undef INVALID
#undef SAID
};
}  // namespace

TEST_CASE("each valid text is its nanoseconds") {
  for (const Timed& vector : kValid) {
    CAPTURE(vector.text);
    std::uint64_t ns = vector.ns + 1;
    CHECK(parse_duration(vector.text, ns));
    CHECK(ns == vector.ns);
  }
}

TEST_CASE("each invalid text is refused, and changes nothing") {
  for (const std::string& text : kInvalid) {
    CAPTURE(text);
    std::uint64_t ns = 42;
    CHECK_FALSE(parse_duration(text, ns));
    CHECK(ns == 42);
  }
}

TEST_CASE("text behind a NUL is not overlooked") {
  std::uint64_t ns = 0;
  CHECK_FALSE(parse_duration(std::string_view("1s\0", 3), ns));
  CHECK_FALSE(parse_duration(std::string_view("1s\0ms", 5), ns));
}

TEST_CASE("a duration is said in its largest readable unit") {
  for (const Timed& vector : kSaid) {
    char buffer[32];
    Text out(buffer);
    say_duration(out, vector.ns);
    CHECK(std::string(out.view()) == vector.text);
  }
}

TEST_CASE("even the longest duration that a damaged region can hold is said") {
  char buffer[32];
  Text out(buffer);
  say_duration(out, ~std::uint64_t(0));
  CHECK(std::string(out.view()) == "5124095h34m");
  CHECK_FALSE(out.overflowed());
}
