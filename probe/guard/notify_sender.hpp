// Who sent a datagram: the guard hears its descendants and nobody else. What the kernel gives, and from when on:
//
//   SCM_CREDENTIALS   always      the sender's pid as the guard's PID namespace has it; 0 for another namespace. Only a
//                                 process with CAP_SYS_ADMIN over that namespace can name a pid that is not its own.
//   /proc/PID/stat    while the sender is there, also as a zombie: its parents, up to the guard or to another process.
//   wait4()           a pid that the guard itself reaps was its child, or an orphan of a descendant.
//   SCM_PIDFD         Linux 6.5, of a living sender. From 6.17 on also of one that has been reaped
//                     (unix_maybe_add_creds() registers each sender with pidfs; PIDFD_STALE).
//   PIDFD_GET_INFO    Linux 6.13. With PIDFD_INFO_EXIT, from 6.15 on, the cgroup of a process that has been reaped. Of
//                     its parents nothing is left.
//
// So of a sender that its own parent has reaped (a script's `program && …`) the kernel no longer tells from whom it
// descends. Two things must then be so, if it was a descendant: it was in the guard's cgroup (another container of the
// pod has another one; a process that was exec'd into this container has the same), and some descendant has reaped a
// child since the guard last looked: its count of the page faults of reaped children has grown, or the guard has reaped
// that descendant. A service that starts no processes cannot be spoken for by a stranger that is gone. Such a sender is
// `likely`, and not trusted with what ends the command. Where the guard is not PID 1, all others of the machine may be
// in its PID namespace: there the cgroup must be known.
#pragma once

#include "../../native/shm_liveness/clock.hpp"
#include "kin.hpp"

namespace shm_liveness::guard {

enum class Sender : std::uint8_t { stranger, unknown, likely, descendant };

namespace detail {

// Calls visit(type, data, bytes) for each control message of the socket level.
template <class Visit>
void for_each_control(const os::MessageHeader& message, Visit&& visit) {
  const auto* at = static_cast<const char*>(message.control);
  const char* const end = at + message.control_bytes;
  while (static_cast<std::size_t>(end - at) >= sizeof(os::ControlHeader)) {
    os::ControlHeader header;
    __builtin_memcpy(&header, at, sizeof header);
    if (header.bytes < sizeof header || header.bytes > static_cast<std::size_t>(end - at)) return;
    if (header.level == os::kSocketLevel) visit(header.type, at + sizeof header, header.bytes - sizeof header);
    const std::size_t padded = (header.bytes + 7) / 8 * 8;
    if (padded >= static_cast<std::size_t>(end - at)) return;
    at += padded;
  }
}

// 0: the kernel does not tell.
inline std::uint64_t cgroup_of(int pidfd, std::uint64_t what) {
  os::ProcessInfo info{what, 0, {}, 0};
  return os::ask_process(pidfd, info) >= 0 && (info.mask & os::kInfoCgroup) != 0 ? info.cgroup : 0;
}

// The cgroup of a sender that has been reaped, by the datagram at the head of `socket`, which must carry no
// descriptors: the kernel would put them where its word on the sender belongs. 0: it does not tell.
inline std::uint64_t cgroup_of_head(int socket) {
  if (os::set_option(socket, os::kSocketLevel, os::kPassProcess, 1) < 0) return 0;
  alignas(8) char control[64];
  os::MessageHeader message{nullptr, 0, nullptr, 0, control, sizeof control, 0};
  std::uint64_t cgroup = 0;
  if (os::receive(socket, message, os::kPeek | os::kDontWait) >= 0) {
    for_each_control(message, [&](int type, const char* data, std::size_t bytes) {
      int pidfd = -1;
      if (type == os::kProcess && bytes >= sizeof pidfd) __builtin_memcpy(&pidfd, data, sizeof pidfd);
      if (pidfd < 0) return;  // -errno: it has been reaped, and the kernel is older than 6.17
      cgroup = cgroup_of(pidfd, os::kInfoCgroup | os::kInfoExit);
      sys::close(pidfd);
    });
  }
  os::set_option(socket, os::kSocketLevel, os::kPassProcess, 0);
  return cgroup;
}

inline std::uint64_t own_cgroup() {
  const int pidfd = os::open_process(sys::process_id());
  if (pidfd < 0) return 0;
  const std::uint64_t cgroup = cgroup_of(pidfd, os::kInfoCgroup);
  sys::close(pidfd);
  return cgroup;
}

}  // namespace detail

class Senders {
 public:
  explicit Senders(const Kin& kin) : kin_(kin) {}

