// The reader of JSON, against a list of texts that RFC 8259 calls valid and invalid, written after the manner of
// JSONTestSuite (nst/JSONTestSuite), and against the places that it names.
#include "guard/json_reader.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "random.hpp"

namespace test_of_guard_json_reader {

using namespace shm_liveness::guard;
using namespace std::string_view_literals;

namespace {

struct Reading {
  bool whole = false;
  std::string problem;
  std::size_t line = 0;
  std::string text;  // of the strings, one after the other, each with a bar behind it
};

// Any value of arrays, objects and strings, as deep as it goes.
bool any_value(JsonReader& json, std::string& out, int depth) {
  if (depth == 100) return json.fail("too deep");
  if (json.next_is('[')) return json.array([&] { return any_value(json, out, depth + 1); });
  if (json.next_is('{')) {
    return json.object([&](std::string_view key) {
      out += std::string(key) + "=";
      return any_value(json, out, depth + 1);
    });
  }
  std::string_view text;
  if (!json.string(text)) return false;
  // These become arguments of a command: a NUL behind each.
  if (text.data()[text.size()] != '\0') return json.fail("a string has no end");
  out += std::string(text) + "|";
  return true;
}

Reading read(std::string_view text, std::size_t arena_bytes = 1 << 16) {
  const Exact exact(text);
  const std::unique_ptr<char[]> memory(new char[arena_bytes]);
  Arena arena(memory.get(), arena_bytes);
  JsonReader json(exact.view(), arena);
  Reading reading;
  reading.whole = any_value(json, reading.text, 0) && json.end();
  reading.problem = json.problem() == nullptr ? "" : json.problem();
  reading.line = json.line();
  return reading;
}

}  // namespace

TEST_CASE("valid texts are read, and mean what they say") {
  struct Valid {
    std::string_view json;
    std::string_view text;
  };
  constexpr Valid kValid[] = {
      {"[]", ""},
      {"{}", ""},
      {" [ ] ", ""},
      {"\t{\r\n}\n", ""},
      {"\"\"", "|"},
      {"[\"a\"]", "a|"},
      {"[\"a\",\"b\"]", "a|b|"},
      {"[ \"a\" , \"b\" ]", "a|b|"},
      {"[[],[[]],{}]", ""},
      {"{\"a\":\"b\"}", "a=b|"},
      {"{\"a\" : \"b\" ,\n\"c\":[\"d\"]}", "a=b|c=d|"},
      {"{\"a\":\"b\",\"a\":\"c\"}", "a=b|a=c|"},
      {"{\"\":\"\"}", "=|"},
      {"[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"]", "\"\\/\b\f\n\r\t|"},
      {"[\"\\u0041\\u00e9\\u20ac\"]", "A\xc3\xa9\xe2\x82\xac|"},
      {"[\"\\u00E9\\u20AC\"]", "\xc3\xa9\xe2\x82\xac|"},
      {"[\"\\ud83d\\ude00\"]", "\xf0\x9f\x98\x80|"},
      {"[\"\\uD800\\uDC00\\udbff\\udfff\"]", "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf|"},
      {"[\"\\u0001\\u001f\\u007f\\u0080\\u07ff\\u0800\\uffff\"]",
       "\x01\x1f\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf|"},
      {"[\"\\ud7ff\\ue000\"]", "\xed\x9f\xbf\xee\x80\x80|"},
      {"[\"\\\\u0041\"]", "\\u0041|"},
      {"[\"\x7f\"]", "\x7f|"},
      {"[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"]", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80|"},
      {"[\"\xe2\x80\xa8\"]", "\xe2\x80\xa8|"},
      {"[\"/*\\u002f*/\"]", "/*/*/|"},
      {"[\"\xff\"]", "\xff|"},  // not UTF-8: RFC 8259 leaves it open, and an argument may be any bytes
  };
  for (const Valid& valid : kValid) {
    CAPTURE(std::string(valid.json));
    const Reading reading = read(valid.json);
    CHECK_MESSAGE(reading.whole, reading.problem);
    CHECK(reading.problem.empty());
    CHECK(reading.text == valid.text);
  }
}

