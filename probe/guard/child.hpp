// The command's first process and the group that it leads, from its start until the next one's.
#pragma once

#include "command.hpp"
#include "loop.hpp"
#include "strike.hpp"

namespace shm_liveness::guard {

class Child {
 public:
  explicit Child(Loop& loop) : loop_(loop) {}

  // -errno, or 0: it is started, and its exec may still be under way. `now_ns`: of the guard's running time.
  int start(const Launch& launching, std::uint64_t now_ns) {
    const Launched launched = launch(launching);
    started_ns_ = now_ns;
    is_group_struck_ = false;
    exec_error_ = 0;
    if (launched.pid < 0) return launched.pid;
    pid_ = group_ = launched.pid;
    exec_ = {launched.report, [](void* self, std::uint32_t) { static_cast<Child*>(self)->hear_of_exec(); }, this, 0};
    // Where it cannot be waited for, its word is read at the command's end.
    loop_.add(exec_, os::kReadable);
    return 0;
  }
  // Its exit status was taken.
  void reaped() {
    hear_of_exec();
    pid_ = 0;
  }

  // 0: there is none (any more).
  int pid() const { return pid_; }
  std::uint64_t started_ns() const { return started_ns_; }
  // Of an exec that failed; 0: none did.
  int exec_error() const { return exec_error_; }

  // To its first process alone: what its descendants get of it is its own business.
  void send(int signal) const {
    if (pid_ != 0) os::send_signal(pid_, signal);
  }
  void send_to_group(int signal) const { signal_group(group_, signal); }
  void strike_group(int signal) {
    is_group_struck_ = true;
    send_to_group(signal);
  }
  bool is_group_struck() const { return is_group_struck_; }
  // Once nothing is left of the group it is forgotten, because its number may be another's soon.
  bool is_group_gone() {
    if (pid_ == 0 && is_group_empty(group_)) group_ = 0;
    return group_ == 0;
  }

 private:
  void hear_of_exec() {
    if (exec_.fd < 0) return;
    // Never blocks: the pipe is non-blocking.
    const long got = sys::read(exec_.fd, &exec_error_, sizeof exec_error_);
    if (got == -sys::kTryAgain || got == -sys::kInterrupted) return;
    loop_.remove(exec_);
  }

  Loop& loop_;
  Source exec_;  // word of the exec; fd < 0: it is done
  int exec_error_ = 0;
  int pid_ = 0;
  int group_ = 0;
  bool is_group_struck_ = false;
  std::uint64_t started_ns_ = 0;
};

}  // namespace shm_liveness::guard
