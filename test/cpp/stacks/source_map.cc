#include "stacks/source_map.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

namespace test_of_stacks_source_map {

using namespace shm_liveness::addon::stacks;
using shm_liveness::Text;

namespace {

struct Segment {
  std::uint32_t line, column;
  bool has_source;
  std::uint32_t source, original_line, original_column;
};

std::string encoded(std::int64_t value) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::uint64_t bits =
      value < 0 ? (static_cast<std::uint64_t>(-value) << 1) | 1 : static_cast<std::uint64_t>(value) << 1;
  std::string out;
  do {
    const std::uint64_t digit = (bits & 31) | (bits > 31 ? 32 : 0);
    out += kDigits[digit];
    bits >>= 5;
  } while (bits != 0);
  return out;
}

std::string mappings_of(const std::vector<Segment>& segments) {
  std::string out;
  Segment last{};
  for (const Segment& segment : segments) {
    if (segment.line != last.line) {
      out.append(segment.line - last.line, ';');
      last.column = 0;
    } else if (!out.empty() && out.back() != ';') {
      out += ',';
    }
    out += encoded(std::int64_t(segment.column) - last.column);
    last.line = segment.line;
    last.column = segment.column;
    if (!segment.has_source) continue;
    out += encoded(std::int64_t(segment.source) - last.source);
    out += encoded(std::int64_t(segment.original_line) - last.original_line);
    out += encoded(std::int64_t(segment.original_column) - last.original_column);
    last = segment;
  }
  return out;
}

Question asked(std::string_view mappings, std::uint32_t line, std::uint32_t column) {
  Question question;
  question.line = line;
  question.column = column;
  resolve(mappings, &question, 1, [] { return true; });
  return question;
}

std::string nth(std::string_view list, std::uint32_t n) {
  char buffer[64];
  Text out(buffer);
  return nth_string(list, n, out) ? std::string(out.view()) : "none";
}

constexpr auto kAlways = [] { return true; };

}  // namespace

TEST_CASE("a map's fields are found, whatever stands between them") {
  MapText map;
  REQUIRE(read_map(R"({"version":3,"file":"x.js","sourceRoot":"","sources":["a\"].ts"],"x":{"mappings":"no","y":[1,{}]},
    "sourcesContent":["const a = '}],\"mappings\":\"';", null],"names":[],"mappings":"AAAA"})",
                   map));
  CHECK(map.mappings == "AAAA");
  CHECK(map.sources == R"(["a\"].ts"])");
  CHECK(nth(map.sources, 0) == R"(a"].ts)");
}

TEST_CASE("what is no map is refused") {
  for (const std::string_view text : {"", "[]", "{", "{}", R"({"mappings":"AAAA"})", R"({"mappings":)",
                                      R"({"sources":["a"],"mappings":""})", R"({"mappings)", R"("\)"}) {
    CAPTURE(text);
    MapText map;
    CHECK_FALSE(read_map(text, map));
  }
}

TEST_CASE("strings of a list: the n-th, decoded; none behind the end, and none for null") {
  constexpr std::string_view kList = R"([ "../src/a.ts" , null,"b\/c\\d", "\u0041x" ])";
  CHECK(nth(kList, 0) == "../src/a.ts");
  CHECK(nth(kList, 1) == "none");
  CHECK(nth(kList, 2) == R"(b/c\d)");
  CHECK(nth(kList, 3) == "?x");
  CHECK(nth(kList, 4) == "none");
  CHECK(nth("", 0) == "none");
}

TEST_CASE("a place is that of the last segment before it in its line") {
  const std::string mappings = mappings_of({{0, 0, true, 0, 0, 0}, {0, 10, true, 1, 7, 3}, {2, 4, true, 0, 20, 1}});
  CHECK(asked(mappings, 0, 9).original_line == 0);
  CHECK(asked(mappings, 0, 10).original_line == 7);
  CHECK(asked(mappings, 0, 10).source == 1);
  CHECK(asked(mappings, 0, 99).original_column == 3);
  CHECK(asked(mappings, 2, 5).original_line == 20);
  CHECK_FALSE(asked(mappings, 2, 3).is_answered);
  CHECK_FALSE(asked(mappings, 1, 5).is_answered);
  CHECK_FALSE(asked(mappings, 9, 5).is_answered);
}

