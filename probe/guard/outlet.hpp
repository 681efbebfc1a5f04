// One of the guard's own output streams, written so that a reader who does not read cannot stop the watch.
#pragma once

#include "../../native/shm_liveness/text.hpp"
#include "os.hpp"

namespace shm_liveness::guard {

// Why no write of it blocks, by what the stream is:
//   pipe, terminal  opened once more for the guard alone, with O_NONBLOCK. Setting the flag on the stream itself is not
//                   possible: it belongs to all processes that share the open file.
//   the same, where they cannot be opened again (no /proc; a pipe or terminal of another user)
//                   a timer ends a write that waits.
//   socket          MSG_DONTWAIT, a flag of the call.
//   regular file    the kernel has no non-blocking write for it: O_NONBLOCK is ignored, and most file systems refuse
//                   RWF_NOWAIT. The write goes to the page cache, and is as slow as the disk or server behind it.
// What remains for pipes: a process that writes from memory whose pages do not come (a file of a server that hangs)
// holds the pipe's mutex meanwhile, and no flag keeps another writer or reader from waiting for it.
class Outlet {
 public:
  void open(int fd) {
    fd_ = fd;
    sys::FileStatus status{};
    if (sys::status(fd, status) < 0) return;
    const unsigned type = status.stx_mode & 0170000;
    is_pipe_ = type == 0010000;
    is_socket_ = type == 0140000;
    if (!is_pipe_ && type != 0020000) return;
    may_wait_ = true;
    char path[32];
    Text text(path);
    text << "/proc/self/fd/" << fd;
    // O_NONBLOCK also for the opening: a serial line could wait for its carrier.
    const int own = sys::open(text.c_str(), sys::kWriteOnly | sys::kNonBlock | sys::kCloseOnExec | sys::kNoTerminal);
    if (own < 0) return;
    fd_ = own;
    may_wait_ = false;
  }

  bool is_open() const { return fd_ >= 0; }
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
    if (!may_wait_) return sys::write(fd_, bytes, count);
    if (!os::is_writable(fd_)) return -sys::kTryAgain;
    constexpr std::size_t kRoom = 4096;  // PIPE_BUF: a pipe that is writable has as much room, unless others are faster
    return os::write_briefly(fd_, bytes, count < kRoom ? count : kRoom);
  }

 private:
  int fd_ = -1;
  bool is_pipe_ = false;
  bool is_socket_ = false;
  bool may_wait_ = false;  // a write to it waits for room
};

}  // namespace shm_liveness::guard
