// The JavaScript side of one claimed slot.
//
// Three may hold on to it, in any order of their ends: the wrapper object, the `beat` function (which users detach and
// call alone), and the environment. The environment lets go at stop() or when it ends: a heartbeat that was forgotten
// but not stopped keeps its lock, and is stalled, not dead, because its process is not.
#pragma once

#include <napi.h>

#include "shm_liveness/heartbeat.hpp"
#include "shm_liveness/truncation.hpp"

namespace shm_liveness::addon {

class Holder {
 public:
  Holder(napi_env env, Heartbeat&& heartbeat);
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  void keep() { ++keepers_; }
  void let_go() {
    if (--keepers_ == 0) delete this;
  }

  void stop();

  Heartbeat heartbeat;

 private:
  ~Holder() = default;
  static void on_environment_end(void* holder);
  void leave_environment();

  napi_env env_;
  truncation::Watched* watched_;
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

  Holder* holder_ = nullptr;  // null if the constructor threw
};

}  // namespace shm_liveness::addon
