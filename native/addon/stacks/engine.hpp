// The functions of V8 for reading a thread's stack, by their names (by_name.hpp).
#pragma once

#include <cstddef>

#include "by_name.hpp"

namespace shm_liveness::addon::stacks {

// v8::Location, in one register.
struct Location {
  int line;    // from 0
  int column;  // from 0
};

struct Engine {
  void* (*current_isolate)();
  // Thread-safe as long as the isolate exists. The callback runs on the isolate's thread, at its next check of the
  // stack guard: at a function's entry, at a loop's back edge, in a regular expression's backtracking, in
  // Atomics.wait().
  void (*request_interrupt)(void* isolate, void (*callback)(void* isolate, void* data), void* data);
  Slot (*current_stack_trace)(void* isolate, int most_frames, int options);
  int (*frame_count)(const void* trace);
  Slot (*frame)(const void* trace, void* isolate, unsigned index);
  Location (*location)(const void* frame);
  int (*script_id)(const void* frame);
  Slot (*script_name)(const void* frame);  // or the name that a sourceURL comment gives
  Slot (*source_mapping_url)(const void* frame);
  Slot (*function_name)(const void* frame);
  bool (*is_eval)(const void* frame);
  bool (*is_constructor)(const void* frame);
};

// Null where a function is missing.
const Engine* engine();

// The function of Node's in which a thread waits for its debugger: at a breakpoint, or before its first line. Null: not
// known.
const void* debugger_wait();

}  // namespace shm_liveness::addon::stacks
