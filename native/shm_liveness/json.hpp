// The same verdict for programs. Durations are integers in nanoseconds and say so in their names.
#pragma once

#include "sentence.hpp"

namespace shm_liveness {

// A writer of one JSON object at a time, into text that the caller flushes between workers.
class Json {
 public:
  explicit Json(Text& out) : out_(out) {}

  [[gnu::noinline]] Json& open(char bracket) {
    out_ << bracket;
    first_ = true;
    return *this;
  }
  [[gnu::noinline]] Json& close(char bracket) {
    out_ << bracket;
    first_ = false;
    return *this;
  }
  [[gnu::noinline]] Json& key(const char* name) {
    next();
    out_ << '"' << name << "\":";
    first_ = true;  // the value belongs to this key: no comma before it
    return *this;
  }
  [[gnu::noinline]] Json& string(const char* key_name, std::string_view text) {
    key(key_name);
    return value(text);
  }
  [[gnu::noinline]] Json& value(std::string_view text) {
    next();
    out_ << '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out_ << '\\';
      out_ << c;
    }
    out_ << '"';
    return *this;
  }
  // Foreign text, made printable first.
  [[gnu::noinline]] Json& foreign(const char* key_name, std::string_view text) {
    key(key_name);
    return foreign_value(text);
  }
  // The same as an entry of an array.
  [[gnu::noinline]] Json& foreign_value(std::string_view text) {
    char buffer[kFramesBytes];
    Text clean(buffer);
    clean.printable(text);
    return value(clean.view());
  }
  [[gnu::noinline]] Json& number(const char* key_name, std::uint64_t value) {
    key(key_name);
    out_ << value;
    first_ = false;
    return *this;
  }
  [[gnu::noinline]] Json& boolean(const char* key_name, bool value) {
    key(key_name);
    out_ << (value ? "true" : "false");
    first_ = false;
    return *this;
  }
  void next() {
    if (!first_) out_ << ',';
    first_ = false;
  }

 private:
  Text& out_;
  bool first_ = true;
};

inline void json_frames(Json& json, const WhereFacts& where) {
  json.key("where").open('[');
  std::string_view rest = where.text();
  for (std::string_view frame; next_line(rest, frame);) json.foreign_value(frame);
  json.close(']');
}

// Where the worker is in its present silence.
[[gnu::noinline]] inline void json_where(Json& json, const WorkerFacts& worker, const Life& life) {
  WhereFacts where;
  if (read_where(life.where, where) && is_of_silence(where, worker.sign_of_life_ns())) json_frames(json, where);
}

// `life`: null, where its memory is not mapped.
inline void json_worker(Json& json, const WorkerFacts& worker, const RegionFacts& region, Condition condition,
                        const Policy& policy, const Life* life = nullptr) {
  constexpr char kKeys[] = "ageNs\0limitNs\0beats\0worstCycleNs\0cycleLimitNs\0lateCycles\0pid\0slot\0claims\0restarts";
  const std::uint64_t values[] = {worker.age_ns(),       limit_of(worker, policy), worker.beats, worker.worst_cycle_ns,
                                  worker.cycle_limit_ns, worker.late_cycles,       worker.pid,   worker.slot,
                                  worker.claims,         worker.restarts};
  json.open('{')
      .foreign("name", worker.name_view())
      .foreign("region", region.name)
      .string("condition", name_of(condition))
      .boolean("ready", worker.ready);
  for (std::size_t i = 0; i < sizeof values / sizeof values[0]; ++i) json.number(nth_word(kKeys, i), values[i]);
  if (worker.in_phase) json.foreign("phase", worker.phase);
  if (worker.status[0] != '\0') json.foreign("status", worker.status);
  if (life != nullptr) json_where(json, worker, *life);
  json.close('}');
}

inline void json_verdict(Json& json, const Verdict& verdict, const Policy& policy, std::string_view line) {
  json.string("verdict", name_of(verdict.kind))
      .boolean("healthy", verdict.passes)
      .string("check", name_of(policy.check))
      .number("exit", static_cast<std::uint64_t>(verdict.exit()))
      .string("line", line);
  if (verdict.fault != Fault::none) json.string("code", code_of(verdict.fault));
}

}  // namespace shm_liveness
