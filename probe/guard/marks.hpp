// The guard's lines among a step's output: each begins with a nonce that no step can guess by chance, and holds a JSON
// object. `written` counts the bytes of the stream before the line, so a reader of the log can tell what it missed.
//
//   ##[shm-guard 5577006791947779410] {"mark":"begin","written":1042,"step":2,"of":3,"name":"test", …}
#pragma once

#include "../../native/shm_liveness/json.hpp"
#include "log.hpp"
#include "output.hpp"

namespace shm_liveness::guard {

class Marks {
 public:
  // Also takes the guard's own lines: a second stream beside the first would come out of order.
  void open(Output& output, std::string_view nonce) {
    output_ = &output;
    nonce_ = nonce;
    Line::divert([](void* self, std::string_view line) { static_cast<Marks*>(self)->note(line); }, this);
  }
  bool is_open() const { return output_ != nullptr; }

  // What is written to the stream so far, or about to be.
  std::uint64_t written() const { return output_->appended(); }

  // write(Json&) adds members. Returns what was written before the mark.
  template <class Write>
  std::uint64_t say(const char* mark, Write&& write) {
    char buffer[1536];
    Text out(buffer);
    out << "##[shm-guard " << nonce_ << "] ";
    Json json(out);
    // A line end that the guard puts before its line is part of what was written before it.
    const std::uint64_t before = written_before();
    json.open('{').string("mark", mark).number("written", before);
    write(json);
    json.close('}');
    out << '\n';
    if (output_->put(out.view())) return before;
    ++unsaid_;
    return written();
  }

 private:
  std::uint64_t written_before() const { return written() + (output_->ends_in_line() || output_->is_broken() ? 0 : 1); }
  void note(std::string_view line) {
    if (output_->is_broken()) {  // nobody reads it any more
      Line::divert(nullptr, nullptr);
      Line() << line;
      return;
    }
    say("note", [&](Json& json) {
      json.foreign("text", line);
      if (unsaid_ != 0) json.number("unsaid", unsaid_);
    });
  }

  Output* output_ = nullptr;
  std::string_view nonce_;
  std::uint32_t unsaid_ = 0;
};

}  // namespace shm_liveness::guard
