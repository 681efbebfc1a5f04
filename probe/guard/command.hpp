// Starting the command: its own process group and the terminal, as tini does; its streams; its environment; and word of
// an exec that failed.
#pragma once

#include "../../native/shm_liveness/text.hpp"
#include "../program.hpp"
#include "os.hpp"

namespace shm_liveness::guard {

// The exit statuses by which shells and tini tell the two apart.
inline constexpr int kMayNotRun = 126, kNotFound = 127, kSignalBase = 128;

inline constexpr std::size_t kWatchdogPidBytes = 32;

// How signals were before the guard took them over; the command gets them like that.
struct SignalBefore {
  int signal;
  os::SignalAction action;
};
struct SignalsBefore {
  os::SignalSet mask = 0;
  // All that the guard changes; the last ones are those that may be stops.
  SignalBefore actions[11] = {{os::kTerminalInput, {}}, {os::kTerminalOutput, {}}, {os::kChild, {}},
                              {os::kTerminate, {}},     {os::kInterrupt, {}},      {os::kQuit, {}},
                              {os::kHangUp, {}},        {os::kUser1, {}},          {os::kUser2, {}},
                              {os::kWindowChange, {}},  {os::kPower, {}}};
};

struct Launch {
  char* const* argv = nullptr;
  char* const* environment = nullptr;
  int standard_output = -1;  // -1: the guard's own
  int standard_error = -1;
  SignalsBefore before{};
  // An entry of the environment that is written once the command's pid is known: in its own process, on its own copy.
  char* watchdog_pid = nullptr;
  os::DescriptorLimit descriptors{};  // hard == 0: as it is
};

namespace detail {

// Without data: there is no such variable.
inline std::string_view variable(char* const* environment, std::string_view name) {
  for (; *environment != nullptr; ++environment) {
    const std::string_view entry(*environment);
    if (entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=') {
      return tail(entry, name.size() + 1);
    }
  }
  return {};
}

// A file without an interpreter line is a shell script, as execvp has it.
inline int execute_file(const char* path, char* const* argv, char* const* environment) {
  const int error = os::execute(path, argv, environment);
  if (error != -os::kNoExec) return error;
  std::size_t count = 0;
  while (argv[count] != nullptr) ++count;
  // On the stack, as execvp(3) has it: the kernel has already found room there for as many arguments.
  auto** const script = static_cast<char**>(__builtin_alloca((count + 2) * sizeof(char*)));
  script[0] = const_cast<char*>("/bin/sh");
  script[1] = const_cast<char*>(path);
  for (std::size_t i = 1; i <= count; ++i) script[i + 1] = argv[i];  // with the null at their end
  os::execute(script[0], script, environment);
  return error;  // no shell here: the file's own error says more
}

// As execvp(3) searches: a name with a slash is a path; otherwise PATH, where "permission denied" is remembered and
// the search goes on. Returns -errno.
inline int search_and_execute(char* const* argv, char* const* environment) {
  const std::string_view name(argv[0]);
  if (name.empty()) return -sys::kNoEntry;
  if (name.find('/') != std::string_view::npos) return execute_file(argv[0], argv, environment);
  std::string_view path = variable(environment, "PATH");
  if (path.data() == nullptr) path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  int error = -sys::kNoEntry;
  for (bool more = true; more;) {
    const std::size_t colon = path.find(':');
    const std::string_view directory = head(path, colon);
    more = colon != std::string_view::npos;
    path = tail(path, directory.size() + 1);
    char buffer[4096];
    Text file(buffer);
    if (!directory.empty()) file << directory << '/';
    file << name;
    if (file.size() == sizeof buffer) continue;
    const int failed = execute_file(file.c_str(), argv, environment);
    if (failed == -sys::kAccess)
      error = failed;
    else if (failed != -sys::kNoEntry && failed != -sys::kNotDirectory)
      return failed;
  }
  return error;
}

[[noreturn]] inline void become_command(const Launch& launch, int report, std::uint32_t guard) {
  // A command does not outlive its guard: nobody would watch it, and nobody would know. (Where the guard is PID 1, the
  // kernel sees to that.) The guard may have ended before this was said.
  os::die_with_parent();
  if (os::parent() != guard) os::leave_process(kSignalBase + os::kKill);
  os::set_process_group(0, 0);
  // In the foreground of the terminal, if there is one: job control is the command's. The guard ignores SIGTTOU.
  os::set_foreground(os::kStandardInput, static_cast<int>(sys::process_id()));
  if (launch.standard_output >= 0) os::duplicate_to(launch.standard_output, os::kStandardOutput);
  if (launch.standard_error >= 0) os::duplicate_to(launch.standard_error, os::kStandardError);
  if (launch.watchdog_pid != nullptr) {
    Text text(launch.watchdog_pid, kWatchdogPidBytes);
    text << "WATCHDOG_PID=" << sys::process_id();
    text.c_str();
  }
  for (const SignalBefore& before : launch.before.actions) os::set_action(before.signal, before.action);
  os::set_signal_mask(launch.before.mask);
  if (launch.descriptors.hard != 0) os::limit_descriptors(&launch.descriptors, nullptr);
  const int error = -search_and_execute(launch.argv, launch.environment);
  sys::write(report, &error, sizeof error);
  os::leave_process(error == sys::kNoEntry ? kNotFound : kMayNotRun);
}

}  // namespace detail

// The exit status for a command that could not be started.
constexpr int status_of_failed_start(int error) { return error == sys::kNoEntry ? kNotFound : kMayNotRun; }

struct Launched {
  int pid;     // or -errno of the fork
  int report;  // becomes readable: with the error of an exec that failed, an int, or with its end once the exec is done
};

// Does not wait for the exec, which may take its time (a file system that does not answer).
inline Launched launch(const Launch& launch) {
  int report[2];
  if (const int error = os::make_pipe(report); error < 0) return {error, -1};
  os::set_flags(report[0], os::flags_of(report[0]) | sys::kNonBlock);
  const std::uint32_t guard = sys::process_id();
  const long pid = os::fork_process();
  if (pid == 0) detail::become_command(launch, report[1], guard);
  sys::close(report[1]);
  if (pid < 0) {
    sys::close(report[0]);
    return {static_cast<int>(pid), -1};
  }
  // Both do it, so that neither goes on before it is done.
  os::set_process_group(static_cast<int>(pid), static_cast<int>(pid));
  return {static_cast<int>(pid), report[0]};
}

}  // namespace shm_liveness::guard
