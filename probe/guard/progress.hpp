// Signs of life of a command that gives none by itself: its output flows, or its processes compute or move bytes.
//
// Waiting is not progress, and what waits still does a little of everything. A poll (`until curl ...; do sleep 1;
// done`) starts a process each time, and that one's start alone reads 24 KiB to 1.5 MiB of programs and libraries and
// takes 2 to 24 % of a CPU (measured; docs/guard.md has the table). So a start counts for nothing: what a process reads
// or computes counts once it has been there for a whole window of time. What short-lived processes do counts where no
// poll comes near: a third of a CPU, or bytes that are written, of which a poll has a few hundred a second.
#pragma once

#include "../diagnose.hpp"
#include "options.hpp"
#include "output.hpp"
#include "stamp.hpp"
#include "usage.hpp"

namespace shm_liveness::guard {

// Of one CPU, in percent: of processes that have been there for a window, and of all together with those that ended.
inline constexpr std::uint64_t kLeastOwnCpuPercent = 5;
inline constexpr std::uint64_t kLeastCpuPercent = 33;
// Of all together, where they could not have more for half of the time: a build of many short compilers under a quota,
// or beside others on a full machine. That the machine is full does not say that this container wanted more.
inline constexpr std::uint64_t kLeastCrampedPercent = 8;
inline constexpr std::uint64_t kLeastOnFullMachinePercent = 16;
// Bytes per second: written by all, or read by processes that have been there for a window.
inline constexpr std::uint64_t kLeastIoBytes = 16'384;

// How long use is summed up before it is judged: several times within the limit, but not so often that looking costs.
constexpr std::uint64_t progress_window_ns(std::uint64_t limit_ns) {
  constexpr std::uint64_t kLeast = 50'000'000;
  constexpr std::uint64_t kMost = 2'000'000'000;
  const std::uint64_t window = limit_ns / 8;
  return window < kLeast ? kLeast : window > kMost ? kMost : window;
}

// Whether what was used between two readings is progress. A sum that fell (a process took its counts along) is none.
constexpr bool is_cpu_progress(std::uint64_t before_ticks, std::uint64_t after_ticks, std::uint64_t least_percent,
                               std::uint64_t took_ns) {
  return after_ticks > before_ticks && (after_ticks - before_ticks) * kNsPerTick * 100 >= least_percent * took_ns;
}
constexpr bool is_io_progress(std::uint64_t before_bytes, std::uint64_t after_bytes, std::uint64_t took_ns) {
  return after_bytes > before_bytes && (after_bytes - before_bytes) * 1'000 >= kLeastIoBytes * (took_ns / 1'000'000);
}
constexpr bool computes(const Usage& before, const Usage& after, std::uint64_t least_percent, std::uint64_t took_ns) {
  return is_cpu_progress(before.own_cpu_ticks[0], after.own_cpu_ticks[1], kLeastOwnCpuPercent, took_ns) ||
         is_cpu_progress(before.cpu_ticks, after.cpu_ticks, least_percent, took_ns);
}
constexpr bool moves_bytes(const Usage& before, const Usage& after, std::uint64_t took_ns) {
  return is_io_progress(before.written_bytes, after.written_bytes, took_ns) ||
         is_io_progress(before.own_read_bytes[0], after.own_read_bytes[1], took_ns);
}

class Progress {
 public:
  explicit Progress(Stamp& stamp) : stamp_(stamp) {}

  void watch_for(unsigned sources) { sources_ = sources; }
  // Before the command is started: what runs now is not its.
  void before_start() {
    if ((sources_ & (kCpu | kIo)) != 0) kin_.note_groups();
  }
  // From now on silence is counted anew, with this limit, and for the processes of the command whose first one is
  // `pid`.
  void begin(std::uint64_t limit_ns, std::uint32_t pid) {
    kin_.begin(pid);
    window_ns_ = progress_window_ns(limit_ns);
    before_known_ = false;
    last_ticks_ = before_ticks_ = 0;
  }

  // At every look. `received`: bytes of the command's output so far. `now_ns`: the guard's running time.
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
    const std::uint64_t now_ticks = boottime_ns() / kNsPerTick;
    const bool known = read_usage(kin_, last_ticks_, before_ticks_, (sources_ & kIo) != 0, after);
    complain_once(known, after);
    const std::uint64_t took = now_ns - before_ns_;
    const std::uint64_t least = least_percent(took);
    const bool any = before_known_ && known &&
                     (((sources_ & kCpu) != 0 && computes(before_, after, least, took)) ||
                      ((sources_ & kIo) != 0 && moves_bytes(before_, after, took)));
    before_ = after;
    before_ns_ = now_ns;
    before_known_ = known;
    before_ticks_ = last_ticks_;
    last_ticks_ = now_ticks;
    return any;
  }
  // Since the last reading, which it replaces.
  std::uint64_t least_percent(std::uint64_t took_ns) {
    const program::Throttling throttling = program::read_throttling();
    const Pressure pressure = read_pressure();
    const bool is_throttled = program::throttled_percent(throttling_, throttling) >= 50;
    const bool has_waited = (pressure.waited_us - pressure_.waited_us) * 1'000 >= took_ns / 2;
    throttling_ = throttling;
    pressure_ = pressure;
    if (is_throttled || (has_waited && pressure.is_of_container)) return kLeastCrampedPercent;
    return has_waited ? kLeastOnFullMachinePercent : kLeastCpuPercent;
  }
  // Until its exec the command is as closed to a look as the guard itself, and at its end as well: so it must have been
  // there for a while.
  void complain_once(bool known, const Usage& usage) {
    if (complained_) return;
    const bool no_io = known && (sources_ & kIo) != 0 && usage.lasting != 0 && !usage.io_known;
    if (known && !no_io) return;
    complained_ = true;
    Line() << (known ? "progress: the I/O of the command's processes is not shown to this user; io says nothing"
                     : "progress: there is no /proc here; cpu and io say nothing");
  }

  Stamp& stamp_;
  unsigned sources_ = 0;
  std::uint64_t window_ns_ = 0;
  std::uint64_t received_ = 0;
  Kin kin_;
  Usage before_;
  program::Throttling throttling_;
  Pressure pressure_;
  std::uint64_t before_ns_ = 0;
  bool before_known_ = false;
  std::uint64_t last_ticks_ = 0;    // when the last reading was, as /proc says when a process began
  std::uint64_t before_ticks_ = 0;  // when the one before it was
  bool complained_ = false;
};

}  // namespace shm_liveness::guard
