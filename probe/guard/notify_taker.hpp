// Takes datagrams that carry descriptors off the notification socket, in processes of their own that live for
// microseconds.
//
// Whoever sends a descriptor may have closed his own copy. Then the last one is in the queue, and to take the datagram
// is to close the file: close(2) of a TCP socket with SO_LINGER and data that nobody acknowledges waits as long as the
// sender set, and of a file of FUSE or NFS until its server answers. It makes no difference whether the descriptors are
// received: what does not fit into the control buffer (MSG_CTRUNC), and what the table has no room for or a security
// module refuses, is released by the receiver, too (scm_detach_fds(), __scm_destroy() in net/core/scm.c: fput(), whose
// work the kernel does when the system call returns). So the guard never takes such a datagram itself. It only looks
// (MSG_PEEK): then the kernel takes a second reference of each file and drops it again (scm_fp_dup()), which is never
// the last one, because the datagram is still in the queue.
//
// A taker shares no table of descriptors and no memory with the guard but one page. It asks for no descriptors, so that
// none gets a number: close(2) would also flush (filp_close()), the release of the queue's reference does not. The
// kernel writes the header of the message before it does that work, so a taker that is held up has taken all the same,
// and the guard goes on with the next datagram. SIGKILL ends a wait for SO_LINGER: sk_stream_wait_close() is left for a
// signal. What waits for a file system may not end of it; such takers are few (kMost), and when all of them hang,
// datagrams with descriptors are left in the queue until one has ended.
#pragma once

#include "os.hpp"

namespace shm_liveness::guard {

class Takers {
 public:
  static constexpr std::size_t kMost = 16;

  // -errno, or 0.
  int open() {
    constexpr std::size_t kPage = 4096;
    static_assert(kMost * sizeof(os::MessageHeader) <= kPage);
    void* const page =
        sys::map(nullptr, kPage, sys::kProtRead | sys::kProtWrite, sys::kMapShared | sys::kMapAnonymous, -1);
    if (sys::failed(page)) return -sys::error_of(page);
    headers_ = static_cast<os::MessageHeader*>(page);
    return 0;
  }

  // Starts one for the datagram at the head of the queue. False: there is no room for another process.
  bool start(int socket) {
    for (current_ = 0; current_ < kMost && takers_[current_].pid != 0; ++current_) {
    }
    if (current_ == kMost) return false;
    os::MessageHeader& header = headers_[current_];
    header = {nullptr, 0, nullptr, 0, nullptr, 0, kUntouched};
    const std::uint32_t guard = sys::process_id();
    const long pid = os::fork_process();
    if (pid == 0) take(socket, header, guard);
    if (pid < 0) {
      current_ = kMost;
      return false;
    }
    takers_[current_] = {static_cast<int>(pid), false};
    return true;
  }

  // Whether one was started, and has not been seen to have taken its datagram.
  bool is_taking() const { return current_ != kMost; }
  // Whether that one has taken it by now, whatever holds it up since.
  bool has_taken() const {
    return current_ != kMost && __atomic_load_n(&headers_[current_].flags, __ATOMIC_ACQUIRE) != kUntouched;
  }
  void forget_current() { current_ = kMost; }

  // False: that was none of them.
  bool reaped(int pid) {
    for (Taker& taker : takers_) {
      if (taker.pid != pid) continue;
      taker = {};
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
  std::uint32_t count() const {
    std::uint32_t count = 0;
    for (const Taker& taker : takers_) count += taker.pid != 0 ? 1 : 0;
    return count;
  }

 private:
  static constexpr int kUntouched = -1;  // no flags that the kernel writes
  struct Taker {
    int pid = 0;
    bool is_killed = false;
  };

  [[noreturn]] static void take(int socket, os::MessageHeader& header, std::uint32_t guard) {
    os::die_with_parent();
    if (os::parent() != guard) os::leave_process(0);
    // A taker that hangs must not hold what is the guard's: the lock of its claim, a port, the command's pipes.
    os::close_range(os::kStandardError + 1, socket - 1);
    os::close_range(socket + 1, -1);
    os::receive(socket, header, os::kDontWait);
    os::leave_process(0);
  }

  os::MessageHeader* headers_ = nullptr;  // shared with the takers
  Taker takers_[kMost] = {};
  std::size_t current_ = kMost;
};

}  // namespace shm_liveness::guard
