#include "stacks/places.hpp"

#include <doctest/doctest.h>

#include <string>

namespace test_of_stacks_places {

using namespace shm_liveness::addon::stacks;
using shm_liveness::Text;

namespace {

struct Stack {
  Capture capture;

  Stack() { capture.clear(); }
  Stack& add(std::string_view function, std::string_view script, std::uint32_t line, std::uint32_t column = 1) {
    Frame& frame = capture.frames[capture.frame_count++];
    frame = Frame{};
    frame.function = put(function);
    frame.script = static_cast<std::uint8_t>(capture.script_count);
    Script& to = capture.scripts[capture.script_count++];
    to = Script{};
    to.name = put(script);
    frame.line = line;
    frame.column = column;
    return *this;
  }
  Span put(std::string_view text) {
    const Span span{static_cast<std::uint16_t>(capture.used), static_cast<std::uint16_t>(text.size())};
    for (const char c : text) capture.pool[capture.used++] = c;
    return span;
  }
  std::string shown() const {
    const Selection selected = select_frames(capture);
    Place places[Selection::kMost];
    for (std::uint32_t i = 0; i < selected.count; ++i) {
      places[i] = place_of(capture, capture.frames[selected.frames[i]], "/app");
    }
    char buffer[shm_liveness::kFramesBytes];
    Text out(buffer);
    write_frames(out, places, selected.count);
    return std::string(out.view());
  }
};

std::string slow_place(const Place& place, std::string_view called) {
  char buffer[shm_liveness::kPlaceBytes];
  Text out(buffer);
  write_slow_place(out, place, called);
  CHECK_FALSE(out.overflowed());
  return std::string(out.view());
}

Place place(std::string_view function, std::string_view file, std::uint32_t line) {
  Place out;
  keep_text(out.function, function);
  keep_text(out.file, file);
  out.line = line;
  return out;
}

}  // namespace

TEST_CASE("the application's frames, the innermost first; Node's own are left out") {
  Stack stack;
  stack.add("readSync", "node:fs", 700)
      .add("load", "/app/src/load.js", 8, 3)
      .add("map", "", 0)
      .add("", "file:///app/main.js", 2, 1);
  stack.add("run", "node:internal/modules/run_main", 100);
  CHECK(stack.shown() == "load (src/load.js:8:3)\nmain.js:2:1");
  CHECK(node_call_of(stack.capture).depth == 1);
  CHECK(node_call_of(stack.capture).function == "readSync");
}

TEST_CASE("Node's frames, where nothing of the application is on the stack") {
  Stack stack;
  stack.add("listOnTimeout", "node:internal/timers", 581, 17);
  CHECK(stack.shown() == "listOnTimeout (node:internal/timers:581:17)");
  CHECK(node_call_of(stack.capture).depth == 0);
}

TEST_CASE("a recursion takes one line for each of its places in a row") {
  Stack stack;
  stack.add("spin", "/app/a.js", 1);
  for (int i = 0; i < 20; ++i) {
    Frame& frame = stack.capture.frames[stack.capture.frame_count++];
    if (i == 0) {
      --stack.capture.frame_count;
      stack.add("recurse", "/app/a.js", 4, 10);
    } else {
      frame = stack.capture.frames[1];
    }
  }
  CHECK(stack.shown() == "spin (a.js:1:1)\nrecurse (a.js:4:10)");
}

TEST_CASE("code of an eval is called so, and stands before the code that called eval") {
  Stack stack;
  stack.add("inner", "", 1, 22).add("eval", "", 1, 35).add("start", "/app/a.js", 17, 12);
  stack.capture.frames[0].is_eval = stack.capture.frames[1].is_eval = true;
  CHECK(stack.shown() == "inner (eval:1:22)\neval (eval:1:35)\nstart (a.js:17:12)");
}

TEST_CASE("a constructor is shown with new, and other names as they are") {
  Stack stack;
  stack.add("Camera", "/app/a.js", 3).add("handle\nthis", "evalmachine.<anonymous>", 2);
  stack.capture.frames[0].is_constructor = true;
  CHECK(stack.shown() == "new Camera (a.js:3:1)\nhandle?this (evalmachine.<anonymous>:2:1)");
}

TEST_CASE("only whole lines are written, as many as there is room for") {
  Stack stack;
  for (std::uint32_t i = 0; i < 12; ++i) stack.add(std::string(60, 'f'), "/elsewhere/a/file/of/some/depth.js", i + 1);
  const std::string shown = stack.shown();
  CHECK(shown.size() < shm_liveness::kFramesBytes);
  CHECK(shown.substr(shown.size() - 3) == ":1)");
}

TEST_CASE("a path of just the length that is shown keeps its last letter") {
  const std::string longest = std::string(kShownPathBytes - 3, 'x') + ".js";
  Stack stack;
  stack.add("spin", "/app/" + longest, 7);
  CHECK(stack.shown() == "spin (" + longest + ":7:1)");
}

TEST_CASE("a slow place is what was called, and where; the line is never cut off") {
  CHECK(slow_place(place("makeReport", "src/report.ts", 19), "gzipSync") == "gzipSync (report.ts:19)");
  CHECK(slow_place(place("spin", "src/report.ts", 19), "") == "spin (report.ts:19)");
  CHECK(slow_place(place("", "main.js", 7), "") == "main.js:7");
  const std::string longest = slow_place(place(std::string(63, 'f'), std::string(40, 'x'), 4'000'000'000), "");
  CHECK(longest.size() < shm_liveness::kPlaceBytes);
  CHECK(longest.substr(longest.size() - 12) == ":4000000000)");
}

}  // namespace test_of_stacks_places
