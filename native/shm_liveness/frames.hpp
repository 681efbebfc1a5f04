// A place as people read it: short in the verdict's line, whole in the termination log.
#pragma once

#include "text.hpp"
#include "where.hpp"

namespace shm_liveness {

inline const char* name_of(WhereKind kind) {
  return nth_word("nothing\0javascript\0native\0promise-loop\0native-and-javascript", static_cast<std::size_t>(kind));
}

// Takes the next line out of `text`; false: there is none.
inline bool next_line(std::string_view& text, std::string_view& line) {
  line = head(text, text.find('\n'));
  text = tail(text, line.size() + 1);
  return !line.empty() || !text.empty();
}

namespace detail {

// `decode (/app/src/frames.ts:88:12)` as `decode (frames.ts:88:12)`.
inline void say_short_frame(Text& out, std::string_view frame) {
  const std::size_t open = frame.rfind('(');
  const std::string_view function = open == std::string_view::npos ? std::string_view{} : head(frame, open + 1);
  const std::string_view location = tail(frame, function.size());
  const std::size_t slash = location.rfind('/');
  out.printable(function).printable(slash == std::string_view::npos ? location : tail(location, slash + 1));
}

}  // namespace detail

// ` at decode (frames.ts:88:12) < onImage (camera.ts:41:5)`, or `, read of fd 3 -> pipe:[7]`: the innermost, cut if
// need be, and as many others as leave `out` at `most` bytes or less.
inline void say_place(Text& out, const WhereFacts& where, std::size_t most) {
  if (where.kind == WhereKind::promise_loop) out << " in a promise loop";
  bool is_frame = !is_native(where.kind);
  std::string_view rest = where.text();
  std::size_t kept = out.size() > most ? out.size() : most;
  std::string_view frame;
  for (const char* before = is_frame ? " at " : ", "; next_line(rest, frame); before = " < ") {
    out << before;
    if (is_frame) {
      detail::say_short_frame(out, frame);
    } else {
      out.printable(frame);
    }
    if (out.size() > most) return out.cut(kept);
    kept = out.size();
    is_frame = where.kind != WhereKind::native;
  }
}

// The innermost place alone: a frame with its short file name, a system call without its descriptor.
inline void say_innermost(Text& out, const WhereFacts& where) {
  const std::string_view frame = head(where.text(), where.text().find('\n'));
  if (is_native(where.kind)) {
    out.printable(head(head(frame, frame.find(" of fd ")), frame.find(" (")));
  } else {
    detail::say_short_frame(out, frame);
  }
}

// The whole stack, on lines of its own; under `name`, if there is one.
inline void say_stack(Text& out, std::string_view name, const WhereFacts& where) {
  if (where.kind == WhereKind::nothing) return;
  if (!name.empty()) (out << "  ").printable(name) << ":\n";
  std::string_view rest = where.text();
  for (std::string_view frame; next_line(rest, frame);) (out << "    ").printable(frame) << '\n';
}

}  // namespace shm_liveness
