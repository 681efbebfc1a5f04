#include "shared_beat.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "fast_call.hpp"

namespace shm_liveness::addon {
namespace {

// A fast call is not told whose it is, and to ask Node-API for that costs a tenth of a beat. So each environment has a
// door: two C functions of its own, which know it. Those that come when all doors are taken ask Node-API.
//
// A door is free again when its SharedBeat is deleted. That is after the end of its environment, whose JavaScript
// cannot run then (node::FreeEnvironment() forbids it). No other order is needed: what an environment's thread reads
// here it has written itself.
constexpr std::size_t kDoors = 64;
std::atomic<SharedBeat*> g_doors[kDoors];

struct Door {
  void (*fast)(const void*);
  napi_callback by_node_api;
};

template <std::size_t Number>
constexpr Door kDoor{
    [](const void*) { g_doors[Number].load(std::memory_order_relaxed)->beat(); },
    [](napi_env, napi_callback_info) -> napi_value {
      g_doors[Number].load(std::memory_order_relaxed)->beat();
      return nullptr;
    },
};

template <std::size_t... Numbers>
constexpr std::array<Door, kDoors> doors(std::index_sequence<Numbers...>) {
  return {kDoor<Numbers>...};
}
constexpr std::array<Door, kDoors> kAllDoors = doors(std::make_index_sequence<kDoors>());

// kDoors: all are taken.
std::size_t take_door(SharedBeat* shared) {
  std::size_t number = 0;
  for (; number < kDoors; ++number) {
    SharedBeat* nobody = nullptr;
    if (g_doors[number].compare_exchange_strong(nobody, shared, std::memory_order_acq_rel)) break;
  }
  return number;
}

napi_value beat_without_door(napi_env env, napi_callback_info info) {
  void* shared = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &shared);
  static_cast<SharedBeat*>(shared)->beat();
  return nullptr;
}

}  // namespace

SharedBeat& SharedBeat::create(Napi::Env env) {
  auto* const shared = new SharedBeat(env);
  env.AddCleanupHook(
      [](SharedBeat* at_end) {
        at_end->array_.Reset();
        at_end->let_go();
      },
      shared);
  return *shared;
}

SharedBeat::SharedBeat(Napi::Env env) : door_(take_door(this)) {
  Napi::ArrayBuffer array = Napi::ArrayBuffer::New(env, 2 * sizeof(std::int32_t));
  words_ = static_cast<std::int32_t*>(array.Data());
  array_ = Napi::Reference<Napi::ArrayBuffer>::New(array, 1);
}

SharedBeat::~SharedBeat() {
  if (door_ != kDoors) g_doors[door_].store(nullptr, std::memory_order_release);
}

Napi::Object SharedBeat::to_object(Napi::Env env) {
  Napi::Object out = Napi::Object::New(env);
  const napi_callback by_node_api = door_ != kDoors ? kAllDoors[door_].by_node_api : beat_without_door;
  napi_value function = nullptr;
  if (napi_create_function(env, "beat", NAPI_AUTO_LENGTH, by_node_api, this, &function) != napi_ok) return out;
  out.Set("words", array_.Value());
  out.Set("beat", Napi::Value(env, function));
  out.Set("makeFastBeat",
          Napi::Function::New(env, [this](const Napi::CallbackInfo& info) { return make_fast_beat(info); }));
  return out;
}

Napi::Value SharedBeat::make_fast_beat(const Napi::CallbackInfo& info) {
  const napi_value function = door_ != kDoors ? make_fast_function(kAllDoors[door_].fast) : nullptr;
  return function != nullptr ? Napi::Value(info.Env(), function) : info.Env().Null();
}

std::int32_t SharedBeat::add(Heartbeat& heartbeat) {
  auto place = std::find(heartbeats_.begin(), heartbeats_.end(), nullptr);
  if (place == heartbeats_.end()) place = heartbeats_.insert(place, nullptr);
  *place = &heartbeat;
  ++keepers_;
  return static_cast<std::int32_t>(place - heartbeats_.begin());
}

void SharedBeat::remove(std::int32_t id) {
  heartbeats_[static_cast<std::size_t>(id)] = nullptr;
  let_go();
}

// The hot path.
void SharedBeat::beat() {
  const auto id = static_cast<std::size_t>(static_cast<std::uint32_t>(words_[0]));
  const bool is_done = id < heartbeats_.size() && heartbeats_[id] != nullptr && heartbeats_[id]->beat_unattended();
  words_[1] = is_done ? 0 : 1;
}

}  // namespace shm_liveness::addon
