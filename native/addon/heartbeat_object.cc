#include "heartbeat_object.hpp"

#include <unistd.h>

#include <utility>

#include "convert.hpp"
#include "sigbus.hpp"

namespace shm_liveness::addon {

Holder::Holder(Napi::Env env, Heartbeat&& claimed, Ending ending, const Napi::Function& on_loss, SharedBeat& shared)
    : heartbeat(std::move(claimed)),
      env_(env),
      ending_(ending),
      on_loss_(Napi::Persistent(on_loss)),
      shared_(shared),
      id_(shared.add(heartbeat)) {
  heartbeat.listen_for_loss(Holder::on_loss, this);
  napi_add_env_cleanup_hook(env_, on_environment_end, this);
}

// On this heartbeat's own thread, inside one of its calls, so JavaScript may be called. What that throws is dropped:
// the call that brought us here did not fail.
void Holder::on_loss(void* data, const detail::Held& held, Fault lost) {
  auto* holder = static_cast<Holder*>(data);
  const Napi::HandleScope scope(holder->env_);
  const Napi::Env env(holder->env_);
  try {
    holder->on_loss_.Call({Napi::String::New(env, code_of(lost)), Napi::Boolean::New(env, !held.is_superseded)});
  } catch (const Napi::Error&) {
  }
}

const char* Holder::watch_stacks() {
  const char* reason = nullptr;
  const bool is_watchable = stacks_ == nullptr && heartbeat.held() != nullptr;
  if (is_watchable) stacks_ = stacks::begin(env_, *heartbeat.held(), reason);
  return stacks_ != nullptr ? nullptr : reason;
}

void Holder::stop() {
  if (!in_environment_) return;
  stacks::end(std::exchange(stacks_, nullptr));
  napi_remove_env_cleanup_hook(env_, on_environment_end, this);
  in_environment_ = false;
  on_loss_.Reset();
  heartbeat.stop();
  let_go();
}

// A thread that ends, throws or is terminated comes here, and these cannot be told apart: the lock is dropped and the
// state stays, so the worker is dead. Only stop() says stopped, or a claim that says beforehand that each end is one.
void Holder::on_environment_end(void* data) {
  auto* holder = static_cast<Holder*>(data);
  holder->in_environment_ = false;
  stacks::end(std::exchange(holder->stacks_, nullptr));
  holder->on_loss_.Reset();
  if (holder->ending_ == Ending::stopped) holder->heartbeat.stop();
  holder->heartbeat = Heartbeat{};
  holder->let_go();
}

CountWindow* Holder::open_window() {
  window_ = std::make_unique<CountWindow>(static_cast<std::size_t>(sysconf(_SC_PAGESIZE)));
  if (window_->memory() == nullptr) return nullptr;
  heartbeat.count_through(*window_);
  return window_.get();
}

void Holder::close_window() {
  heartbeat.count_natively();
  window_.reset();
}

namespace {

// A heartbeat's own function: where SharedBeat refuses, and where a counted beat has to ask. It keeps its holder.
napi_value beat(napi_env env, napi_callback_info info) {
  void* holder;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &holder);
  napi_value stamped;
  napi_get_boolean(env, static_cast<Holder*>(holder)->heartbeat.beat(), &stamped);
  return stamped;
}

void forget(napi_env, void*, void* holder) { static_cast<Holder*>(holder)->let_go(); }

Napi::Value make_beat(Napi::Env env, Holder* holder) {
  napi_value function;
  if (napi_create_function(env, "beat", NAPI_AUTO_LENGTH, beat, holder, &function) != napi_ok) return {};
  if (napi_add_finalizer(env, function, nullptr, forget, holder, nullptr) != napi_ok) return {};
  holder->keep();
  return {env, function};
}

// The array in which lib/internal/beats.ts counts; null where there is no memory, or where the JavaScript engine takes
// no memory but its own (Electron's pointer compression). Never detached: it is unmapped when it is garbage, and until
// then it is memory of ours that nobody else uses (count_window.hpp).
Napi::Value make_words(Napi::Env env, Holder* holder) {
  CountWindow* const window = holder->open_window();
  if (window == nullptr) return env.Null();
  napi_value words;
  const napi_status status =
      napi_create_external_arraybuffer(env, window->memory(), window->bytes(), forget, holder, &words);
  if (status != napi_ok) {
    holder->close_window();
    return env.Null();
  }
  holder->keep();
  return {env, words};
}

Clock clock_of(const std::string& name) {
  return name == "counted" ? Clock::counted : name == "coarse" ? Clock::coarse : Clock::precise;
}

}  // namespace

