// The duration syntax: a row of numbers with units, "250ms", "1.5s", "1m30s" (ns, us, ms, s, m, h), or a bare 0.
// lib/duration.ts is the same rule for JavaScript; test/vectors/durations.json drives both.
#pragma once

#include "text.hpp"

namespace shm_liveness {

inline constexpr std::uint64_t kMaxDurationNs = std::uint64_t(366) * 24 * 3600 * 1'000'000'000;  // a year

// False for anything else: no unit, a sign, a unit out of order or twice, more than a year.
inline bool parse_duration(std::string_view text, std::uint64_t& out_ns) {
  struct Unit {
    std::string_view name;
    std::uint64_t ns;
  };
  // Two-letter units first, so that "ms" is not read as "m".
  constexpr Unit kUnits[] = {{"ns", 1},
                             {"us", 1'000},
                             {"ms", 1'000'000},
                             {"s", 1'000'000'000},
                             {"m", 60'000'000'000},
                             {"h", 3'600'000'000'000}};
  if (text == "0") {
    out_ns = 0;
    return true;
  }
  if (text.empty()) return false;
  std::uint64_t total = 0;
  std::uint64_t previous = ~std::uint64_t(0);
  while (!text.empty()) {
    std::size_t digits = 0;
    while (digits < text.size() && text[digits] >= '0' && text[digits] <= '9') ++digits;
    std::uint64_t whole = 0;
    if (!parse_number(head(text, digits), kMaxDurationNs, whole)) return false;
    text.remove_prefix(digits);
    std::string_view fraction;
    if (!text.empty() && text[0] == '.') {
      std::size_t end = 1;
      while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
      fraction = tail(head(text, end), 1);
      if (fraction.empty() || fraction.size() > 9) return false;
      text.remove_prefix(end);
    }
    const Unit* unit = nullptr;
    for (const Unit& u : kUnits) {
      if (text.starts_with(u.name)) {
        unit = &u;
        break;
      }
    }
    if (unit == nullptr || unit->ns >= previous) return false;
    previous = unit->ns;
    text.remove_prefix(unit->name.size());
    if (whole > kMaxDurationNs / unit->ns) return false;
    std::uint64_t part = whole * unit->ns;
    std::uint64_t scale = unit->ns;
    for (const char c : fraction) {  // digits below a nanosecond are dropped
      scale /= 10;
      part += static_cast<std::uint64_t>(c - '0') * scale;
    }
    total += part;
    if (total > kMaxDurationNs) return false;
  }
  out_ns = total;
  return true;
}

// The largest unit that keeps it readable, three decimals at most, no trailing zeros: 250ms, 3.214s, 12m5s, 3h20m.
inline void say_duration(Text& out, std::uint64_t ns) {
  struct Scale {
    std::uint64_t unit;
    std::string_view name;
  };
  constexpr Scale kScales[] = {{1'000'000'000, "s"}, {1'000'000, "ms"}, {1'000, "us"}, {1, "ns"}};
  constexpr std::uint64_t kMinute = 60'000'000'000;
  constexpr std::uint64_t kHour = 60 * kMinute;
  if (ns >= kHour) {
    out << ns / kHour << 'h';
    if (ns % kHour >= kMinute) out << ns % kHour / kMinute << 'm';
    return;
  }
  if (ns >= 2 * kMinute) {
    out << ns / kMinute << 'm';
    if (ns % kMinute >= 1'000'000'000) out << ns % kMinute / 1'000'000'000 << 's';
    return;
  }
  for (const Scale& scale : kScales) {
    if (ns < scale.unit && scale.unit != 1) continue;
    out << ns / scale.unit;
    std::uint64_t thousandths = scale.unit >= 1000 ? ns % scale.unit / (scale.unit / 1000) : 0;
    if (thousandths != 0) {
      out << '.';
      for (std::uint64_t place = 100; thousandths != 0; place /= 10) {
        out << thousandths / place;
        thousandths %= place;
      }
    }
    out << scale.name;
    return;
  }
}

}  // namespace shm_liveness
