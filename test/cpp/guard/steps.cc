#include "guard/steps.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <vector>

#include "guard/parts.hpp"
#include "random.hpp"

namespace test_of_guard_steps {

using namespace shm_liveness;
using namespace shm_liveness::guard;
using namespace std::string_view_literals;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kDefaultSilence = 300 * kSecond;

struct Read {
  bool whole = false;
  std::string problem;
  std::unique_ptr<Steps> steps = std::make_unique<Steps>();
  std::unique_ptr<char[]> memory;

  const Step& operator[](std::size_t index) const { return steps->list[index]; }
};

Read read(std::string_view text, std::size_t arena_bytes = 1 << 20) {
  const Exact exact(text);
  Read read;
  read.memory.reset(new char[arena_bytes]);
  Arena arena(read.memory.get(), arena_bytes);
  char buffer[256];
  Text problem(buffer);
  read.whole = parse_steps(exact.view(), kDefaultSilence, arena, *read.steps, problem);
  read.problem = problem.view();
  return read;
}
// A file with one step, of these members.
Read read_step(std::string_view members) { return read("{\"steps\": [{" + std::string(members) + "}]}"); }

std::vector<std::string> words_of(const Step& step) {
  std::vector<std::string> words;
  for (char** word = step.argv; *word != nullptr; ++word) words.emplace_back(*word);
  return words;
}

}  // namespace

TEST_CASE("a file is a list of steps, each with a name, words, a budget of silence and a time limit") {
  const Read file = read(R"({"steps": [
    {"name": "install", "argv": ["npm", "ci", ""], "silenceBudget": "5m", "timeLimit": "20m"},
    {"timeLimit": "1.5s", "shell": "npm test | tee \"log\"", "name": "test it"}
  ]}
)");
  REQUIRE_MESSAGE(file.whole, file.problem);
  CHECK(file.problem.empty());
  REQUIRE(file.steps->count == 2);
  CHECK(file[0].name == "install");
  CHECK(words_of(file[0]) == std::vector<std::string>{"npm", "ci", ""});
  CHECK_FALSE(file[0].is_shell);
  CHECK(file[0].silence_budget_ns == 300 * kSecond);
  CHECK(file[0].time_limit_ns == 1200 * kSecond);
  CHECK(file[1].name == "test it");
  CHECK(words_of(file[1]) == std::vector<std::string>{"/bin/sh", "-ec", "npm test | tee \"log\""});
  CHECK(file[1].is_shell);
  CHECK(file[1].silence_budget_ns == kDefaultSilence);
  CHECK(file[1].time_limit_ns == 3 * kSecond / 2);
}

TEST_CASE("without limits a step has the default budget of silence and as long as it likes") {
  const Read file = read_step(R"("name": "a", "argv": ["true"])");
  REQUIRE(file.whole);
  CHECK(file[0].silence_budget_ns == kDefaultSilence);
  CHECK(file[0].time_limit_ns == 0);
}

TEST_CASE("escapes in keys, names and words are read as what they mean") {
  const Read file = read_step(R"("n\u0061me": "\u00fcber\ud83d\ude00", "argv": ["\u002fbin\/true", "\t\n"])");
  REQUIRE_MESSAGE(file.whole, file.problem);
  CHECK(file[0].name ==
        "\xc3\xbc"
        "ber\xf0\x9f\x98\x80");
  CHECK(words_of(file[0]) == std::vector<std::string>{"/bin/true", "\t\n"});
}

