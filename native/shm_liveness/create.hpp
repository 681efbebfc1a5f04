// Making a region, and opening one for a claim: whole, exclusive, never visible half-made.
#pragma once

#include "lock_group.hpp"

namespace shm_liveness {

// How a region is made, should it not exist yet.
struct Creation {
  std::uint32_t slots = kDefaultSlots;
  unsigned mode = 0600;  // 0640 lets a group read it, 0660 lets a group claim in it
};

namespace detail {

inline constexpr std::uint64_t kClaimWaitNs = 5'000'000'000;

inline std::uint64_t random_nonce() {
  std::uint64_t nonce = 0;
  while (nonce == 0) {
    if (sys::random(&nonce, sizeof nonce) != sizeof nonce) nonce = monotonic_ns();
  }
  return nonce;
}

inline void fill_header(Header& header, std::uint32_t slots) {
  header.magic.store_relaxed(kMagic);
  header.header_bytes.store_relaxed(sizeof(Header));
  header.signature.store_relaxed(kSignature);
  header.slot_bytes.store_relaxed(sizeof(Slot));
  header.slot_count.store_relaxed(slots);
  header.region_bytes.store_relaxed(region_bytes_for(slots));
  header.nonce.store_relaxed(random_nonce());
  header.created_boottime_ns.store_relaxed(boottime_ns());
  header.version.store_release(kVersion);
}

// Sizes and fills the file. fchmod, because the mode given to open() is subject to the umask. fallocate, because a hole
// in a full tmpfs would be a SIGBUS at the first beat instead of an error here.
inline Failure fill_file(int fd, const Place& place, const Creation& creation) {
  if (const int error = sys::set_mode(fd, creation.mode); error < 0) return {Fault::system, -error};
  const std::uint64_t bytes = region_bytes_for(creation.slots);
  if (const int error = sys::allocate(fd, static_cast<std::int64_t>(bytes)); error < 0) {
    return error == -sys::kNotSupported ? Failure{Fault::not_tmpfs, -error} : open_failure(-error);
  }
  // By write() and not through a mapping, which would have to be watched.
  alignas(Header) std::uint8_t bytes_of_header[sizeof(Header)] = {};
  fill_header(*reinterpret_cast<Header*>(bytes_of_header), creation.slots);
  const long wrote = sys::write(fd, bytes_of_header, sizeof bytes_of_header);
  if (wrote != sizeof bytes_of_header) return open_failure(wrote < 0 ? static_cast<int>(-wrote) : sys::kNoSpace);
  std::uint64_t ignored = 0;
  return check_file(fd, place, Access::write, sys::effective_user(), ignored);
}

// A new file in `directory`, filled by `fill`, that becomes visible under `path` whole or not at all, and exclusively
// (-EEXIST: somebody else's is there). It has no name until then (O_TMPFILE), so that a creator that is killed leaves
// nothing behind. `fallback`: a name for kernels and sandboxes that cannot do that.
template <class Fill>
Failure publish_file(std::string_view directory, const char* path, const char* fallback, Fill&& fill, int& linked) {
  char buffer[512];
  Text text(buffer);
  text << directory;
  const char* const folder = text.c_str();
  int fd = sys::open(folder, sys::kTemporary | sys::kReadWrite | sys::kCloseOnExec, 0600);
  if (fd >= 0) {
    const Failure failure = fill(fd);
    if (!failure) {
      char link_buffer[48];
      Text link(link_buffer);
      link << "/proc/self/fd/" << static_cast<std::uint64_t>(fd);
      linked = sys::link(link.c_str(), path, sys::kAtSymlinkFollow);
    }
    sys::close(fd);
    // Without /proc, or where it may not be used so, a name it is.
    if (failure || linked >= 0 || linked == -sys::kExists) return failure;
  }
  fd = sys::open(fallback, sys::kCreate | sys::kExclusive | sys::kReadWrite | sys::kCloseOnExec, 0600);
  if (fd < 0) return open_failure(-fd);
  const Failure failure = fill(fd);
  sys::close(fd);
  if (!failure) linked = sys::link(fallback, path);
  sys::unlink(fallback);
  return failure;
}

inline int open_directory(const Place& place) {
  PathBuffer path;
  Text directory(path.text);
  directory << place.directory;
  return sys::open(directory.c_str(), sys::kReadOnly | sys::kDirectory | sys::kCloseOnExec);
}

// Removes lock files of regions that had this name before (lock_group.hpp). Nobody needs them, whatever becomes of the
// workers of a region without a name.
inline void sweep_lock_groups(const Place& place) {
  const int fd = open_directory(place);
  if (fd < 0) return;
  for_each_entry(fd, [&](std::string_view name) {
    if (!name.starts_with('.') || !tail(name, 1).starts_with(place.region)) return;
    const std::string_view rest = tail(name, 1 + place.region.size());
    const std::size_t infix = rest.find(kGroupInfix);
    std::uint64_t number = 0;
    if (infix == std::string_view::npos || !rest.starts_with('.')) return;
    if (!parse_number(tail(head(rest, infix), 1), ~std::uint64_t(0), number)) return;
    if (!parse_number(tail(rest, infix + kGroupInfix.size()), kMaxSlots, number)) return;
    sys::unlink_at(fd, name.data());
  });
  sys::close(fd);
}

// Makes a region under its name. none: it is there now, this one or somebody else's.
inline Failure make_file(const Place& place, const Creation& creation, const char* path) {
  char suffix[24];
  Text nonce(suffix);
  nonce << '.' << random_nonce();
  PathBuffer fallback;
  if (!fallback.set(place, ".", nonce.view())) return {Fault::invalid_option, 0};
  int linked = 0;
  const Failure failure = publish_file(
      place.directory, path, fallback.text, [&](int fd) { return fill_file(fd, place, creation); }, linked);
  if (failure) return failure;
  if (linked >= 0) sweep_lock_groups(place);
  return linked < 0 && linked != -sys::kExists ? open_failure(-linked) : Failure{};
}

// Makes a region, one process at a time: each of a crowd that starts at once would else fill a whole region, to throw
// it away when it finds another's there. The lock on the directory only saves work. Anybody can hold it, so that nobody
// waits for it for long; who makes the region is decided by publish_file().
inline Failure make_in_turn(const Place& place, const Creation& creation, const char* path) {
  constexpr std::uint64_t kMostPauseNs = 32'000'000;
  const int directory = open_directory(place);
  const auto is_made = [&] {
    sys::FileStatus ignored{};
    return sys::status(path, sys::kAtSymlinkNoFollow, STATX_INO, ignored) >= 0;
  };
  for (std::uint64_t pause_ns = 1'000'000; directory >= 0 && pause_ns <= kMostPauseNs; pause_ns *= 2) {
    if (sys::lock_whole(directory) != -sys::kTryAgain || is_made()) break;
    sys::sleep_ns(pause_ns);
  }
  const Failure failure = is_made() ? Failure{} : make_file(place, creation, path);
  if (directory < 0) return failure;
  sys::unlock_whole(directory);  // by itself: a child forked meanwhile has this descriptor, too
  sys::close(directory);
  return failure;
}

// The group's file, made if there is none. The caller holds the region's claim byte.
inline int open_or_make_lock_group(const Region& region, const Place& place, std::uint32_t group) {
  const std::uint64_t nonce = region.header().nonce.load_relaxed();
  const int fd = open_lock_group(region.fd, place, nonce, group, Access::write);
  PathBuffer path;
  if (fd >= 0 || !set_group_path(path, place, nonce, group)) return fd;
  // No fallback name: a missing group file costs readers time only, and a file that a kill leaves behind is worse.
  PathBuffer never;
  never.text[0] = '\0';
  int linked = 0;
  publish_file(
      place.directory, path.text, never.text,
      [&](int file) -> Failure {
        sys::FileStatus status{};
        if (const long error = sys::status(region.fd, status); error < 0)
          return {Fault::system, static_cast<int>(-error)};
        sys::set_owner(file, status.stx_uid, status.stx_gid);  // may be refused: then readers ask the region
        const int error = sys::set_mode(file, status.stx_mode & 0777);
        return {error < 0 ? Fault::system : Fault::none, -error};
      },
      linked);
  return open_lock_group(region.fd, place, nonce, group, Access::write);
}

inline bool is_still_at(int fd, const char* path) {
  sys::FileStatus mine{};
  sys::FileStatus named{};
  return sys::status(fd, mine) >= 0 && sys::status(path, sys::kAtSymlinkNoFollow, STATX_INO, named) >= 0 &&
         mine.stx_ino == named.stx_ino && mine.stx_dev_major == named.stx_dev_major &&
         mine.stx_dev_minor == named.stx_dev_minor;
}

inline bool may_be_replaced(Fault fault) {
  return fault == Fault::size || fault == Fault::magic || fault == Fault::version || fault == Fault::layout;
}

// The caller holds the claim byte of the unusable file `fd`, so no two replace it. A claimant of the old layout that
// waits for that byte finds, once it has it, that the name has moved on (is_still_at). Removed first and made then, so
// that no temporary name is needed: a creator that is killed in between leaves no region, which the next claim makes.
inline Failure replace_unusable(int fd, const char* path, const Place& place, const Creation& creation) {
  const Lock held = query_any_slot(fd);
  if (held == Lock::unsupported) return {Fault::locks_unsupported, 0};
  if (held == Lock::held) return {Fault::in_use, 0};
  if (const int error = sys::unlink(path); error < 0) return {Fault::system, -error};
  return make_file(place, creation, path);
}

}  // namespace detail

// For a program that never forks while another of its threads claims. A process that may fork passes a mutex that its
// fork handler takes, too (heartbeat.hpp).
struct NoForks {
  void lock() {}
  void unlock() {}
};

namespace detail {

template <class Mutex>
class Locked {
 public:
  explicit Locked(Mutex& mutex) : mutex_(mutex) { mutex_.lock(); }
  ~Locked() { mutex_.unlock(); }
  Locked(const Locked&) = delete;
  Locked& operator=(const Locked&) = delete;