TEST_CASE("invalid texts are refused, each with a reason") {
  constexpr std::string_view kInvalid[] = {"",
                                           " ",
                                           "[",
                                           "]",
                                           "{",
                                           "}",
                                           "[}",
                                           "{]",
                                           "[,]",
                                           "[\"a\",]",
                                           "[,\"a\"]",
                                           "[\"a\",,\"b\"]",
                                           "[\"a\" \"b\"]",
                                           "[\"a\"]]",
                                           "[\"a\"",
                                           "[\"a\",",
                                           "[\"a\"],",
                                           "[\"a\"]x",
                                           "[\"a\"]\"b\"",
                                           "{}}",
                                           "{\"a\"}",
                                           "{\"a\":}",
                                           "{:\"b\"}",
                                           "{\"a\":\"b\",}",
                                           "{\"a\":\"b\",,}",
                                           "{,}",
                                           "{\"a\"::\"b\"}",
                                           "{\"a\" \"b\"}",
                                           "{\"a\":\"b\"",
                                           "{\"a\":\"b\" \"c\":\"d\"}",
                                           "{'a':\"b\"}",
                                           "{a:\"b\"}",
                                           "{\"a\",\"b\"}",
                                           "{[\"a\"]:\"b\"}",
                                           "{\"a\"=\"b\"}",
                                           "['a']",
                                           "[a]",
                                           "\"",
                                           "\"a",
                                           "\"\\\"",
                                           "[\"a]",
                                           "[\"\\\"]",
                                           "[\"\\",
                                           "[\"\\u\"]",
                                           "[\"\\u00\"]",
                                           "[\"\\u004\"]",
                                           "[\"\\u004g\"]",
                                           "[\"\\u 041\"]",
                                           "[\"\\u+041\"]",
                                           "[\"\\U0041\"]",
                                           "[\"\\x41\"]",
                                           "[\"\\a\"]",
                                           "[\"\\'\"]",
                                           "[\"\\0\"]",
                                           "[\"\\ \"]",
                                           "[\"\\\n\"]",
                                           "[\"\\\xc3\xa9\"]",
                                           "[\"\\ud800\"]",
                                           "[\"\\ud800x\"]",
                                           "[\"\\ud800\\n\"]",
                                           "[\"\\ud800\\ud800\"]",
                                           "[\"\\ud800\\u0041\"]",
                                           "[\"\\ud800\\u\"]",
                                           "[\"\\ud800\\udc0\"]",
                                           "[\"\\udc00\"]",
                                           "[\"\\udfff\\ud800\"]",
                                           "[\"\t\"]",
                                           "[\"\n\"]",
                                           "[\"\r\"]",
                                           "[\"\x1f\"]",
                                           "[\"\0\"]"sv,
                                           "[\"a\0\"]"sv,
                                           "[\"\\u0000\"]",
                                           "[\0]"sv,
                                           "[]\0"sv,
                                           "\xef\xbb\xbf[]",
                                           "[\"a\"] // x",
                                           "/**/[]",
                                           "[\v]",
                                           "[\f]",
                                           "[\xc2\xa0]",
                                           "[\xe2\x81\xa0]",
                                           "<a>",
                                           "[#x\n]",
                                           "\xff",
                                           "[\"a\"]\x1a",
                                           "\xfe\xff\0["sv};
  for (const std::string_view invalid : kInvalid) {
    CAPTURE(std::string(invalid));
    const Reading reading = read(invalid);
    CHECK_FALSE(reading.whole);
    CHECK_FALSE(reading.problem.empty());
  }
}

TEST_CASE("the first problem is the one that is told") {
  CHECK(read("[\"a\"").problem == "a , or ] was expected");
  CHECK(read("{\"a\":\"b\"").problem == "a , or } was expected");
  CHECK(read("{\"a\"}").problem == "a : was expected");
  CHECK(read("[\"a").problem == "a string does not end");
  CHECK(read("[\"\t\"]").problem == "a control character in a string");
  CHECK(read("[\"\\q\"]").problem == "an unknown escape in a string");
  CHECK(read("[\"\\u12\"]").problem == "no four digits behind \\u");
  CHECK(read("[\"\\ud800\"]").problem == "half a surrogate pair");
  CHECK(read("[\"\\u0000\"]").problem == "a NUL in a string");
  CHECK(read("[]x").problem == "something follows the end");
  CHECK(read("[1]").problem == "a string was expected");
}

