// A command line as one table: flag, environment variable, value, help. A flag beats its variable. Here is what the
// programs share: the table's rows that say what is to be watched, and how any row is read.
#pragma once

#include "../native/shm_liveness/duration.hpp"
#include "../native/shm_liveness/verdict.hpp"
#include "program.hpp"
#include "termination_log.hpp"

namespace shm_liveness::program {

// What is watched, and by which rules.
struct Watched {
  Policy policy;
  std::string_view directory = kDefaultDirectory;
  Place places[kMaxRegions];  // the regions to look at
  std::size_t region_count = 0;
  std::string_view termination_log;  // empty: none
  bool allow_disk = false;
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

// The first rows of every table, in this order.
enum class CommonFlag : std::uint8_t {
  region,
  expect,
  min,
  max_age,
  startup_grace,
  dead_grace,
  cycle_window,
  termination_log,
  directory,
  allow_disk,
  count
};

// clang-format off
#define SHM_LIVENESS_COMMON_ROWS                                                                                      \
    {"region\0" "NAME,...\0" "regions to check (default: default)", Value::required, true},                           \
    {"expect\0" "A,B\0" "workers that must be there and pass", Value::required, true},                                \
    {"min\0" "N\0" "N passing workers will do, no fewer (default: all)", Value::required, true},                  \
    {"max-age\0" "DUR\0" "how old a beat may be (default: its own)", Value::required, true},               \
    {"startup-grace\0" "DUR\0" "how long liveness awaits a beat (default: 60s)", Value::required, true},           \
    {"dead-grace\0" "DUR\0" "how long liveness forgives a death", Value::required, true},                             \
    {"cycle-window\0" "DUR\0" "unready so long after a late cycle", Value::required, true},                           \
    {"termination-log\0" "PATH\0" "write what happened there\n(default: /dev/termination-log)",              \
     Value::optional, true},                                                                                          \
    {"dir\0" "DIR\0" "where regions are (default: /dev/shm)", Value::required, true},                                 \
    {"allow-disk\0" "\0" "accept a region that is not on tmpfs", Value::none, true}
// clang-format on

// Where a value came from, for messages: "--dead-grace" or "SHM_LIVENESS_DEAD_GRACE".
struct Origin {
  const Row& row;
  bool from_variable;
};

inline constexpr char kVariablePrefix[] = "SHM_LIVENESS_";

constexpr char in_capitals(char c) { return c == '-' ? '_' : c >= 'a' ? static_cast<char>(c - 'a' + 'A') : c; }

inline Text& operator<<(Text& out, const Origin& origin) {
  if (!origin.from_variable) return out << "--" << origin.row.flag();
  out << kVariablePrefix;
  for (const char* c = origin.row.flag(); *c != '\0'; ++c) out << in_capitals(*c);
  return out;
}

// What follows the '=' of "DEAD_GRACE=5s" for the flag "dead-grace"; null if it is another variable.
inline const char* value_of_variable(const char* entry, const char* flag) {
  while (*flag != '\0' && *entry == in_capitals(*flag)) ++entry, ++flag;
  return *flag == '\0' && *entry == '=' ? entry + 1 : nullptr;
}

// Reads a command line by a table. Program is the class that inherits it: it has kRows, which begins with the common
// ones, and apply_own(index of the row, value, origin) for the rest.
template <class Program, std::size_t kRowCount>
class FlagParser {
 protected:
  FlagParser(const Start& start, Watched& watched, Text& problem)
      : start_(start), watched_(watched), problem_(problem) {}

  // Reads the arguments before `end`. False: the problem says what is wrong.
  bool parse_arguments(int end) {
    for (int i = 1; i < end; ++i) {
      if (!parse_argument(i, end)) return false;
    }
    return true;
  }
  bool parse_variables() {
    // Once through the environment, not once per flag: with fifty variables that was a tenth of a probe's time.
    for (char** entry = start_.environment; *entry != nullptr; ++entry) {
      if (!parse_variable(*entry)) return false;
    }
    return true;
  }
  void fill_places() {
    if (watched_.region_count == 0) watched_.region_count = 1;  // the one named default
    for (Place& place : watched_.places) {
      place.directory = watched_.directory;
      place.allow_disk = watched_.allow_disk;
    }
  }

