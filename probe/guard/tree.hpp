// The guard's descendants, as /proc shows them: who belongs to the command, and what all of them use together.
#pragma once

#include "../../native/shm_liveness/procfs.hpp"
#include "os.hpp"

namespace shm_liveness::guard {

struct Stat {
  std::uint32_t parent = 0;
  bool is_exiting = false;      // on its way out, or a zombie
  std::uint64_t cpu_ticks = 0;  // with its reaped children's; a tick is 10 ms on every architecture we support
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
  out.is_exiting = (number(9) & kExiting) != 0;
  out.reaped_faults = number(11);
  out.cpu_ticks = number(14) + number(15) + number(16) + number(17);
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

// Nanoseconds on a CPU so far (proc(5), schedstat); 0 where that is not shown.
inline std::uint64_t task_cpu_ns(std::uint32_t pid, std::uint32_t tid) {
  char path[64];
  Text text(path);
  text << "/proc/" << pid << "/task/" << tid << "/schedstat";
  char buffer[128];
  const std::string_view stat = read_small_file(text.c_str(), buffer, sizeof buffer);
  std::uint64_t ns = 0;
  parse_number(head(stat, stat.find(' ')), ~std::uint64_t(0), ns);
  return ns;
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

// What the tree has used so far. A process that ends hands its counts to whoever reaps it; one whose parent ignores
// its children takes them along, so a sum may fall.
struct Usage {
  std::uint32_t processes = 0;
  std::uint64_t cpu_ticks = 0;
  std::uint64_t reaped_faults = 0;
  std::uint64_t io_bytes = 0;  // read and written, page cache and pipes included, with its reaped children's
  bool io_known = false;       // of at least one of them: another user's are not shown to everybody
};

inline void add_io(std::uint32_t pid, Usage& usage) {
  char path[32];
  Text text(path);
  text << "/proc/" << pid << "/io";
  char buffer[512];
  const std::string_view io = read_small_file(text.c_str(), buffer, sizeof buffer);
  for (const std::string_view key : {std::string_view("rchar: "), std::string_view("wchar: ")}) {
    const std::size_t at = io.find(key);
    if (at == std::string_view::npos) return;
    const std::string_view rest = tail(io, at + key.size());
    std::uint64_t value = 0;
    parse_number(head(rest, rest.find('\n')), ~std::uint64_t(0), value);
    usage.io_bytes += value;
    usage.io_known = true;
  }
}

// Of those that were started at `since_ticks` or later. False: there is no /proc.
inline bool read_usage(std::uint32_t guard, std::uint64_t since_ticks, bool with_io, Usage& usage) {
  usage = {};
  return for_each_descendant(guard, [&](std::uint32_t pid, const Stat& stat) {
    if (stat.start_ticks < since_ticks) return;
    ++usage.processes;
    usage.cpu_ticks += stat.cpu_ticks;
    usage.reaped_faults += stat.reaped_faults;
    if (with_io) add_io(pid, usage);
  });
}

inline std::uint32_t count_living_descendants(std::uint32_t guard) {
  std::uint32_t count = 0;
  for_each_descendant(guard, [&](std::uint32_t, const Stat& stat) { count += stat.is_exiting ? 0 : 1; });
  return count;
}

// To every descendant, also those that have left the command's process group.
inline void signal_descendants(std::uint32_t guard, int signal) {
  for_each_descendant(guard, [&](std::uint32_t pid, const Stat&) { os::send_signal(static_cast<int>(pid), signal); });
}

}  // namespace shm_liveness::guard
