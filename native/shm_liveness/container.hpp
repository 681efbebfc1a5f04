// Which container is this, and since when does it run?
//
// /dev/shm belongs to the pod's sandbox and outlives its containers (kubernetes#81001), so a slot whose lock is gone
// may be this container's corpse or an earlier container's remains. The unique mount id of "/" tells: it is never
// reused, one per mount of a root, and needs no /proc. Inodes of mount namespaces are reused at once (measured: 4 of
// 4), so older kernels add the start of PID 1; in a pod with a shared process namespace that start is the sandbox's,
// and a restart then cannot be told from a crash. docs/reliability.md says what to do there (a startup probe).
#pragma once

#include "clock.hpp"
#include "layout.hpp"
#include "procfs.hpp"

namespace shm_liveness {

struct ContainerId {
  ContainerKind kind = ContainerKind::unknown;
  std::uint64_t a = 0;
  std::uint64_t b = 0;
};

// Different for certain. Two ids of different kinds, or an unknown one, prove nothing.
inline bool is_other_container(const ContainerId& mine, const ContainerId& theirs) {
  if (mine.kind == ContainerKind::unknown || mine.kind != theirs.kind) return false;
  return mine.a != theirs.a || mine.b != theirs.b;
}

inline ContainerId container_by_mount_namespace() {
  const std::uint64_t inode = namespace_inode("/proc/self/ns/mnt");
  const std::uint64_t start = start_ticks("/proc/1/stat");
  if (inode == 0 || start == 0) return {};
  return {ContainerKind::mount_namespace, inode, start};
}

inline ContainerId this_container() {
  sys::FileStatus root{};
  if (sys::status("/", 0, sys::kMountIdUnique, root) >= 0 && (root.stx_mask & sys::kMountIdUnique) != 0) {
    return {ContainerKind::mount_id, root.stx_mnt_id, 0};
  }
  return container_by_mount_namespace();
}

// What a reader must know about its own surroundings before it may call anything but healthy by its name.
struct Context {
  ContainerId container;
  std::uint64_t time_namespace = 0;      // 0: not known
  std::uint64_t container_start_ns = 0;  // CLOCK_BOOTTIME; meaningful if container_start_known
  bool container_start_known = false;
};

namespace detail {
// The kernel shows all process times in USER_HZ, which is 100 on every architecture we support.
inline constexpr std::uint64_t kNsPerTick = 10'000'000;

// The oldest process of this mount namespace, for pods that share their process namespace: PID 1 is not ours there.
inline std::uint64_t oldest_start_in(std::uint64_t mount_namespace) {
  const std::uint32_t self = sys::process_id();
  std::uint64_t oldest = 0;
  for_each_process([&](std::uint64_t pid) __attribute__((always_inline)) {
    char path[48];
    Text ns(path);
    ns << "/proc/" << pid << "/ns/mnt";
    if (pid == self || namespace_inode(ns.c_str()) != mount_namespace) return;
    Text stat(path);
    stat << "/proc/" << pid << "/stat";
    const std::uint64_t start = start_ticks(stat.c_str());
    if (start != 0 && (oldest == 0 || start < oldest)) oldest = start;
  });
  return oldest;
}
inline bool is_first_in_other_cgroup() {
  char first[512];
  char self[512];
  return read_small_file("/proc/1/cgroup", first, sizeof first) !=
         read_small_file("/proc/self/cgroup", self, sizeof self);
}
}  // namespace detail

inline Context read_context() {
  Context context;
  context.container = this_container();
  context.time_namespace = namespace_inode("/proc/self/ns/time");
  // PID 1 is the container's first process, unless it lives elsewhere (a shared process namespace). Its mount namespace
  // may not be looked at by everybody (another user, file capabilities); its cgroup may.
  const std::uint64_t mine = namespace_inode("/proc/self/ns/mnt");
  const std::uint64_t of_first = namespace_inode("/proc/1/ns/mnt");
  const bool shared = mine != 0 && (of_first != 0 ? of_first != mine : detail::is_first_in_other_cgroup());
  const std::uint64_t ticks = shared ? detail::oldest_start_in(mine) : start_ticks("/proc/1/stat");
  context.container_start_known = ticks != 0;
  context.container_start_ns = ticks * detail::kNsPerTick;
  return context;
}

}  // namespace shm_liveness