 private:
  Mutex& mutex_;
};

// Those who wait for the claim byte, at the header's count of turns. The file is not checked yet: the count is read
// with read(), and the page that the kernel needs for the wait is mapped at the first wait and never looked at. That
// mapping, too, would keep the open file and its locks alive in a forked child.
template <class Mutex>
class ClaimQueue {
 public:
  ClaimQueue(int fd, Mutex& mutex) : fd_(fd), mutex_(mutex) {}
  ~ClaimQueue() {
    if (page_ != nullptr) sys::unmap(page_, kPageBytes);
  }
  ClaimQueue(const ClaimQueue&) = delete;
  ClaimQueue& operator=(const ClaimQueue&) = delete;

  std::uint32_t turn() const {
    std::uint32_t turns = 0;
    sys::read_at(fd_, &turns, sizeof turns, offsetof(Header, claim_turns));
    return turns;
  }
  void wait(std::uint32_t turn, std::uint64_t ns) {
    if (page_ == nullptr) map_page();
    // Without the page, or where it was cut off (EFAULT), a short sleep: that is a rare case, and not worth a queue.
    const long result =
        page_ == nullptr ? -sys::kNoMemory : sys::wait_at(page_ + offsetof(Header, claim_turns), turn, ns);
    const bool has_waited =
        result == 0 || result == -sys::kTryAgain || result == -sys::kTimedOut || result == -sys::kInterrupted;
    if (!has_waited) sys::sleep_ns(ns < kShortSleepNs ? ns : kShortSleepNs);
  }

