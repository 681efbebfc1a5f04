// What the command's processes have used so far, and which processes those are.
//
// Whose a process is: its ancestors are followed up to the guard's child. That child is the command's first process, or
// an orphan that the guard inherited. The kernel does not say who left an orphan behind. What it shows of each process
// is the time of its start and its process group, and these two tell: an orphan is the command's if it began after the
// command, in a group that did not exist before the command. A leftover of an earlier step (or a helper of the image's
// entrypoint) began before; a child that it orphans later is in its group, and so in one that existed. Processes of
// `cmd &` stay in the group of their step, and a daemon makes a new one (setsid).
// A mark in the environment would tell the same, but it is lost by `env -i` and sudo, another user's is not readable
// without CAP_SYS_PTRACE, and each build would see it. A cgroup would be better, but a container may not make one.
#pragma once

#include "../../native/shm_liveness/clock.hpp"
#include "tree.hpp"

namespace shm_liveness::guard {

inline constexpr std::uint64_t kNsPerTick = 10'000'000;

// Which processes are the command's.
class Kin {
 public:
  // Before the command is started.
  void note_groups() {
    groups_[0] = os::process_group();  // the command gets a group of its own
    count_ = 1;
    for_each_descendant(sys::process_id(), [&](std::uint32_t, const Stat& stat) {
      if (count_ != kMostGroups && !is_known(stat.group)) groups_[count_++] = stat.group;
    });
  }
  // `first`: the command's first process.
  void begin(std::uint32_t first) {
    first_ = first;
    Stat stat;
    since_ticks_ = read_stat(first, stat) ? stat.start_ticks : boottime_ns() / kNsPerTick;
  }

  std::uint64_t since_ticks() const { return since_ticks_; }

  // Calls visit(pid, stat) for each. False: there is no /proc.
  template <class Visit>
  bool for_each(Visit&& visit) const {
    const std::uint32_t guard = sys::process_id();
    return for_each_process([&](std::uint64_t number) {
      const auto pid = static_cast<std::uint32_t>(number);
      Stat stat;
      if (pid != guard && read_stat(pid, stat) && has(pid, stat, guard)) visit(pid, stat);
    });
  }

 private:
  static constexpr std::size_t kMostGroups = 256;  // of more than that the rest is taken for the command's

  bool is_known(std::uint32_t group) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (groups_[i] == group) return true;
    }
    return false;
  }
  bool has(std::uint32_t pid, Stat stat, std::uint32_t guard) const {
    constexpr int kMostGenerations = 256;
    for (int i = 0; i < kMostGenerations; ++i) {
      if (pid == first_) return true;
      if (stat.parent == guard) return stat.start_ticks >= since_ticks_ && !is_known(stat.group);
      pid = stat.parent;
      if (pid == 0 || !read_stat(pid, stat)) return false;
    }
    return false;
  }

  std::uint32_t groups_[kMostGroups] = {};
  std::size_t count_ = 0;
  std::uint32_t first_ = 0;
  std::uint64_t since_ticks_ = 0;
};

// Sums over the command's processes. A process that ends hands its counts to its parent when that one reaps it; one
// whose parent ignores its children takes them along. So each sum may fall.
struct Usage {
  std::uint32_t processes = 0;
  std::uint64_t cpu_ticks = 0;      // with what reaped children used
  std::uint64_t written_bytes = 0;  // by write(2) and its kin, to whatever it was; with reaped children's
  // Their own use, without children's: [0] of those that had begun by the last reading, [1] by the one before it.
  std::uint64_t own_cpu_ticks[2] = {};
  std::uint64_t own_read_bytes[2] = {};
  bool io_known = false;  // of at least one of them: another user's are not shown to everybody
};

namespace detail {

inline std::uint64_t number_after(std::string_view text, std::string_view key, bool& known) {
  std::uint64_t value = 0;
  const std::size_t at = text.find(key);
  if (at == std::string_view::npos) return 0;
  known = true;
  const std::string_view rest = tail(text, at + key.size());
  parse_number(head(rest, rest.find('\n')), ~std::uint64_t(0), value);
  return value;
}

// /proc/<pid>/io has the reads of reaped children too; those of a thread are its own.
inline std::uint64_t own_read_bytes(std::uint32_t pid) {
  char path[32];
  Text tasks(path);
  tasks << "/proc/" << pid << "/task";
  const int fd = sys::open(tasks.c_str(), sys::kReadOnly | sys::kDirectory | sys::kCloseOnExec);
  if (fd < 0) return 0;
  std::uint64_t sum = 0;
  for_each_entry(fd, [&](std::string_view thread) {
    if (thread.starts_with('.')) return;
    char buffer[512];
    char io[64];
    Text text(io);
    text << "/proc/" << pid << "/task/" << thread << "/io";
    bool known = false;
    sum += number_after(read_small_file(text.c_str(), buffer, sizeof buffer), "rchar: ", known);
  });
  sys::close(fd);
  return sum;
}

}  // namespace detail

// Microseconds in which a process that wanted a CPU had none (pressure stall information).
struct Pressure {
  std::uint64_t waited_us = 0;   // 0: the kernel keeps no count
  bool is_of_container = false;  // of its processes alone; else of all on the machine
};
inline Pressure read_pressure() {
  for (const char* path : {"/sys/fs/cgroup/cpu.pressure", "/proc/pressure/cpu"}) {
    char buffer[256];
    const std::string_view text = read_small_file(path, buffer, sizeof buffer);
    bool known = false;
    // The first line is "some": at least one process waited.
    const std::uint64_t us = detail::number_after(text, " total=", known);
    if (known) return {us, path[1] == 's'};
  }
  return {};
}

// `last_ticks`, `before_ticks`: when the last reading was, and the one before it. False: there is no /proc.
inline bool read_usage(const Kin& kin, std::uint64_t last_ticks, std::uint64_t before_ticks, bool with_io,
                       Usage& usage) {
  usage = {};
  return kin.for_each([&](std::uint32_t pid, const Stat& stat) {
    ++usage.processes;
    usage.cpu_ticks += stat.cpu_ticks;
    const std::uint64_t begun_by[] = {last_ticks, before_ticks};
    std::uint64_t own_read = 0;
    if (with_io) {
      char path[32];
      Text text(path);
      text << "/proc/" << pid << "/io";
      char buffer[512];
      const std::string_view io = read_small_file(text.c_str(), buffer, sizeof buffer);
      usage.written_bytes += detail::number_after(io, "wchar: ", usage.io_known);
      if (stat.start_ticks <= last_ticks) own_read = detail::own_read_bytes(pid);
    }
    for (int i = 0; i < 2; ++i) {
      if (stat.start_ticks > begun_by[i]) continue;
      usage.own_cpu_ticks[i] += stat.own_cpu_ticks;
      usage.own_read_bytes[i] += own_read;
    }
  });
}

}  // namespace shm_liveness::guard
