#include "engine.hpp"

namespace shm_liveness::addon::stacks {
namespace {

bool find_all(Engine& out) {
  return find("_ZN2v87Isolate10GetCurrentEv", out.current_isolate) &&
         find("_ZN2v87Isolate16RequestInterruptEPFvPS0_PvES2_", out.request_interrupt) &&
         find("_ZN2v810StackTrace17CurrentStackTraceEPNS_7IsolateEiNS0_17StackTraceOptionsE",
              out.current_stack_trace) &&
         find("_ZNK2v810StackTrace13GetFrameCountEv", out.frame_count) &&
         find("_ZNK2v810StackTrace8GetFrameEPNS_7IsolateEj", out.frame) &&
         find("_ZNK2v810StackFrame11GetLocationEv", out.location) &&
         find("_ZNK2v810StackFrame11GetScriptIdEv", out.script_id) &&
         find("_ZNK2v810StackFrame24GetScriptNameOrSourceURLEv", out.script_name) &&
         find("_ZNK2v810StackFrame25GetScriptSourceMappingURLEv", out.source_mapping_url) &&
         find("_ZNK2v810StackFrame15GetFunctionNameEv", out.function_name) &&
         find("_ZNK2v810StackFrame6IsEvalEv", out.is_eval) &&
         find("_ZNK2v810StackFrame13IsConstructorEv", out.is_constructor);
}

}  // namespace

const Engine* engine() {
  static Engine found;
  static const bool is_whole = find_all(found);
  return is_whole ? &found : nullptr;
}

const void* debugger_wait() {
  static const void* const code =
      dlsym(RTLD_DEFAULT, "_ZN4node9inspector19MainThreadInterface20WaitForFrontendEventEv");
  return code;
}

}  // namespace shm_liveness::addon::stacks
