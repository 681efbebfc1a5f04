#include "report.hpp"

#include <utility>

#include "interrupt.hpp"
#include "mapping.hpp"
#include "native_place.hpp"
#include "shm_liveness/where.hpp"

namespace shm_liveness::addon::stacks {
namespace {

// An answer takes 1 to 10 ms where JavaScript runs. One that takes longer has waited for the end of a native call, and
// shows the code behind it.
constexpr std::uint64_t kPatienceNs = 20'000'000;
constexpr std::uint32_t kMostMapRequests = 4;
constexpr std::uint64_t kBetweenTriesNs = 1'000'000;

// What one look has found to do; all of it a copy.
struct Work {
  enum class What : std::uint8_t { nothing, stack, native } what = What::nothing;
  std::uint64_t thread = 0;
  Task task;
  std::uint64_t asked_ns = 0;
  std::uint64_t answered_ns = 0;
  bool is_late = false;
  bool is_promise_loop = false;
  Capture stack;
  std::uint32_t map_requests = 0;
  ToldMap told;
};

class Watcher {
 public:
  [[noreturn]] void run() {
    for (;;) {
      const std::uint32_t news = g_watched.news.load_acquire();
      const std::uint64_t wake_ns = look();
      if (work_.what == Work::What::stack) report_stack();
      if (work_.what == Work::What::native) report_native();
      if (work_.what != Work::What::nothing) continue;
      const std::uint64_t now = monotonic_ns();
      expected_ns_ = wake_ns;
      if (wake_ns > now) sys::wait_at(&g_watched.news, news, wake_ns == kNever ? kIdleNs : wake_ns - now);
    }
  }

 private:
  static constexpr std::uint64_t kIdleNs = 3600'000'000'000;

  // Finds the next work; returns when to look again.
  std::uint64_t look() {
    const Locked locked;
    const std::uint64_t now = monotonic_ns();
    work_.what = Work::What::nothing;
    excuse_sleep(now);
    update_watches(now);
    std::uint64_t wake = kNever;
    const auto at_latest = [&](std::uint64_t ns) { wake = ns < wake ? ns : wake; };
    for (Watch* watch = g_watched.watches; watch != nullptr; watch = watch->next)
      at_latest(watch->timing.look_at_ns(now));
    for (Thread* thread = g_watched.threads; thread != nullptr; thread = thread->next) {
      bool is_wanted = false;
      g_watched.for_watches_of(*thread, [&](const Watch& watch) { is_wanted |= watch.wants(); });
      if (!is_wanted) {
        thread->ask_again_ns = 0;
        if (thread->asking != Asking::taking) thread->asking = Asking::nothing;
        continue;
      }
      if (thread->asking == Asking::taken) return take(*thread, Work::What::stack);
      if (thread->asking == Asking::nothing && now >= thread->ask_again_ns) ask(*thread, now);
      if (thread->asking == Asking::nothing) at_latest(thread->ask_again_ns);
      if (thread->asking != Asking::asked || thread->native_told) continue;
      if (now >= thread->asked_ns + thread->patience_ns) return take(*thread, Work::What::native);
      at_latest(thread->asked_ns + thread->patience_ns);
    }
    return wake;
  }

  // A process that was stopped and goes on looks like one that hangs.
  void excuse_sleep(std::uint64_t now) {
    if (expected_ns_ != kNever && now > expected_ns_ + kOversleptNs) {
      for (Watch* watch = g_watched.watches; watch != nullptr; watch = watch->next) {
        watch->timing.excuse(now - expected_ns_);
      }
    }
    expected_ns_ = kNever;
  }

  void update_watches(std::uint64_t now) {
    const shm_liveness::detail::Locked claims(shm_liveness::detail::ForkGuard::instance());
    for (Watch* watch = g_watched.watches; watch != nullptr; watch = watch->next) {
      Pace pace;
      if (!read_pace(*watch, pace)) continue;
      if (watch->timing.look(pace)) begin_silence(*watch);
      const bool cycle = watch->timing.takes_cycle(now);
      const bool stall = watch->timing.takes_stall(now);
      if (!cycle && !stall) continue;
      Thread& thread = *watch->thread;
      watch->wants_cycle |= cycle;
      watch->wants_stall |= stall;
      watch->asked_beats = pace.beats;
      const std::uint64_t eighth = pace.limit_ns / 8;
      thread.patience_ns = eighth < kPatienceNs ? eighth : kPatienceNs;
      thread.native_told = false;
      thread.first_asked_ns = now;
      thread.map_requests = 0;
      thread.is_promise_loop = watch->is_loop_told = false;
    }
  }

  void begin_silence(Watch& watch) {
    // This cycle was late, and has ended before there was a better answer.
    const char* const place = watch.unmapped_place[0] != '\0' ? watch.unmapped_place : watch.native_place;
    if (watch.wants_cycle && place[0] != '\0') count_slow_place(watch.held->claim.life(), place);
    watch.native_place[0] = watch.unmapped_place[0] = '\0';
    watch.wants_cycle = watch.wants_stall = false;
  }

