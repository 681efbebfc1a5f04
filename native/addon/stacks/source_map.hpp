// Source maps (ECMA-426), as far as a stack needs them: from places in a generated script to the places that its author
// wrote. A decoder of our own, because the alternatives cannot be had here. Node's SourceMap class needs the thread
// that hangs, or a worker thread of 7.5 MB; Node's own mapping (--enable-source-maps) only works on an Error's text.
// One pass over the mappings answers all questions, and nothing is kept of what lies between them.
//
// Pure text in, plain values out; no allocation. What is not well-formed gives no place, never a wrong one by intent.
#pragma once

#include <cstdint>
#include <string_view>

#include "shm_liveness/text.hpp"

namespace shm_liveness::addon::stacks {

// Lines and columns from 0.
struct Question {
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  bool is_answered = false;
  std::uint32_t source = 0;
  std::uint32_t original_line = 0;
  std::uint32_t original_column = 0;
  bool has_name = false;
  std::uint32_t name = 0;
};

// The fields of a map's JSON text that are used, as they stand there: mappings within its quotes, lists with brackets.
struct MapText {
  std::string_view mappings;
  std::string_view sources;
  std::string_view names;
  std::string_view source_root;
};

namespace detail {

// Steps over JSON without building anything of it.
class JsonScan {
 public:
  explicit JsonScan(std::string_view text) : text_(text) {}

  bool skips(char c) {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // What stands between the quotes, escapes and all.
  bool string(std::string_view& out) {
    if (!skips('"')) return false;
    const std::size_t from = at_;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) return false;
    out = head(tail(text_, from), at_ - from);
    ++at_;
    return true;
  }
  // Any value: a string, or all up to the comma or bracket that ends it on its own level.
  bool value(std::string_view& out) {
    std::string_view text;
    if (string(text)) {
      out = text;
      return true;
    }
    const std::size_t from = at_;
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '"') {
        if (!string(text)) return false;
        continue;
      }
      const bool ends = c == ',' || c == ']' || c == '}';
      if (depth == 0 && ends) break;
      if (c == '[' || c == '{') ++depth;
      if (c == ']' || c == '}') --depth;
      ++at_;
      if (depth == 0 && (c == ']' || c == '}')) break;
    }
    out = head(tail(text_, from), at_ - from);
    return at_ > from;
  }

 private:
  static bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
  std::string_view text_;
  std::size_t at_ = 0;
};

inline int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace detail

inline bool read_map(std::string_view json, MapText& out) {
  detail::JsonScan scan(json);
  if (!scan.skips('{')) return false;
  do {
    std::string_view key;
    std::string_view value;
    if (!scan.string(key) || !scan.skips(':') || !scan.value(value)) return false;
    if (key == "mappings") out.mappings = value;
    if (key == "sources") out.sources = value;
    if (key == "names") out.names = value;
    if (key == "sourceRoot") out.source_root = value;
  } while (scan.skips(','));
  return !out.mappings.empty() && !out.sources.empty();
}

// The n-th string of a JSON list. Its escapes are decoded but for \u, which stands as a question mark.
inline bool nth_string(std::string_view list, std::uint32_t n, Text& out) {
  detail::JsonScan scan(list);
  if (!scan.skips('[')) return false;
  std::string_view value;
  for (std::uint32_t i = 0; i <= n; ++i) {
    if ((i > 0 && !scan.skips(',')) || !scan.value(value)) return false;
  }
  if (value == "null") return false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (value[i] != '\\' || i + 1 == value.size()) {
      out << value[i];
    } else if (value[++i] == 'u') {
      i += 4;
      out << '?';
    } else {
      out << value[i];
    }
  }
  return true;
}

// Steps through the segments of `mappings`.
class Segments {
 public:
  explicit Segments(std::string_view mappings) : text_(mappings) {}

  std::uint32_t line = 0;
  std::int64_t column = 0;
  std::int64_t source = 0;
  std::int64_t original_line = 0;
  std::int64_t original_column = 0;
  std::int64_t name = 0;
  int fields = 0;

  // False at the end, and at what is not well-formed: is_broken() tells.
  bool next() {
    while (at_ < text_.size() && (text_[at_] == ';' || text_[at_] == ',')) {
      if (text_[at_++] == ',') continue;
      ++line;
      column = 0;
    }
    if (at_ == text_.size()) return false;
    std::int64_t* const all[] = {&column, &source, &original_line, &original_column, &name};
    fields = 0;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != ';') {
      std::int64_t step = 0;
      if (fields == 5 || !number(step)) return fail();
      *all[fields] += step;
      if (*all[fields++] < 0) return fail();
    }
    return true;
  }
  bool is_broken() const { return is_broken_; }

 private:
  bool fail() {
    is_broken_ = true;
    return false;
  }
  // Groups of five bits, the lowest first; the sixth bit says that another follows, the lowest is the sign.
  bool number(std::int64_t& out) {
    std::uint64_t bits = 0;
    for (int shift = 0; shift <= 30; shift += 5) {
      const int digit = at_ < text_.size() ? detail::base64_digit(text_[at_++]) : -1;
      if (digit < 0) return false;
      bits |= std::uint64_t(digit & 31) << shift;
      if ((digit & 32) != 0) continue;
      const auto magnitude = static_cast<std::int64_t>(bits >> 1);
      out = (bits & 1) != 0 ? -magnitude : magnitude;
      return true;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  bool is_broken_ = false;
};

// Answers each question with the last segment of its line that does not begin behind it, as debuggers do. `goes_on` is
// asked now and then; false ends the work early. Then, and at mappings that are broken, the questions of the line under
// way stay open: the right segment may have been still to come.
template <class GoesOn>
void resolve(std::string_view mappings, Question* questions, std::size_t count, GoesOn&& goes_on) {
  std::uint32_t last_line = 0;
  for (std::size_t i = 0; i < count; ++i) last_line = questions[i].line > last_line ? questions[i].line : last_line;
  Segments at(mappings);
  constexpr std::uint32_t kBetweenAsking = 4096;
  std::uint32_t left = kBetweenAsking;
  bool is_whole = true;
  while (is_whole && at.next() && at.line <= last_line) {
    for (std::size_t i = 0; i < count; ++i) {
      Question& question = questions[i];
      if (question.line != at.line || question.column < static_cast<std::uint64_t>(at.column)) continue;
      question.is_answered = at.fields >= 4;  // a segment of one field: code that nobody wrote
      question.source = static_cast<std::uint32_t>(at.source);
      question.original_line = static_cast<std::uint32_t>(at.original_line);
      question.original_column = static_cast<std::uint32_t>(at.original_column);
      question.has_name = at.fields == 5;
      question.name = static_cast<std::uint32_t>(at.name);
    }
    if (--left > 0) continue;
    left = kBetweenAsking;
    is_whole = goes_on();
  }
  if (is_whole && !at.is_broken()) return;
  for (std::size_t i = 0; i < count; ++i) {
    if (questions[i].line >= at.line) questions[i].is_answered = false;
  }
}

// Decodes base64 in place of its own text; returns the number of bytes.
inline std::size_t decode_base64(char* text, std::size_t bytes) {
  std::uint32_t bits = 0;
  int held = 0;
  std::size_t out = 0;
  for (std::size_t i = 0; i < bytes; ++i) {
    const int digit = detail::base64_digit(text[i]);
    if (digit < 0) break;
    bits = bits << 6 | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    text[out++] = static_cast<char>(bits >> held & 0xff);
  }
  return out;
}

}  // namespace shm_liveness::addon::stacks
