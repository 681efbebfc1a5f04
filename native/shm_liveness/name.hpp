// Names of regions and workers: they become file names, flags and Prometheus labels, so the set is the portable one.
#pragma once

#include "layout.hpp"

namespace shm_liveness {

inline bool is_valid_name(std::string_view name) {
  if (name.empty() || name.size() >= kNameBytes || name[0] == '.') return false;
  for (const char c : name) {
    const bool portable =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!portable) return false;
  }
  return true;
}

// Phases and status lines are for people: any text of one line that fits its field.
inline bool is_valid_text(std::string_view text, std::size_t field_bytes) {
  if (text.size() >= field_bytes) return false;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

}  // namespace shm_liveness
