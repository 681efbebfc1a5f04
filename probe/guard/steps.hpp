// The list of steps, as its file has it:
//
//   {"steps": [{"name": "install", "argv": ["npm", "ci"], "silenceBudget": "5m", "timeLimit": "20m"},
//              {"name": "test", "shell": "npm test"}]}
//
// silenceBudget: how long the step may make no progress (default: --max-age, or 5m). timeLimit: how long it may take
// (default: no limit). shell: run by /bin/sh -ec.
#pragma once

#include <span>

#include "../../native/shm_liveness/duration.hpp"
#include "../../native/shm_liveness/name.hpp"
#include "json_reader.hpp"

namespace shm_liveness::guard {

inline constexpr std::size_t kMostSteps = 256;
inline constexpr std::size_t kMostStepBytes = 256 * 1024;  // of the file

struct Step {
  std::string_view name{};
  char** argv = nullptr;  // ends with a null
  bool is_shell = false;
  std::uint64_t silence_budget_ns = 0;
  std::uint64_t time_limit_ns = 0;  // 0: none
};

struct Steps {
  Step list[kMostSteps];
  std::size_t count = 0;
};

namespace detail {

inline char** make_argv(Arena& arena, std::span<const std::string_view> words) {
  auto** argv = reinterpret_cast<char**>(arena.take((words.size() + 1) * sizeof(char*)));
  if (argv == nullptr) return nullptr;
  for (std::size_t i = 0; i < words.size(); ++i) argv[i] = const_cast<char*>(words[i].data());
  argv[words.size()] = nullptr;
  return argv;
}

class StepsReader {
 public:
  StepsReader(JsonReader& json, Arena& arena, Steps& steps, std::uint64_t default_silence_ns)
      : json_(json), arena_(arena), steps_(steps), default_silence_ns_(default_silence_ns) {}

  bool read() {
    bool any = false;
    const bool whole = json_.object([&](std::string_view key) {
      if (key != "steps" || any) return json_.fail("the file holds one key, \"steps\"");
      any = true;
      return json_.array([&] { return step(); });
    });
    if (!whole || !json_.end()) return false;
    return steps_.count != 0 || json_.fail("there are no steps");
  }
  // The step that is being read, from 1; 0: none yet.
  std::size_t position() const { return position_; }

 private:
  bool step() {
    ++position_;
    json_.next_is('{');  // so that a problem is on the step's own line
    if (steps_.count == kMostSteps) return json_.fail("more than 256 steps");
    Step& step = steps_.list[steps_.count];
    step = {};
    step.silence_budget_ns = default_silence_ns_;
    seen_ = 0;
    if (!json_.object([&](std::string_view key) { return member(step, key); })) return false;
    if (step.name.empty()) return json_.fail("\"name\" is missing");
    if (step.argv == nullptr) return json_.fail("\"argv\" or \"shell\" is missing");
    ++steps_.count;
    return true;
  }

  bool member(Step& step, std::string_view key) {
    constexpr char kKeys[] = "name\0argv\0shell\0silenceBudget\0timeLimit";
    std::size_t which = 0;
    while (which < 5 && key != nth_word(kKeys, which)) ++which;
    if (which == 5) return json_.fail("an unknown key: a step has name, argv or shell, silenceBudget, timeLimit");
    if ((seen_ & 1u << which) != 0) return json_.fail("a key is there twice");
    seen_ |= 1u << which;
    switch (which) {
      case 0:
        return name(step);
      case 1:
        return argv(step);
      case 2:
        return shell(step);
      case 3:
        return duration(step.silence_budget_ns, "\"silenceBudget\" is no duration (say \"5m\")");
      default:
        return duration(step.time_limit_ns, "\"timeLimit\" is no duration (say \"30m\")");
    }
  }

  bool name(Step& step) {
    if (!json_.string(step.name)) return false;
    return (!step.name.empty() && is_valid_text(step.name, kNameBytes)) ||
           json_.fail("\"name\" is no line of 1 to 63 bytes");
  }
  bool argv(Step& step) {
    if (step.argv != nullptr) return json_.fail("\"argv\" and \"shell\": one of them");
    constexpr std::size_t kMostWords = 1024;
    std::string_view words[kMostWords];
    std::size_t count = 0;
    const bool whole = json_.array([&] {
      if (count == kMostWords) return json_.fail("\"argv\" has more than 1024 words");
      return json_.string(words[count++]);
    });
    if (!whole) return false;
    if (count == 0 || words[0].empty()) return json_.fail("\"argv\" names no program");
    step.argv = make_argv(arena_, std::span(words, count));
    return step.argv != nullptr || json_.fail("too long");
  }
  bool shell(Step& step) {
    if (step.argv != nullptr) return json_.fail("\"argv\" and \"shell\": one of them");
    std::string_view line;
    if (!json_.string(line)) return false;
    const std::string_view words[] = {"/bin/sh", "-ec", line};
    step.argv = make_argv(arena_, words);
    step.is_shell = true;
    return step.argv != nullptr || json_.fail("too long");
  }
  bool duration(std::uint64_t& out, const char* problem) {
    std::string_view text;
    return json_.string(text) && ((parse_duration(text, out) && out != 0) || json_.fail(problem));
  }

  JsonReader& json_;
  Arena& arena_;
  Steps& steps_;
  std::uint64_t default_silence_ns_;
  std::size_t position_ = 0;
  unsigned seen_ = 0;
};

}  // namespace detail

// False: `problem` says what is wrong, and where.
inline bool parse_steps(std::string_view text, std::uint64_t default_silence_ns, Arena& arena, Steps& out,
                        Text& problem) {
  out.count = 0;
  JsonReader json(text, arena);
  detail::StepsReader reader(json, arena, out, default_silence_ns);
  if (reader.read()) return true;
  problem << "line " << json.line();
  if (reader.position() != 0) problem << ", step " << static_cast<std::uint64_t>(reader.position());
  problem << ": " << json.problem();
  return false;
}

}  // namespace shm_liveness::guard
