// Signs of life of a command that gives none by itself: its output flows, or its whole process tree uses CPU or moves
// bytes. Not any use is progress: what waits for ever still wakes up now and then, so there is a least rate for each.
#pragma once

#include "options.hpp"
#include "output.hpp"
#include "stamp.hpp"

namespace shm_liveness::guard {

// Of one CPU, in percent; and bytes per second, read and written together.
inline constexpr std::uint64_t kLeastCpuPercent = 5;
inline constexpr std::uint64_t kLeastIoBytes = 4096;

// How long use is summed up before it is judged: several times within the limit, but not so often that looking costs.
constexpr std::uint64_t progress_window_ns(std::uint64_t limit_ns) {
  constexpr std::uint64_t kLeast = 50'000'000;
  constexpr std::uint64_t kMost = 2'000'000'000;
  const std::uint64_t window = limit_ns / 8;
  return window < kLeast ? kLeast : window > kMost ? kMost : window;
}

// Whether what was used between two readings is progress. A sum that fell (a process took its counts along) is none.
constexpr bool is_cpu_progress(std::uint64_t before_ticks, std::uint64_t after_ticks, std::uint64_t took_ns) {
  constexpr std::uint64_t kNsPerTick = 10'000'000;
  return after_ticks > before_ticks && (after_ticks - before_ticks) * kNsPerTick * 100 >= kLeastCpuPercent * took_ns;
}
constexpr bool is_io_progress(std::uint64_t before_bytes, std::uint64_t after_bytes, std::uint64_t took_ns) {
  return after_bytes > before_bytes && (after_bytes - before_bytes) * 1'000 >= kLeastIoBytes * (took_ns / 1'000'000);
}

class Progress {
 public:
  explicit Progress(Stamp& stamp) : stamp_(stamp) {}

  void watch_for(unsigned sources) { sources_ = sources; }
  // From now on silence is counted anew, with this limit, and for the processes from `pid` on: what an earlier step
  // left running is no progress of this one.
  void begin(std::uint64_t limit_ns, std::uint32_t pid) {
    Stat stat;
    since_ticks_ = read_stat(pid, stat) ? stat.start_ticks : 0;
    window_ns_ = progress_window_ns(limit_ns);
    before_known_ = false;
  }

  // At every look. `received`: bytes of output so far. `now_ns`: the guard's running time.
  void look(std::uint64_t received, std::uint64_t now_ns) {
    bool any = (sources_ & kOutput) != 0 && received != received_;
    received_ = received;
    if ((sources_ & (kCpu | kIo)) != 0 && (!before_known_ || now_ns - before_ns_ >= window_ns_)) {
      any = look_at_tree(now_ns) || any;
    }
    if (any) stamp_.beat();
  }

 private:
  bool look_at_tree(std::uint64_t now_ns) {
    Usage after;
    const bool known = read_usage(sys::process_id(), since_ticks_, (sources_ & kIo) != 0, after);
    complain_once(known, after);
    const std::uint64_t took = now_ns - before_ns_;
    const bool any = before_known_ && known &&
                     (((sources_ & kCpu) != 0 && is_cpu_progress(before_.cpu_ticks, after.cpu_ticks, took)) ||
                      ((sources_ & kIo) != 0 && is_io_progress(before_.io_bytes, after.io_bytes, took)));
    before_ = after;
    before_ns_ = now_ns;
    before_known_ = known;
    return any;
  }
  void complain_once(bool known, const Usage& usage) {
    if (complained_) return;
    const bool no_io = known && (sources_ & kIo) != 0 && usage.processes != 0 && !usage.io_known;
    if (known && !no_io) return;
    complained_ = true;
    Line() << (known ? "progress: the I/O of the command's processes is not shown to this user; io says nothing"
                     : "progress: there is no /proc here; cpu and io say nothing");
  }

  Stamp& stamp_;
  unsigned sources_ = 0;
  std::uint64_t window_ns_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t since_ticks_ = 0;
  Usage before_;
  std::uint64_t before_ns_ = 0;
  bool before_known_ = false;
  bool complained_ = false;
};

}  // namespace shm_liveness::guard