TEST_CASE("each mistake is told with its line, its step and its reason") {
  const auto problem_of = [](std::string_view text) {
    const Read file = read(text);
    CAPTURE(std::string(text));
    CHECK_FALSE(file.whole);
    return file.problem;
  };
  const auto problem_in = [&](std::string_view members) {
    return problem_of("{\"steps\":[{" + std::string(members) + "}]}");
  };
  CHECK(problem_of("") == "line 1: a { was expected");
  CHECK(problem_of("[]") == "line 1: a { was expected");
  CHECK(problem_of("\xef\xbb\xbf{}") == "line 1: a { was expected");
  CHECK(problem_of("{}") == "line 1: there are no steps");
  CHECK(problem_of("{\"steps\":[]}") == "line 1: there are no steps");
  CHECK(problem_of("{\"steps\":{}}") == "line 1: a [ was expected");
  CHECK(problem_of("{\n\"step\":[]}") == "line 2: the file holds one key, \"steps\"");
  CHECK(problem_of("{\"steps\":[{\"name\":\"a\",\"argv\":[\"a\"]}],\"steps\":[]}") ==
        "line 1, step 1: the file holds one key, \"steps\"");
  CHECK(problem_of("{\"steps\":[\n{\"name\":\"a\",\"argv\":[\"a\"]},\n{\"name\":\"b\"}]}") ==
        "line 3, step 2: \"argv\" or \"shell\" is missing");
  CHECK(problem_of("{\"steps\":[{\"name\":\"a\",\"argv\":[\"a\"]},]}") == "line 1, step 2: a { was expected");
  CHECK(problem_of("{\"steps\":[{\"name\":\"a\",\"argv\":[\"a\"]}]}\nx") ==
        "line 2, step 1: something follows the end");
  CHECK(problem_in("") == "line 1, step 1: \"name\" is missing");
  CHECK(problem_in("\"argv\":[\"a\"]") == "line 1, step 1: \"name\" is missing");
  CHECK(problem_in("\"name\":\"\"") == "line 1, step 1: \"name\" is no line of 1 to 63 bytes");
  CHECK(problem_in("\"name\":\"a\\nb\"") == "line 1, step 1: \"name\" is no line of 1 to 63 bytes");
  CHECK(problem_in("\"name\":\"" + std::string(64, 'a') + "\"") ==
        "line 1, step 1: \"name\" is no line of 1 to 63 bytes");
  CHECK(problem_in("\"name\":17") == "line 1, step 1: a string was expected");
  CHECK(problem_in("\"name\":\"a\",\"name\":\"b\"") == "line 1, step 1: a key is there twice");
  CHECK(problem_in("\"Name\":\"a\"") ==
        "line 1, step 1: an unknown key: a step has name, argv or shell, silenceBudget, timeLimit");
  CHECK(problem_in("\"\":\"a\"").ends_with("an unknown key: a step has name, argv or shell, silenceBudget, timeLimit"));
  CHECK(problem_in("\"argv\":[]") == "line 1, step 1: \"argv\" names no program");
  CHECK(problem_in("\"argv\":[\"\",\"a\"]") == "line 1, step 1: \"argv\" names no program");
  CHECK(problem_in("\"argv\":\"a\"") == "line 1, step 1: a [ was expected");
  CHECK(problem_in("\"argv\":[\"a\",1]") == "line 1, step 1: a string was expected");
  CHECK(problem_in("\"argv\":[\"a\\u0000\"]") == "line 1, step 1: a NUL in a string");
  CHECK(problem_in("\"argv\":[\"a\"],\"shell\":\"a\"") == "line 1, step 1: \"argv\" and \"shell\": one of them");
  CHECK(problem_in("\"shell\":\"a\",\"argv\":[\"a\"]") == "line 1, step 1: \"argv\" and \"shell\": one of them");
  for (const std::string_view duration : {"", "0", "0s", "5", "-1s", "1x", "367h1y", "9000h"}) {
    CAPTURE(std::string(duration));
    CHECK(problem_in("\"silenceBudget\":\"" + std::string(duration) + "\"") ==
          "line 1, step 1: \"silenceBudget\" is no duration (say \"5m\")");
    CHECK(problem_in("\"timeLimit\":\"" + std::string(duration) + "\"") ==
          "line 1, step 1: \"timeLimit\" is no duration (say \"30m\")");
  }
  CHECK(problem_in("\"timeLimit\":null") == "line 1, step 1: a string was expected");
}

TEST_CASE("a name of 63 bytes, 256 steps and 1024 words will do, and no more") {
  CHECK(read_step("\"argv\":[\"a\"],\"name\":\"" + std::string(63, 'a') + "\"").whole);
  const auto repeated = [](std::string_view what, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += (i == 0 ? "" : ",") + std::string(what);
    return text;
  };
  const std::string_view step = "{\"name\":\"a\",\"argv\":[\"a\"]}";
  CHECK(read("{\"steps\":[" + repeated(step, 256) + "]}").steps->count == 256);
  CHECK(read("{\"steps\":[" + repeated(step, 257) + "]}").problem == "line 1, step 257: more than 256 steps");
  const Read most = read_step("\"name\":\"a\",\"argv\":[" + repeated("\"w\"", 1024) + "]");
  REQUIRE_MESSAGE(most.whole, most.problem);
  CHECK(words_of(most[0]).size() == 1024);
  CHECK(read_step("\"name\":\"a\",\"argv\":[" + repeated("\"w\"", 1025) + "]").problem ==
        "line 1, step 1: \"argv\" has more than 1024 words");
}