  // The guard has reaped a process.
  void reaped(std::uint32_t pid) { reaped_[reaped_count_++ % kRemembered] = {pid, monotonic_ns()}; }
  // A descendant was heard, `is_ready`: with READY=1. After a start descendants have reaped whomever they needed for
  // it, and later some now and then; that must not speak for a stranger that comes much later.
  void heard(bool is_ready) {
    const std::uint64_t now_ns = monotonic_ns();
    if (!is_ready && now_ns - looked_at_ns_ < kLookAfterNs) return;
    looked_at_ns_ = now_ns;
    must_look_ = true;
  }
  // The queue was empty. True: it must be looked at again, and what is in it then has come while descendants were
  // looked at: a sender of it may be among those that were reaped before.
  bool drained() {
    has_evidence_ = false;
    if (!must_look_) return false;
    must_look_ = false;
    has_reaped_since();
    return true;
  }

  // `socket`: the datagram is at its head. `carries`: with descriptors.
  Sender identify(std::uint32_t pid, int socket, bool carries) {
    if (pid == 0) return Sender::stranger;
    const std::uint32_t guard = sys::process_id();
    Stat stat;
    // Again, if it is none: an ancestor may have ended between two steps, and the orphan has another parent now.
    for (int i = 0; i < 3 && read_stat(pid, stat); ++i) {
      if (kin_.has(pid)) return Sender::descendant;
    }
    if (read_stat(pid, stat)) return Sender::stranger;
    // Without /proc. As PID 1 everything that this namespace numbers is below the guard, but for what was exec'd in.
    if (!read_stat(guard, stat)) return guard == 1 ? Sender::likely : Sender::unknown;
    if (was_reaped_here(pid)) return Sender::descendant;
    if (!has_reaped_since()) return Sender::unknown;
    const std::uint64_t cgroup = carries ? 0 : detail::cgroup_of_head(socket);
    if (cgroup == 0) return guard == 1 ? Sender::likely : Sender::unknown;
    return cgroup == detail::own_cgroup() ? Sender::likely : Sender::stranger;
  }

  // A pid by which a program names one of its own.
  bool is_living_descendant(std::uint32_t pid) const {
    Stat stat;
    return read_stat(pid, stat) && !stat.is_exiting && kin_.has(pid);
  }

 private:
  static constexpr std::size_t kRemembered = 256;
  // Numbers are used again, but not so soon: the kernel goes through all of them first.
  static constexpr std::uint64_t kRememberedNs = 10'000'000'000;
  static constexpr std::uint64_t kLookAfterNs = 5'000'000'000;
  struct Reaped {
    std::uint32_t pid = 0;
    std::uint64_t at_ns = 0;
  };

  bool was_reaped_here(std::uint32_t pid) const {
    for (const Reaped& reaped : reaped_) {
      if (reaped.pid == pid && monotonic_ns() - reaped.at_ns < kRememberedNs) return true;
    }
    return false;
  }

  // Whether some descendant has reaped a child since this was asked last. A child always had page faults; their sum
  // falls when a descendant that has reaped others is reaped itself. The answer holds for all that is in the queue: who
  // sends to an empty queue is reaped after the last question.
  bool has_reaped_since() {
    if (has_evidence_) return true;
    std::uint64_t faults = 0;
    for_each_descendant(sys::process_id(), [&](std::uint32_t, const Stat& stat) { faults += stat.reaped_faults; });
    has_evidence_ = faults != seen_faults_ || reaped_count_ != seen_count_;
    seen_faults_ = faults;
    seen_count_ = reaped_count_;
    return has_evidence_;
  }

  const Kin& kin_;
  Reaped reaped_[kRemembered] = {};
  std::uint64_t reaped_count_ = 0;
  std::uint64_t seen_count_ = 0;
  std::uint64_t seen_faults_ = 0;
  std::uint64_t looked_at_ns_ = 0;
  bool must_look_ = false;
  bool has_evidence_ = false;
};

}  // namespace shm_liveness::guard