  bool parse_argument(int& i, int end) {
    const std::string_view argument(start_.argv[i]);
    const std::string_view name = head(argument, argument.find('='));
    for (std::size_t f = 0; f < kRowCount; ++f) {
      const Row& row = Program::kRows[f];
      if (!name.starts_with("--") || tail(name, 2) != row.flag()) continue;
      const Origin origin{row, false};
      if (seen_[f] && f != static_cast<std::size_t>(CommonFlag::region)) return complain(origin, "is given twice");
      seen_[f] = true;
      std::string_view value = tail(argument, name.size() + 1);
      if (name.size() != argument.size()) {
        if (row.value == Value::none) return complain(origin, "takes no value");
        if (value.empty()) return complain(origin, "needs a value");
      } else if (row.value == Value::required) {
        value = i + 1 < end ? start_.argv[++i] : "";
        if (value.empty()) return complain(origin, "needs a value");
      }
      return apply(f, value, origin);
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
    for (std::size_t f = 0; f < kRowCount; ++f) {
      const Row& row = Program::kRows[f];
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
      return apply(f, value, {row, true});
    }
    return true;
  }

  bool apply(std::size_t flag, std::string_view value, const Origin& origin) {
    Policy& policy = watched_.policy;
    switch (static_cast<CommonFlag>(flag)) {
      case CommonFlag::region:
        return add_regions(value, origin);
      case CommonFlag::expect:
        policy.expect = value;
        return check_names(value, origin);
      case CommonFlag::min:
        return set_min(value, origin);
      case CommonFlag::max_age:
        return set_duration(value, origin, policy.max_age_ns, 1);
      case CommonFlag::startup_grace:
        return set_duration(value, origin, policy.startup_grace_ns, 0);
      case CommonFlag::dead_grace:
        return set_duration(value, origin, policy.dead_grace_ns, 0);
      case CommonFlag::cycle_window:
        return set_duration(value, origin, policy.cycle_window_ns, 0);
      case CommonFlag::termination_log:
        watched_.termination_log = value.empty() ? kTerminationLog : value;
        return true;
      case CommonFlag::directory:
        watched_.directory = value;
        return value.size() < 256 || complain(origin, "is longer than 255 bytes");
      case CommonFlag::allow_disk:
        watched_.allow_disk = true;
        return true;
      default:
        return static_cast<Program*>(this)->apply_own(flag, value, origin);
    }
  }

  bool add_regions(std::string_view list, const Origin& origin) {
    return check_names(list, origin) && for_each_name(list, [&](std::string_view name) {
             for (std::size_t r = 0; r < watched_.region_count; ++r) {
               if (watched_.places[r].region == name) return true;  // named twice is looked at once
             }
             if (watched_.region_count == kMaxRegions) return complain(origin, "names more than 4 regions");
             watched_.places[watched_.region_count++].region = name;
             return true;
           });
  }

  bool check_names(std::string_view list, const Origin& origin) {
    std::size_t count = 0;
    const bool valid =
        for_each_name(list, [&](std::string_view name) { return ++count <= kMaxExpected && is_valid_name(name); });
    return (count != 0 && valid) || complain(origin, "is no list of names: ", list, sentence_of(Fault::invalid_name));
  }

  bool set_min(std::string_view value, const Origin& origin) {
    std::uint64_t number = 0;
    if (!parse_number(value, kMaxSlots, number) || number == 0)
      return complain(origin, "is no number from 1 to 4096", value);
    watched_.policy.min = static_cast<std::uint32_t>(number);
    return true;
  }

  bool set_duration(std::string_view value, const Origin& origin, std::uint64_t& out, std::uint64_t least) {
    if (!parse_duration(value, out) || out < least)
      return complain(origin, "is no duration (say 250ms, 1.5s or 1m30s)", value);
    return true;
  }

  bool complain(const Origin& origin, const char* what, std::string_view value = {}, const char* more = "") {
    problem_ << origin;
    if (!value.empty()) (problem_ << " \"").printable(head(value, 40)) << '"';  // the reason must fit beside it
    problem_ << ' ' << what << more;
    return false;
  }

  bool is_seen(std::size_t flag) const { return seen_[flag]; }

  const Start& start_;
  Watched& watched_;
  Text& problem_;

 private:
  bool seen_[kRowCount] = {};
};

inline void say_rows(Text& out, std::span<const Row> rows) {
  for (const Row& row : rows) {
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
}

}  // namespace shm_liveness::program