TEST_CASE("code that nobody wrote has no place") {
  const std::string mappings = mappings_of({{0, 0, true, 0, 5, 0}, {0, 10, false, 0, 0, 0}});
  CHECK(asked(mappings, 0, 5).is_answered);
  CHECK_FALSE(asked(mappings, 0, 15).is_answered);
}

TEST_CASE("random maps: the answers are those of a look at each segment") {
  std::mt19937 random(7);
  const auto below = [&](std::uint32_t n) { return static_cast<std::uint32_t>(random() % n); };
  for (int round = 0; round < 200; ++round) {
    std::vector<Segment> segments;
    for (std::uint32_t line = 0, column = 0; line < 30; line += below(3), column = 0) {
      for (std::uint32_t i = below(6); i > 0; --i, column += 1 + below(90)) {
        segments.push_back({line, column, below(8) != 0, below(4), below(100000), below(300)});
      }
      if (below(3) == 0) ++line;
    }
    const std::string mappings = mappings_of(segments);
    std::vector<Question> questions(12);
    for (Question& question : questions) question.line = below(32), question.column = below(400);
    resolve(mappings, questions.data(), questions.size(), kAlways);
    for (const Question& question : questions) {
      const Segment* best = nullptr;
      for (const Segment& segment : segments) {
        if (segment.line == question.line && segment.column <= question.column) best = &segment;
      }
      REQUIRE(question.is_answered == (best != nullptr && best->has_source));
      if (!question.is_answered) continue;
      CHECK(question.source == best->source);
      CHECK(question.original_line == best->original_line);
      CHECK(question.original_column == best->original_column);
    }
  }
}

TEST_CASE("broken mappings answer nothing of the line that is broken") {
  for (const std::string_view broken : {"!", "AAAA,g", "AAAA,AAAAAA", "AAAA,D", "AAAA,ggggggggg", "AAAA,AAAA,AADA"}) {
    CAPTURE(broken);
    CHECK_FALSE(asked(broken, 0, 5).is_answered);
    CHECK(asked(std::string("AAAA;") + std::string(broken), 0, 5).is_answered);
  }
}

TEST_CASE("work that is ended early leaves questions open") {
  std::vector<Segment> segments;
  for (std::uint32_t i = 0; i < 10'000; ++i) segments.push_back({0, i, true, 0, i, 0});
  const std::string mappings = mappings_of(segments);
  Question question;
  question.column = 9'999;
  resolve(mappings, &question, 1, [] { return false; });
  CHECK_FALSE(question.is_answered);
  resolve(mappings, &question, 1, kAlways);
  CHECK(question.original_line == 9'999);
}

TEST_CASE("random bytes do no harm") {
  std::mt19937 random(11);
  constexpr std::string_view kAlphabet = "AACDg/;,\"\\[]{}:mappingssources0 ";
  for (int round = 0; round < 20'000; ++round) {
    std::string text;
    for (auto left = random() % 40; left > 0; --left) text += kAlphabet[random() % kAlphabet.size()];
    MapText map;
    read_map(text, map);
    nth(text, static_cast<std::uint32_t>(random() % 4));
    asked(text, static_cast<std::uint32_t>(random() % 3), 9);
    decode_base64(text.data(), text.size());
  }
}

TEST_CASE("base64 is decoded in place") {
  for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"Zg==", "f"}, {"Zm8=", "fo"}, {"Zm9v", "foo"}, {"Zm9vYmFy\n// more", "foobar"}}) {
    std::string text = from;
    text.resize(decode_base64(text.data(), text.size()));
    CHECK(text == to);
  }
}

}  // namespace test_of_stacks_source_map
