// Where a worker's code was: written while it is silent, read by probe, guard and library, and after a restart.
//
// The text. One frame a line, `function (file:line:column)`, the innermost first, no newline at the end. A place in the
// kernel or in native code is one line, and stands before the frames (native_then_frames). set_where() turns control
// bytes and invalid UTF-8 into `?` and drops whole lines from the end until the rest fits. Readers do not rely on that:
// a region is foreign text, so each output makes it harmless again (Text::printable, JSON).
//
// When it counts. A Where belongs to a life, and says something of a silence only if it was taken during that silence:
// `taken_ns` is later than the last sign of life (is_of_silence). Else it is history: where the worker hung before.
//
// Who writes, and how the writers are kept apart. The owner's process (one thread of it) or a guard, both while the
// life's lock is held. A writer takes the sequence by one exchange, even to odd, and gives it back by another; a writer
// that finds it odd leaves its text out and comes again at its next look. A writer that was killed in between leaves it
// odd, and readers see nothing there. So a writer that meets the same odd count again after kAbandonedNs takes it over.
// If the first writer was only stopped meanwhile, its exchange at the end fails, and at worst lines of both are mixed
// until the next text: wrong for display, harmless otherwise. A claim may begin on a life that a stopped guard still
// writes to; its text then has a `taken_ns` before the claim, and counts for nobody.
#pragma once

#include "claim.hpp"
#include "snapshot.hpp"

namespace shm_liveness {

enum class WhereKind : std::uint32_t {
  nothing = 0,
  frames = 1,              // JavaScript frames
  native = 2,              // a place in native code or in the kernel, one line
  promise_loop = 3,        // only promises go round; frames, if there were any
  native_then_frames = 4,  // the native or kernel line, then the JavaScript frames that led there
};

// Whether the first line is a place in native code or in the kernel.
constexpr bool is_native(WhereKind kind) { return kind == WhereKind::native || kind == WhereKind::native_then_frames; }

// A copy, taken under the sequence.
struct WhereFacts {
  WhereKind kind = WhereKind::nothing;
  std::uint64_t taken_ns = 0;
  std::uint64_t silent_ns = 0;
  char frames[kFramesBytes];

  // Out of line: several of them are made in a program that must stay small.
  [[gnu::noinline]] WhereFacts() { frames[0] = '\0'; }