TEST_CASE("the largest file that is read fits the arena that the guard has for it") {
  // The most that can be said in 256 KiB: words of no bytes, each of which takes eight and a pointer.
  std::string text = "{\"steps\":[";
  for (int step = 0; step < 84; ++step) {
    text += step == 0 ? "" : ",";
    text += "{\"name\":\"a\",\"argv\":[\"a\"";
    for (int word = 1; word < 1024; ++word) text += ",\"\"";
    text += "]}";
  }
  text += "]}";
  REQUIRE(text.size() <= kMostStepBytes);
  REQUIRE(text.size() > kMostStepBytes * 95 / 100);
  const Read file = read(text, sizeof(Rooms::arena));
  CHECK_MESSAGE(file.whole, file.problem);
}

TEST_CASE("a file for which the arena is too small is too long, at any size") {
  const std::string_view text = R"({"steps":[{"name":"a","argv":["a","bcdefghijkl"]},{"name":"b","shell":"c"}]})";
  bool fitted = false;
  for (std::size_t bytes = 0; bytes < 400; bytes += 4) {
    CAPTURE(bytes);
    const Read file = read(text, bytes);
    CHECK((file.whole || !fitted));
    fitted = file.whole;
    if (!file.whole) CHECK(file.problem.ends_with(": too long"));
  }
  CHECK(fitted);
}

TEST_CASE("no beginning of a file is a file") {
  const std::string_view text = R"({"steps": [{"name": "a", "argv": ["a", "\u20ac"], "timeLimit": "1m"}]})";
  REQUIRE(read(text).whole);
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
    CAPTURE(bytes);
    const Read file = read(text.substr(0, bytes));
    CHECK_FALSE(file.whole);
    CHECK(file.problem.starts_with("line 1"));
  }
}

TEST_CASE("whatever comes, either it is whole and each step can be run, or there is a reason") {
  constexpr std::string_view kSeeds[] = {
      R"({"steps": [{"name": "install", "argv": ["npm", "ci"], "silenceBudget": "5m", "timeLimit": "20m"}]})",
      R"({"steps": [{"name": "a", "shell": "x"}, {"name": "b\u20ac", "argv": ["\ud83d\ude00"]}]})", R"({"steps": []})"};
  constexpr std::string_view kWords[] = {"\"",
                                         "\\",
                                         "[",
                                         "]",
                                         "{",
                                         "}",
                                         ",",
                                         ":",
                                         "\"name\"",
                                         "\"argv\":",
                                         "\"a\"",
                                         "\\u0041",
                                         "\"shell\":\"x\",",
                                         "\0"sv,
                                         "\n",
                                         "{\"name\":\"a\",\"argv\":[\"a\"]},"};
  Random random;
  int wholes = 0;
  constexpr int kRounds = 100'000;
  const auto steps = std::make_unique<Steps>();
  for (int i = 0; i < kRounds; ++i) {
    const Exact text(random.mutant(kSeeds, kWords));
    const std::size_t bytes = random.chance(20) ? random.below(300) : 4096;
    const std::unique_ptr<char[]> memory(new char[bytes]);
    Arena arena(memory.get(), bytes);
    char buffer[256];
    Text problem(buffer);
    const bool whole = parse_steps(text.view(), kDefaultSilence, arena, *steps, problem);
    CHECK_MESSAGE(whole == problem.view().empty(), "round ", i);
    CHECK_MESSAGE(!problem.overflowed(), "round ", i);
    if (!whole) continue;
    ++wholes;
    CHECK_MESSAGE((steps->count > 0 && steps->count <= kMostSteps), "round ", i);
    for (const Step& step : std::span(steps->list, steps->count)) {
      CHECK_MESSAGE((!step.name.empty() && step.name.size() < kNameBytes), "round ", i);
      CHECK_MESSAGE((step.silence_budget_ns != 0 && step.argv[0][0] != '\0'), "round ", i);
      for (char** word = step.argv; *word != nullptr; ++word) {
        CHECK_MESSAGE((*word >= memory.get() || step.is_shell), "round ", i);
      }
    }
  }
  CHECK(wholes > kRounds / 200);
  CHECK(wholes < kRounds * 9 / 10);
}

}  // namespace test_of_guard_steps
