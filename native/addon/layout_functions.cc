#include "layout_functions.hpp"

#include "shm_liveness/fault.hpp"
#include "shm_liveness/layout.hpp"
#include "stacks/watcher.hpp"

namespace shm_liveness::addon {
namespace {

// All codes that native errors carry.
Napi::Value fault_codes(const Napi::CallbackInfo& info) {
  Napi::Array out = Napi::Array::New(info.Env());
  for (std::uint32_t i = 1; i < kFaultCount; ++i) out.Set(i - 1, code_of(static_cast<Fault>(i)));
  return out;
}

// {version, signature, fields: [{struct, field, offset, bytes}]}
Napi::Value layout(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array fields = Napi::Array::New(env);
  const auto add = [&](const char* of, const char* field, std::uint32_t offset, std::uint32_t bytes) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("struct", of);
    row.Set("field", field);
    row.Set("offset", offset);
    row.Set("bytes", bytes);
    fields.Set(fields.Length(), row);
  };
#define SHM_LIVENESS_ADD(Struct, field, offset) add(#Struct, #field, offset, sizeof(Struct::field));
  SHM_LIVENESS_FIELDS(SHM_LIVENESS_ADD)
  SHM_LIVENESS_LATER_FIELDS(SHM_LIVENESS_ADD)
#undef SHM_LIVENESS_ADD
  Napi::Object out = Napi::Object::New(env);
  out.Set("version", kVersion);
  out.Set("signature", Napi::BigInt::New(env, kSignature));
  out.Set("fields", fields);
  return out;
}

// How many stacks this process has taken.
Napi::Value stacks_taken(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(stacks::taken()));
}

}  // namespace

void define_layout_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("faultCodes", Napi::Function::New<fault_codes>(env, "faultCodes"));
  exports.Set("stacksTaken", Napi::Function::New<stacks_taken>(env, "stacksTaken"));
  exports.Set("layout", Napi::Function::New<layout>(env, "layout"));
}

}  // namespace shm_liveness::addon
