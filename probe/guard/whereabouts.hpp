// Where a silent worker's code is, as the kernel says, and its way into the region, for probes and for the time after a
// restart. What the worker's own process has written of the same silence (its JavaScript frames) stays: it says more.
//
// Why no call blocks: /proc, see kernel_place.hpp; the region is opened as regions.hpp says.
#pragma once

#include "../../native/shm_liveness/create.hpp"
#include "../../native/shm_liveness/kernel_place.hpp"
#include "../../native/shm_liveness/where.hpp"
#include "tree.hpp"

namespace shm_liveness::guard {

namespace detail {

inline std::uint32_t first_child_of(std::uint32_t pid) {
  std::uint32_t child = 0;
  for_each_process([&](std::uint64_t number) {
    Stat stat;
    const auto candidate = static_cast<std::uint32_t>(number);
    if (child == 0 && read_stat(candidate, stat) && stat.parent == pid && !stat.is_exiting) child = candidate;
  });
  return child;
}

}  // namespace detail

inline constexpr int kGenerations = 4;

// A line for the task. A process that waits for its child is where the child is, so those of its descendants come
// first, each with its pid: a shell that runs a program hangs in that program. NUL and nothing, if it is not that task
// any more.
inline char say_kernel_places(Text& out, const Task& task, int generations = kGenerations) {
  char buffer[kKernelPlaceBytes];
  Text place(buffer);
  const char state = say_kernel_place(place, task);
  if (const char* const word = state_word(state); place.size() == 0 && word != nullptr) place << word;
  const bool waits = place.view().starts_with("wait4") || place.view().starts_with("waitid");
  Stat stat;
  const std::uint32_t child = waits && generations != 0 ? detail::first_child_of(task.pid) : 0;
  if (child != 0 && read_stat(child, stat)) {
    const std::size_t before = out.size();
    if (say_kernel_places(out, {child, child, stat.start_ticks}, generations - 1) != '\0' && out.size() != before)
      out << '\n';
  }
  out << place.view();
  if (state == '\0' || generations == kGenerations) return state;
  char path_buffer[32];
  Text path(path_buffer);
  path << "/proc/" << task.pid << "/comm";
  char name_buffer[32];
  const std::string_view name = read_small_file(path.c_str(), name_buffer, sizeof name_buffer);
  (out << ", pid " << task.pid << " (").printable(head(name, name.find('\n'))) << ')';
  return state;
}

// Stores `text` as the worker's place in this silence. False: it was not stored (the region is read-only here, or is
// another's), or is the worker's own word. `mine_ns`: when this guard last stored one; its own word it may renew.
inline bool record_place(const Region& watched, const Place& at, std::uint32_t user, const WorkerFacts& worker,
                         std::string_view text, StuckSequence& stuck, std::uint64_t& mine_ns) {
  PathBuffer path;
  sys::FileStatus status{};
  if (!path.set(at) || sys::status(watched.fd, status) < 0) return false;
  Region region;
  region.fd = open_existing(path.text, Access::write);
  if (region.fd < 0) return false;
  // As root for whoever made the region; the file must be the one that is watched.
  const std::uint32_t owner = user == 0 ? status.stx_uid : user;
  bool is_stored = false;
  if (shm_liveness::detail::is_still_at(watched.fd, path.text) && !map_region(at, Access::write, owner, region)) {
    WorkerFacts now;
    read_slot(region, worker.slot, now);
    WhereFacts known;
    const bool is_silent = now.incarnation == worker.incarnation && now.bank == worker.bank &&
                           now.sign_of_life_ns() == worker.sign_of_life_ns();
    const bool is_free = !read_where_of(region, now, known) || known.taken_ns == mine_ns;
    const std::uint64_t taken_ns = monotonic_ns();
    if (is_silent && is_free) {
      is_stored = set_where(region.record(worker.slot).lives[worker.bank].where, WhereKind::native, taken_ns,
                            taken_ns - worker.sign_of_life_ns(), text, stuck);
      if (is_stored) mine_ns = taken_ns;
    }
  }
  close_region(region);
  return is_stored;
}

}  // namespace shm_liveness::guard
