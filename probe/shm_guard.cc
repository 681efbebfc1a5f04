// shm-guard: PID 1 of a container, or beside one. README.md has the flags and exit statuses.
#include "guard/guard.hpp"
#include "guard/notify_command.hpp"
#include "guard/prepare.hpp"
#include "start.hpp"

namespace shm_liveness::program {
namespace {

using namespace guard;

Rooms g_rooms;
alignas(Parts) char g_parts[sizeof(Parts)];  // constructed once the options are known
alignas(Guard) char g_guard[sizeof(Guard)];

// A region that is cut short under the guard's hands is one that cannot be read, and no end of the guard: the mapping
// is filled with zeroes, and the next look finds it lost.
void on_sigbus(int signal, void* info, void*) {
  void* address;
  __builtin_memcpy(&address, static_cast<char*>(info) + 16, sizeof address);  // si_addr
  if (truncation::recover(address)) return;
  SignalAction standard{nullptr, 0, nullptr, 0};
  sys::call(__NR_rt_sigaction, signal, sys::word(&standard), 0, sizeof standard.mask);
}

Exit complain(std::string_view text, Exit status) {
  Line() << text;
  return status;
}

Exit print_version() {
  char buffer[64];
  Text out(buffer);
  out << "shm-guard " << SHM_LIVENESS_VERSION << " (layout " << kVersion << ")\n";
  return print(out.view());
}

Exit print_help() {
  char buffer[6144];
  Text out(buffer);
  say_help(out);
  return print(out.view());
}

// What an earlier failed probe wrote there is replaced on every exit, this one included.
void record_refusal(const Options& options, int status, std::string_view why) {
  Outcome outcome{Ending::not_started, status, ""};
  Text(outcome.line, sizeof outcome.line - 1) << why;
  write_outcome(options.watched.termination_log, outcome);
}

Exit guard_command(const Start& start, const Options& options) {
  fill_standard_streams();
  expect_truncation(on_sigbus);
  Parts& parts = *new (g_parts) Parts(start, options, g_rooms);
  Guard& guard = *new (g_guard) Guard(parts);
  const int error = guard.open();
  const Obstacle obstacle =
      error < 0 ? shm_liveness::guard::detail::system_obstacle("cannot watch", error) : prepare(parts);
  if (obstacle.status < 0) return static_cast<Exit>(guard.run());
  parts.notify.remove_file();
  record_refusal(options, obstacle.status, obstacle.text);
  return complain(obstacle.text, static_cast<Exit>(obstacle.status));
}

}  // namespace

Exit run(const Start& start) {
  if (start.argc > 1 && std::string_view(start.argv[1]) == "notify") return static_cast<Exit>(run_notify(start));
  Options options;
  char buffer[512];
  Text problem(buffer);
  if (!Parser(start, options, problem).parse()) {
    record_refusal(options, static_cast<int>(Exit::usage), problem.view());
    return complain(problem.view(), Exit::usage);
  }
  switch (options.mode) {
    case Mode::guard:
      return guard_command(start, options);
    case Mode::version:
      return print_version();
    case Mode::help:
      return print_help();
  }
  return Exit::usage;
}

}  // namespace shm_liveness::program
