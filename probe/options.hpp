// The command line as one table: flag, environment variable, value, help. A flag beats its variable.
#pragma once

#include "../native/shm_liveness/duration.hpp"
#include "../native/shm_liveness/verdict.hpp"
#include "start.hpp"

namespace shm_liveness::program {

enum class Mode : std::uint8_t { check, self_test, install, version, help };
enum class Output : std::uint8_t { line, json, verbose };

struct Options {
  Mode mode = Mode::check;
  Output output = Output::line;
  Policy policy;
  std::string_view directory = kDefaultDirectory;
  Place places[kMaxRegions];  // the regions to look at
  std::size_t region_count = 0;
  std::string_view termination_log;  // empty: none
  std::string_view install_directory;
  bool allow_disk = false;
};

enum class Flag : std::uint8_t {
  region,
  check,
  expect,
  min,
  max_age,
  startup_grace,
  dead_grace,
  cycle_window,
  confirm,
  termination_log,
  json,
  verbose,
  directory,
  allow_disk,
  self_test,
  install,
  version,
  help,
  count
};
enum class Value : std::uint8_t { none, required, optional };

struct Row {
  const char* words;  // flag, placeholder, help
  Value value;
  bool has_variable;  // SHM_LIVENESS_ and the flag in capitals

  const char* flag() const { return words; }
  const char* placeholder() const { return nth_word(words, 1); }
  const char* help() const { return nth_word(words, 2); }
};

// clang-format off
inline constexpr Row kRows[] = {
    {"region\0" "NAME,...\0" "regions to check (default: default)", Value::required, true},
    {"check\0" "WHICH\0" "liveness, readiness or startup (default: liveness)", Value::required, true},
    {"expect\0" "A,B\0" "workers that must be there and pass", Value::required, true},
    {"min\0" "N\0" "N passing workers will do, and no fewer (default: all)", Value::required, true},
    {"max-age\0" "DUR\0" "how old a beat may be (default: as the worker said)", Value::required, true},
    {"startup-grace\0" "DUR\0" "how long liveness waits for a beat (default: 60s)", Value::required, true},
    {"dead-grace\0" "DUR\0" "how long liveness forgives a death", Value::required, true},
    {"cycle-window\0" "DUR\0" "unready so long after a late cycle", Value::required, true},
    {"confirm\0" "DUR\0" "how long to wait for a beat before saying stalled\n"
     "(default: max age, 50ms to 300ms)", Value::required, true},
    {"termination-log\0" "PATH\0" "write the line of a failed liveness or startup there\n"
     "(default: /dev/termination-log)", Value::optional, true},
    {"json\0" "\0" "print verdict and workers as JSON", Value::none, true},
    {"verbose\0" "\0" "print a line for each worker", Value::none, true},
    {"dir\0" "DIR\0" "where regions are (default: /dev/shm)", Value::required, true},
    {"allow-disk\0" "\0" "accept a region that is not on tmpfs", Value::none, true},
    {"self-test\0" "\0" "try what a probe needs here", Value::none, false},
    {"install\0" "DIR\0" "copy the executables there, test the copy", Value::required, false},
    {"version\0" "\0" "print the version", Value::none, false},
    {"help\0" "\0" "print this", Value::none, false},
};
// clang-format on
static_assert(sizeof(kRows) / sizeof(kRows[0]) == static_cast<std::size_t>(Flag::count));

// Where a value came from, for messages: "--dead-grace" or "SHM_LIVENESS_DEAD_GRACE".
struct Source {
  const Row& row;
  bool from_variable;
};

inline constexpr char kVariablePrefix[] = "SHM_LIVENESS_";

constexpr char in_capitals(char c) { return c == '-' ? '_' : c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; }

inline Text& operator<<(Text& out, const Source& source) {
  if (!source.from_variable) return out << "--" << source.row.flag();
  out << kVariablePrefix;
  for (const char* c = source.row.flag(); *c != '\0'; ++c) out << in_capitals(*c);
  return out;
}

// What follows the '=' of "DEAD_GRACE=5s" for the flag "dead-grace"; null if it is another variable.
inline const char* value_of_variable(const char* entry, const char* flag) {
  while (*flag != '\0' && *entry == in_capitals(*flag)) ++entry, ++flag;
  return *flag == '\0' && *entry == '=' ? entry + 1 : nullptr;
}

class Parser {
 public:
  Parser(const Start& start, Options& options, Text& problem) : start_(start), options_(options), problem_(problem) {}

