#include "walk.hpp"

#include "engine.hpp"

namespace shm_liveness::addon::stacks {
namespace {

// v8::StackTrace::kDetailed | kExposeFramesAcrossSecurityOrigins: frames of a vm context are wanted, too.
constexpr int kOptions = 0x17f;

class Walk {
 public:
  Walk(napi_env env, const Engine& v8, Capture& out, ToldMap& told) : env_(env), v8_(v8), out_(out), told_(told) {}

  void add(const void* frame) {
    Frame& to = out_.frames[out_.frame_count++];
    to = Frame{};
    to.script = script_of(frame);
    to.function = copy(v8_.function_name(frame));
    to.is_eval = v8_.is_eval(frame);
    to.is_constructor = v8_.is_constructor(frame);
    const Location location = v8_.location(frame);
    if (location.line < 0 || location.column < 0) return;
    to.line = static_cast<std::uint32_t>(location.line) + 1;
    to.column = static_cast<std::uint32_t>(location.column) + 1;
  }

 private:
  std::uint8_t script_of(const void* frame) {
    const int id = v8_.script_id(frame);
    for (std::uint32_t i = 0; i < out_.script_count; ++i) {
      if (out_.scripts[i].id == id) return static_cast<std::uint8_t>(i);
    }
    Script& script = out_.scripts[out_.script_count];
    script = Script{};
    script.id = id;
    script.name = copy(v8_.script_name(frame));
    const std::size_t before = out_.used;
    const Slot map = v8_.source_mapping_url(frame);
    if (id == told_.script_id) copy_whole(map);
    script.map = copy(map);
    if (out_.text(script.map).starts_with("data:")) {
      out_.used = before;
      script.map = {};
      script.has_inline_map = true;
    }
    return static_cast<std::uint8_t>(out_.script_count++);
  }

  Span copy(Slot string) {
    const std::size_t left = Capture::kPoolBytes - out_.used;
    const std::size_t room = left < Capture::kMostNameBytes ? left : Capture::kMostNameBytes;
    std::size_t bytes = 0;
    char* const to = out_.pool + out_.used;
    // With room for the NUL that Node-API writes behind the text.
    if (string == nullptr || room < 2 ||
        napi_get_value_string_utf8(env_, static_cast<napi_value>(string), to, room, &bytes) != napi_ok) {
      return {};
    }
    const Span span{static_cast<std::uint16_t>(out_.used), static_cast<std::uint16_t>(bytes)};
    out_.used += bytes;
    return span;
  }

  void copy_whole(Slot string) {
    constexpr std::size_t kMost = std::size_t(32) << 20;
    const auto value = static_cast<napi_value>(string);
    std::size_t bytes = 0;
    if (string == nullptr || napi_get_value_string_utf8(env_, value, nullptr, 0, &bytes) != napi_ok) return;
    if (bytes > kMost || !told_.url.reserve(bytes + 1)) return;
    napi_get_value_string_utf8(env_, value, told_.url.data(), bytes + 1, &told_.url.used);
  }

  napi_env env_;
  const Engine& v8_;
  Capture& out_;
  ToldMap& told_;
};

}  // namespace

bool walk(napi_env env, Capture& out, ToldMap& told) {
  out.clear();
  const Engine* const v8 = engine();
  napi_handle_scope scope;
  if (v8 == nullptr || napi_open_handle_scope(env, &scope) != napi_ok) return false;
  void* const isolate = v8->current_isolate();
  const Slot trace = v8->current_stack_trace(isolate, static_cast<int>(Capture::kMostFrames), kOptions);
  if (trace != nullptr) {
    Walk walking(env, *v8, out, told);
    const int count = v8->frame_count(trace);
    for (int i = 0; i < count && out.frame_count < Capture::kMostFrames; ++i) {
      const Slot frame = v8->frame(trace, isolate, static_cast<unsigned>(i));
      if (frame != nullptr) walking.add(frame);
    }
  }
  napi_close_handle_scope(env, scope);
  return trace != nullptr;
}

}  // namespace shm_liveness::addon::stacks
