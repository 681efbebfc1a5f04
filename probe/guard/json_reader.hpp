// A reader of small JSON files (RFC 8259): strict, bounded, without an allocation. Strings are decoded into memory that
// the caller owns. The first problem stops it and says where.
#pragma once

#include "../../native/shm_liveness/text.hpp"

namespace shm_liveness::guard {

// Where decoded strings and tables of them go. Nothing is ever given back.
class Arena {
 public:
  Arena(char* memory, std::size_t bytes) : memory_(memory), bytes_(bytes) {}
  // Null when it is full.
  char* take(std::size_t bytes) {
    const std::size_t rounded = (bytes + 7) / 8 * 8;
    if (rounded > bytes_ - used_) return nullptr;
    char* taken = memory_ + used_;
    used_ += rounded;
    return taken;
  }

 private:
  char* memory_;
  std::size_t bytes_;
  std::size_t used_ = 0;
};

class JsonReader {
 public:
  JsonReader(std::string_view text, Arena& arena) : text_(text), arena_(arena) {}

  // Null: no problem so far.
  const char* problem() const { return problem_; }
  std::size_t line() const {
    std::size_t line = 1;
    for (const char c : head(text_, at_)) line += c == '\n' ? 1 : 0;
    return line;
  }

  bool fail(const char* problem) {
    if (problem_ == nullptr) problem_ = problem;
    return false;
  }

  // Reads `[ element, … ]` or `{ "key": value, … }`, element by element. visit() reads one, and returns false to stop.
  template <class Visit>
  bool array(Visit&& visit) {
    if (!expect('[', "a [ was expected")) return false;
    if (skips(']')) return true;
    do {
      if (!visit()) return fail("invalid");
    } while (skips(','));
    return expect(']', "a , or ] was expected");
  }
  template <class Visit>
  bool object(Visit&& visit) {
    if (!expect('{', "a { was expected")) return false;
    if (skips('}')) return true;
    do {
      std::string_view key;
      if (!string(key) || !expect(':', "a : was expected") || !visit(key)) return fail("invalid");
    } while (skips(','));
    return expect('}', "a , or } was expected");
  }

  // Decoded, with a NUL behind it, and none within: these strings become arguments.
  bool string(std::string_view& out) {
    if (!expect('"', "a string was expected")) return false;
    std::size_t end = at_;
    while (end < text_.size() && text_[end] != '"') end += text_[end] == '\\' ? 2 : 1;
    if (end >= text_.size()) return fail("a string does not end");
    char* const decoded = arena_.take(end - at_ + 1);
    if (decoded == nullptr) return fail("too long");
    Text text(decoded, end - at_ + 1);
    while (text_[at_] != '"') {
      if (!character(text)) return false;
    }
    ++at_;
    out = {text.c_str(), text.size()};
    return true;
  }

  // Whether nothing follows.
  bool end() {
    skip_space();
    return at_ == text_.size() || fail("something follows the end");
  }
  bool next_is(char c) {
    skip_space();
    return at_ < text_.size() && text_[at_] == c;
  }

 private:
  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool skips(char c) {
    if (!next_is(c)) return false;
    ++at_;
    return true;
  }
  bool expect(char c, const char* problem) { return skips(c) || fail(problem); }

  // One character of a string, which is known to have an end.
  bool character(Text& out) {
    const char c = text_[at_++];
    if (static_cast<unsigned char>(c) < 0x20) {
      --at_;  // a line end counts for the line that it ends
      return fail("a control character in a string");
    }
    if (c != '\\') {
      out << c;
      return true;
    }
    const char escape = text_[at_++];
    if (escape == 'u') return code_point(out);
    constexpr std::string_view kFrom = "\"\\/bfnrt";
    constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    const std::size_t which = kFrom.find(escape);
    if (which == std::string_view::npos) return fail("an unknown escape in a string");
    out << kTo[which];
    return true;
  }
  bool four_digits(std::uint32_t& out) {
    out = 0;
    for (int i = 0; i < 4; ++i) {
      const char c = at_ < text_.size() ? text_[at_++] : '\0';
      const char lower = static_cast<char>(c | 0x20);
      const bool digit = c >= '0' && c <= '9';
      if (!digit && !(lower >= 'a' && lower <= 'f')) return fail("no four digits behind \\u");
      out = out * 16 + static_cast<std::uint32_t>(digit ? c - '0' : lower - 'a' + 10);
    }
    return true;
  }
  bool code_point(Text& out) {
    std::uint32_t code = 0;
    if (!four_digits(code)) return false;
    if (code >= 0xd800 && code < 0xdc00) {
      std::uint32_t low = 0;
      if (head(tail(text_, at_), 2) != "\\u") return fail("half a surrogate pair");
      at_ += 2;
      if (!four_digits(low)) return false;
      if (low < 0xdc00 || low > 0xdfff) return fail("half a surrogate pair");
      code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xdc00 && code < 0xe000) {
      return fail("half a surrogate pair");
    }
    if (code == 0) return fail("a NUL in a string");
    const auto byte = [&](std::uint32_t value) { out << static_cast<char>(value); };
    if (code < 0x80) {
      byte(code);
    } else if (code < 0x800) {
      byte(0xc0 | code >> 6);
      byte(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
      byte(0xe0 | code >> 12);
      byte(0x80 | (code >> 6 & 0x3f));
      byte(0x80 | (code & 0x3f));
    } else {
      byte(0xf0 | code >> 18);
      byte(0x80 | (code >> 12 & 0x3f));
      byte(0x80 | (code >> 6 & 0x3f));
      byte(0x80 | (code & 0x3f));
    }
    return true;
  }

  std::string_view text_;
  Arena& arena_;
  std::size_t at_ = 0;
  const char* problem_ = nullptr;
};

}  // namespace shm_liveness::guard
