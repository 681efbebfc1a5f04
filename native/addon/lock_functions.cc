#include "lock_functions.hpp"

#include "convert.hpp"
#include "shm_liveness/lock.hpp"

namespace shm_liveness::addon {
namespace {

int open_file(const Napi::CallbackInfo& info) {
  const std::string path = info[0].As<Napi::String>().Utf8Value();
  return sys::open(path.c_str(), sys::kReadWrite | sys::kNoFollow | sys::kCloseOnExec | sys::kNonBlock);
}

// lockByte(path, byte): a descriptor that holds the lock until it is closed; below 0: an error number, negated.
Napi::Value lock_byte(const Napi::CallbackInfo& info) {
  const int fd = open_file(info);
  if (fd < 0) return Napi::Number::New(info.Env(), fd);
  const Failure failure = try_lock(fd, info[1].As<Napi::Number>().Int64Value());
  if (!failure) return Napi::Number::New(info.Env(), fd);
  sys::close(fd);
  return Napi::Number::New(info.Env(), -failure.error);
}

// lockedBytes(path, from, count): which of these bytes somebody has locked for writing.
Napi::Value locked_bytes(const Napi::CallbackInfo& info) {
  Napi::Array out = Napi::Array::New(info.Env());
  const int fd = open_file(info);
  if (fd < 0) return out;
  const std::int64_t from = info[1].As<Napi::Number>().Int64Value();
  const std::int64_t count = info[2].As<Napi::Number>().Int64Value();
  for (std::int64_t byte = from; byte < from + count; ++byte) {
    if (query_locks(fd, byte, 1) == Lock::held) out.Set(out.Length(), static_cast<double>(byte));
  }
  sys::close(fd);
  return out;
}

}  // namespace

void define_lock_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("lockByte", Napi::Function::New<lock_byte>(env, "lockByte"));
  exports.Set("lockedBytes", Napi::Function::New<locked_bytes>(env, "lockedBytes"));
}

}  // namespace shm_liveness::addon
