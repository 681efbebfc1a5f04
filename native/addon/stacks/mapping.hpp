// Places as the author wrote them. Reads scripts and source maps from disk, on the watcher's thread.
#pragma once

#include "places.hpp"

namespace shm_liveness::addon::stacks {

class Mapper {
 public:
  // Changes the places of the selected frames to those that source maps give. True: at least one has changed. What
  // cannot be read, is too large or takes too long stays as it is.
  bool map(const Capture& stack, const Selection& selected, Place* places, std::string_view working_directory);

  // What `frame` calls, as its script writes it: `gzipSync`, where the function is an inner one of Node's with another
  // name. Empty: not known.
  std::string_view called_at(const Capture& stack, const Frame& frame);

 private:
  // Places that were looked up before: a cycle that is late again and again at one place reads its map once.
  struct Known {
    std::uint64_t key = 0;  // 0: free
    Place place;
  };
  static constexpr std::size_t kKnown = 64;
  Known known_[kKnown];
  std::size_t next_ = 0;

  const Place* find(std::uint64_t key) const;
  const Place& remember(std::uint64_t key, const Place& place);
};

}  // namespace shm_liveness::addon::stacks
