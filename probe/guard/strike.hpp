// Ending a command that failed: first the worker itself, by a handle that cannot mean another process, then its group,
// then everything.
#pragma once

#include "../diagnose.hpp"
#include "log.hpp"
#include "signals.hpp"
#include "tree.hpp"

namespace shm_liveness::guard {

// Whether the process is on its way out. Its locks go before its parent hears of it, so a death that is seen may be an
// end that will be told in a moment.
inline bool is_exiting(std::uint32_t pid) {
  Stat stat;
  return read_stat(pid, stat) && stat.is_exiting;
}

// A handle of the worker's process, or -1: it is gone, it is none of the guard's descendants, or the number in the slot
// means another process here (another PID namespace, or a number that was used again).
inline int open_worker(const WorkerFacts& worker, std::uint32_t guard) {
  if (worker.pid == 0 || worker.pid == guard) return -1;
  const int handle = os::open_process(worker.pid);
  if (handle < 0) return -1;
  // Looked at behind the handle: what is read now is read of the process that the handle means, or of none.
  if (is_that_task(worker.pid, worker.tid, worker.task_start_ticks) && is_descendant(worker.pid, guard)) return handle;
  sys::close(handle);
  return -1;
}

inline bool has_ended(int handle) {
  os::PollEntry entry{handle, os::kPollIn, 0};
  return os::poll(&entry, 1, 0) == 1;
}

// To the whole group. A stopped process gets no signal but SIGKILL until it is continued.
inline void signal_group(int group, int signal) {
  if (group <= 0) return;  // kill(2) takes 0 for the guard's own
  os::send_signal(-group, signal);
  if (signal != os::kKill) os::send_signal(-group, os::kContinue);
}
inline bool is_group_empty(int group) { return group <= 0 || os::send_signal(-group, 0) == -os::kNoProcess; }

}  // namespace shm_liveness::guard
