// What shm-guard may be asked, on top of what every program here may.
#pragma once

#include "../../native/shm_liveness/claim.hpp"
#include "../flags.hpp"
#include "address.hpp"
#include "signals.hpp"

namespace shm_liveness::guard {

using program::Origin;
using program::Row;
using program::Value;

enum class Mode : std::uint8_t { guard, version, help };

// Bits of --progress.
inline constexpr unsigned kOutput = 1, kCpu = 2, kIo = 4;

inline constexpr std::size_t kMostNonceBytes = 32;
// Of --notify-socket: what struct sockaddr_un holds, with a NUL at its end.
inline constexpr std::size_t kMostSocketPath = sizeof os::UnixAddress::path - 1;

inline constexpr std::uint64_t kDefaultSilenceNs = 300'000'000'000;  // for --progress, if nothing else is said

struct Options {
  Mode mode = Mode::guard;
  program::Watched watched;
  std::uint64_t interval_ns = 20'000'000;
  int signal = os::kAbort;
  int stop_signal = 0;  // beside SIGTERM; 0: nobody said, so SIGINT, SIGQUIT and SIGWINCH may be stops
  std::uint64_t grace_ns = 5'000'000'000;
  std::uint32_t restarts = 0;
  std::uint64_t restart_budget_ns = 0;  // 0: the startup grace
  bool build = false;
  bool notify = false;
  std::string_view notify_socket{};  // empty: an abstract one
  unsigned progress = 0;
  const char* steps = nullptr;
  std::string_view name = "main";
  std::string_view watcher{};  // empty: none
  std::string_view nonce{};
  bool listens = false;
  Address listen;
  std::uint32_t owner_user = kCaller;
  std::uint32_t owner_group = 0;
  char* const* command = nullptr;  // null: none
  // --max-age, where the guard itself is the worker that declares it. Then the policy leaves it to the workers: a
  // program may change its own by WATCHDOG_USEC.
  std::uint64_t stamp_max_age_ns = 0;

  bool stamps() const { return notify || progress != 0 || steps != nullptr; }
};

enum class Flag : std::uint8_t {
  interval = static_cast<std::uint8_t>(program::CommonFlag::count),
  signal,
  stop_signal,
  grace,
  restart,
  restart_budget,
  build,
  notify,
  notify_socket,
  progress,
  steps,
  name,
  nonce,
  listen,
  watcher,
  owner,
  version,
  help,
  count
};

// clang-format off
inline constexpr Row kGuardRows[] = {
    SHM_LIVENESS_COMMON_ROWS,
    {"interval\0" "DUR\0" "how often to look (default: 20ms)", Value::required, true},
    {"signal\0" "SIG\0" "what a stalled worker gets (default: ABRT)", Value::required, true},
    {"stop-signal\0" "SIG\0" "what the image stops by, beside TERM\n"
     "(default: INT, QUIT and WINCH may be that)", Value::required, true},
    {"grace\0" "DUR\0" "SIGKILL so long after it (default: 5s)", Value::required, true},
    {"restart\0" "N\0" "start a failed command again, N times", Value::required, true},
    {"restart-budget\0" "DUR\0" "how long probes forgive a restart\n"
     "(default: the startup grace)", Value::required, true},
    {"build\0" "\0" "exit 0 after a SIGTERM becomes 143", Value::none, true},
    {"notify\0" "\0" "stamp for a command that speaks sd_notify", Value::none, true},
    {"notify-socket\0" "PATH\0" "its socket as a file, for a command in a\n"
     "network namespace of its own", Value::required, true},
    {"progress\0" "LIST\0" "stamp while the command's processes make\n"
     "progress: output,cpu,io", Value::required, true},
    {"steps\0" "FILE\0" "run the steps of FILE, each a phase", Value::required, false},
    {"name\0" "NAME\0" "the worker stamped for (default: main)", Value::required, true},
    {"nonce\0" "TEXT\0" "what marks the guard's lines among a\n"
     "step's output (default: random)", Value::required, false},
    {"listen\0" "ADDRESS:PORT\0" "answer /livez /readyz /startupz /metrics", Value::required, true},
    {"watcher\0" "NAME\0" "worker, also of a sidecar, whose phases beyond\n"
     "their budget end the command", Value::required, true},
    {"owner\0" "UID[:GID]\0" "make the region for this user", Value::required, true},
    {"version\0" "\0" "print the version", Value::none, false},
    {"help\0" "\0" "print this", Value::none, false},
};
// clang-format on
inline constexpr std::size_t kGuardRowCount = sizeof(kGuardRows) / sizeof(kGuardRows[0]);
static_assert(kGuardRowCount == static_cast<std::size_t>(Flag::count));

class Parser : public program::FlagParser<Parser, kGuardRowCount> {
 public:
  static constexpr const Row (&kRows)[kGuardRowCount] = kGuardRows;

