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

#include <memory>
#include <vector>

#include "shm_liveness/heartbeat.hpp"

namespace shm_liveness::addon {

class SharedBeat {
 public:
  // Lives as long as the environment or a copy of the pointer, because holders are freed after their environment's end.
  static std::shared_ptr<SharedBeat> create(Napi::Env env);
  explicit SharedBeat(Napi::Env env);
  SharedBeat(const SharedBeat&) = delete;
  SharedBeat& operator=(const SharedBeat&) = delete;

  // {words, beat}, as lib/internal/beats.ts takes them.
  Napi::Object to_object(Napi::Env env);

  std::int32_t add(Heartbeat& heartbeat);
  void remove(std::int32_t id);

 private:
  static napi_value beat(napi_env env, napi_callback_info info);

  napi_env env_;
  std::vector<Heartbeat*> heartbeats_;  // by id; null: free
  std::int32_t* words_ = nullptr;
  Napi::Reference<Napi::ArrayBuffer> array_;
};

}  // namespace shm_liveness::addon
