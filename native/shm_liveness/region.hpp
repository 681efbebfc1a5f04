// One region: a file on tmpfs, made whole or not at all, checked before it is believed.
#pragma once

#include "lock.hpp"
#include "name.hpp"
#include "procfs.hpp"
#include "truncation.hpp"

namespace shm_liveness {

inline constexpr std::string_view kDefaultDirectory = "/dev/shm";

// Where a region is. Views must outlive the call they are given to.
struct Place {
  std::string_view directory = kDefaultDirectory;
  std::string_view region = "default";
  bool allow_disk = false;
};

struct PathBuffer {
  char text[512];
  bool set(const Place& place, std::string_view prefix = {}, std::string_view suffix = {}) {
    Text path(text);
    path << place.directory << '/' << prefix << place.region << suffix;
    const bool whole =
        !path.overflowed() && path.size() < sizeof text && place.directory.find('\0') == std::string_view::npos;
    path.c_str();
    return whole;
  }
};

enum class Access : std::uint8_t { read, write };

// An open, checked, mapped region (or a copy of a part of one: glance.hpp). Plain data: the code that opens it calls
// close_region().
struct Region {
  int fd = -1;
  std::uint8_t* memory = nullptr;  // the header, then the slots from first_slot on
  truncation::Watched* watched = nullptr;
  std::size_t bytes = 0;
  std::uint32_t first_slot = 0;
  std::uint32_t slot_count = 0;  // slots at and behind this index are not in memory

