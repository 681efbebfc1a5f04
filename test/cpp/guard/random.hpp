// Random input for the parsers: always the same, so that a failure comes again.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <string_view>

namespace shm_liveness::guard {

class Random {
 public:
  explicit Random(std::uint64_t seed = 42) : engine_(seed) {}
  // From 0 to below `end`.
  std::uint64_t below(std::uint64_t end) { return engine_() % end; }
  std::uint64_t between(std::uint64_t first, std::uint64_t last) { return first + below(last - first + 1); }
  bool chance(unsigned percent) { return below(100) < percent; }
  std::string_view one_of(std::span<const std::string_view> list) { return list[below(list.size())]; }

  std::string of(std::string_view alphabet, std::size_t most) {
    std::string text;
    for (std::uint64_t bytes = below(most + 1); bytes > 0; --bytes) text += alphabet[below(alphabet.size())];
    return text;
  }

  // A text that was one of `seeds`: bytes of it replaced, taken out, doubled, or replaced by one of `words`.
  std::string mutant(std::span<const std::string_view> seeds, std::span<const std::string_view> words) {
    std::string text(one_of(seeds));
    for (std::uint64_t changes = between(1, 6); changes > 0; --changes) {
      const std::size_t at = below(text.size() + 1);
      switch (below(6)) {
        case 0:
          if (at < text.size()) text[at] = static_cast<char>(below(256));
          break;
        case 1:
          text.erase(at, between(1, 4));
          break;
        case 2:
          text.insert(at, one_of(words));
          break;
        case 3:
          text.insert(at, text.substr(below(text.size() + 1), below(16)));
          break;
        case 4:
          text.resize(at);
          break;
        default:
          if (at < text.size()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
          break;
      }
    }
    return text;
  }

 private:
  std::mt19937_64 engine_;
};

// A copy on the heap with nothing behind it, so that a sanitizer sees each read beyond its end.
class Exact {
 public:
  explicit Exact(std::string_view text) : bytes_(new char[text.size()]), size_(text.size()) {
    if (size_ != 0) std::memcpy(bytes_.get(), text.data(), size_);
  }
  std::string_view view() const { return {bytes_.get(), size_}; }
  bool holds(std::string_view part) const {
    return part.data() >= bytes_.get() && part.data() + part.size() <= bytes_.get() + size_;
  }

 private:
  std::unique_ptr<char[]> bytes_;
  std::size_t size_;
};

}  // namespace shm_liveness::guard
