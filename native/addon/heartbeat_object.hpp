// The JavaScript side of one claimed slot.
//
// Four may hold on to it, in any order of their ends: the wrapper object, the `beat` function (which users detach and
// call alone), the array through which compiled code counts, and the environment. The environment lets go at stop() or
// when it ends: a heartbeat that was forgotten but not stopped keeps its lock, and is stalled, not dead, because its
// process is not.
#pragma once

#include <napi.h>

#include <memory>

#include "shared_beat.hpp"
#include "shm_liveness/heartbeat.hpp"
#include "stacks/watcher.hpp"

namespace shm_liveness::addon {

class Holder {
 public:
  // What the slot says after the environment has ended without stop().
  enum class Ending { dead, stopped };

  // `on_loss` is called with (code, isClaimedAnew) when the region was lost.
  Holder(Napi::Env env, Heartbeat&& heartbeat, Ending ending, const Napi::Function& on_loss, SharedBeat& shared);
  Holder(const Holder&) = delete;
  Holder& operator=(const Holder&) = delete;

  void keep() { ++keepers_; }
  void let_go() {
    if (--keepers_ == 0) delete this;
  }

  // Has this thread's stack written down whenever the heartbeat is silent. Null, or why that cannot be.
  const char* watch_stacks();
  // A phase has begun or ended: what watches for stacks sleeps by the limit before it.
  void limit_changed() { stacks::limit_changed(stacks_); }
  void stop();
  // The memory of a counted beat of compiled code, which stays for as long as anybody keeps this. Null: there is none.
  CountWindow* open_window();
  void close_window();

  // Of SharedBeat.
  std::int32_t id() const { return id_; }

  Heartbeat heartbeat;

 private:
  ~Holder() { shared_.remove(id_); }
  static void on_environment_end(void* holder);
  static void on_loss(void* holder, const detail::Held& held, Fault lost);

  napi_env env_;
  Ending ending_;
  Napi::FunctionReference on_loss_;
  stacks::Watch* stacks_ = nullptr;
  std::unique_ptr<CountWindow> window_;
  SharedBeat& shared_;
  std::int32_t id_;
  bool in_environment_ = true;
  int keepers_ = 1;  // the environment's
};

class HeartbeatObject : public Napi::ObjectWrap<HeartbeatObject> {
 public:
  // `shared` must live as long as the environment.
  static Napi::Function define(Napi::Env env, SharedBeat& shared);
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