  // False: the problem says what is wrong.
  bool parse() {
    for (int i = 1; i < start_.argc; ++i) {
      if (!parse_argument(i)) return false;
    }
    // Once through the environment, not once per flag: with fifty variables that was a tenth of a probe's time.
    const bool asks = options_.mode == Mode::check || options_.mode == Mode::self_test;
    for (char** entry = start_.environment; asks && *entry != nullptr; ++entry) {
      if (!parse_variable(*entry)) return false;
    }
    if (options_.region_count == 0) options_.region_count = 1;  // the one named default
    for (Place& place : options_.places) {
      place.directory = options_.directory;
      place.allow_disk = options_.allow_disk;
    }
    return check_contradictions();
  }

 private:
  bool parse_argument(int& i) {
    const std::string_view argument(start_.argv[i]);
    const std::string_view name = head(argument, argument.find('='));
    for (std::size_t f = 0; f < static_cast<std::size_t>(Flag::count); ++f) {
      const Row& row = kRows[f];
      if (!name.starts_with("--") || tail(name, 2) != row.flag()) continue;
      const Source source{row, false};
      if (seen_[f] && static_cast<Flag>(f) != Flag::region) return complain(source, "is given twice");
      seen_[f] = true;
      std::string_view value = tail(argument, name.size() + 1);
      if (name.size() != argument.size()) {
        if (row.value == Value::none) return complain(source, "takes no value");
        if (value.empty()) return complain(source, "needs a value");
      } else if (row.value == Value::required) {
        value = i + 1 < start_.argc ? start_.argv[++i] : "";
        if (value.empty()) return complain(source, "needs a value");
      }
      return apply(static_cast<Flag>(f), value, source);
    }
    (problem_ << "unknown argument \"").printable(argument) << "\"; see --help";
    return false;
  }

  bool parse_variable(const char* entry) {
    const char* prefix = kVariablePrefix;
    while (*prefix != '\0' && *entry == *prefix) ++entry, ++prefix;
    if (*prefix != '\0') return true;
    // An empty variable counts as unset: a manifest's way of taking one back. Unknown ones are none of our business:
    // a Service called shm-liveness brings SHM_LIVENESS_SERVICE_HOST and its kin into every pod.
    for (std::size_t f = 0; f < static_cast<std::size_t>(Flag::count); ++f) {
      const Row& row = kRows[f];
      const char* text = row.has_variable ? value_of_variable(entry, row.flag()) : nullptr;
      if (text == nullptr || *text == '\0' || seen_[f]) continue;
      std::string_view value(text);
      if (row.value != Value::required) {  // a switch
        if (value == "0" || value == "false") return true;
        if (value == "1" || value == "true") {
          value = {};
        } else if (row.value == Value::none) {
          return complain({row, true}, "is neither 1 nor 0", value);
        }
      }
      return apply(static_cast<Flag>(f), value, {row, true});
    }
    return true;
  }

  bool apply(Flag flag, std::string_view value, const Source& source) {
    Policy& policy = options_.policy;
    switch (flag) {
      case Flag::region:
        return add_regions(value, source);
      case Flag::check:
        return set_check(value, source);
      case Flag::expect:
        policy.expect = value;
        return check_names(value, source);
      case Flag::min:
        return set_min(value, source);
      case Flag::max_age:
        return set_duration(value, source, policy.max_age_ns, 1);
      case Flag::startup_grace:
        return set_duration(value, source, policy.startup_grace_ns, 0);
      case Flag::dead_grace:
        return set_duration(value, source, policy.dead_grace_ns, 0);
      case Flag::cycle_window:
        return set_duration(value, source, policy.cycle_window_ns, 0);
      case Flag::confirm:
        return set_duration(value, source, policy.confirm_ns, 0);
      case Flag::termination_log:
        options_.termination_log = value.empty() ? "/dev/termination-log" : value;
        return true;
      case Flag::json:
        return set_output(Output::json, source);
      case Flag::verbose:
        return set_output(Output::verbose, source);
      case Flag::directory:
        options_.directory = value;
        return value.size() < 256 || complain(source, "is longer than 255 bytes");
      case Flag::allow_disk:
        options_.allow_disk = true;
        return true;
      case Flag::self_test:
        return set_mode(Mode::self_test);
      case Flag::install:
        options_.install_directory = value;
        return set_mode(Mode::install);
      case Flag::version:
        return set_mode(Mode::version);
      case Flag::help:
        return set_mode(Mode::help);
      case Flag::count:
        break;
    }
    return false;
  }

