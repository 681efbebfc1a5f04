// Takes datagrams that carry descriptors off the notification socket, in processes of their own that live for
// microseconds.
//
// A sender may have closed its own copy of a descriptor that it sent. Then the last one is in the queue, and to take
// the datagram is to close the file: close(2) of a TCP socket with SO_LINGER and data that nobody acknowledges waits as
// long as the sender set, and of a file of FUSE or NFS until its server answers. It makes no difference whether the
// descriptors are received: what does not fit into the control buffer (MSG_CTRUNC), and what the table has no room for
// or a security module refuses, is released by the receiver, too (scm_detach_fds(), __scm_destroy() in net/core/scm.c:
// fput(), whose work the kernel does when the system call returns). So the guard never takes such a datagram itself. It
// only looks (MSG_PEEK): then the kernel takes a second reference of each file and drops it again (scm_fp_dup()), which
// is never the last one, because the datagram is still in the queue.
//
// A taker shares the guard's memory, because a fork costs forty times as much, and no table of descriptors. It asks for
// no descriptors, so that none gets a number: close(2) would also flush (filp_close()), the release of the queue's
// reference does not. The kernel writes the flags of the message before it does that work, so a taker that is held up
// has taken all the same, and the guard goes on with the next datagram. SIGKILL ends a wait for SO_LINGER:
// sk_stream_wait_close() is left for a signal. What waits for a file system may not end of it; such takers are few
// (kMost), and when all of them hang, datagrams with descriptors are left in the queue until one has ended.
//
// No kind of file is closed by the guard itself, not even the pipe of BARRIER=1: a process that writes to that
// pipe from a mapped file of FUSE holds its lock meanwhile, and pipe_release() waits for that.
#pragma once

#include "os.hpp"

namespace shm_liveness::guard {

class Takers {
 public:
  static constexpr std::size_t kMost = 16;

  // Starts a taker for the datagram at the head of the queue. False: no other process can be started now.
  bool start(int socket) {
    for (current_ = 0; current_ < kMost && takers_[current_].pid != 0; ++current_) {
    }
    if (current_ == kMost) return false;
    Taker& taker = takers_[current_];
    taker.header = {nullptr, 0, nullptr, 0, nullptr, 0, kUntouched};
    taker.socket = socket;
    taker.guard = sys::process_id();
    taker.is_killed = false;
    const long pid = os::start_in_same_memory(
        taker.stack + sizeof taker.stack, [](void* self) { take(*static_cast<Taker*>(self)); }, &taker);
    if (pid < 0) {
      current_ = kMost;
      return false;
    }
    taker.pid = static_cast<int>(pid);
    return true;
  }

  // Whether one was started, and has not been seen to have taken its datagram.
  bool is_taking() const { return current_ != kMost; }
  // Whether that one has taken it by now, whatever holds it up since.
  bool has_taken() const {
    return current_ != kMost && __atomic_load_n(&takers_[current_].header.flags, __ATOMIC_ACQUIRE) != kUntouched;
  }
  void forget_current() { current_ = kMost; }

  // False: that was none of them.
  bool reaped(int pid) {
    for (Taker& taker : takers_) {
      if (taker.pid != pid) continue;
      taker.pid = 0;
      return true;
    }
    return false;
  }
  // Whether the one that was started last still lives.
  bool is_current_alive() const { return current_ != kMost && takers_[current_].pid != 0; }

  // Ends those that are held up by what they close. False: there is none that has not been told.
  bool kill_late() {
    bool any = false;
    for (std::size_t i = 0; i < kMost; ++i) {
      Taker& taker = takers_[i];
      if (taker.pid == 0 || taker.is_killed) continue;
      any = true;
      // Before it has taken, it is only slow.
      if (i == current_) continue;
      os::send_signal(taker.pid, os::kKill);
      taker.is_killed = true;
    }
    return any;
  }

 private:
  static constexpr int kUntouched = -1;  // no flags that the kernel writes
  struct Taker {
    int pid = 0;  // 0: none; its stack is free
    bool is_killed = false;
    int socket = -1;
    std::uint32_t guard = 0;
    os::MessageHeader header{};
    alignas(16) char stack[1984];  // for system calls, and no signal handler
  };

  [[noreturn]] static void take(Taker& taker) {
    os::die_with_parent();
    if (os::parent() != taker.guard) os::leave_process(0);
    // A taker that hangs must not hold what is the guard's: the lock of its claim, a port, the command's pipes.
    os::close_range(os::kStandardError + 1, taker.socket - 1);
    os::close_range(taker.socket + 1, -1);
    os::receive(taker.socket, taker.header, os::kDontWait);
    os::leave_process(0);
  }

  Taker takers_[kMost];
  std::size_t current_ = kMost;
};

}  // namespace shm_liveness::guard