  // Under the fork guard's mutex: the claim may be given up and made anew by its own thread at any time.
  static bool read_pace(const Watch& watch, Pace& out) {
    const Claim& claim = watch.held->claim;
    if (claim.region.memory == nullptr || is_lost(claim.region)) return false;
    const Bank& bank = claim.bank();
    const bool in_phase = bank.hot.in_phase.load_acquire() != 0;
    out.limit_ns = bank.hot.stall_limit_ns.load_acquire();
    const std::uint64_t renewed = bank.hot.renewed_ns.load_acquire();
    out.beats = bank.hot.beats.load_acquire();
    const std::uint64_t last_beat = bank.hot.last_beat_ns.load_acquire();
    out.alive_ns = last_beat > renewed ? last_beat : renewed;
    // Cycles in a phase are not timed, nor the one before the first beat, nor one that a phase change has begun.
    if (!in_phase && last_beat > renewed) out.cycle_limit_ns = bank.identity.cycle_limit_ns.load_acquire();
    if (out.cycle_limit_ns != 0 && bank.identity.clock.load_acquire() == static_cast<std::uint32_t>(Clock::coarse)) {
      out.cycle_limit_ns += kCoarseStepNs;
    }
    return true;
  }
  static constexpr std::uint64_t kCoarseStepNs = 10'000'000;

  std::uint64_t take(Thread& thread, Work::What what) {
    work_.what = what;
    work_.thread = thread.number;
    work_.task = thread.task;
    work_.asked_ns = thread.asked_ns;
    work_.answered_ns = thread.answered_ns;
    work_.is_promise_loop = thread.is_promise_loop;
    work_.is_late = thread.answered_ns > thread.asked_ns + thread.patience_ns;
    if (what == Work::What::native) {
      thread.native_told = true;
    } else {
      work_.map_requests = thread.map_requests;
      work_.stack = thread.stack;
      work_.told = std::exchange(thread.told, ToldMap());
      thread.asking = Asking::nothing;
    }
    return 0;
  }

  void report_stack() {
    const Capture& stack = work_.stack;
    const Selection selected = select_frames(stack);
    if (selected.count == 0) return report_no_frame();
    // A late answer is believed where Node's function that made the native call is still on the stack. Else the thread
    // has gone on, and is asked again.
    const NodeCall call = node_call_of(stack);
    if (work_.is_late && call.depth == 0) return;

    const std::size_t bytes = working_directory();
    const std::string_view directory(directory_, bytes);
    Place places[Selection::kMost];
    for (std::uint32_t i = 0; i < selected.count; ++i) {
      places[i] = place_of(stack, stack.frames[selected.frames[i]], directory);
    }
    // First as the engine says it: a map may take longer than there is time.
    const std::uint64_t report = begin_report();
    if (report == 0) return;
    write_stall(report, places, selected.count);
    const Mapped mapped = mapper_.map(stack, selected, places, directory, work_.told);
    if (mapped.has_changed) write_stall(report, places, selected.count);
    char buffer[kPlaceBytes];
    Text slow(buffer);
    // A late answer, or Node's functions deep in one another: the call takes the time, not the code around it. A short
    // call, such as that of a clock, would only make many places of one line.
    std::string_view called;
    if (work_.is_late || call.depth > 1) {
      called = mapper_.called_at(stack, stack.frames[selected.frames[0]]);
      if (called.empty()) called = call.function;
    }
    write_slow_place(slow, places[0], called);
    if (mapped.untold_script != 0 && work_.map_requests < kMostMapRequests) {
      return ask_for_map(report, mapped.untold_script, slow.view());
    }
    write_cycle(report, slow.view());
  }

  // Asks once more, for the stack of then with that script's map; until it comes, the place is the one without it.
  void ask_for_map(std::uint64_t report, int script_id, std::string_view place) {
    const Locked locked;
    Thread* const thread = g_watched.thread(work_.thread);
    if (thread == nullptr || thread->asking == Asking::taking) return;
    thread->told.script_id = script_id;
    ++thread->map_requests;
    g_watched.for_watches_of(*thread, [&](Watch& watch) {
      if (watch.report != report) return;
      watch.wants_stall |= watch.report_stall;
      watch.wants_cycle |= watch.report_cycle;
      keep_text(watch.unmapped_place, place);
    });
  }

