// One stack as V8 told it: plain data in one block, so that a thread can fill it in and another can copy it.
#pragma once

#include <cstdint>
#include <string_view>

namespace shm_liveness::addon::stacks {

// A text in the capture's own pool.
struct Span {
  std::uint16_t at = 0;
  std::uint16_t bytes = 0;
};

struct Script {
  int id = 0;
  Span name;  // a path, a file: URL, node:..., or what a sourceURL comment says; empty: eval, built-in
  Span map;   // its sourceMappingURL, but for one that carries the map itself
  bool has_inline_map = false;
};

struct Frame {
  Span function;
  std::uint8_t script = 0;
  bool is_eval = false;
  bool is_constructor = false;
  std::uint32_t line = 0;  // from 1; 0: not known
  std::uint32_t column = 0;
};

struct Capture {
  static constexpr std::uint32_t kMostFrames = 32;
  static constexpr std::size_t kPoolBytes = 16 * 1024;
  // Longer names are cut off, and then name no file. Long enough for each path that a file system takes.
  static constexpr std::size_t kMostNameBytes = 1024;

  std::uint32_t frame_count = 0;
  std::uint32_t script_count = 0;
  std::size_t used = 0;
  Frame frames[kMostFrames];
  Script scripts[kMostFrames];
  char pool[kPoolBytes];

  void clear() {
    frame_count = script_count = 0;
    used = 0;
  }
  std::string_view text(Span span) const { return {pool + span.at, span.bytes}; }
  std::string_view script_name(const Frame& frame) const { return text(scripts[frame.script].name); }
  std::string_view function_name(const Frame& frame) const { return text(frame.function); }
};

}  // namespace shm_liveness::addon::stacks
