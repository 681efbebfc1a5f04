// One JavaScript function that beats for all heartbeats of an environment.
//
// Why one: V8 compiles a call of a known function in place, and looks up what to call where a call site has met
// several. With a native function for each heartbeat, a pool that beats for its members paid half as much again for
// each beat. Now all call sites call this one; which heartbeat is meant is in a word of an array, which costs less than
// an argument.
//
//   words[0]  in: the heartbeat's id     words[1]  out: 0 it stamped, 1 it holds no slot any more
//
// Safe between the store of the id and the call, because nothing else runs on an environment's thread there.
#pragma once

#include <napi.h>

#include <vector>

#include "shm_liveness/heartbeat.hpp"

namespace shm_liveness::addon {

class SharedBeat {
 public:
  // Kept by the environment, until its end.
  static SharedBeat& create(Napi::Env env);
  SharedBeat(const SharedBeat&) = delete;
  SharedBeat& operator=(const SharedBeat&) = delete;

  // {words, beat}, as lib/internal/beats.ts takes them.
  Napi::Object to_object(Napi::Env env);

  // Whoever adds a heartbeat keeps this, until it removes it: holders may be freed after their environment's end. On
  // the environment's thread. (No std::shared_ptr: its count needs glibc 2.32.)
  std::int32_t add(Heartbeat& heartbeat);
  void remove(std::int32_t id);

 private:
  explicit SharedBeat(Napi::Env env);
  ~SharedBeat() = default;
  void let_go() {
    if (--keepers_ == 0) delete this;
  }
  static napi_value beat(napi_env env, napi_callback_info info);

  napi_env env_;
  std::vector<Heartbeat*> heartbeats_;  // by id; null: free
  std::int32_t* words_ = nullptr;
  Napi::Reference<Napi::ArrayBuffer> array_;
  int keepers_ = 1;  // the environment's
};

}  // namespace shm_liveness::addon