  Parser(const program::Start& start, Options& options, Text& problem)
      : FlagParser(start, options.watched, problem), options_(options) {}

  // False: the problem says what is wrong.
  bool parse() {
    int end = 1;
    while (end < start_.argc && std::string_view(start_.argv[end]) != "--") ++end;
    if (end + 1 < start_.argc) options_.command = start_.argv + end + 1;
    if (!parse_arguments(end)) return false;
    if (options_.mode != Mode::guard) return true;
    if (!parse_variables()) return false;
    fill_places();
    if (!check_contradictions(end < start_.argc)) return false;
    if (options_.steps != nullptr && options_.progress == 0) options_.progress = kOutput | kCpu | kIo;
    if (options_.stamps()) {
      options_.stamp_max_age_ns = watched_.policy.max_age_ns;
      watched_.policy.max_age_ns = 0;
    }
    return true;
  }

  bool apply_own(std::size_t flag, std::string_view value, const Origin& origin) {
    switch (static_cast<Flag>(flag)) {
      case Flag::interval:
        return set_duration(value, origin, options_.interval_ns, 100'000);
      case Flag::signal:
        return set_signal(value, origin, options_.signal);
      case Flag::stop_signal:
        return set_signal(value, origin, options_.stop_signal);
      case Flag::grace:
        return set_duration(value, origin, options_.grace_ns, 0);
      case Flag::restart:
        return set_number(value, origin, options_.restarts);
      case Flag::restart_budget:
        return set_duration(value, origin, options_.restart_budget_ns, 1);
      case Flag::build:
        options_.build = true;
        return true;
      case Flag::notify:
        options_.notify = true;
        return true;
      case Flag::notify_socket:
        options_.notify_socket = value;
        return (value[0] == '/' && value.size() <= kMostSocketPath) ||
               complain(origin, "is not an absolute path of up to 107 bytes", value);
      case Flag::progress:
        return set_progress(value, origin);
      case Flag::steps:
        options_.steps = value.data();  // an argument: it ends with a NUL
        return true;
      case Flag::name:
        options_.name = value;
        return is_valid_name(value) || complain(origin, "is no name: ", value, sentence_of(Fault::invalid_name));
      case Flag::nonce:
        options_.nonce = value;
        return (is_valid_name(value) && value.size() <= kMostNonceBytes) ||
               complain(origin, "is no text of 1 to 32 of A-Z a-z 0-9 . _ -", value);
      case Flag::listen:
        options_.listens = true;
        return parse_address(value, options_.listen) ||
               complain(origin, "is no address with a port (say 0.0.0.0:9808 or [::]:9808)", value);
      case Flag::watcher:
        options_.watcher = value;
        return is_valid_name(value) || complain(origin, "is no name: ", value, sentence_of(Fault::invalid_name));
      case Flag::owner:
        return set_owner(value, origin);
      case Flag::version:
        options_.mode = Mode::version;
        return true;
      case Flag::help:
        options_.mode = Mode::help;
        return true;
      case Flag::count:
        break;
    }
    return false;
  }

 private:
  bool set_number(std::string_view value, const Origin& origin, std::uint32_t& out) {
    std::uint64_t number = 0;
    if (!parse_number(value, 1'000'000, number)) return complain(origin, "is no number up to 1000000", value);
    out = static_cast<std::uint32_t>(number);
    return true;
  }

  bool set_signal(std::string_view value, const Origin& origin, int& out) {
    out = signal_of(value);
    return out != 0 || complain(origin, "is no signal (say ABRT, SIGTERM or 6)", value);
  }

  bool set_progress(std::string_view list, const Origin& origin) {
    const bool known = for_each_name(list, [&](std::string_view name) {
      const unsigned bit = name == "output" ? kOutput : name == "cpu" ? kCpu : name == "io" ? kIo : 0;
      options_.progress |= bit;
      return bit != 0;
    });
    return (known && options_.progress != 0) || complain(origin, "is no list of output, cpu, io", list);
  }

  bool set_owner(std::string_view value, const Origin& origin) {
    const std::string_view user = head(value, value.find(':'));
    const std::string_view group = user.size() == value.size() ? user : tail(value, user.size() + 1);
    std::uint64_t user_id = 0;
    std::uint64_t group_id = 0;
    if (!parse_number(user, kCaller - 1, user_id) || !parse_number(group, kCaller - 1, group_id)) {
      return complain(origin, "is no UID or UID:GID, both numbers", value);
    }
    options_.owner_user = static_cast<std::uint32_t>(user_id);
    options_.owner_group = static_cast<std::uint32_t>(group_id);
    return true;
  }

  bool check_contradictions(bool has_separator) {
    if (has_separator && options_.command == nullptr) return contradict("after -- there is no command");
    if (options_.steps != nullptr && options_.command != nullptr) {
      return contradict("--steps and a command: one of them");
    }
    if (options_.steps == nullptr && options_.command == nullptr) {
      if (!options_.listens) return contradict("no command; say: shm-guard [flags] -- command args...");
      if (options_.restarts != 0 || options_.build || options_.notify || options_.progress != 0) {
        return contradict("--restart, --build, --notify and --progress need a command after --");
      }
    }
    if (options_.steps != nullptr && options_.restarts != 0)
      return contradict("--steps are not restarted: no --restart");
    if (options_.steps != nullptr && options_.notify) return contradict("--steps stamp by progress: no --notify");
    if (options_.notify && options_.progress != 0) {
      return contradict("--notify and --progress both stamp for the command: one of them");
    }
    if (!options_.watcher.empty()) {
      if (options_.watched.policy.min != 0) return contradict("--min does not count a --watcher: one of them");
      if (is_expected(options_.watcher)) return contradict("--expect names the --watcher, whose absence says nothing");
      if (options_.stamps() && options_.name == options_.watcher) {
        return contradict("--watcher has the name by which the guard stamps: another --name");
      }
    }
    return has_use_for(Flag::nonce, options_.steps != nullptr, "--nonce marks lines among the output of --steps") &&
           has_use_for(Flag::notify_socket, options_.notify, "--notify-socket is for --notify") &&
           has_use_for(Flag::restart_budget, options_.restarts != 0, "--restart-budget is for --restart") &&
           has_use_for(Flag::name, options_.stamps(), "--name is for whom --notify, --progress or --steps stamp") &&
           has_use_for(Flag::watcher, options_.command != nullptr || options_.steps != nullptr,
                       "--watcher needs a command that it may end");
  }
  bool is_expected(std::string_view worker) const {
    return !for_each_name(options_.watched.policy.expect, [&](std::string_view name) { return name != worker; });
  }
  // Only of flags: variables serve many commands in one image.
  bool has_use_for(Flag flag, bool used, const char* what) {
    return used || !is_seen(static_cast<std::size_t>(flag)) || contradict(what);
  }
  bool contradict(const char* what) {
    problem_ << what;
    return false;
  }

  Options& options_;
};

inline void say_help(Text& out) {
  out << "usage: shm-guard [flags] -- command args...\n"
         "       shm-guard [flags] --steps FILE\n"
         "       shm-guard [flags] --listen ADDRESS:PORT      (a sidecar: answers, guards nothing)\n"
         "       shm-guard notify --help\n"
         "Runs a command as PID 1 would, watches its heartbeats, and ends or restarts it when they stop.\n\n";
  program::say_rows(out, kGuardRows);
  out << "\nFlags are environment variables too, but for --steps and --nonce: SHM_LIVENESS_INTERVAL=5ms.\n"
         "Exits as the command did (128+n for signal n), or 2 usage, 3 cannot guard, 120 stalled, 121 dead,\n"
         "122 missing, 124 beyond its time limit, 126 may not run, 127 not found.\n";
}

}  // namespace shm_liveness::guard