  // Between the callbacks of a loop of promises. After a quarter of the limit that is said; frames may still come.
  void report_no_frame() {
    const Locked locked;
    Thread* const thread = g_watched.thread(work_.thread);
    if (thread == nullptr) return;
    const std::uint64_t now = monotonic_ns();
    const std::uint64_t tried_ns = now - thread->first_asked_ns;
    const std::uint64_t pause_ns = tried_ns / 32;
    thread->ask_again_ns = now + (pause_ns > kBetweenTriesNs ? pause_ns : kBetweenTriesNs);
    thread->is_promise_loop = true;
    const shm_liveness::detail::Locked claims(shm_liveness::detail::ForkGuard::instance());
    g_watched.for_watches_of(*thread, [&](Watch& watch) {
      if (!watch.wants() || watch.is_loop_told || tried_ns < watch.timing.limit_ns() / 4) return;
      watch.is_loop_told = true;
      Pace pace;
      if (!read_pace(watch, pace) || pace.beats != watch.asked_beats) return;
      if (watch.wants_stall) write_where(watch, WhereKind::promise_loop, now, {});
      if (watch.wants_cycle) keep_text(watch.native_place, "promise loop");
    });
  }

  // The heartbeats that this answer is about: those that were silent when it was asked for and when it was taken. 0:
  // none.
  std::uint64_t begin_report() {
    const Locked locked;
    Thread* const thread = g_watched.thread(work_.thread);
    if (thread == nullptr) return 0;
    bool is_any = false;
    ++last_report_;
    g_watched.for_watches_of(*thread, [&](Watch& watch) {
      if (!watch.wants() || watch.answered_beats != watch.asked_beats) return;
      watch.report = last_report_;
      watch.report_stall = watch.wants_stall;
      watch.report_cycle = watch.wants_cycle;
      watch.wants_stall = watch.wants_cycle = false;
      is_any = true;
    });
    return is_any ? last_report_ : 0;
  }

  template <class Write>
  void write_report(std::uint64_t report, Write&& write) {
    const Locked locked;
    const shm_liveness::detail::Locked claims(shm_liveness::detail::ForkGuard::instance());
    for (Watch* watch = g_watched.watches; watch != nullptr; watch = watch->next) {
      Pace pace;
      if (watch->report == report && read_pace(*watch, pace)) write(*watch, pace);
    }
  }

  void write_stall(std::uint64_t report, const Place* places, std::uint32_t count) {
    write_report(report, [&](Watch& watch, const Pace& pace) {
      if (!watch.report_stall || pace.beats != watch.asked_beats) return;
      char buffer[kFramesBytes];
      Text frames(buffer);
      const bool is_below_native = work_.is_late && watch.native_place[0] != '\0';
      if (is_below_native) frames << watch.native_place;
      write_frames(frames, places, count);
      write_where(watch, kind_of(is_below_native), work_.answered_ns, frames.view());
    });
  }
  WhereKind kind_of(bool is_below_native) const {
    if (is_below_native) return WhereKind::native_then_frames;
    return work_.is_promise_loop ? WhereKind::promise_loop : WhereKind::frames;
  }
  void write_cycle(std::uint64_t report, std::string_view place) {
    write_report(report, [&](Watch& watch, const Pace&) {
      if (watch.report_cycle) count_slow_place(watch.held->claim.life(), place);
      watch.native_place[0] = watch.unmapped_place[0] = '\0';
    });
  }

  // The thread is in native code, or in the kernel.
  void report_native() {
    char buffer[kFramesBytes];
    Text text(buffer);
    const std::uint64_t now = monotonic_ns();
    say_native_place(text, work_.task);
    if (text.size() == 0) return;
    const Locked locked;
    Thread* const thread = g_watched.thread(work_.thread);
    // It has answered meanwhile.
    if (thread == nullptr || thread->asking != Asking::asked || thread->asked_ns != work_.asked_ns) return;
    const shm_liveness::detail::Locked claims(shm_liveness::detail::ForkGuard::instance());
    g_watched.for_watches_of(*thread, [&](Watch& watch) {
      Pace pace;
      if (!watch.wants() || !read_pace(watch, pace) || pace.beats != watch.asked_beats) return;
      keep_text(watch.native_place, text.view());
      if (watch.wants_stall) write_where(watch, WhereKind::native, now, text.view());
    });
  }

  static void write_where(Watch& watch, WhereKind kind, std::uint64_t taken_ns, std::string_view frames) {
    const std::uint64_t alive = watch.timing.alive_ns();
    const std::uint64_t silent = taken_ns > alive ? taken_ns - alive : 0;
    set_where(watch.held->claim.life().where, kind, taken_ns, silent, frames, watch.stuck);
  }

  std::size_t working_directory() {
    const long bytes = sys::call(__NR_getcwd, sys::word(directory_), static_cast<long>(sizeof directory_));
    return bytes > 1 ? static_cast<std::size_t>(bytes) - 1 : 0;
  }

  std::uint64_t expected_ns_ = kNever;
  std::uint64_t last_report_ = 0;
  char directory_[kMostPathBytes];
  Work work_;
  Mapper mapper_;
};

}  // namespace

void watch_for_ever() {
  static Watcher watcher;
  watcher.run();
}

}  // namespace shm_liveness::addon::stacks