  // Slots that were ever claimed; the others need not be looked at.
  std::uint32_t used_slots() const {
    const std::uint32_t used = header().used_slots.load_acquire();
    return used < slot_count ? used : slot_count;
  }
  Header& header() const { return *reinterpret_cast<Header*>(memory); }
  Slot& slot(std::uint32_t index) const {
    return *reinterpret_cast<Slot*>(memory + sizeof(Header) + std::size_t(index - first_slot) * sizeof(Slot));
  }
  // Of a mapped region; a copy has none.
  Record& record(std::uint32_t index) const {
    const std::size_t slots = sizeof(Header) + std::size_t(slot_count) * sizeof(Slot);
    return *reinterpret_cast<Record*>(memory + slots + std::size_t(index) * sizeof(Record));
  }
};

// The bank that holds the slot's latest claim, by its serial; serial 0: the slot was never claimed.
struct Current {
  std::uint32_t bank = 0;
  std::uint32_t serial = 0;
};

[[gnu::always_inline]] inline Current current_of(const Slot& slot) {
  const std::uint32_t first = slot.banks[0].hot.serial.load_acquire();
  const std::uint32_t second = slot.banks[1].hot.serial.load_acquire();
  return second > first ? Current{1, second} : Current{0, first};
}

inline bool is_lost(const Region& region) { return truncation::is_lost(region.watched); }

inline void close_region(Region& region) {
  truncation::unwatch(region.watched);
  if (region.memory != nullptr) sys::unmap(region.memory, region.bytes);
  if (region.fd >= 0) sys::close(region.fd);
  region = Region{};
}

namespace detail {

// For a Region that is a copy. Not promised to be whole word by word.
inline bool copy_at(int fd, void* to, std::size_t bytes, std::size_t from) {
  return sys::read_at(fd, to, bytes, static_cast<std::int64_t>(from)) == static_cast<long>(bytes);
}

inline Failure open_failure(int error) {
  switch (error) {
    case sys::kNoEntry:
    case sys::kNotDirectory:
      return {Fault::missing, error};
    case sys::kLoop:  // O_NOFOLLOW met a symbolic link
    case sys::kIsDirectory:
    case sys::kNoDevice:  // a FIFO without a reader, a socket
      return {Fault::not_a_file, error};
    case sys::kAccess:
    case sys::kNotPermitted:
      return {Fault::access, error};
    case sys::kNoSpace:
    case sys::kQuota:
      return {Fault::no_space, error};
    case sys::kNoMemory:
      return {Fault::no_memory, error};
    default:
      return {Fault::system, error};
  }
}

[[gnu::noinline]] inline bool in_group(std::uint32_t group) {
  if (sys::effective_group() == group) return true;
  std::uint32_t groups[128];
  const long count = sys::groups(groups, 128);
  for (long i = 0; i < count; ++i) {
    if (groups[i] == group) return true;
  }
  return false;
}

// Anybody may put a file into /dev/shm. Believed are: my own; any, for a reader that is root (the worker may have
// dropped its rights after start); and another user's that is open to a group I am in (a sidecar's group mode).
inline Failure check_owner(const sys::FileStatus& status, Access access, std::uint32_t user) {
  if ((status.stx_mode & 0002) != 0) return {Fault::mode, 0};
  if (status.stx_uid == user || (user == 0 && access == Access::read)) return {};
  const unsigned wanted = access == Access::write ? 0060 : 0040;
  if ((status.stx_mode & wanted) == wanted && in_group(status.stx_gid)) return {};
  return {Fault::owner, 0};
}

inline Failure check_file(int fd, const Place& place, Access access, std::uint32_t user, std::uint64_t& bytes) {
  sys::FileStatus status{};
  if (const long error = sys::status(fd, status); error < 0) return {Fault::system, static_cast<int>(-error)};
  if ((status.stx_mode & 0170000) != 0100000) return {Fault::not_a_file, 0};
  if (const Failure failure = check_owner(status, access, user)) return failure;
  if (!place.allow_disk) {
    sys::FileSystemStatus fs{};
    if (const long error = sys::file_system(fd, fs); error < 0) return {Fault::system, static_cast<int>(-error)};
    if (fs.f_type != sys::kTmpfsMagic && fs.f_type != sys::kRamfsMagic) return {Fault::not_tmpfs, 0};
  }
  bytes = status.stx_size;
  return {};
}

// The header of a file of `bytes` bytes, mapped and readable.
inline Failure check_header(const Header& header, std::uint64_t bytes, std::uint32_t& slot_count) {
  if (header.magic.load_acquire() != kMagic) return {Fault::magic, 0};
  // Stored last by the maker, so it is read before the fields that it vouches for.
  if (header.version.load_acquire() != kVersion) return {Fault::version, 0};
  if (header.signature.load_relaxed() != kSignature || header.header_bytes.load_relaxed() != sizeof(Header) ||
      header.slot_bytes.load_relaxed() != sizeof(Slot)) {
    return {Fault::layout, 0};
  }
  slot_count = header.slot_count.load_relaxed();
  if (slot_count == 0 || slot_count > kMaxSlots || header.region_bytes.load_relaxed() != region_bytes_for(slot_count)) {
    return {Fault::layout, 0};
  }
  return {bytes == region_bytes_for(slot_count) ? Fault::none : Fault::size, 0};
}

}  // namespace detail

namespace detail {

// Watches before the first byte is read: the file may be cut short at any moment.
inline Failure map_whole(int fd, Access access, std::uint64_t bytes, Region& out) {
  if (bytes < sizeof(Header) || bytes > region_bytes_for(kMaxSlots)) return {Fault::size, 0};
  const int protection = access == Access::write ? sys::kProtRead | sys::kProtWrite : sys::kProtRead;
  void* memory = sys::map(nullptr, bytes, protection, sys::kMapShared, fd);
  if (sys::failed(memory)) return open_failure(sys::error_of(memory));
  // A mapping keeps its open file, and so the lock, as a descriptor does: a forked child must not inherit it.
  if (access == Access::write) sys::advise(memory, bytes, sys::kDontFork);
  out.memory = static_cast<std::uint8_t*>(memory);
  out.bytes = bytes;
  out.watched = truncation::watch(memory, bytes);
  return {};
}

inline void unmap_region(Region& region) {
  const int fd = region.fd;
  region.fd = -1;
  close_region(region);
  region.fd = fd;
}

}  // namespace detail

// Maps and checks the file that out.fd refers to. On failure the descriptor stays open and nothing stays mapped.
inline Failure map_region(const Place& place, Access access, std::uint32_t user, Region& out) {
  std::uint64_t bytes = 0;
  if (const Failure failure = detail::check_file(out.fd, place, access, user, bytes)) return failure;
  if (const Failure failure = detail::map_whole(out.fd, access, bytes, out)) return failure;
  Failure failure = detail::check_header(out.header(), bytes, out.slot_count);
  if (is_lost(out)) failure = {Fault::size, 0};  // zeroes were read
  if (failure) detail::unmap_region(out);
  return failure;
}

// O_NONBLOCK so that a FIFO put in the region's place cannot hold the opener; it means nothing for a file.
inline int open_existing(const char* path, Access access) {
  const int rights = access == Access::write ? sys::kReadWrite : sys::kReadOnly;
  const int fd = sys::open(path, rights | sys::kNoFollow | sys::kCloseOnExec | sys::kNonBlock);
  if (fd < 0 || fd > 2) return fd;
  // A worker started with its standard streams closed: its first log line would land in the header.
  const int above = sys::duplicate_from(fd, 3);
  sys::close(fd);
  return above;
}

// Out of line, so that the path's buffer is off the stack again when the probe goes on: a page of stack that need not
// be touched is a page fault saved.
[[gnu::noinline]] inline Failure open_for_reading(const Place& place, int& fd) {
  fd = -1;
  if (!is_valid_name(place.region)) return {Fault::invalid_name, 0};
  PathBuffer path;
  if (!path.set(place)) return {Fault::invalid_option, 0};
  fd = open_existing(path.text, Access::read);
  return fd < 0 ? detail::open_failure(-fd) : Failure{};
}

// For readers. `user` is the effective user id (the probe has it from its auxiliary vector, without a call).
inline Failure open_region(const Place& place, std::uint32_t user, Region& out) {
  out = Region{};
  if (const Failure failure = open_for_reading(place, out.fd)) return failure;
  const Failure failure = map_region(place, Access::read, user, out);
  if (failure) close_region(out);
  return failure;
}

}  // namespace shm_liveness
