// What the command's processes have used so far.
#pragma once

#include "kin.hpp"

namespace shm_liveness::guard {

// Sums over the command's processes. A process that ends hands its counts to its parent when that one reaps it; one
// whose parent ignores its children takes them along. So each sum may fall.
struct Usage {
  std::uint32_t lasting = 0;        // of them, those that had begun by the last reading and are not ending
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
    if (stat.start_ticks <= last_ticks && !stat.is_exiting) ++usage.lasting;
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
