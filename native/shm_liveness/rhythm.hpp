// A worker's rhythm, from its own histogram.
#pragma once

#include "layout.hpp"

namespace shm_liveness {

// As long as its cycles usually take at most: the upper edge of the bin that the ninety-ninth hundredth ends in. One
// cycle of hundreds that was frozen does not count; 0 if no cycle was timed yet.
inline std::uint64_t usual_cycle_ns(const Life& life) {
  std::uint64_t counts[kCycleBins];
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kCycleBins; ++i) total += counts[i] = life.cycles[i].load_relaxed();
  std::uint64_t above = 0;
  for (std::size_t i = kCycleBins; i-- > 0;) {
    above += counts[i];
    if (above > total / 100) return i + 1 < kCycleBins ? std::uint64_t(1) << (i + 1) : ~std::uint64_t(0);
  }
  return 0;
}

}  // namespace shm_liveness
