// One JavaScript function that beats for all heartbeats of an environment.
//
// Why one: V8 compiles a call of a known function in place, and looks up what to call where a call site has met
// several. With a native function for each heartbeat, a pool that beats for its members paid half as much again for
// each beat. Now all call sites call this one; which heartbeat is meant is in a word of an array, which costs less than
// an argument.
//
//   words[0]  in: the heartbeat's id     words[1]  out: 0 it stamped, 1 it did nothing: its own function must beat
//
// Safe between the store of the id and the call, because nothing else runs on an environment's thread there.
//
// There are two such functions, which do the same: one by Node-API, and a cheaper one where V8 is known
// (fast_call.hpp). Neither gives a value or calls JavaScript. The cheaper one must not, and to make a value costs more
// than to leave a word.
#pragma once

#include <napi.h>

#include <cstddef>
#include <vector>

#include "shm_liveness/heartbeat.hpp"

namespace shm_liveness::addon {

class SharedBeat {
 public:
  // Kept by the environment, until its end.
  static SharedBeat& create(Napi::Env env);
  SharedBeat(const SharedBeat&) = delete;
  SharedBeat& operator=(const SharedBeat&) = delete;

  // {words, beat, makeFastBeat}, as lib/internal/beats.ts takes them.
  Napi::Object to_object(Napi::Env env);
  void beat();

  // Whoever adds a heartbeat keeps this, until it removes it: holders may be freed after their environment's end. On
  // the environment's thread. (No std::shared_ptr: its count needs glibc 2.32.)
  std::int32_t add(Heartbeat& heartbeat);
  void remove(std::int32_t id);

 private:
  explicit SharedBeat(Napi::Env env);
  ~SharedBeat();
  void let_go() {
    if (--keepers_ == 0) delete this;
  }
  Napi::Value make_fast_beat(const Napi::CallbackInfo& info);

  std::vector<Heartbeat*> heartbeats_;  // by id; null: free
  std::int32_t* words_ = nullptr;
  Napi::Reference<Napi::ArrayBuffer> array_;
  std::size_t door_;
  int keepers_ = 1;  // the environment's
};

}  // namespace shm_liveness::addon
