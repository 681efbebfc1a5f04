#include "interrupt.hpp"

#include "engine.hpp"
#include "walk.hpp"

namespace shm_liveness::addon::stacks {
namespace {

// On the thread that was asked, between two instructions of its JavaScript. The environment ends on this thread, so
// what was found stays there until the end of this function.
void on_interrupt(void*, void* number) {
  Thread* thread;
  {
    const Locked locked;
    thread = g_watched.thread(reinterpret_cast<std::uint64_t>(number));
    if (thread == nullptr) return;
    thread->is_queued = false;
    if (thread->asking != Asking::asked) return;
    thread->asking = Asking::taking;
    thread->answered_ns = monotonic_ns();
    // Only this thread beats them, and only it gives their claims up.
    g_watched.for_watches_of(*thread, [](Watch& watch) {
      const Hot* const hot = watch.held->pulse->hot.load_relaxed();
      watch.answered_beats = hot != nullptr ? hot->beats.load_relaxed() : ~std::uint64_t(0);
    });
  }
  const bool is_whole = walk(thread->env, thread->stack, thread->told);
  const Locked locked;
  g_watched.taken.store_relaxed(g_watched.taken.load_relaxed() + 1);
  thread->asking = is_whole ? Asking::taken : Asking::nothing;
  g_watched.tell();
}

}  // namespace

void ask(Thread& thread, std::uint64_t now) {
  if (thread.asking != Asking::nothing) return;
  thread.asking = Asking::asked;
  thread.asked_ns = now;
  thread.ask_again_ns = 0;
  // One that is still in the queue will answer this question, too.
  if (thread.is_queued || g_watched.has_ended.load_acquire() != 0) return;
  thread.is_queued = true;
  engine()->request_interrupt(thread.isolate, on_interrupt, reinterpret_cast<void*>(thread.number));
}

}  // namespace shm_liveness::addon::stacks
