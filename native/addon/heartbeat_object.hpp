// The JavaScript side of one claimed slot.
//
// Three may hold on to it, in any order of their ends: the wrapper object, the `beat` function (which users detach and
// call alone), and the environment. The environment lets go at stop() or when it ends: a heartbeat that was forgotten
// but not stopped keeps its lock, and is stalled, not dead, because its process is not.
#pragma once

#include <napi.h>

#include "shm_liveness/heartbeat.hpp"
#include "stacks/watcher.hpp"

namespace shm_liveness::addon {

class Holder {
 public:
  // `on_loss` is called with (code, isClaimedAnew) when the region was lost.
  Holder(Napi::Env env, Heartbeat&& heartbeat, const Napi::Function& on_loss);
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  void keep() { ++keepers_; }
  void let_go() {
    if (--keepers_ == 0) delete this;
  }

  // Has this thread's stack written down whenever the heartbeat is silent. Null, or why that cannot be.
  const char* watch_stacks();
  void stop();

  Heartbeat heartbeat;

 private:
  ~Holder() = default;
  static void on_environment_end(void* holder);
  static void on_loss(void* holder, const detail::Held& held, Fault lost);

  napi_env env_;
  Napi::FunctionReference on_loss_;
  stacks::Watch* stacks_ = nullptr;
  bool in_environment_ = true;
  int keepers_ = 1;  // the environment's
};

class HeartbeatObject : public Napi::ObjectWrap<HeartbeatObject> {
 public:
  static Napi::Function define(Napi::Env env);
  explicit HeartbeatObject(const Napi::CallbackInfo& info);
  ~HeartbeatObject() override;

 private:
  Napi::Value ready(const Napi::CallbackInfo& info);
  Napi::Value not_ready(const Napi::CallbackInfo& info);
  Napi::Value begin_phase(const Napi::CallbackInfo& info);
  Napi::Value end_phase(const Napi::CallbackInfo& info);
  void stop(const Napi::CallbackInfo& info);
  Napi::Value claimed(const Napi::CallbackInfo& info);
  Napi::Value fault(const Napi::CallbackInfo& info);
  Napi::Value comebacks(const Napi::CallbackInfo& info);
  Napi::Value watch_stacks(const Napi::CallbackInfo& info);

  Holder* holder_ = nullptr;  // null if the constructor threw
};

}  // namespace shm_liveness::addon
