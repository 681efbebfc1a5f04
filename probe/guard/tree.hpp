// Why reading /proc does not block: stat and schedstat take no lock that a process holds while it sleeps, and io only
// exec_update_lock, from begin_new_exec() to setup_new_exec(), where nothing is read from a disk (fs/proc/array.c,
// fs/proc/base.c, fs/exec.c). cmdline, environ, maps and mem take mmap_lock, so nothing here reads them.
//
// The guard's descendants, as /proc shows them: who belongs to the command, and what all of them use together.
#pragma once

#include "../../native/shm_liveness/procfs.hpp"
#include "os.hpp"
#include "starvation.hpp"

namespace shm_liveness::guard {

struct Stat {
  std::uint32_t parent = 0;
  std::uint32_t group = 0;
  std::uint32_t session = 0;
  bool is_exiting = false;          // on its way out, or a zombie
  std::uint64_t own_cpu_ticks = 0;  // a tick is 10 ms on every architecture we support
  std::uint64_t cpu_ticks = 0;      // with its reaped children's
  std::uint64_t start_ticks = 0;
  std::uint64_t reaped_faults = 0;  // page faults of the children that it has reaped
};

// False: no such process, or no /proc.
inline bool read_stat(std::uint32_t pid, Stat& out) {
  char path[32];
  Text text(path);
  text << "/proc/" << pid << "/stat";
  char buffer[1024];
  const std::string_view stat = read_small_file(text.c_str(), buffer, sizeof buffer);
  const auto number = [&](int field) {
    std::uint64_t value = 0;
    parse_number(stat_field(stat, field), ~std::uint64_t(0), value);
    return value;
  };
  if (stat_field(stat, 3).empty()) return false;
  constexpr std::uint64_t kExiting = 4;  // PF_EXITING, among the flags
  out.parent = static_cast<std::uint32_t>(number(4));
  out.group = static_cast<std::uint32_t>(number(5));
  out.session = static_cast<std::uint32_t>(number(6));
  out.is_exiting = (number(9) & kExiting) != 0;
  out.own_cpu_ticks = number(14) + number(15);
  out.cpu_ticks = out.own_cpu_ticks + number(16) + number(17);
  out.reaped_faults = number(11);
  out.start_ticks = number(22);
  return true;
}

// Whether `pid` came from the guard: its ancestors are followed up to `guard`. A process that somebody exec'd into the
// container (the kubelet's probes, kubectl exec) has no parent here, and is none of ours.
inline bool is_descendant(std::uint32_t pid, std::uint32_t guard) {
  constexpr int kMostGenerations = 256;
  for (int i = 0; i < kMostGenerations && pid != 0 && pid != guard; ++i) {
    Stat stat;
    if (!read_stat(pid, stat)) return false;
    pid = stat.parent;
  }
  return pid == guard;
}

// Whether the numbers that a worker wrote down mean a task here, and that task: another PID namespace counts anew, and
// numbers are used again.
inline bool is_that_task(std::uint32_t pid, std::uint32_t tid, std::uint64_t task_start_ticks) {
  char path[64];
  Text text(path);
  text << "/proc/" << pid << "/task/" << tid << "/stat";
  return task_start_ticks != 0 && start_ticks(text.c_str()) == task_start_ticks;
}

// What the scheduler says of a task (Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat).
inline Scheduled read_scheduled(std::uint32_t pid, std::uint32_t tid, std::uint64_t now_ns) {
  char path[64];
  Text text(path);
  text << "/proc/" << pid << "/task/" << tid << "/schedstat";
  char buffer[128];
  const std::string_view stat = read_small_file(text.c_str(), buffer, sizeof buffer);
  const std::string_view on_cpu = head(stat, stat.find(' '));
  Scheduled scheduled{.at_ns = now_ns};
  scheduled.is_known = parse_number(on_cpu, ~std::uint64_t(0), scheduled.cpu_ns);
  const std::string_view waited = tail(stat, on_cpu.size() + 1);
  parse_number(head(waited, waited.find(' ')), ~std::uint64_t(0), scheduled.waited_ns);
  return scheduled;
}
// Whether it would run if it were let (state R, field 3 of its stat).
inline bool is_runnable(std::uint32_t pid, std::uint32_t tid) {
  char path[64];
  Text text(path);
  text << "/proc/" << pid << "/task/" << tid << "/stat";
  char buffer[1024];
  return stat_field(read_small_file(text.c_str(), buffer, sizeof buffer), 3) == "R";
}

// Calls visit(pid, stat) for each descendant. False: there is no /proc.
template <class Visit>
bool for_each_descendant(std::uint32_t guard, Visit&& visit) {
  return for_each_process([&](std::uint64_t number) {
    const std::uint32_t pid = static_cast<std::uint32_t>(number);
    Stat stat;
    if (pid == guard || !read_stat(pid, stat)) return;
    if (stat.parent == guard || is_descendant(stat.parent, guard)) visit(pid, stat);
  });
}

}  // namespace shm_liveness::guard
