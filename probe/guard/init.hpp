// The duties of PID 1: signals are received and passed on, every orphan is reaped. As tini does it, to the letter: the
// same signals are left alone, and the terminal belongs to the command.
//
// Why no call blocks: the signalfd has O_NONBLOCK, wait4() has WNOHANG, and kill() waits for nobody.
#pragma once

#include "command.hpp"
#include "log.hpp"
#include "loop.hpp"
#include "signals.hpp"

namespace shm_liveness::guard {

// Who hears of it.
struct InitListener {
  void* owner;
  void (*signalled)(void* owner, int signal);
  void (*reaped)(void* owner, int pid, int status);
};

class Init {
 public:
  explicit Init(InitListener listener) : listener_(listener) {}

  // Takes over the signals. -errno, or 0. Without being PID 1 the guard still hears of its descendants' ends: as a
  // subreaper it is the parent of every orphan below it.
  int open(Loop& loop) {
    // Synchronous ones mean a fault of the guard's own, and must not be waited for; the terminal's two are ignored, so
    // that the guard may write to it from the background.
    os::SignalSet waited_for = ~os::SignalSet(0);
    for (const int signal : {os::kFloatingPoint, os::kIllegal, os::kSegment, os::kBus, os::kAbort, os::kTrap,
                             os::kBadCall, os::kTerminalInput, os::kTerminalOutput}) {
      waited_for &= ~os::set_of(signal);
    }
    if (const int error = os::set_signal_mask(waited_for, &before_.mask); error < 0) return error;
    for (SignalBefore& before : before_.actions) {
      os::set_action(before.signal, {handler_of(before.signal), 0, nullptr, 0}, &before.action);
    }
    if (sys::process_id() != 1) os::become_subreaper();
    const int fd = os::signal_descriptor(waited_for);
    if (fd < 0) return fd;
    source_ = {fd, [](void* self, std::uint32_t) { static_cast<Init*>(self)->receive(); }, this, 0};
    return loop.add(source_, os::kReadable);
  }
  const SignalsBefore& before() const { return before_; }

  // Takes a bounded number of the dead: ten thousand orphans at once must not hold up the watch.
  void reap() {
    for (int i = 0; i < kMostPerTurn; ++i) {
      int status = 0;
      const long pid = os::wait_without_blocking(status);
      if (pid <= 0) {
        more_to_reap_ = false;
        return;
      }
      listener_.reaped(listener_.owner, static_cast<int>(pid), status);
    }
    more_to_reap_ = true;
  }
  // Signals of one kind melt into one, so SIGCHLD does not count the dead.
  bool has_more_to_reap() const { return more_to_reap_; }

 private:
  static constexpr int kMostPerTurn = 256;

  using Handler = void (*)(int, void*, void*);
  static Handler handler_of(int signal) {
    if (signal == os::kTerminalInput || signal == os::kTerminalOutput) return reinterpret_cast<Handler>(1);  // SIG_IGN
    // A parent may have left it ignored: then the kernel reaps, and nobody hears how the command ended.
    if (signal == os::kChild) return nullptr;
    // For its bit in SigCgt of /proc/1/status. Kata's agent (before kata-containers#4479) asks for it, and sends
    // SIGKILL instead of a SIGTERM that PID 1 does not catch; a blocked one that is received counts for it as not
    // caught. The handler never runs: the signal stays blocked, and the command gets its own action back.
    return [](int, void*, void*) {};
  }

  void receive() {
    os::SignalInfo infos[16];
    const long got = sys::read(source_.fd, infos, sizeof infos);
    for (std::size_t i = 0; got > 0 && i < static_cast<std::size_t>(got) / sizeof infos[0]; ++i) {
      const int signal = static_cast<int>(infos[i].signal);
      if (signal == os::kChild) {
        reap();
      } else if (signal != os::kPipe || infos[i].pid != sys::process_id()) {  // our own broken pipes are not for others
        listener_.signalled(listener_.owner, signal);
      }
    }
  }

  InitListener listener_;
  Source source_;
  SignalsBefore before_;
  bool more_to_reap_ = false;
};

}  // namespace shm_liveness::guard
