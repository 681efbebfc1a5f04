// Between JavaScript's values and the core's. lib/ has checked the types before; native.ts says what comes and goes.
#pragma once

#include <napi.h>

#include <string>

#include "shm_liveness/claim.hpp"

namespace shm_liveness::addon {

inline std::string string_of(const Napi::Object& object, const char* key) {
  return object.Get(key).As<Napi::String>().Utf8Value();
}
inline std::uint64_t ns_of(const Napi::Object& object, const char* key) {
  return static_cast<std::uint64_t>(object.Get(key).As<Napi::Number>().DoubleValue());
}
inline std::uint32_t uint_of(const Napi::Object& object, const char* key) {
  return object.Get(key).As<Napi::Number>().Uint32Value();
}
inline bool bool_of(const Napi::Object& object, const char* key) { return object.Get(key).As<Napi::Boolean>().Value(); }

// A Place that owns its texts.
struct OwnedPlace {
  std::string directory;
  std::string region;
  bool allow_disk;

  explicit OwnedPlace(const Napi::Object& object)
      : directory(string_of(object, "directory")),
        region(string_of(object, "region")),
        allow_disk(bool_of(object, "allowDisk")) {}
  Place view() const { return {directory, region, allow_disk}; }
};

// Throws into JavaScript: an Error with the fault's code, that names the region and, if there is one, the worker.
inline void throw_failure(Napi::Env env, const Failure& failure, std::string_view region,
                          std::string_view worker = {}) {
  std::string message = "region \"" + std::string(region) + '"';
  if (!worker.empty()) message += ", worker \"" + std::string(worker) + '"';
  message += ": ";
  message += sentence_of(failure.fault);
  if (failure.error != 0) message += " (errno " + std::to_string(failure.error) + ')';
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code_of(failure.fault)));
  error.ThrowAsJavaScriptException();
}

}  // namespace shm_liveness::addon
