#include "report.hpp"

#include <utility>

#include "native_place.hpp"
#include "running_code.hpp"

namespace shm_liveness::addon::stacks {
namespace {

constexpr std::uint32_t kMostMapRequests = 4;
constexpr std::uint64_t kBetweenTriesNs = 1'000'000;

// Of the heartbeats that a report is about, those that still have a claim.
template <class Write>
void write_report(std::uint64_t report, Write&& write) {
  const Locked locked;
  const shm_liveness::detail::Locked claims(shm_liveness::detail::ForkGuard::instance());
  for (Watch* watch = g_watched.watches; watch != nullptr; watch = watch->next) {
    Pace pace;
    if (watch->report == report && read_pace(*watch, pace)) write(*watch, pace);
  }
}

static void write_where(Watch& watch, WhereKind kind, std::uint64_t taken_ns, std::string_view frames) {
  const std::uint64_t alive = watch.timing.alive_ns();
  const std::uint64_t silent = taken_ns > alive ? taken_ns - alive : 0;
  set_where(watch.held->claim.life().where, kind, taken_ns, silent, frames, watch.stuck);
}

}  // namespace

void Reporter::report(Work& work) {
  work_ = &work;
  work.what == Work::What::stack ? report_stack() : report_native();
}

void Reporter::report_stack() {
  const Capture& stack = work_->stack;
  const Selection selected = select_frames(stack);
  if (selected.count == 0) return report_no_frame();
  // A late answer is believed where Node's function that made the native call is still on the stack. Else the thread
  // has gone on, and is asked again.
  const NodeCall call = node_call_of(stack);
  if (work_->is_late && call.depth == 0) return;

  const std::string_view directory = working_directory();
  Place places[Selection::kMost];
  for (std::uint32_t i = 0; i < selected.count; ++i) {
    places[i] = place_of(stack, stack.frames[selected.frames[i]], directory);
  }
  // First as the engine says it: a map may take longer than there is time.
  const std::uint64_t report = begin_report();
  if (report == 0) return;
  write_stall(report, places, selected.count);
  const Mapped mapped = mapper_.map(stack, selected, places, directory, work_->told);
  if (mapped.has_changed) write_stall(report, places, selected.count);
  char buffer[kPlaceBytes];
  Text slow(buffer);
  // A late answer, or Node's functions deep in one another: the call takes the time, not the code around it. A short
  // call, such as that of a clock, would only make many places of one line.
  std::string_view called;
  if (work_->is_late || call.depth > 1) {
    called = mapper_.called_at(stack, stack.frames[selected.frames[0]]);
    if (called.empty()) called = call.function;
  }
  write_slow_place(slow, places[0], called);
  if (mapped.untold_script != 0 && work_->map_requests < kMostMapRequests) {
    return ask_for_map(report, mapped.untold_script, slow.view());
  }
  write_cycle(report, slow.view());
}

// Asks once more, for the stack of then with that script's map; until it comes, the place is the one without it.
void Reporter::ask_for_map(std::uint64_t report, int script_id, std::string_view place) {
  const Locked locked;
  Thread* const thread = g_watched.thread(work_->thread);
  if (thread == nullptr) return;
  // An answer that is there, or comes this moment, does not know of it; the one after that will.
  if (thread->asking == Asking::nothing || thread->asking == Asking::asked) {
    thread->told.script_id = script_id;
    ++thread->map_requests;
  }
  g_watched.for_watches_of(*thread, [&](Watch& watch) {
    if (watch.report != report) return;
    watch.wants_stall |= watch.report_stall;
    watch.wants_cycle |= watch.report_cycle;
    keep_text(watch.unmapped_place, place);
  });
}

// Between the callbacks of a loop of promises. After a quarter of the limit that is said; frames may still come.
void Reporter::report_no_frame() {
  const Locked locked;
  Thread* const thread = g_watched.thread(work_->thread);
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
std::uint64_t Reporter::begin_report() {
  const Locked locked;
  Thread* const thread = g_watched.thread(work_->thread);
  if (thread == nullptr) return 0;
  bool is_any = false;
  ++last_report_;
  g_watched.for_watches_of(*thread, [&](Watch& watch) {
    if (!watch.wants()) return;
    const bool is_answered = watch.answered_beats == watch.asked_beats;
    watch.report = last_report_;
    watch.report_stall = is_answered && std::exchange(watch.wants_stall, false);
    watch.report_cycle = is_answered && std::exchange(watch.wants_cycle, false);
    watch.wants_stall = watch.wants_cycle = false;
    is_any = true;
  });
  return is_any ? last_report_ : 0;
}

void Reporter::write_stall(std::uint64_t report, const Place* places, std::uint32_t count) {
  write_report(report, [&](Watch& watch, const Pace& pace) {
    if (!watch.report_stall || pace.beats != watch.asked_beats) return;
    char buffer[kFramesBytes];
    Text frames(buffer);
    const bool is_below_native = work_->is_late && watch.native_place[0] != '\0';
    if (is_below_native) frames << watch.native_place;
    write_frames(frames, places, count);
    write_where(watch, kind_of(is_below_native), work_->answered_ns, frames.view());
  });
}
WhereKind Reporter::kind_of(bool is_below_native) const {
  if (is_below_native) return WhereKind::native_then_frames;
  return work_->is_promise_loop ? WhereKind::promise_loop : WhereKind::frames;
}
void Reporter::write_cycle(std::uint64_t report, std::string_view place) {
  write_report(report, [&](Watch& watch, const Pace&) {
    if (watch.report_cycle) count_slow_place(watch.held->claim.life(), place);
    watch.native_place[0] = watch.unmapped_place[0] = '\0';
  });
}

// The thread is in native code, or in the kernel.
void Reporter::report_native() {
  char buffer[kKernelPlaceBytes];
  Text place(buffer);
  const bool runs = say_native_place(place, work_->task);
  if (place.size() == 0) return;
  write_native(place.view());
  // Later, because it may wait: for the thread to get a CPU, or for the dynamic loader. Not for late cycles: their
  // places are counted, and a function of a library is not the place.
  if (!runs || !work_->is_stall) return;
  char code_buffer[kKernelPlaceBytes];
  Text code(code_buffer);
  code << "running in ";
  const std::size_t before = code.size();
  say_running_code(code, work_->task);
  if (code.size() > before) write_native(code.view());
}

void Reporter::write_native(std::string_view text) {
  const std::uint64_t now = monotonic_ns();
  const Locked locked;
  Thread* const thread = g_watched.thread(work_->thread);
  // It has answered meanwhile.
  if (thread == nullptr || thread->asking != Asking::asked || thread->asked_ns != work_->asked_ns) return;
  const shm_liveness::detail::Locked claims(shm_liveness::detail::ForkGuard::instance());
  g_watched.for_watches_of(*thread, [&](Watch& watch) {
    Pace pace;
    if (!watch.wants() || !read_pace(watch, pace) || pace.beats != watch.asked_beats) return;
    keep_text(watch.native_place, text);
    if (watch.wants_stall) write_where(watch, WhereKind::native, now, text);
  });
}

std::string_view Reporter::working_directory() {
  const long bytes = sys::call(__NR_getcwd, sys::word(directory_), static_cast<long>(sizeof directory_));
  return {directory_, bytes > 1 ? static_cast<std::size_t>(bytes) - 1 : 0};
}

}  // namespace shm_liveness::addon::stacks
