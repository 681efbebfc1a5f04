#include "fast_call.hpp"

#include <cstdint>

#include "stacks/by_name.hpp"

namespace shm_liveness::addon {
namespace {

using stacks::find;
using stacks::Slot;
using Call = void (*)(const void*);

// v8::CTypeInfo, of which two are needed: void and v8::Local<v8::Value>.
struct Type {
  std::uint8_t type;
  std::uint8_t sequence;
  std::uint8_t flags;
};
constexpr Type kVoid{0, 0, 0};
constexpr Type kValue{10, 0, 0};

// Room for a v8::CFunctionInfo (16 bytes in V8 11 to 13) and a v8::CFunction (16 bytes).
struct Room {
  alignas(16) unsigned char bytes[64];
};

struct Functions {
  void* (*current_isolate)();
  Slot (*current_context)(void* isolate);
  // CFunctionInfo::CFunctionInfo(). Since V8 12 with a last argument: how integers of 64 bits are represented. One that
  // does not know it does not read it.
  void (*describe)(Room* self, const Type& result, unsigned argument_count, const Type* arguments, int integers);
  void (*make)(Room* self, Call address, const Room* description);  // CFunction::CFunction()
  Slot (*new_template)(void* isolate, Call slow, Slot data, Slot signature, int length, int constructor_behavior,
                       int side_effects, const Room* fast, std::uint16_t, std::uint16_t, std::uint16_t);
  Slot (*instantiate)(Slot function_template, Slot context);
};

bool find_all(Functions& out) {
  return find("_ZN2v87Isolate10GetCurrentEv", out.current_isolate) &&
         find("_ZN2v87Isolate17GetCurrentContextEv", out.current_context) &&
         (find("_ZN2v813CFunctionInfoC1ERKNS_9CTypeInfoEjPS2_", out.describe) ||
          find("_ZN2v813CFunctionInfoC1ERKNS_9CTypeInfoEjPS2_NS0_19Int64RepresentationE", out.describe)) &&
         find("_ZN2v89CFunctionC1EPKvPKNS_13CFunctionInfoE", out.make) &&
         find(
             "_ZN2v816FunctionTemplate3NewEPNS_7IsolateEPFvRKNS_20FunctionCallbackInfoINS_5ValueEEEENS_5LocalIS4_EE"
             "NSA_INS_9SignatureEEEiNS_19ConstructorBehaviorENS_14SideEffectTypeEPKNS_9CFunctionEttt",
             out.new_template) &&
         find("_ZN2v816FunctionTemplate11GetFunctionENS_5LocalINS_7ContextEEE", out.instantiate);
}

// `void call(receiver)`. V8 keeps its address for as long as there is compiled code.
const Room* description(const Functions& v8) {
  static Room made;
  static const bool is_made = (v8.describe(&made, kVoid, 1, &kValue, 0), true);
  return is_made ? &made : nullptr;
}

}  // namespace

napi_value make_fast_function(Call call) {
  static Functions v8;
  static const bool is_whole = find_all(v8);
  if (!is_whole) return nullptr;
  Room fast;
  v8.make(&fast, call, description(v8));
  void* const isolate = v8.current_isolate();
  const Slot made = v8.new_template(isolate, call, nullptr, nullptr, 0, 0, 0, &fast, 0, 0, 0);
  return static_cast<napi_value>(v8.instantiate(made, v8.current_context(isolate)));
}

}  // namespace shm_liveness::addon
