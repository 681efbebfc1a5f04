// Why a worker may be stalled: what /proc and the cgroup say. Read only once something looks wrong.
#pragma once

#include "../native/shm_liveness/sentence.hpp"

namespace shm_liveness::program {

// The CPU controller's account of its cgroup, since the cgroup was made.
struct Throttling {
  bool known = false;
  std::uint64_t periods = 0;
  std::uint64_t throttled = 0;
};

inline Throttling read_throttling() {
  char buffer[1024];
  // v2, then v1, as a container sees its own cgroup.
  for (const char* path : {"/sys/fs/cgroup/cpu.stat", "/sys/fs/cgroup/cpu/cpu.stat"}) {
    const std::string_view text = read_small_file(path, buffer, sizeof buffer);
    Throttling found;
    const auto number_after = [&](std::string_view key, std::uint64_t& out) {
      const std::size_t at = text.find(key);
      if (at == std::string_view::npos) return false;
      const std::string_view rest = tail(text, at + key.size());
      return parse_number(head(rest, rest.find('\n')), ~std::uint64_t(0), out);
    };
    found.known = number_after("nr_periods ", found.periods) && number_after("nr_throttled ", found.throttled);
    if (found.known) return found;
  }
  return {};
}

// The share of CPU periods in which the cgroup was throttled while we watched; -1 if no period passed meanwhile.
inline int throttled_percent(const Throttling& before, const Throttling& after) {
  if (!before.known || !after.known || after.periods <= before.periods) return -1;
  return static_cast<int>((after.throttled - before.throttled) * 100 / (after.periods - before.periods));
}

// A pid in the region is the worker's own view of itself. It is believed here only if that task, seen from here, was
// started at the same tick; otherwise it is shown as the bare number.
inline void diagnose_task(const WorkerFacts& worker, Diagnosis& diagnosis) {
  diagnosis.pid = worker.pid;
  if (worker.task_start_ticks == 0) return;
  char path[64];
  Text stat_path(path);
  stat_path << "/proc/" << worker.pid << "/task/" << worker.tid << "/stat";
  char buffer[1024];
  const std::string_view stat = read_small_file(stat_path.c_str(), buffer, sizeof buffer);
  std::uint64_t start = 0;
  if (!parse_number(stat_field(stat, 22), ~std::uint64_t(0), start) || start != worker.task_start_ticks) return;
  diagnosis.state = stat_field(stat, 3)[0];
  Text wait_path(path);
  wait_path << "/proc/" << worker.pid << "/task/" << worker.tid << "/wchan";
  const std::string_view channel = read_small_file(wait_path.c_str(), buffer, sizeof diagnosis.wait_channel - 1);
  if (!channel.empty() && channel != "0") Text(diagnosis.wait_channel) << channel;
}

}  // namespace shm_liveness::program