TEST_CASE("the line of a problem is the line that it is in") {
  CHECK(read("[1]").line == 1);
  CHECK(read("\n\n[1]").line == 3);
  CHECK(read("[\r\n1]").line == 2);
  CHECK(read("[\n\"a\",\n\"b\"\n\"c\"\n]").line == 4);
  CHECK(read("{\n\"a\":\n\n\"\\q\"}\n\n").line == 4);
  CHECK(read("[\"a\n\"]").line <= 2);
  CHECK(read("[]\n\nx").line == 3);
}

TEST_CASE("an arena gives what it has, aligned, and no more") {
  alignas(8) char memory[64];
  Arena arena(memory, sizeof memory);
  char* const first = arena.take(1);
  char* const second = arena.take(8);
  CHECK(first == memory);
  CHECK(second == memory + 8);
  CHECK(arena.take(49) == nullptr);
  CHECK(arena.take(48) == memory + 16);
  CHECK(arena.take(1) == nullptr);
  CHECK(arena.take(0) != nullptr);
}

TEST_CASE("a text for which the arena is too small is too long, at any size") {
  const std::string_view text = "{\"steps\":[\"a\",\"bcdefghijk\",{\"c\":\"\\u20ac\"}]}";
  REQUIRE(read(text).whole);
  std::size_t enough = 0;
  for (std::size_t bytes = 0; bytes < 200; ++bytes) {
    CAPTURE(bytes);
    const Reading reading = read(text, bytes);
    if (reading.whole) {
      enough = enough == 0 ? bytes : enough;
    } else {
      CHECK(reading.problem == "too long");
      CHECK(enough == 0);
    }
  }
  // Each string takes its bytes and a NUL, in eights.
  CHECK(enough == 8 + 8 + 16 + 8 + 8);
}

TEST_CASE("a decoded string is never longer than it was written") {
  Random random;
  constexpr std::string_view kPieces[] = {"a",        "\\n",  "\\u0041", "\\u20ac", "\\ud83d\\ude00",
                                          "\xc3\xa9", "\\\\", "\\\""};
  for (int i = 0; i < 2000; ++i) {
    std::string text = "\"";
    for (std::uint64_t n = random.below(50); n > 0; --n) text += random.one_of(kPieces);
    text += "\"";
    // Just as much as the string takes as it is written.
    const Reading reading = read(text, (text.size() - 2 + 1 + 7) / 8 * 8);
    CHECK_MESSAGE(reading.whole, text);
    CHECK(reading.text.size() <= text.size() - 2 + 1);
  }
}

TEST_CASE("whatever comes is read within its bounds and within the arena, and what is refused has a reason") {
  constexpr std::string_view kSeeds[] = {
      "{\"steps\": [{\"name\": \"install\", \"argv\": [\"npm\", \"ci\"], \"silenceBudget\": \"5m\"}]}",
      "[\"\\ud83d\\ude00\\n\\\"\\\\\", [], {}, {\"a\": [\"b\"]}]", "[[[[[[[[\"x\"]]]]]]]]", "\"\\u20ac\""};
  constexpr std::string_view kWords[] = {"\"", "\\", "\\u",  "\\ud800", "[",     "]",    "{",       "}",
                                         ",",  ":",  "\0"sv, "\n",      "\"a\"", "\\\"", "\\u0000", "\xff"};
  Random random;
  int wholes = 0;
  constexpr int kRounds = 100'000;
  for (int i = 0; i < kRounds; ++i) {
    const std::string text = random.mutant(kSeeds, kWords);
    const Reading reading = read(text, random.chance(20) ? random.below(256) : 4096);
    wholes += reading.whole ? 1 : 0;
    CHECK_MESSAGE(reading.whole == reading.problem.empty(), "round ", i);
    CHECK_MESSAGE(reading.line <= 1 + static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n')), "round ",
                  i);
  }
  CHECK(wholes > kRounds / 100);
  CHECK(wholes < kRounds / 2);
}

}  // namespace test_of_guard_json_reader
