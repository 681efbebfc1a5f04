// The container's termination log: a file that the kubelet made, and reads once the container has ended. Measured on a
// real kubelet: what is written there survives the kill, while events are rate-limited and may never show the reason.
#pragma once

#include "program.hpp"

namespace shm_liveness::program {

inline constexpr std::string_view kTerminationLog = "/dev/termination-log";

// O_NONBLOCK: a FIFO without a reader and a terminal without room are errors, and a serial line is opened without its
// carrier; nothing is waited for. The kubelet's is a regular file, for which the kernel has no such write: it is as
// slow as the disk behind it, in a Kata VM that of the host.
//
// Replaces what is there. `make`: if there is none, one is made where the directory allows it. -errno, or 0.
inline int write_termination_log(std::string_view path, bool make, std::string_view text) {
  char buffer[4096];
  Text name(buffer);
  name << path;
  const int flags =
      sys::kWriteOnly | sys::kTruncate | sys::kNoFollow | sys::kCloseOnExec | sys::kNonBlock | sys::kNoTerminal;
  int fd = sys::open(name.c_str(), flags);
  if (fd == -sys::kNoEntry && make) fd = sys::open(name.c_str(), flags | sys::kCreate, 0644);
  if (fd < 0) return fd;
  const int error = write_all(fd, text);
  sys::close(fd);
  return error;
}

}  // namespace shm_liveness::program
