// sample-worker: a real-time loop to try the wiring out with. What it does is a script in its environment, so that a
// pod's manifest says all of it and nobody need reach into the container:
//
//   SAMPLE_WORKER_SCRIPT   steps one after the other, after the last one it beats on; default "ready"
//     wait:DUR               only as the first: it has not claimed yet, as an interpreter that starts
//     load:DUR               a phase without beats, budget 60s: a model that is loaded
//     ready, not-ready
//     beat:DUR               a beat each 5 ms
//     stall:DUR, stall       no beat, and deaf to SIGTERM, as a blocked loop is; for ever, if no time is given
//     exit:STATUS            ends without a word, so the slot says dead
//     stop:STATUS            ends with stop(), so the slot says stopped
//     once                   what follows is skipped by each later run in the same pod
//   SAMPLE_WORKER_NAME     the slot's name; default "loop"
//   SAMPLE_WORKER_MAX_AGE  default 250ms
//   SAMPLE_WORKER_USER     a number: drops from root to this user before it claims, as many entrypoints do
//
// SIGUSR1 stalls it, SIGUSR2 turns ready into not ready and back, SIGTERM and SIGINT stop it. The region is
// SHM_LIVENESS_REGION. Each step is a line on standard output, with the time in milliseconds since 1970.
#include <fcntl.h>
#include <grp.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <shm_liveness/heartbeat.hpp>
#include <string>
#include <string_view>

namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kForever = ~std::uint64_t(0);
constexpr long kBeatMs = 5;

volatile std::sig_atomic_t g_stop = 0;
volatile std::sig_atomic_t g_stall = 0;
volatile std::sig_atomic_t g_turn_ready = 0;

struct Step {
  std::string_view verb;
  std::string_view argument;
};

[[gnu::format(printf, 1, 2)]] void say(const char* format, ...) {
  std::timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::printf("%lld ", static_cast<long long>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000);
  va_list arguments;
  va_start(arguments, format);
  std::vprintf(format, arguments);
  va_end(arguments);
  std::putchar('\n');
  std::fflush(stdout);
}

[[noreturn]] void refuse(const char* what, std::string_view value) {
  std::fprintf(stderr, "sample-worker: %s: \"%.*s\"\n", what, static_cast<int>(value.size()), value.data());
  std::exit(2);
}

const char* variable(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : otherwise;
}

std::uint64_t duration(std::string_view text) {
  std::uint64_t ns = 0;
  if (!shm_liveness::parse_duration(text, ns)) refuse("no duration (say 250ms or 3s)", text);
  return ns;
}

int number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) refuse("no number", text);
  return value;
}

void sleep_ms(long ms) {
  const std::timespec span{ms / 1000, ms % 1000 * 1'000'000};
  nanosleep(&span, nullptr);
}

// Takes the first step off the script.
Step next_step(std::string_view& script) {
  const std::string_view text = script.substr(0, script.find(','));
  script.remove_prefix(text.size() == script.size() ? text.size() : text.size() + 1);
  const std::size_t colon = text.find(':');
  return colon == text.npos ? Step{text, {}} : Step{text.substr(0, colon), text.substr(colon + 1)};
}

class Worker {
 public:
  explicit Worker(shm_liveness::Heartbeat heartbeat) : heartbeat_(std::move(heartbeat)) {}

  void run(std::string_view script) {
    while (!script.empty()) {
      const Step step = next_step(script);
      say("%.*s%s%.*s", static_cast<int>(step.verb.size()), step.verb.data(), step.argument.empty() ? "" : " ",
          static_cast<int>(step.argument.size()), step.argument.data());
      if (step.verb == "once") {
        if (ran_before()) break;
      } else {
        take(step);
      }
    }
    beat(kForever);
  }

