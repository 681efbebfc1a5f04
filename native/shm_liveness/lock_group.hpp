// Locks of many workers, on many inodes.
//
// The kernel keeps the locks of one inode in one list and walks it at each query (fs/locks.c, posix_test_lock): a look
// at 1,024 workers of one file costs fifty times a look at one. So in a region of more than kGroupSlots slots each
// claim locks the same byte twice: in the region, and in a small file that its group of slots has for itself. The
// region's lock is the truth. The group's lock is only ever believed when it is held; when the file is missing, foreign
// or full, or its lock is gone, the region is asked. So nothing here can make a living worker dead.
//
// The files are `.<region>.<nonce>.locks.<group>` beside the region. Names that begin with a dot are not regions, and
// the nonce ties the files to one region: a new region under the same name has files of its own.
#pragma once

#include "region.hpp"

namespace shm_liveness {

inline constexpr std::uint32_t kGroupSlots = 64;

inline std::uint32_t group_of(std::uint32_t slot) { return slot / kGroupSlots; }

namespace detail {

inline constexpr std::string_view kGroupInfix = ".locks.";

inline bool set_group_path(PathBuffer& path, const Place& place, std::uint64_t nonce, std::uint32_t group) {
  char text[64];
  Text suffix(text);
  suffix << '.' << nonce << kGroupInfix << group;
  return path.set(place, ".", suffix.view());
}

// Only a file of the region's own owner, or one that the region's group may write as it may write the region. A
// stranger who puts a file there could otherwise keep the dead alive in it.
inline bool is_group_file_of(const sys::FileStatus& file, const sys::FileStatus& region) {
  if ((file.stx_mode & 0170000) != 0100000 || (file.stx_mode & 0002) != 0) return false;
  const bool shared = (region.stx_mode & 0020) != 0 && file.stx_gid == region.stx_gid && (file.stx_mode & 0020) != 0;
  return file.stx_uid == region.stx_uid || shared;
}

}  // namespace detail

// -1: there is none that can be believed. For the place of an open region, and its nonce.
inline int open_lock_group(int region_fd, const Place& place, std::uint64_t nonce, std::uint32_t group, Access access) {
  PathBuffer path;
  if (!detail::set_group_path(path, place, nonce, group)) return -1;
  const int fd = open_existing(path.text, access);
  if (fd < 0) return -1;
  sys::FileStatus file{};
  sys::FileStatus region{};
  if (sys::status(fd, file) >= 0 && sys::status(region_fd, region) >= 0 && detail::is_group_file_of(file, region))
    return fd;
  sys::close(fd);
  return -1;
}

// A reader's questions about one region's locks, slot by slot in order: it has the file of one group open at a time.
class LockReader {
 public:
  LockReader() = default;
  LockReader(const LockReader&) = delete;
  LockReader& operator=(const LockReader&) = delete;
  ~LockReader() { leave(); }

  // `region_fd` and the texts of `place` must stay until leave().
  void enter(int region_fd, const Place& place, std::uint64_t nonce, std::uint32_t slot_count) {
    leave();
    region_fd_ = region_fd;
    place_ = place;
    nonce_ = nonce;
    has_groups_ = slot_count > kGroupSlots;
  }
  void leave() {
    if (group_fd_ >= 0) sys::close(group_fd_);
    group_fd_ = -1;
    group_ = kNone;
  }

  [[gnu::always_inline]] Lock query(std::uint32_t slot, std::uint32_t bank) {
    if (has_groups_) {
      if (group_of(slot) != group_) open_group(group_of(slot));
      if (group_fd_ >= 0 && query_lock(group_fd_, slot, bank) == Lock::held) return Lock::held;
    }
    return query_lock(region_fd_, slot, bank);
  }

 private:
  static constexpr std::uint32_t kNone = ~0u;

  [[gnu::noinline]] void open_group(std::uint32_t group) {
    leave();
    group_ = group;
    group_fd_ = open_lock_group(region_fd_, place_, nonce_, group, Access::read);
  }

  int region_fd_ = -1;
  int group_fd_ = -1;
  std::uint32_t group_ = kNone;
  bool has_groups_ = false;
  Place place_;
  std::uint64_t nonce_ = 0;
};

}  // namespace shm_liveness
