// The regions that a guard watches. They come late, are replaced (an upgrade in place) or cut short.
//
// Why no call blocks: a region is opened with O_NONBLOCK (it may be a FIFO) and lies on tmpfs, or is refused; statx()
// and statfs() of tmpfs read memory. With --allow-disk a region may lie on a network file system, and there all of them
// wait for the server.
#pragma once

#include "../../native/shm_liveness/create.hpp"
#include "../../native/shm_liveness/observe.hpp"
#include "../flags.hpp"
#include "log.hpp"

namespace shm_liveness::guard {

class WatchedRegions {
 public:
  // `guards`: for a command of its own. `room`: for a portion of workers.
  WatchedRegions(const program::Watched& watched, std::uint32_t user, bool guards, std::span<WorkerFacts> room)
      : user_(user), guards_(guards) {
    seen_.room = room;
    seen_.region_count = watched.region_count;
    for (std::size_t r = 0; r < watched.region_count; ++r) {
      seen_.places[r] = watched.places[r];
      seen_.facts[r].name = watched.places[r].region;
      seen_.facts[r].failure = {Fault::missing, 0};
    }
  }

  // Before each look. `asks_names`: whether another file has a region's name now; a healthy region is asked now and
  // then only.
  void keep_open(bool asks_names) {
    for (std::size_t r = 0; r < seen_.region_count; ++r) keep_open(r, asks_names);
  }

  Observation& seen() { return seen_; }
  const Observation& seen() const { return seen_; }
  // Counts how often each region was opened: another one may be behind the same descriptor.
  std::uint32_t openings(std::size_t region) const { return openings_[region]; }

 private:
  void keep_open(std::size_t r, bool asks_names) {
    Region& region = seen_.regions[r];
    if (region.fd >= 0) {
      if (is_lost(region)) {
        release(r);
        seen_.facts[r].failure = {Fault::truncated, 0};
      } else if (asks_names) {
        follow_name(r);
      }
    }
    if (region.fd >= 0) return;
    seen_.facts[r].failure = open_region(seen_.places[r], user_, region);
    ++openings_[r];
  }
  // Another file under the name takes the place of this one. With none there a guard goes on with what its workers
  // hold: they are as alive as before, but probes find no region, and a sidecar answers as probes do.
  void follow_name(std::size_t r) {
    PathBuffer path;
    sys::FileStatus status{};
    if (!path.set(seen_.places[r]) || shm_liveness::detail::is_still_at(seen_.regions[r].fd, path.text)) return;
    const bool is_another = sys::status(path.text, sys::kAtSymlinkNoFollow, STATX_INO, status) >= 0;
    if (is_another || !guards_) return release(r);
    if (is_told_of_removal_[r]) return;
    is_told_of_removal_[r] = true;
    Line line;
    (line << "the region ").printable(seen_.places[r].region) << " was removed under its workers; restart them";
  }
  void release(std::size_t r) {
    is_told_of_removal_[r] = false;
    close_region(seen_.regions[r]);
  }

  std::uint32_t user_;
  bool guards_;
  Observation seen_;
  bool is_told_of_removal_[kMaxRegions] = {};
  std::uint32_t openings_[kMaxRegions] = {};
};

}  // namespace shm_liveness::guard
