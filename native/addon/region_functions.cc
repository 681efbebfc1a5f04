#include "region_functions.hpp"

#include <vector>

#include "convert.hpp"
#include "shm_liveness/record.hpp"
#include "shm_liveness/sentence.hpp"
#include "shm_liveness/supervise.hpp"
#include "sigbus.hpp"

namespace shm_liveness::addon {
namespace {

// One open region under guard, and room for what is seen in it.
class Opened {
 public:
  explicit Opened(const OwnedPlace& place) {
    guard_against_truncation();
    add_region(seen, place.view(), sys::effective_user());
    const Region& region = seen.regions[0];
    if (seen.facts[0].failure) return;
    room_.resize(region.slot_count);
    seen.room = room_;
  }
  ~Opened() { close_observation(seen); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

  // Call when all is read: a region cut short meanwhile has told nothing but zeroes.
  Failure failure() {
    if (is_lost(seen.regions[0])) seen.facts[0].failure = {Fault::truncated, 0};
    return seen.facts[0].failure;
  }

  Observation seen;

 private:
  std::vector<WorkerFacts> room_;
};

Napi::Number number(Napi::Env env, std::uint64_t value) { return Napi::Number::New(env, static_cast<double>(value)); }

// Foreign text, which need not be UTF-8.
Napi::String clean(Napi::Env env, std::string_view text) {
  char buffer[kFramesBytes];
  Text out(buffer);
  out.printable(text);
  return Napi::String::New(env, buffer, out.size());
}

// The last place that is known of a life, also one of an earlier silence; null: none.
Napi::Value where_of(Napi::Env env, const Life& life, const WorkerFacts& worker) {
  WhereFacts where;
  if (!read_where(life.where, where)) return env.Null();
  Napi::Object out = Napi::Object::New(env);
  out.Set("kind", name_of(where.kind));
  out.Set("isCurrent", is_of_silence(where, worker.sign_of_life_ns()));
  out.Set("takenAgoNs", number(env, worker.observed_ns > where.taken_ns ? worker.observed_ns - where.taken_ns : 0));
  out.Set("silentNs", number(env, where.silent_ns));
  Napi::Array frames = Napi::Array::New(env);
  std::string_view rest = where.text();
  for (std::string_view frame; next_line(rest, frame);) frames.Set(frames.Length(), clean(env, frame));
  out.Set("frames", frames);
  return out;
}

Napi::Array slow_places_of(Napi::Env env, const Life& life) {
  Napi::Array out = Napi::Array::New(env);
  for (const SlowPlace& place : life.slow_places) {
    SlowPlaceFacts facts;
    if (!read_slow_place(place, facts)) continue;
    Napi::Object entry = Napi::Object::New(env);
    entry.Set("place", clean(env, facts.text));
    entry.Set("count", facts.count);
    out.Set(out.Length(), entry);
  }
  return out;
}

std::uint64_t ago(std::uint64_t now, std::uint64_t then) { return now > then ? now - then : 0; }

Napi::Value last_words_of(Napi::Env env, const Region& region, const WorkerFacts& worker) {
  const LastWords words = read_last_words(region, worker);
  if (words.ended == Ended::none) return env.Null();
  const WorkerFacts& last = words.worker;
  const std::uint64_t now = worker.observed_ns;
  Napi::Object out = Napi::Object::New(env);
  out.Set("ended", nth_word("none\0stopped\0died\0left-over", static_cast<std::size_t>(words.ended)));
  out.Set("name", clean(env, last.name));
  out.Set("pid", last.pid);
  out.Set("incarnation", Napi::BigInt::New(env, last.incarnation));
  out.Set("beats", number(env, last.beats));
  out.Set("lastBeatAgoNs", last.beats == 0 ? env.Null() : Napi::Value(number(env, ago(now, last.last_beat_ns))));
  out.Set("claimedAgoNs", number(env, ago(now, last.claimed_ns)));
  out.Set("worstCycleNs", number(env, last.worst_cycle_ns));
  out.Set("lateCycles", number(env, last.late_cycles));
  out.Set("limitNs", number(env, last.stall_limit_ns));
  out.Set("phase", last.in_phase ? Napi::Value(clean(env, last.phase)) : env.Null());
  const Life& life = region.record(last.slot).lives[last.bank];
  out.Set("where", where_of(env, life, last));
  out.Set("slowPlaces", slow_places_of(env, life));
  return out;
}

Napi::Object worker_of(Napi::Env env, const Opened& opened, const WorkerFacts& worker, Condition condition) {
  const Region& region = opened.seen.regions[0];
  const std::uint64_t now = worker.observed_ns;
  Napi::Object out = Napi::Object::New(env);
  out.Set("name", clean(env, worker.name));
  out.Set("state", name_of(condition));
  out.Set("slot", worker.slot);
  out.Set("incarnation", Napi::BigInt::New(env, worker.incarnation));
  out.Set("claims", worker.claims);
  out.Set("restarts", region.record(worker.slot).mark.restarts.load_relaxed());
  out.Set("pid", worker.pid);
  out.Set("tid", worker.tid);
  out.Set("clock", worker.counted ? "counted" : worker.coarse_clock ? "coarse" : "precise");
  out.Set("ready", worker.ready);
  out.Set("status", worker.status[0] == '\0' ? env.Null() : Napi::Value(clean(env, worker.status)));
  out.Set("phase", worker.in_phase ? Napi::Value(clean(env, worker.phase)) : env.Null());
  out.Set("ageNs", number(env, worker.age_ns()));
  out.Set("limitNs", number(env, worker.stall_limit_ns));
  out.Set("maxAgeNs", number(env, worker.max_age_ns));
  out.Set("beats", number(env, worker.beats));
  out.Set("lastBeatAgoNs", worker.beats == 0 ? env.Null() : Napi::Value(number(env, ago(now, worker.last_beat_ns))));
  out.Set("claimedAgoNs", number(env, ago(now, worker.claimed_ns)));
  out.Set("worstCycleNs", number(env, worker.worst_cycle_ns));
  out.Set("cycleLimitNs", number(env, worker.cycle_limit_ns));
  out.Set("lateCycles", number(env, worker.late_cycles));
  out.Set("lateAgoNs", worker.late_cycles == 0 ? env.Null() : Napi::Value(number(env, ago(now, worker.late_at_ns))));
  Napi::Array histogram = Napi::Array::New(env, kCycleBins);
  const Life& life = region.record(worker.slot).lives[worker.bank];
  for (std::uint32_t i = 0; i < kCycleBins; ++i) histogram.Set(i, number(env, life.cycles[i].load_relaxed()));
  out.Set("histogram", histogram);
  out.Set("where", where_of(env, life, worker));
  out.Set("slowPlaces", slow_places_of(env, life));
  out.Set("lastWords", last_words_of(env, region, worker));
  return out;
}

// (place): nothing; throws if the region cannot be read.
Napi::Value open(const Napi::CallbackInfo& info) {
  const OwnedPlace place(info[0].As<Napi::Object>());
  Opened opened(place);
  if (const Failure failure = opened.failure()) throw_failure(info.Env(), failure, place.region);
  return info.Env().Undefined();
}

// (place): the workers that the region holds or remembers.
Napi::Value workers(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const OwnedPlace place(info[0].As<Napi::Object>());
  Opened opened(place);
  Napi::Array out = Napi::Array::New(env);
  if (!opened.failure()) {
    Observation& seen = opened.seen;
    look(seen);
    seen.around = {true, boottime_ns(), read_context()};
    for (const WorkerFacts& worker : seen.workers()) {
      const Condition condition = judge_worker(worker, seen.facts[0], seen.around, Policy{}).condition;
      if (condition != Condition::absent) out.Set(out.Length(), worker_of(env, opened, worker, condition));
    }
  }
  if (const Failure failure = opened.failure()) {
    throw_failure(env, failure, place.region);
    return {};
  }
  return out;
}

// (place, policy): the verdict. A missing or unusable region is a verdict too.
Napi::Value verdict(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const OwnedPlace place(info[0].As<Napi::Object>());
  const Napi::Object from = info[1].As<Napi::Object>();
  const std::string expect = string_of(from, "expect");
  const Policy policy{
      .check = static_cast<Check>(uint_of(from, "check")),
      .expect = expect,
      .min = uint_of(from, "min"),
      .max_age_ns = ns_of(from, "maxAgeNs"),
      .startup_grace_ns = ns_of(from, "startupGraceNs"),
      .dead_grace_ns = ns_of(from, "deadGraceNs"),
      .cycle_window_ns = ns_of(from, "cycleWindowNs"),
      .confirm_ns = from.Get("confirmNs").IsNull() ? kConfirmAutomatic : ns_of(from, "confirmNs"),
      .timeout_ns = ns_of(from, "timeoutNs"),
  };
  Opened opened(place);
  Observation& seen = opened.seen;
  Verdict found = first_look(seen, policy);
  if (found.kind != Kind::healthy) found = second_look(seen, policy);

  char buffer[512];
  Text line(buffer);
  Diagnosis diagnosis;
  if (found.kind == Kind::stalled && found.worker >= 0) {
    read_where_of(seen.regions[0], seen.room[static_cast<std::size_t>(found.worker)], diagnosis.where);
  }
  say_verdict(line, found, seen.region_facts(), seen.workers(), policy, diagnosis);
  Napi::Object out = Napi::Object::New(env);
  out.Set("verdict", name_of(found.kind));
  out.Set("healthy", found.passes);
  out.Set("line", Napi::String::New(env, buffer, line.size()));
  out.Set("exitCode", static_cast<std::uint32_t>(found.exit()));
  out.Set("worker", found.worker < 0 ? env.Null() : clean(env, seen.room[static_cast<std::size_t>(found.worker)].name));
  out.Set("code", found.fault == Fault::none ? env.Null() : Napi::Value(Napi::String::New(env, code_of(found.fault))));
  return out;
}

// (place, name)
Napi::Value retire_worker(const Napi::CallbackInfo& info) {
  guard_against_truncation();
  const OwnedPlace place(info[0].As<Napi::Object>());
  const std::string name = info[1].As<Napi::String>().Utf8Value();
  if (const Failure failure = retire(place.view(), name)) throw_failure(info.Env(), failure, place.region, name);
  return info.Env().Undefined();
}

// (place, name, budgetNs)
Napi::Value mark(const Napi::CallbackInfo& info) {
  guard_against_truncation();
  const OwnedPlace place(info[0].As<Napi::Object>());
  const std::string name = info[1].As<Napi::String>().Utf8Value();
  const auto budget_ns = static_cast<std::uint64_t>(info[2].As<Napi::Number>().DoubleValue());
  if (const Failure failure = mark_restart(place.view(), name, budget_ns))
    throw_failure(info.Env(), failure, place.region, name);
  return info.Env().Undefined();
}

}  // namespace

void define_region_functions(Napi::Env env, Napi::Object exports) {
  exports.Set("open", Napi::Function::New<open>(env, "open"));
  exports.Set("workers", Napi::Function::New<workers>(env, "workers"));
  exports.Set("verdict", Napi::Function::New<verdict>(env, "verdict"));
  exports.Set("retire", Napi::Function::New<retire_worker>(env, "retire"));
  exports.Set("markRestart", Napi::Function::New<mark>(env, "markRestart"));
}

}  // namespace shm_liveness::addon
