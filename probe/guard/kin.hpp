// Which processes are the command's.
//
// Whose a process is: its ancestors are followed up to the guard's child. That child is the command's first process, or
// an orphan that the guard inherited. The kernel does not say who left an orphan behind. What it shows of each process
// is the time of its start and its process group, and these two tell: an orphan is the command's if it began after the
// command, in a group that did not exist before the command. A leftover of an earlier step (or a helper of the image's
// entrypoint) began before; a child that it orphans later is in its group, and so in one that existed. Processes of
// `cmd &` stay in the group of their step, and a daemon makes a new one (setsid).
// A mark in the environment would tell the same, but it is lost by `env -i` and sudo, another user's is not readable
// without CAP_SYS_PTRACE, and each build would see it. A cgroup would be better, but a container may not make one.
// Who was exec'd into the container has no parent here (0). Its children, too, are left to PID 1 when it ends, in a
// session that the guard has noted while it was there.
#pragma once

#include "../../native/shm_liveness/clock.hpp"
#include "tree.hpp"

namespace shm_liveness::guard {

inline constexpr std::uint64_t kNsPerTick = 10'000'000;

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
    go_on(first);
    Stat stat;
    since_ticks_ = read_stat(first, stat) ? stat.start_ticks : boottime_ns() / kNsPerTick;
  }

  // The command was started again: what the lives before have left is its, too.
  void go_on(std::uint32_t first) { first_ = first; }
  // Now and then: who is in the container and came from nobody in it.
  void note_strangers() {
    const std::uint32_t guard = sys::process_id();
    for_each_process([&](std::uint64_t number) {
      const auto pid = static_cast<std::uint32_t>(number);
      Stat stat;
      if (pid == guard || !read_stat(pid, stat) || stat.parent != 0) return;
      for (const std::uint32_t session : strangers_) {
        if (session == stat.session) return;
      }
      strangers_[next_stranger_++ % kMostStrangers] = stat.session;
    });
  }

  std::uint64_t since_ticks() const { return since_ticks_; }

  bool has(std::uint32_t pid) const {
    Stat stat;
    return pid != sys::process_id() && read_stat(pid, stat) && has(pid, stat, sys::process_id());
  }
  std::uint32_t count_living() const {
    std::uint32_t count = 0;
    for_each([&](std::uint32_t, const Stat& stat) { count += stat.is_exiting ? 0 : 1; });
    return count;
  }
  // To every one, also those that have left the command's process group.
  void send_signal(int signal) const {
    for_each([&](std::uint32_t pid, const Stat&) { os::send_signal(static_cast<int>(pid), signal); });
  }

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
  static constexpr std::size_t kMostStrangers = 64;
  static constexpr std::size_t kMostGroups = 256;  // of more than that the rest is taken for the command's

  bool is_known(std::uint32_t group) const {
    for (std::size_t i = 0; i < count_; ++i) {
      if (groups_[i] == group) return true;
    }
    return false;
  }
  bool is_strangers(std::uint32_t session) const {
    for (const std::uint32_t noted : strangers_) {
      if (session != 0 && noted == session) return true;
    }
    return false;
  }
  bool has(std::uint32_t pid, Stat stat, std::uint32_t guard) const {
    constexpr int kMostGenerations = 256;
    for (int i = 0; i < kMostGenerations; ++i) {
      if (pid == first_) return true;
      if (stat.parent == guard) {
        return stat.start_ticks >= since_ticks_ && !is_known(stat.group) && !is_strangers(stat.session);
      }
      pid = stat.parent;
      if (pid == 0 || !read_stat(pid, stat)) return false;
    }
    return false;
  }

  std::uint32_t groups_[kMostGroups] = {};
  std::size_t count_ = 0;
  std::uint32_t strangers_[kMostStrangers] = {};
  std::size_t next_stranger_ = 0;
  std::uint32_t first_ = 0;
  std::uint64_t since_ticks_ = 0;
};

}  // namespace shm_liveness::guard
