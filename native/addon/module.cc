// The addon, one instance for each environment (main thread, worker thread): nothing here is shared between them but
// the process-wide guards of fork and SIGBUS.
#include <napi.h>

#include "heartbeat_object.hpp"
#include "layout_functions.hpp"
#include "lock_functions.hpp"
#include "region_functions.hpp"

namespace shm_liveness::addon {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  SharedBeat& shared = SharedBeat::create(env);
  exports.Set("Heartbeat", HeartbeatObject::define(env, shared));
  exports.Set("sharedBeat", shared.to_object(env));
  define_region_functions(env, exports);
  define_layout_functions(env, exports);
  define_lock_functions(env, exports);
  return exports;
}

}  // namespace shm_liveness::addon

static Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  return shm_liveness::addon::initialize(env, exports);
}
NODE_API_MODULE(shm_liveness, initialize)
