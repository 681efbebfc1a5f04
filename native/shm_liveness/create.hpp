// Making a region, and opening one for a claim: whole, exclusive, never visible half-made.
#pragma once

#include "region.hpp"

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

// A filled region under a temporary name, which the caller gives its final one, or removes. Names that begin with a
// dot are no valid regions, so nobody opens it by chance.
inline Failure make_temporary(const Place& place, const Creation& creation, PathBuffer& path) {
  char suffix[24];
  Text nonce(suffix);
  nonce << '.' << random_nonce();
  if (!path.set(place, ".", nonce.view())) return {Fault::invalid_option, 0};
  const int fd = sys::open(path.text, sys::kCreate | sys::kExclusive | sys::kReadWrite | sys::kCloseOnExec, 0600);
  if (fd < 0) return open_failure(-fd);
  const std::uint64_t bytes = region_bytes_for(creation.slots);
  Failure failure;
  // fchmod, because the mode given to open() is subject to the umask. fallocate, because a hole in a full tmpfs would
  // be a SIGBUS at the first beat instead of an error here.
  if (const int error = sys::set_mode(fd, creation.mode); error < 0) failure = {Fault::system, -error};
  if (!failure) {
    if (const int error = sys::allocate(fd, static_cast<std::int64_t>(bytes)); error < 0) {
      failure = error == -sys::kNotSupported ? Failure{Fault::not_tmpfs, -error} : open_failure(-error);
    }
  }
  if (!failure) {
    void* memory = sys::map(nullptr, sizeof(Header), sys::kProtRead | sys::kProtWrite, sys::kMapShared, fd);
    if (sys::failed(memory)) {
      failure = open_failure(sys::error_of(memory));
    } else {
      fill_header(*static_cast<Header*>(memory), creation.slots);
      sys::unmap(memory, sizeof(Header));
    }
  }
  std::uint64_t ignored = 0;
  if (!failure) failure = check_file(fd, place, Access::write, sys::effective_user(), ignored);
  sys::close(fd);
  if (failure) sys::unlink(path.text);
  return failure;
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

// The caller holds the claim byte of the unusable file `fd`, so no two replace it; a claimant of the old layout that
// waits for that byte finds, once it has it, that the name has moved on (is_still_at), as claim.hpp does.
inline Failure replace_unusable(int fd, const char* path, const Place& place, const Creation& creation) {
  const Lock held = query_any_slot(fd);
  if (held == Lock::unsupported) return {Fault::locks_unsupported, 0};
  if (held == Lock::held) return {Fault::in_use, 0};
  PathBuffer temporary;
  if (const Failure failure = make_temporary(place, creation, temporary)) return failure;
  if (const int error = sys::rename(temporary.text, path); error < 0) {
    sys::unlink(temporary.text);
    return {Fault::system, -error};
  }
  return {};
}

}  // namespace detail

namespace detail {
// Unlocks first: a child that another thread forks at this moment has a copy of the descriptor.
inline void close_claimed(int fd) {
  unlock(fd, kClaimByte);
  sys::close(fd);
}
}  // namespace detail

// Opens the region for writing. With a `creation`, makes it if there is none, and replaces it if it is unusable and
// unheld; without, these are failures. `user` is whose region is believed: the caller's own, but for a root that acts
// for its workers. Returns with the claim byte held: the caller unlocks it.
inline Failure open_for_claim(const Place& place, const Creation* creation, std::uint32_t user, Region& out,
                              std::uint64_t wait_ns = detail::kClaimWaitNs) {
  if (!is_valid_name(place.region)) return {Fault::invalid_name, 0};
  if (creation != nullptr && (creation->slots == 0 || creation->slots > kMaxSlots)) return {Fault::invalid_option, 0};
  PathBuffer path;
  if (!path.set(place)) return {Fault::invalid_option, 0};
  // Each turn either ends or finds that somebody else has changed what the name refers to.
  for (int turn = 0; turn < 64; ++turn) {
    // Without O_CREAT: fs.protected_regular refuses even root an O_CREAT open of another user's file in /dev/shm.
    const int fd = open_existing(path.text, Access::write);
    if (fd == -sys::kNoEntry && creation != nullptr) {
      PathBuffer temporary;
      if (const Failure failure = detail::make_temporary(place, *creation, temporary)) return failure;
      const int linked = sys::link(temporary.text, path.text);
      sys::unlink(temporary.text);
      if (linked < 0 && linked != -sys::kExists) return detail::open_failure(-linked);
      continue;
    }
    if (fd < 0) return detail::open_failure(-fd);
    Failure failure = lock_within(fd, kClaimByte, wait_ns);
    if (failure) {
      sys::close(fd);
      if (failure.fault == Fault::name_taken) failure.fault = Fault::claim_busy;
      return failure;
    }
    if (!detail::is_still_at(fd, path.text)) {
      detail::close_claimed(fd);
      continue;
    }
    failure = map_region(fd, place, Access::write, user, out);
    if (!failure) return {};
    const bool replaceable = creation != nullptr && detail::may_be_replaced(failure.fault);
    if (replaceable) failure = detail::replace_unusable(fd, path.text, place, *creation);
    detail::close_claimed(fd);
    if (failure) return failure;
  }
  return {Fault::claim_busy, 0};
}

}  // namespace shm_liveness
