// One of the guard's own output streams, written so that a reader who does not read cannot stop the watch.
#pragma once

#include "log.hpp"
#include "loop.hpp"

namespace shm_liveness::guard {

class Outlet {
 public:
  // Finds out what `fd` is and how it can be written without blocking. Setting O_NONBLOCK on it is no way: the flag
  // belongs to everybody who shares the open file. So a pipe or a terminal is opened once more for the guard alone;
  // without /proc it is asked for room first, and given no more than a pipe has room for then.
  void open(int fd) {
    fd_ = fd;
    sys::FileStatus status{};
    if (sys::status(fd, status) < 0) return;
    const unsigned type = status.stx_mode & 0170000;
    is_pipe_ = type == 0010000;
    is_socket_ = type == 0140000;
    if (!is_pipe_ && type != 0020000) return;
    char path[32];
    Text text(path);
    text << "/proc/self/fd/" << fd;
    constexpr int kNoTerminal = 0400;  // O_NOCTTY
    const int own = sys::open(text.c_str(), sys::kWriteOnly | sys::kNonBlock | sys::kCloseOnExec | kNoTerminal);
    if (own < 0) return;
    fd_ = own;
    is_own_ = true;
  }

  int fd() const { return fd_; }
  // Whether splice() to it never blocks.
  bool takes_splices() const { return is_pipe_; }

  // Bytes written, -EAGAIN if there is no room, or another -errno.
  long write(const char* bytes, std::size_t count) {
    if (is_socket_) {
      os::Chunk chunk{const_cast<char*>(bytes), count};
      const os::MessageHeader message{nullptr, 0, &chunk, 1, nullptr, 0, 0};
      return os::send(fd_, message, os::kNoSignal | os::kDontWait);
    }
    if (is_own_) return sys::write(fd_, bytes, count);
    if (!os::is_writable(fd_)) return -sys::kTryAgain;
    constexpr std::size_t kRoom = 4096;  // PIPE_BUF
    return sys::write(fd_, bytes, count < kRoom ? count : kRoom);
  }

 private:
  int fd_ = -1;
  bool is_pipe_ = false;
  bool is_socket_ = false;
  bool is_own_ = false;
};

}  // namespace shm_liveness::guard
