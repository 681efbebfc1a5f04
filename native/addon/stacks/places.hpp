// From a captured stack to the lines that people read: which frames, in which order, under which names.
#pragma once

#include "capture.hpp"
#include "path.hpp"
#include "shm_liveness/layout.hpp"

namespace shm_liveness::addon::stacks {

// A place in code, as it is shown.
struct Place {
  char function[64] = {};
  char file[kShownPathBytes + 1] = {};
  std::uint32_t line = 0;
  std::uint32_t column = 0;
};

template <std::size_t Bytes>
void keep_text(char (&to)[Bytes], std::string_view text) {
  Text out(to);
  out.printable(text);
  out.cut(Bytes - 1);
  out.c_str();
}

inline bool is_node(std::string_view script) { return script.starts_with("node:"); }

// Of a built-in function (Array.map), which says nothing that its caller's line does not.
inline bool has_place(const Capture& stack, const Frame& frame) {
  return frame.line != 0 && (frame.is_eval || !stack.script_name(frame).empty());
}
inline bool is_application(const Capture& stack, const Frame& frame) {
  return has_place(stack, frame) && !is_node(stack.script_name(frame));
}

// The frames to show, the innermost first: the application's, or Node's own where there are no others. A recursion is
// shown by one frame for each of its places in a row.
struct Selection {
  static constexpr std::uint32_t kMost = 12;
  std::uint32_t count = 0;
  std::uint8_t frames[kMost];
};

inline Selection select_frames(const Capture& stack) {
  Selection selected;
  for (const bool of_application : {true, false}) {
    for (std::uint32_t i = 0; i < stack.frame_count && selected.count < Selection::kMost; ++i) {
      const Frame& frame = stack.frames[i];
      if (of_application ? !is_application(stack, frame) : !has_place(stack, frame)) continue;
      if (selected.count > 0) {
        const Frame& last = stack.frames[selected.frames[selected.count - 1]];
        if (last.script == frame.script && last.line == frame.line && last.column == frame.column) continue;
      }
      selected.frames[selected.count++] = static_cast<std::uint8_t>(i);
    }
    if (selected.count > 0) break;
  }
  return selected;
}

// The call into Node that the application is in, where the innermost frames are Node's.
struct NodeCall {
  std::uint32_t depth = 0;    // frames of Node's; 0: the application itself runs, or nothing of it is on the stack
  std::string_view function;  // the outermost of them
};

inline NodeCall node_call_of(const Capture& stack) {
  NodeCall call;
  for (std::uint32_t i = 0; i < stack.frame_count; ++i) {
    const Frame& frame = stack.frames[i];
    if (is_application(stack, frame)) return call;
    if (!has_place(stack, frame)) continue;
    ++call.depth;
    call.function = stack.function_name(frame);
  }
  return {};
}

// As the engine says it: before a source map, or without one.
inline Place place_of(const Capture& stack, const Frame& frame, std::string_view working_directory) {
  Place place;
  char name[sizeof place.function];
  Text function(name);
  if (frame.is_constructor) function << "new ";
  function << stack.function_name(frame);
  keep_text(place.function, function.view());
  const std::string_view script = stack.script_name(frame);
  char buffer[kMostPathBytes];
  const std::string_view path = file_path_of(script, buffer);
  keep_text(place.file, script.empty() ? "eval" : shown_path(path.empty() ? script : path, working_directory));
  place.line = frame.line;
  place.column = frame.column;
  return place;
}

// `function (file:line:column)`, or `file:line:column` in code that is in no function.
inline void write_line(Text& out, const Place& place) {
  const bool has_function = place.function[0] != '\0';
  if (has_function) out << place.function << " (";
  out << place.file << ':' << place.line << ':' << place.column;
  if (has_function) out << ')';
}

// Whole lines, as many as the region has room for.
inline void write_frames(Text& out, const Place* places, std::uint32_t count) {
  std::size_t used = out.size();
  for (std::uint32_t i = 0; i < count; ++i) {
    char buffer[kFramesBytes];
    Text line(buffer);
    write_line(line, places[i]);
    used += line.size() + 1;
    if (used > kFramesBytes) return;
    if (out.size() > 0) out << '\n';
    out << line.view();
  }
}

// `function (file:line)`: what was called, and where the application called it. Cut in the file, not in the line.
inline void write_slow_place(Text& out, const Place& place, std::string_view called) {
  char number[24];
  Text line(number);
  line << ':' << place.line;
  const std::string_view file = place.file;
  const std::size_t slash = file.rfind('/');
  const std::string_view name = slash == std::string_view::npos ? file : tail(file, slash + 1);
  const std::string_view function = called.empty() ? std::string_view(place.function) : called;
  char buffer[kPlaceBytes];
  Text text(buffer, kPlaceBytes - 1);
  if (!function.empty()) text << head(function, 30) << " (";
  const std::size_t room = kPlaceBytes - 1 - text.size() - line.size() - 1;
  text.printable(head(name, room));
  text << line.view();
  if (!function.empty()) text << ')';
  out.printable(text.view());
}

}  // namespace shm_liveness::addon::stacks