 private:
  static constexpr std::size_t kPageBytes = 4096;
  static constexpr std::uint64_t kShortSleepNs = 5'000'000;

  void map_page() {
    const Locked locked(mutex_);
    void* page = sys::map(nullptr, kPageBytes, sys::kProtRead, sys::kMapShared, fd_);
    if (sys::failed(page)) return;
    sys::advise(page, kPageBytes, sys::kDontFork);
    page_ = static_cast<std::uint8_t*>(page);
  }

  int fd_;
  Mutex& mutex_;
  std::uint8_t* page_ = nullptr;
};

// Unlocks explicitly, because closing alone would leave the lock to a child that another thread forks at this moment.
inline void leave_claim_byte(const Region& region) {
  Word32& turns = region.header().claim_turns;
  turns.store_release(turns.load_relaxed() + 1);
  unlock(region.fd, kClaimByte);
  sys::wake_one_at(&turns);
}

template <class Mutex>
void close_under(Mutex& mutex, Region& region) {
  const Locked<Mutex> locked(mutex);
  close_region(region);
}

}  // namespace detail

// Opens the region for writing. With a `creation`, makes it if there is none, and replaces it if it is unusable and
// not held; without, these are failures. `user` is the user whose region is believed: the caller's own, except for a
// root that acts for its workers. Returns with the claim byte held: call detail::leave_claim_byte().
//
// Waits only while `mutex` is free, and changes `out` only while it is held. So a fork on another thread neither waits
// for a claim byte nor misses a descriptor, which is in `out` before the first lock is taken on it.
template <class Mutex = NoForks>
Failure open_for_claim(const Place& place, const Creation* creation, std::uint32_t user, Region& out,
                       std::uint64_t wait_ns = detail::kClaimWaitNs, Mutex&& mutex = {}) {
  if (!is_valid_name(place.region)) return {Fault::invalid_name, 0};
  if (creation != nullptr && (creation->slots == 0 || creation->slots > kMaxSlots)) return {Fault::invalid_option, 0};
  PathBuffer path;
  if (!path.set(place)) return {Fault::invalid_option, 0};
  // Each turn either ends or finds that somebody else has changed the file that the name refers to.
  for (int turn = 0; turn < 64; ++turn) {
    {
      const detail::Locked locked(mutex);
      out = Region{};
      // Without O_CREAT: fs.protected_regular refuses even root an O_CREAT open of another user's file in /dev/shm.
      out.fd = open_existing(path.text, Access::write);
    }
    if (out.fd == -sys::kNoEntry && creation != nullptr) {
      if (const Failure failure = detail::make_in_turn(place, *creation, path.text)) return failure;
      continue;
    }
    if (out.fd < 0) return detail::open_failure(-out.fd);
    Failure failure = lock_within(out.fd, kClaimByte, wait_ns, detail::ClaimQueue(out.fd, mutex));
    if (failure) {
      detail::close_under(mutex, out);
      if (failure.fault == Fault::name_taken) failure.fault = Fault::claim_busy;
      return failure;
    }
    if (detail::is_still_at(out.fd, path.text)) {
      {
        const detail::Locked locked(mutex);
        failure = map_region(place, Access::write, user, out);
      }
      if (!failure) return {};
      const bool replaceable = creation != nullptr && detail::may_be_replaced(failure.fault);
      if (replaceable) failure = detail::replace_unusable(out.fd, path.text, place, *creation);
    }
    unlock(out.fd, kClaimByte);
    detail::close_under(mutex, out);
    if (failure) return failure;
  }
  return {Fault::claim_busy, 0};
}

}  // namespace shm_liveness