Napi::Function HeartbeatObject::define(Napi::Env env, SharedBeat& shared) {
  return DefineClass(env, "NativeHeartbeat",
                     {
                         InstanceMethod<&HeartbeatObject::ready>("ready"),
                         InstanceMethod<&HeartbeatObject::not_ready>("notReady"),
                         InstanceMethod<&HeartbeatObject::begin_phase>("beginPhase"),
                         InstanceMethod<&HeartbeatObject::end_phase>("endPhase"),
                         InstanceMethod<&HeartbeatObject::stop>("stop"),
                         InstanceMethod<&HeartbeatObject::watch_stacks>("watchStacks"),
                         InstanceAccessor<&HeartbeatObject::claimed>("claimed"),
                         InstanceAccessor<&HeartbeatObject::fault>("fault"),
                         InstanceAccessor<&HeartbeatObject::comebacks>("comebacks"),
                     },
                     &shared);
}

HeartbeatObject::HeartbeatObject(const Napi::CallbackInfo& info) : ObjectWrap(info) {
  const Napi::Env env = info.Env();
  guard_against_truncation();
  const Napi::Object from = info[0].As<Napi::Object>();
  const OwnedPlace place(from);
  const std::string name = string_of(from, "name");
  const Clock clock = clock_of(string_of(from, "clock"));
  const ClaimOptions options{
      .place = place.view(),
      .creation = {.slots = uint_of(from, "slots"), .mode = uint_of(from, "mode")},
      .name = name,
      .max_age_ns = ns_of(from, "maxAgeNs"),
      .cycle_limit_ns = ns_of(from, "cycleLimitNs"),
      .clock = clock,
  };
  Heartbeat::Claimed claimed = Heartbeat::claim(options, {.after_waiting = bool_of(from, "afterWaiting")});
  if (claimed.failure) {
    throw_failure(env, claimed.failure, place.region, name);
    return;
  }
  const auto ending = bool_of(from, "stopsAtEnd") ? Holder::Ending::stopped : Holder::Ending::dead;
  holder_ = new Holder(env, std::move(claimed.heartbeat), ending, from.Get("onLoss").As<Napi::Function>(),
                       *static_cast<SharedBeat*>(info.Data()));
  holder_->keep();
  const Napi::Value beat = make_beat(env, holder_);
  Napi::Object self = info.This().As<Napi::Object>();
  if (!beat.IsEmpty()) self.Set("beat", beat);
  self.Set("id", holder_->id());
  self.Set("words", clock == Clock::counted ? make_words(env, holder_) : env.Null());
}

HeartbeatObject::~HeartbeatObject() {
  if (holder_ != nullptr) holder_->let_go();
}

// Each of these answers whether the slot is still ours; lib/ turns a false into the typed error.
Napi::Value HeartbeatObject::ready(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), holder_->heartbeat.ready());
}

Napi::Value HeartbeatObject::not_ready(const Napi::CallbackInfo& info) {
  const std::string status = info[0].As<Napi::String>().Utf8Value();
  if (!is_valid_text(status, kStatusBytes)) {
    throw_failure(info.Env(), {Fault::invalid_text, 0}, info[1].As<Napi::String>().Utf8Value());
    return {};
  }
  return Napi::Boolean::New(info.Env(), holder_->heartbeat.not_ready(status));
}

Napi::Value HeartbeatObject::begin_phase(const Napi::CallbackInfo& info) {
  const std::string name = info[0].As<Napi::String>().Utf8Value();
  const auto budget_ns = static_cast<std::uint64_t>(info[1].As<Napi::Number>().DoubleValue());
  if (name.empty() || !is_valid_text(name, kNameBytes)) {
    throw_failure(info.Env(), {Fault::invalid_text, 0}, info[2].As<Napi::String>().Utf8Value());
    return {};
  }
  // A phase that is refused throws, so nobody could end it: it must not begin when the worker comes back, either.
  const bool is_held = holder_->heartbeat.owns_slot() && holder_->heartbeat.begin_phase(name, budget_ns);
  holder_->limit_changed();
  return Napi::Boolean::New(info.Env(), is_held);
}

Napi::Value HeartbeatObject::end_phase(const Napi::CallbackInfo& info) {
  const bool is_held = holder_->heartbeat.end_phase();
  holder_->limit_changed();
  return Napi::Boolean::New(info.Env(), is_held);
}

void HeartbeatObject::stop(const Napi::CallbackInfo&) { holder_->stop(); }

Napi::Value HeartbeatObject::claimed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), holder_->heartbeat.owns_slot());
}

// The code of what happened to the region, while it is not claimed anew; null: nothing.
Napi::Value HeartbeatObject::fault(const Napi::CallbackInfo& info) {
  const Fault fault = holder_->heartbeat.fault();
  return fault == Fault::none ? info.Env().Null() : Napi::String::New(info.Env(), code_of(fault));
}

Napi::Value HeartbeatObject::comebacks(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), holder_->heartbeat.comebacks());
}

// null, or why there will be no stacks.
Napi::Value HeartbeatObject::watch_stacks(const Napi::CallbackInfo& info) {
  const char* const reason = holder_->watch_stacks();
  return reason == nullptr ? info.Env().Null() : Napi::String::New(info.Env(), reason);
}

}  // namespace shm_liveness::addon
