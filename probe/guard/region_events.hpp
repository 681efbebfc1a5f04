// The kernel's word on regions, by inotify(7): a worker has died or stopped, somebody may be claiming, a region has
// come or gone.
//
// Each claim has a descriptor of its own that is open for writing, so IN_CLOSE_WRITE comes when the last copy of it
// goes, whatever ended its owner: a signal, an exit, the end of a thread that shares nothing with us. It comes from
// fput() (fs/file_table.c, __fput: fsnotify_close() before locks_remove_file()), so the lock may be held for a moment
// still.
//
// Why no call blocks: the inotify descriptor has O_NONBLOCK; adding and removing watches takes mutexes of the kernel
// that are held for the length of a list.
#pragma once

#include "../../native/shm_liveness/region.hpp"
#include "loop.hpp"
#include "watch.hpp"

namespace shm_liveness::guard {

struct RegionNews {
  bool closed = false;  // somebody who could write has closed the region
  bool opened = false;
  bool renamed = false;  // the region's name, or its place, means something else now
};

class RegionEvents {
 public:
  // -errno, or 0. An instance may be refused: fs.inotify.max_user_instances is shared by all containers of a user.
  int open(Loop& loop, void (*ready)(void*, std::uint32_t), void* owner) {
    loop_ = &loop;
    const int fd = os::make_inotify();
    if (fd < 0) return fd;
    source_ = {fd, ready, owner, 0};
    return loop.add(source_, os::kReadable);
  }

  // After each look. -errno, or 0: whether all that must be told of is watched. `is_new`: since just now, so that
  // somebody may have claimed before.
  int follow(const Watch& watch, bool& is_new) {
    if (source_.fd < 0) return -os::kTooManyFiles;
    int failure = 0;
    bool any_is_missing = false;
    const Observation& seen = watch.seen();
    for (std::size_t r = 0; r < seen.region_count; ++r) {
      const bool is_open = seen.regions[r].fd >= 0;
      any_is_missing = any_is_missing || !is_open;
      if (is_open && watched_[r] != watch.openings(r)) {
        forget(regions_[r]);
        regions_[r] = watch_file(seen.regions[r].fd, seen.places[r]);
        watched_[r] = watch.openings(r);
        is_new = true;
      }
      if (is_open && regions_[r] < 0) failure = regions_[r];
    }
    if (any_is_missing && directory_ < 0) directory_ = watch_directory(seen.places[0]);
    if (!any_is_missing) forget(directory_);
    // No directory yet: whatever is made there is seen at the next look.
    return failure;
  }

  // Takes a bounded number of events: what is left comes in the next turn.
  RegionNews take(const Watch& watch) {
    RegionNews news;
    alignas(8) char events[4096];
    // Never blocks: the descriptor is non-blocking.
    const long bytes = sys::read(source_.fd, events, sizeof events);
    for (long at = 0; at + static_cast<long>(sizeof(os::InotifyEvent)) <= bytes;) {
      os::InotifyEvent event;
      __builtin_memcpy(&event, events + at, sizeof event);
      const char* const name = events + at + sizeof event;
      at += static_cast<long>(sizeof event + event.name_bytes);
      if (event.watch == directory_ && event.name_bytes != 0 && !is_region(watch, name)) continue;
      news.closed = news.closed || (event.mask & (os::kCloseWrite | os::kOverflow)) != 0;
      news.opened = news.opened || (event.mask & (os::kOpen | os::kOverflow)) != 0;
      news.renamed = news.renamed || (event.mask & (kOfName | os::kOverflow)) != 0;
    }
    return news;
  }

  // A neighbour that opens and closes a region in a loop must not keep the guard busy.
  void mute() { loop_->wait_for(source_, 0); }
  void hear() {
    if (source_.fd >= 0) loop_->wait_for(source_, os::kReadable);
  }

 private:
  static constexpr std::uint32_t kOfName =
      os::kModify | os::kAttributes | os::kDeleteSelf | os::kMoveSelf | os::kCreate | os::kMovedTo;

  static bool is_region(const Watch& watch, const char* name) {
    for (std::size_t r = 0; r < watch.seen().region_count; ++r) {
      if (watch.seen().places[r].region == name) return true;
    }
    return false;
  }

  // By the descriptor, because the name may mean another file by now; without /proc by the name, and that is looked at
  // afterwards.
  int watch_file(int fd, const Place& place) {
    constexpr std::uint32_t kEvents =
        os::kCloseWrite | os::kOpen | os::kModify | os::kAttributes | os::kDeleteSelf | os::kMoveSelf;
    PathBuffer path;
    Text text(path.text);
    text << "/proc/self/fd/" << fd;
    const int watch = os::add_watch(source_.fd, text.c_str(), kEvents);
    if (watch != -sys::kNoEntry || !path.set(place)) return watch;
    int by_name = os::add_watch(source_.fd, path.text, kEvents);
    if (by_name >= 0 && !shm_liveness::detail::is_still_at(fd, path.text)) forget(by_name);
    return by_name;
  }
  int watch_directory(const Place& place) {
    PathBuffer path;
    Text text(path.text);
    text << place.directory;
    return os::add_watch(source_.fd, text.c_str(), os::kCreate | os::kMovedTo | os::kOnlyDirectory);
  }
  void forget(int& watched) {
    if (watched >= 0) os::remove_watch(source_.fd, watched);
    watched = -1;
  }

  Loop* loop_ = nullptr;
  Source source_;
  int directory_ = -1;
  int regions_[kMaxRegions] = {-1, -1, -1, -1};
  std::uint32_t watched_[kMaxRegions] = {};
};

}  // namespace shm_liveness::guard
