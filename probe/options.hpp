// What shm-probe may be asked, on top of what every program here may.
#pragma once

#include "flags.hpp"

namespace shm_liveness::program {

enum class Mode : std::uint8_t { check, self_test, install, version, help };
enum class Output : std::uint8_t { line, json, verbose };

struct Options {
  Mode mode = Mode::check;
  Output output = Output::line;
  Watched watched;
  std::string_view install_directory;
};

enum class Flag : std::uint8_t {
  check = static_cast<std::uint8_t>(CommonFlag::count),
  confirm,
  timeout,
  json,
  verbose,
  self_test,
  install,
  version,
  help,
  count
};

// clang-format off
inline constexpr Row kProbeRows[] = {
    SHM_LIVENESS_COMMON_ROWS,
    {"check\0" "WHICH\0" "liveness, readiness or startup (default: liveness)", Value::required, true},
    {"confirm\0" "DUR\0" "how long to await a beat before saying stalled\n"
     "(default: by max age and the usual cycle)", Value::required, true},
    {"timeout\0" "DUR\0" "timeoutSeconds of this probe (default: 1s)", Value::required, true},
    {"json\0" "\0" "print verdict and workers as JSON", Value::none, true},
    {"verbose\0" "\0" "print a line for each worker", Value::none, true},
    {"self-test\0" "\0" "try what a probe needs here", Value::none, false},
    {"install\0" "DIR\0" "copy the executables there, test the copy", Value::required, false},
    {"version\0" "\0" "print the version", Value::none, false},
    {"help\0" "\0" "print this", Value::none, false},
};
// clang-format on
inline constexpr std::size_t kProbeRowCount = sizeof(kProbeRows) / sizeof(kProbeRows[0]);
static_assert(kProbeRowCount == static_cast<std::size_t>(Flag::count));

class Parser : public FlagParser<Parser, kProbeRowCount> {
 public:
  static constexpr const Row (&kRows)[kProbeRowCount] = kProbeRows;

  Parser(const Start& start, Options& options, Text& problem)
      : FlagParser(start, options.watched, problem), options_(options) {}

  // False: the problem says what is wrong.
  bool parse() {
    if (!parse_arguments(start_.argc)) return false;
    const bool asks = options_.mode == Mode::check || options_.mode == Mode::self_test;
    if (asks && !parse_variables()) return false;
    fill_places();
    return check_contradictions();
  }

  bool apply_own(std::size_t flag, std::string_view value, const Origin& origin) {
    switch (static_cast<Flag>(flag)) {
      case Flag::check:
        return set_check(value, origin);
      case Flag::confirm:
        return set_duration(value, origin, watched_.policy.confirm_ns, 0);
      case Flag::timeout:
        return set_duration(value, origin, watched_.policy.timeout_ns, 1);
      case Flag::json:
        return set_output(Output::json, origin);
      case Flag::verbose:
        return set_output(Output::verbose, origin);
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

 private:
  bool set_check(std::string_view value, const Origin& origin) {
    for (const Check check : {Check::liveness, Check::readiness, Check::startup}) {
      if (value != name_of(check)) continue;
      watched_.policy.check = check;
      return true;
    }
    return complain(origin, "is none of liveness, readiness, startup", value);
  }

  bool set_output(Output output, const Origin& origin) {
    const bool flag_given =
        is_seen(static_cast<std::size_t>(Flag::json)) || is_seen(static_cast<std::size_t>(Flag::verbose));
    if (origin.from_variable && flag_given) return true;
    if (options_.output != Output::line) return complain(origin, "contradicts --json or --verbose: one of them");
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
    return belongs_to(CommonFlag::cycle_window, Check::readiness, "is a question for --check readiness") &&
           belongs_to(CommonFlag::dead_grace, Check::liveness, "is a question for --check liveness");
  }
  bool belongs_to(CommonFlag flag, Check check, const char* what) {
    const std::size_t f = static_cast<std::size_t>(flag);
    return !is_seen(f) || watched_.policy.check == check || complain({kRows[f], false}, what);
  }

  Options& options_;
};

inline void say_help(Text& out) {
  out << "usage: shm-probe [flags]\n"
         "Reads heartbeats in shared memory; exits 0 healthy, 1 unhealthy, 2 usage, 3 region unusable.\n\n";
  say_rows(out, kProbeRows);
  out << "\nFlags up to --verbose are variables too: SHM_LIVENESS_MAX_AGE=5s, SHM_LIVENESS_JSON=1.\n"
         "A flag beats its variable. DUR: 250ms, 1.5s, 1m30s.\n";
}

}  // namespace shm_liveness::program
