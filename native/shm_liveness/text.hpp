// Bounded text without an allocation: the probe has no heap, and a verdict must be sayable when memory is short.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shm_liveness {

// The parts of a text before and from a position; both clamp (npos is the end). string_view::substr would throw, and
// this code is built without exceptions.
constexpr std::string_view head(std::string_view text, std::size_t bytes) {
  return {text.data(), bytes < text.size() ? bytes : text.size()};
}
constexpr std::string_view tail(std::string_view text, std::size_t from) {
  const std::size_t at = from < text.size() ? from : text.size();
  return {text.data() + at, text.size() - at};
}

// The n-th of a row of C strings that lie behind one another. Tables of words are kept like this, because a table of
// pointers to them would take as much room in the probe as the words.
constexpr const char* nth_word(const char* words, std::size_t n) {
  while (n-- > 0) {
    while (*words != '\0') ++words;
    ++words;
  }
  return words;
}

// Appends into a buffer it does not own. What does not fit is cut, and overflowed() says so.
class Text {
 public:
  [[gnu::noinline]] Text(char* buffer, std::size_t capacity) : buffer_(buffer), capacity_(capacity) {}
  template <std::size_t N>
  explicit Text(char (&buffer)[N]) : Text(buffer, N) {}

  // Out of line, all of these: a program that speaks in a hundred places must still fit into 32 KiB.
  [[gnu::noinline]] Text& operator<<(char c) {
    if (size_ < capacity_) {
      buffer_[size_++] = c;
    } else {
      overflowed_ = true;
    }
    return *this;
  }
  [[gnu::noinline]] Text& operator<<(std::string_view text) {
    for (const char c : text) *this << c;
    return *this;
  }
  // Literals and C strings: one register at each of those places instead of two.
  [[gnu::noinline]] Text& operator<<(const char* text) {
    while (*text != '\0') *this << *text++;
    return *this;
  }
  [[gnu::noinline]] Text& operator<<(std::uint64_t value) {
    char digits[20];
    int n = 0;
    do {
      digits[n++] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    while (n > 0) *this << digits[--n];
    return *this;
  }
  Text& operator<<(std::uint32_t value) { return *this << std::uint64_t(value); }
  Text& operator<<(int value) {
    if (value < 0) *this << '-';
    return *this << std::uint64_t(value < 0 ? -std::int64_t(value) : value);
  }

  // Foreign text (names, phases, /proc): control bytes would break the one line or a terminal, and invalid UTF-8 the
  // event or the JSON that it becomes. Each offending byte turns into a question mark.
  [[gnu::noinline]] Text& printable(std::string_view text) {
    while (!text.empty()) {
      const std::size_t bytes = utf8_length(text);
      if (bytes == 0) {
        *this << '?';
        text.remove_prefix(1);
      } else {
        *this << head(text, bytes);
        text.remove_prefix(bytes);
      }
    }
    return *this;
  }

  // Cuts to at most `bytes`, at the start of a UTF-8 character, so that the event the line becomes stays valid.
  void cut(std::size_t bytes) {
    if (size_ <= bytes) return;
    overflowed_ = true;
    size_ = bytes;
    while (size_ > 0 && (static_cast<unsigned char>(buffer_[size_]) & 0xc0) == 0x80) --size_;
  }

  std::string_view view() const { return {buffer_, size_}; }
  std::size_t size() const { return size_; }
  bool overflowed() const { return overflowed_; }
  const char* c_str() {  // needs one byte of room
    buffer_[size_ < capacity_ ? size_ : capacity_ - 1] = '\0';
    return buffer_;
  }

 private:
  // The length of the printable character that `text` begins with; 0 if it begins with none.
  static std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
    const unsigned first = byte(0);
    if (first < 0x80) return first >= 0x20 && first != 0x7f ? 1 : 0;
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4) return 0;
    if (first == 0xc2 && byte(1) < 0xa0) return 0;  // the control characters beyond ASCII
    for (std::size_t i = 1; i < length; ++i) {
      if ((byte(i) & 0xc0) != 0x80) return 0;
    }
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool surrogate = first == 0xed && byte(1) >= 0xa0;
    const bool beyond = first == 0xf4 && byte(1) >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
  }

  char* buffer_;
  std::size_t capacity_;
  std::size_t size_ = 0;
  bool overflowed_ = false;
};

// A number from text, decimal digits only, bounded: false if empty, not a number, or above `most`.
inline bool parse_number(std::string_view text, std::uint64_t most, std::uint64_t& out) {
  if (text.empty()) return false;
  std::uint64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    const std::uint64_t digit = static_cast<std::uint64_t>(c - '0');
    if (value > (most - digit) / 10 || digit > most) return false;
    value = value * 10 + digit;
  }
  out = value;
  return true;
}

}  // namespace shm_liveness