 private:
  void take(const Step& step) {
    if (step.verb == "load") {
      heartbeat_.begin_phase("load model", 60'000 * kMillisecond);
      idle(duration(step.argument), true);
      heartbeat_.end_phase();
    } else if (step.verb == "ready") {
      set_ready(true);
    } else if (step.verb == "not-ready") {
      set_ready(false);
    } else if (step.verb == "beat") {
      beat(duration(step.argument));
    } else if (step.verb == "stall") {
      idle(step.argument.empty() ? kForever : duration(step.argument), false);
    } else if (step.verb == "exit") {
      std::_Exit(number(step.argument));
    } else if (step.verb == "stop") {
      stop(number(step.argument));
    } else {
      refuse("no step", step.verb);
    }
  }

  void beat(std::uint64_t ns) {
    const std::uint64_t end = end_after(ns);
    while (shm_liveness::monotonic_ns() < end) {
      if (g_stop != 0) stop(0);
      if (g_turn_ready != 0) {
        g_turn_ready = 0;
        set_ready(!is_ready_);
        say(is_ready_ ? "ready by SIGUSR2" : "not-ready by SIGUSR2");
      }
      if (g_stall != 0) {
        say("stall by SIGUSR1");
        idle(kForever, false);
      }
      heartbeat_.beat();
      sleep_ms(kBeatMs);
    }
  }

  // No beat. Only a phase listens to SIGTERM: a blocked loop cannot.
  void idle(std::uint64_t ns, bool listens) {
    const std::uint64_t end = end_after(ns);
    while (shm_liveness::monotonic_ns() < end) {
      if (listens && g_stop != 0) stop(0);
      sleep_ms(kBeatMs);
    }
  }

  void set_ready(bool ready) {
    is_ready_ = ready;
    heartbeat_.beat();  // ready before the first beat would be ready without a sign of life
    ready ? heartbeat_.ready() : heartbeat_.not_ready("told so");
  }

  [[noreturn]] void stop(int status) {
    say("stopped");
    heartbeat_.stop();
    std::exit(status);
  }

  // The pod's /dev/shm outlives its containers, so a file there tells whether this script has been here before.
  static bool ran_before() {
    const std::string mark = std::string("/dev/shm/sample-worker-") + variable("SHM_LIVENESS_REGION", "default");
    const int file = open(mark.c_str(), O_CREAT | O_EXCL | O_CLOEXEC | O_WRONLY, 0600);
    if (file >= 0) close(file);
    return file < 0;
  }

  static std::uint64_t end_after(std::uint64_t ns) {
    return ns == kForever ? kForever : shm_liveness::monotonic_ns() + ns;
  }

  shm_liveness::Heartbeat heartbeat_;
  bool is_ready_ = false;
};

void drop_rights(int user) {
  const auto id = static_cast<unsigned>(user);
  if (setgroups(0, nullptr) != 0 || setgid(id) != 0 || setuid(id) != 0) {
    std::perror("sample-worker: cannot drop to SAMPLE_WORKER_USER");
    std::exit(2);
  }
}

}  // namespace

int main() {
  std::signal(SIGTERM, [](int) { g_stop = 1; });
  std::signal(SIGINT, [](int) { g_stop = 1; });
  std::signal(SIGUSR1, [](int) { g_stall = 1; });
  std::signal(SIGUSR2, [](int) { g_turn_ready = 1; });
  if (const char* user = variable("SAMPLE_WORKER_USER", nullptr)) drop_rights(number(user));

  std::string_view script = variable("SAMPLE_WORKER_SCRIPT", "ready");
  if (script.starts_with("wait:")) {
    const Step wait = next_step(script);
    say("wait %.*s", static_cast<int>(wait.argument.size()), wait.argument.data());
    const std::uint64_t end = shm_liveness::monotonic_ns() + duration(wait.argument);
    while (g_stop == 0 && shm_liveness::monotonic_ns() < end) sleep_ms(kBeatMs);
  }

  auto [heartbeat, failure] = shm_liveness::Heartbeat::claim({
      .place = {.region = variable("SHM_LIVENESS_REGION", "default")},
      .creation = {},
      .name = variable("SAMPLE_WORKER_NAME", "loop"),
      .max_age_ns = duration(variable("SAMPLE_WORKER_MAX_AGE", "250ms")),
  });
  if (failure) {
    std::fprintf(stderr, "sample-worker: %s [%s]\n", sentence_of(failure.fault), code_of(failure.fault));
    return 1;
  }
  say("claimed by uid %u, pid %d", static_cast<unsigned>(geteuid()), static_cast<int>(getpid()));
  Worker(std::move(heartbeat)).run(script);
}
