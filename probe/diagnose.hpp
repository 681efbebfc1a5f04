// Why a worker may be stalled: what /proc and the cgroup say. Read only once something looks wrong.
#pragma once

#include "../native/shm_liveness/kernel_place.hpp"
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

// Where the worker's code is: what was recorded during its present silence, else what the kernel says now. A pid in the
// region is the worker's own view of itself. It is believed here only if that task, seen from here, was started at the
// same tick; otherwise it is shown as the bare number.
inline void diagnose_task(const Region& region, const WorkerFacts& worker, Diagnosis& diagnosis) {
  char buffer[kKernelPlaceBytes];
  Text text(buffer);
  diagnosis.pid = worker.pid;
  diagnosis.state = say_kernel_place(text, {worker.pid, worker.tid, worker.task_start_ticks});
  WhereFacts& where = diagnosis.where;
  if (read_where_of(region, worker, where)) return;
  where.kind = text.size() == 0 ? WhereKind::nothing : WhereKind::native;
  Text(where.frames) << text.c_str() << '\0';
}

}  // namespace shm_liveness::program
