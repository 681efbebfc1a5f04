// Places as the author wrote them. Reads scripts and source maps from disk, on the watcher's thread.
#pragma once

#include "pages.hpp"
#include "places.hpp"

namespace shm_liveness::addon::stacks {

// The map that a script carries in itself, as V8 has it; for a script that was made in memory, as by a loader of
// TypeScript.
struct ToldMap {
  int script_id = 0;  // 0: none
  Pages url;
};

struct Mapped {
  bool has_changed = false;
  int untold_script = 0;  // 0: none; else a script whose map only V8 has
};

class Mapper {
 public:
  // Changes the places of the selected frames to those that source maps give. What cannot be read, is too large or
  // takes too long stays as it is. Decodes `told` in place.
  Mapped map(const Capture& stack, const Selection& selected, Place* places, std::string_view working_directory,
             ToldMap& told);

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
