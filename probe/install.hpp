// --install DIR: an init container's whole work. A scratch image has no cp, so the probe copies itself and its
// siblings, each under a temporary name of its own first (a running copy cannot be written over, a half-written one
// must never be exec'd, and several installs may run at once), and runs the copy's self-test: a missing or broken probe
// is "Unknown" to the kubelet, which then never restarts anything.
#pragma once

#include "../native/shm_liveness/create.hpp"
#include "options.hpp"

namespace shm_liveness::program {

// The last two are for `wire --auto`: a module for Node.js, and the addon that it loads.
inline constexpr char kExecutables[] = "shm-probe\0shm-guard\0auto.mjs\0auto.node\0";
inline constexpr std::size_t kExecutableCount = 4;

// What went wrong; error is the kernel's number, or 0.
struct InstallProblem {
  const char* step = nullptr;  // null: nothing
  int error = 0;
};

namespace detail {

// The directory of the running executable, as a descriptor. From the path it was exec'd by, because there may be no
// /proc to ask.
inline int open_own_directory(const Start& start) {
  char path[4096];
  Text text(path);
  const std::string_view executable(start.executable);
  const std::size_t slash = executable.rfind('/');
  text << (slash == std::string_view::npos ? "." : head(executable, slash + 1));
  return sys::open(text.c_str(), sys::kReadOnly | sys::kDirectory | sys::kCloseOnExec);
}

inline int copy_bytes(int from, int to) {
  char buffer[65536];
  for (;;) {
    const long got = sys::read(from, buffer, sizeof buffer);
    if (got <= 0) return static_cast<int>(got);
    if (const int error = write_all(to, {buffer, static_cast<std::size_t>(got)}); error < 0) return error;
  }
}

// -errno, or 0. An install that is killed leaves at most one temporary file.
inline int copy_executable(int source, int directory, const char* name) {
  char buffer[48];
  Text text(buffer);
  text << '.' << name << '.' << shm_liveness::detail::random_nonce();
  const char* const temporary = text.c_str();
  const int target =
      sys::open_at(directory, temporary, sys::kCreate | sys::kExclusive | sys::kWriteOnly | sys::kCloseOnExec, 0755);
  if (target < 0) return target;
  int error = copy_bytes(source, target);
  if (error >= 0) error = sys::set_mode(target, 0755);  // open's mode is subject to the umask
  sys::close(target);
  if (error >= 0) error = sys::rename_at(directory, temporary, directory, name);
  if (error < 0) sys::unlink_at(directory, temporary);
  return error;
}

// The exit status of `<directory>/shm-probe --self-test`; 126 if it may not be executed there.
inline int run_self_test(const Start& start, int directory) {
  const long child = sys::call(__NR_clone, 17 /* SIGCHLD */, 0, 0, 0, 0);
  if (child == 0) {
    const char* name = kExecutables;
    const char* argv[] = {name, "--self-test", nullptr};
    sys::call(__NR_execveat, directory, sys::word(name), sys::word(argv), sys::word(start.environment), 0);
    sys::call(__NR_exit_group, 126);
  }
  int status = 0;
  long ended;
  while ((ended = sys::call(__NR_wait4, child, sys::word(&status), 0, 0)) == -sys::kInterrupted) {
  }
  if (ended != child) return 127;  // SIGCHLD ignored: nobody can say how it went
  return (status >> 8 & 0xff) | (status & 0x7f);
}

}  // namespace detail

inline InstallProblem install(const Start& start, std::string_view target) {
  const int own = detail::open_own_directory(start);
  if (own < 0) return {"cannot find the own directory", -own};
  char path[4096];
  Text text(path);
  text << target;
  if (text.size() == sizeof path) return {"the path is too long:", 0};
  const int directory = sys::open(text.c_str(), sys::kReadOnly | sys::kDirectory | sys::kCloseOnExec);
  if (directory < 0) return {"cannot open", -directory};
  bool any = false;
  for (std::size_t i = 0; i < kExecutableCount; ++i) {
    const char* name = nth_word(kExecutables, i);
    const int source = sys::open_at(own, name, sys::kReadOnly | sys::kCloseOnExec, 0);
    if (source < 0) continue;  // this image does not have all
    if (const int error = detail::copy_executable(source, directory, name); error < 0) {
      return {"cannot copy into", -error};
    }
    any = true;
  }
  if (!any) return {"no shm-probe to copy into", 0};
  const int status = detail::run_self_test(start, directory);
  if (status == 126) return {"the copy may not be executed (a noexec mount?) in", 0};
  if (status != 0) return {"the copy's self-test failed in", 0};
  return {};
}

}  // namespace shm_liveness::program
