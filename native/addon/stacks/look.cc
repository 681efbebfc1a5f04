#include "look.hpp"

#include <utility>

#include "interrupt.hpp"

namespace shm_liveness::addon::stacks {
namespace {

// An answer takes 1 to 10 ms where JavaScript runs. One that takes longer has waited for the end of a native call, and
// shows the code behind it.
constexpr std::uint64_t kPatienceNs = 20'000'000;
// The coarse clock lags by up to a kernel tick: a cycle would seem longer than it is.
constexpr std::uint64_t kCoarseStepNs = 10'000'000;

void begin_silence(Watch& watch) {
  // This cycle was late, and has ended before there was a better answer.
  const char* const place = watch.unmapped_place[0] != '\0' ? watch.unmapped_place : watch.native_place;
  if (watch.wants_cycle && place[0] != '\0') count_slow_place(watch.held->claim.life(), place);
  watch.native_place[0] = watch.unmapped_place[0] = '\0';
  watch.wants_cycle = watch.wants_stall = false;
}

// What each heartbeat has done since the last look.
void learn_pace() {
  const shm_liveness::detail::Locked claims(shm_liveness::detail::ForkGuard::instance());
  for (Watch* watch = g_watched.watches; watch != nullptr; watch = watch->next) {
    Pace pace;
    watch->has_claim = read_pace(*watch, pace);
    if (!watch->has_claim) {
      watch->wants_cycle = watch->wants_stall = false;
    } else if (watch->timing.look(pace)) {
      begin_silence(*watch);
      watch->asked_beats = pace.beats;
    }
  }
}

void take_due(std::uint64_t now) {
  for (Watch* watch = g_watched.watches; watch != nullptr; watch = watch->next) {
    const bool cycle = watch->has_claim && watch->timing.takes_cycle(now);
    const bool stall = watch->has_claim && watch->timing.takes_stall(now);
    if (!cycle && !stall) continue;
    Thread& thread = *watch->thread;
    watch->wants_cycle |= cycle;
    watch->wants_stall |= stall;
    const std::uint64_t eighth = watch->timing.limit_ns() / 8;
    thread.patience_ns = eighth < kPatienceNs ? eighth : kPatienceNs;
    thread.native_told = false;
    thread.first_asked_ns = now;
    thread.map_requests = 0;
    thread.is_promise_loop = watch->is_loop_told = false;
  }
}

static std::uint64_t take(Work& work, Thread& thread, Work::What what) {
  work.what = what;
  work.thread = thread.number;
  work.task = thread.task;
  work.asked_ns = thread.asked_ns;
  work.answered_ns = thread.answered_ns;
  work.is_promise_loop = thread.is_promise_loop;
  work.is_late = thread.answered_ns > thread.asked_ns + thread.patience_ns;
  if (what == Work::What::native) {
    thread.native_told = true;
    work.is_stall = false;
    g_watched.for_watches_of(thread, [&](const Watch& watch) { work.is_stall |= watch.wants_stall; });
  } else {
    work.map_requests = thread.map_requests;
    work.stack = thread.stack;
    work.told = std::exchange(thread.told, ToldMap());
    thread.asking = Asking::nothing;
  }
  return 0;
}

}  // namespace

// Under the fork guard's mutex: the claim may be given up and made anew by its own thread at any time.
bool read_pace(const Watch& watch, Pace& out) {
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

// A process that was stopped and goes on looks like one that hangs. It was stopped, wherever that met this thread, if
// this look comes later than it was due: at the end of a sleep, at news, or right after the work before it.
void Looker::excuse_sleep(std::uint64_t now) {
  const std::uint64_t told_ns = std::exchange(g_watched.told_ns, 0);
  const std::uint64_t due_ns = told_ns != 0 && told_ns < expected_ns_ ? told_ns : expected_ns_;
  expected_ns_ = now;
  if (due_ns == kNever || now < due_ns + kOversleptNs) return;
  for (Watch* watch = g_watched.watches; watch != nullptr; watch = watch->next) {
    // And a while for its beat: this thread may be the first to run again.
    if (watch->timing.alive_ns() <= due_ns) watch->timing.excuse(now - due_ns + watch->timing.limit_ns() / 8);
  }
}

std::uint64_t Looker::look(Work& work) {
  const Locked locked;
  const std::uint64_t now = monotonic_ns();
  work.what = Work::What::nothing;
  learn_pace();
  excuse_sleep(now);
  take_due(now);
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
    if (thread->asking == Asking::taken) return take(work, *thread, Work::What::stack);
    if (thread->asking == Asking::nothing && now >= thread->ask_again_ns) ask(*thread, now);
    if (thread->asking == Asking::nothing) at_latest(thread->ask_again_ns);
    if (thread->asking != Asking::asked || thread->native_told) continue;
    if (now >= thread->asked_ns + thread->patience_ns) return take(work, *thread, Work::What::native);
    at_latest(thread->asked_ns + thread->patience_ns);
  }
  return wake;
}

}  // namespace shm_liveness::addon::stacks
