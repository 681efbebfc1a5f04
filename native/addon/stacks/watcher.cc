#include "watcher.hpp"

#include <stdlib.h>
#include <sys/prctl.h>

#include <new>

#include "engine.hpp"
#include "old_glibc.hpp"
#include "report.hpp"
#include "shm_liveness/helper_thread.hpp"
#include "walk.hpp"
#include "watched.hpp"

namespace shm_liveness::addon::stacks {
namespace {

// Of sched_setattr(2), in its first version.
struct SchedulingAttributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime_ns;  // Linux 6.12: of an ordinary thread, the length of its turns
  std::uint64_t deadline_ns;
  std::uint64_t period_ns;
};

// A thread that asks for the shortest turns is the first to get one when it wakes up. It works for microseconds, and
// has to be there while the thread that it watches, and others, keep all CPUs busy. Older kernels leave it as it is.
void take_short_turns() {
  SchedulingAttributes attributes{};
  if (sys::call(__NR_sched_getattr, 0L, sys::word(&attributes), static_cast<long>(sizeof attributes), 0L) < 0) return;
  constexpr std::uint32_t kOrdinary = 0;
  if (attributes.policy != kOrdinary) return;
  attributes.size = sizeof attributes;
  attributes.runtime_ns = 100'000;
  sys::call(__NR_sched_setattr, 0L, sys::word(&attributes), 0L);
}

struct State {
  Work work;
  Looker looker;
  Reporter reporter;
};

[[noreturn]] void watch_for_ever() {
  constexpr std::uint64_t kIdleNs = 3600'000'000'000;
  // Never destroyed: this thread goes on while exit() destroys static objects. Not on its heap, which would be one of
  // 64 MiB of addresses for a few kilobytes.
  alignas(State) static char memory[sizeof(State)];
  auto& [work, looker, reporter] = *new (memory) State;
  for (;;) {
    const std::uint32_t news = g_watched.news.load_acquire();
    const std::uint64_t wake_ns = looker.look(work);
    if (work.what != Work::What::nothing) {
      reporter.report(work);
      continue;
    }
    const std::uint64_t now = monotonic_ns();
    looker.expect(wake_ns);
    if (wake_ns > now) sys::wait_at(&g_watched.news, news, wake_ns == kNever ? kIdleNs : wake_ns - now);
  }
}

void run(void*) {
  prctl(PR_SET_NAME, "shm-stacks");
  take_short_turns();
  watch_for_ever();
}

bool start_thread() {
  static shm_liveness::detail::HelperThread thread;  // never joined: see watch_for_ever()
  return thread.start(run, nullptr);
}

// process.exit() runs no cleanup hooks of the main environment: static objects of V8 go while its isolates still stand.
// No request is under way after this. Bounded, because exit() may be called at any place.
void on_exit_of_process() {
  g_watched.has_ended.store_release(1);
  for (int i = 0; i < 100; ++i) {
    if (pthread_mutex_trylock(&g_watched.mutex) == 0) return g_watched.unlock();
    sys::sleep_ns(1'000'000);
  }
}

// A forked child has no watcher, and none of what it watches is its own.
void on_fork_in_child() {
  g_watched.threads = nullptr;
  g_watched.watches = nullptr;
  g_watched.is_running = false;
  g_watched.unlock();
}

bool run_once() {
  if (g_watched.is_running) return true;
  // After the fork guard's handlers (the claim came first), so this mutex is taken before the fork guard's.
  [[maybe_unused]] static const bool prepared = [] {
    pthread_atfork([] { g_watched.lock(); }, [] { g_watched.unlock(); }, on_fork_in_child);
    return atexit(on_exit_of_process) == 0;
  }();
  return g_watched.is_running = start_thread();
}

void on_environment_end(void* data) {
  auto* thread = static_cast<Thread*>(data);
  {
    const Locked locked;
    if (!unlink(g_watched.threads, thread)) return;  // a forked child's
    while (Watch* const watch = [&] {
      Watch* at = g_watched.watches;
      while (at != nullptr && at->thread != thread) at = at->next;
      return at;
    }()) {
      unlink(g_watched.watches, watch);
    }
  }
  delete thread;
}

// Asks for the stack of this moment, as an interrupt will: an engine that answers otherwise than expected shows it
// here, where JavaScript has just called.
Thread* make_thread(napi_env env, const char*& reason) {
  reason = "out of memory";
  auto* thread = new (std::nothrow) Thread;
  if (thread == nullptr) return nullptr;
  thread->env = env;
  thread->isolate = engine()->current_isolate();
  thread->task = {sys::process_id(), sys::thread_id(), start_ticks("/proc/thread-self/stat")};
  if (!walk(env, thread->stack, thread->told) || thread->stack.frame_count == 0 || thread->stack.frames[0].line == 0) {
    reason = "V8 shows no stack";
  } else if (napi_add_env_cleanup_hook(env, on_environment_end, thread) == napi_ok) {
    return thread;
  }
  delete thread;
  return nullptr;
}

Thread* thread_of(napi_env env) {
  Thread* at = g_watched.threads;
  while (at != nullptr && at->env != env) at = at->next;
  return at;
}

}  // namespace

Watch* begin(napi_env env, const shm_liveness::detail::Held& held, const char*& reason) {
  reason = "this runtime lacks V8's functions for it";
  if (engine() == nullptr) return nullptr;
  Thread* thread = nullptr;
  {
    const Locked locked;
    thread = thread_of(env);
  }
  // Only this thread adds and removes the entry of its environment.
  const bool is_new = thread == nullptr;
  if (is_new && (thread = make_thread(env, reason)) == nullptr) return nullptr;
  auto* watch = new (std::nothrow) Watch;
  const Locked locked;
  if (is_new) {
    thread->number = ++g_watched.last_number;
    thread->next = g_watched.threads;
    g_watched.threads = thread;
  }
  if (watch == nullptr || !run_once()) {
    reason = "no thread could be started";
    delete watch;
    return nullptr;
  }
  watch->held = &held;
  watch->thread = thread;
  watch->next = g_watched.watches;
  g_watched.watches = watch;
  g_watched.tell();
  return watch;
}

void end(Watch* watch) {
  if (watch == nullptr) return;
  {
    const Locked locked;
    unlink(g_watched.watches, watch);
  }
  delete watch;
}

void limit_changed(const Watch* watch) {
  if (watch == nullptr) return;
  const Locked locked;
  g_watched.tell();
}

std::uint64_t taken() { return g_watched.taken.load_relaxed(); }

}  // namespace shm_liveness::addon::stacks