  std::string_view text() const { return frames; }
};

struct SlowPlaceFacts {
  std::uint32_t count = 0;  // 0: the place is free
  char text[kPlaceBytes] = {};
};

// What a writer remembers of a sequence that it found odd. One for each Where or slot that it writes to.
struct StuckSequence {
  std::uint32_t odd = 0;
  std::uint64_t since_ns = 0;
};

inline constexpr std::uint64_t kAbandonedNs = 100'000'000;  // a text takes less than 1 us to store

namespace detail {

// The odd count under which the caller writes now; 0 if another writer is at it.
inline std::uint32_t take_sequence(Word32& sequence, std::uint64_t now_ns, StuckSequence& stuck) {
  const std::uint32_t seen = sequence.load_acquire();
  if ((seen & 1) == 0) return sequence.replace(seen, seen + 1) ? seen + 1 : 0;
  if (stuck.odd != seen) {
    stuck = {seen, now_ns};
    return 0;
  }
  if (now_ns - stuck.since_ns < kAbandonedNs || !sequence.replace(seen, seen + 2)) return 0;
  return seen + 2;
}

// Frames as the contract at the top has them: whole lines, as many as fit in `most` bytes.
inline void write_lines(Text& out, std::string_view frames, std::size_t most) {
  bool first = true;
  while (!frames.empty()) {
    const std::size_t end = frames.find('\n');
    const std::string_view line = head(frames, end);
    frames = end == std::string_view::npos ? std::string_view{} : tail(frames, end + 1);
    if (line.empty()) continue;
    if (!first && out.size() + 1 + line.size() > most) return;
    if (!first) out << '\n';
    out.printable(line);
    first = false;
  }
}

}  // namespace detail

// Stores a place. False: another writer is at it; come again at the next look. `silent_ns`: for how long the worker had
// been silent at `taken_ns`. The caller has seen after the capture that no beat came meanwhile.
inline bool set_where(Where& where, WhereKind kind, std::uint64_t taken_ns, std::uint64_t silent_ns,
                      std::string_view frames, StuckSequence& stuck) {
  char buffer[kFramesBytes];
  Text text(buffer);
  detail::write_lines(text, frames, kFramesBytes - 1);
  text.cut(kFramesBytes - 1);
  const std::uint32_t odd = detail::take_sequence(where.sequence, monotonic_ns(), stuck);
  if (odd == 0) return false;
  where.kind.store_release(static_cast<std::uint32_t>(kind));
  where.taken_ns.store_release(taken_ns);
  where.silent_ns.store_release(silent_ns);
  where.frames.store(text.view());
  return where.sequence.replace(odd, odd + 1);
}

// False: nothing is known, or a writer was at it at every try. A kind that this program does not know is nothing.
inline bool read_where(const Where& where, WhereFacts& out) {
  std::uint32_t kind = 0;
  const bool whole = detail::read_under(where.sequence, [&] {
    kind = where.kind.load_acquire();
    out.taken_ns = where.taken_ns.load_acquire();
    out.silent_ns = where.silent_ns.load_acquire();
    where.frames.load(out.frames);
  });
  const bool known = whole && kind <= static_cast<std::uint32_t>(WhereKind::native_then_frames);
  out.kind = known ? static_cast<WhereKind>(kind) : WhereKind::nothing;
  if (!known) out.frames[0] = '\0';
  return out.kind != WhereKind::nothing;
}

// Whether it was taken after the last sign of life (WorkerFacts::sign_of_life_ns), so during the silence that follows.
inline bool is_of_silence(const WhereFacts& where, std::uint64_t sign_of_life_ns) {
  return where.kind != WhereKind::nothing && where.taken_ns > sign_of_life_ns;
}

// What is known of the worker's present silence, in the bank that was read. The region must be mapped whole.
inline bool read_where_of(const Region& region, const WorkerFacts& worker, WhereFacts& out) {
  return read_where(region.record(worker.slot).lives[worker.bank].where, out) &&
         is_of_silence(out, worker.sign_of_life_ns());
}

// Counts a cycle beyond the cycle limit that was found at `text` (one line, `function (file:line)`; what does not fit
// is cut). With four places taken, a new one replaces the one with the lowest count, so a count can be too low and is
// never too high. One writer for each life: the owner's process or a guard, as for Where.
inline void count_slow_place(Life& life, std::string_view text) {
  char buffer[kPlaceBytes];
  Text line(buffer);
  line.printable(head(text, text.find('\n')));
  line.cut(kPlaceBytes - 1);
  SlowPlace* chosen = nullptr;
  std::uint32_t lowest = ~std::uint32_t(0);
  for (SlowPlace& place : life.slow_places) {
    const std::uint32_t count = place.count.load_acquire();
    char there[kPlaceBytes];
    place.text.load(there);
    if (count != 0 && std::string_view(there) == line.view()) {
      place.count.store_release(count + (count != ~std::uint32_t(0) ? 1 : 0));
      return;
    }
    if (count < lowest) {
      lowest = count;
      chosen = &place;
    }
  }
  if (chosen == nullptr) return;
  const detail::SequenceWriter writing(chosen->sequence);
  chosen->count.store_release(1);
  chosen->text.store(line.view());
}

// False: the place is free, or a writer was at it at every try.
inline bool read_slow_place(const SlowPlace& place, SlowPlaceFacts& out) {
  const bool whole = detail::read_under(place.sequence, [&] {
    out.count = place.count.load_acquire();
    place.text.load(out.text);
  });
  if (!whole) out.count = 0;
  return out.count != 0;
}

}  // namespace shm_liveness