  bool add_regions(std::string_view list, const Source& source) {
    return check_names(list, source) && for_each_name(list, [&](std::string_view name) {
             for (std::size_t r = 0; r < options_.region_count; ++r) {
               if (options_.places[r].region == name) return true;  // named twice is looked at once
             }
             if (options_.region_count == kMaxRegions) return complain(source, "names more than 4 regions");
             options_.places[options_.region_count++].region = name;
             return true;
           });
  }

  bool check_names(std::string_view list, const Source& source) {
    std::size_t count = 0;
    const bool valid =
        for_each_name(list, [&](std::string_view name) { return ++count <= kMaxExpected && is_valid_name(name); });
    return (count != 0 && valid) || complain(source, "is no list of names: ", list, sentence_of(Fault::invalid_name));
  }

  bool set_check(std::string_view value, const Source& source) {
    for (const Check check : {Check::liveness, Check::readiness, Check::startup}) {
      if (value != name_of(check)) continue;
      options_.policy.check = check;
      return true;
    }
    return complain(source, "is none of liveness, readiness, startup", value);
  }

  bool set_min(std::string_view value, const Source& source) {
    std::uint64_t number = 0;
    if (!parse_number(value, kMaxSlots, number) || number == 0)
      return complain(source, "is no number from 1 to 4096", value);
    options_.policy.min = static_cast<std::uint32_t>(number);
    return true;
  }

  bool set_duration(std::string_view value, const Source& source, std::uint64_t& out, std::uint64_t least) {
    if (!parse_duration(value, out) || out < least)
      return complain(source, "is no duration (say 250ms, 1.5s or 1m30s)", value);
    return true;
  }

  bool set_output(Output output, const Source& source) {
    const bool flag_given = seen_[static_cast<int>(Flag::json)] || seen_[static_cast<int>(Flag::verbose)];
    if (source.from_variable && flag_given) return true;
    if (options_.output != Output::line) return complain(source, "contradicts --json or --verbose: one of them");
    options_.output = output;
    return true;
  }

  bool set_mode(Mode mode) {
    if (options_.mode != Mode::check) {
      problem_ << "only one of --self-test, --install, --version and --help at a time";
      return false;
    }
    options_.mode = mode;
    return true;
  }

  // Only between flags: variables serve many checks in one image.
  bool check_contradictions() {
    return belongs_to(Flag::cycle_window, Check::readiness, "is a question for --check readiness") &&
           belongs_to(Flag::dead_grace, Check::liveness, "is a question for --check liveness");
  }
  bool belongs_to(Flag flag, Check check, const char* what) {
    const std::size_t f = static_cast<std::size_t>(flag);
    return !seen_[f] || options_.policy.check == check || complain({kRows[f], false}, what);
  }

  bool complain(const Source& source, const char* what, std::string_view value = {}, const char* more = "") {
    problem_ << source;
    if (!value.empty()) (problem_ << " \"").printable(head(value, 40)) << '"';  // the reason must fit beside it
    problem_ << ' ' << what << more;
    return false;
  }

  const Start& start_;
  Options& options_;
  Text& problem_;
  bool seen_[static_cast<std::size_t>(Flag::count)] = {};
};

inline void say_help(Text& out) {
  out << "usage: shm-probe [flags]\n"
         "Reads heartbeats in shared memory; exits 0 healthy, 1 unhealthy, 2 usage, 3 region unusable.\n\n";
  for (const Row& row : kRows) {
    const std::size_t begin = out.size();
    out << "  --" << row.flag();
    if (row.value == Value::optional) out << "[=";
    if (row.value == Value::required) out << ' ';
    out << row.placeholder();
    if (row.value == Value::optional) out << ']';
    std::size_t column = begin;
    for (const char* c = row.help(); *c != '\0'; ++c) {
      while (out.size() < column + 27) out << ' ';
      out << *c;
      if (*c == '\n') column = out.size();
    }
    out << '\n';
  }
  out << "\nFlags up to --allow-disk are environment variables too: SHM_LIVENESS_MAX_AGE=5s, SHM_LIVENESS_JSON=1.\n"
         "A flag beats its variable. DUR: 250ms, 1.5s, 1m30s.\n";
}

}  // namespace shm_liveness::program
