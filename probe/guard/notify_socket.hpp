// The socket behind NOTIFY_SOCKET. Abstract: it needs no place in a file system that may be read-only, and nothing of
// it is left behind. Abstract names are seen by all containers of a pod, so senders are known by what the kernel says
// of them (SCM_CREDENTIALS), and only the guard's descendants are heard.
#pragma once

#include "../../native/shm_liveness/create.hpp"
#include "log.hpp"
#include "loop.hpp"
#include "service.hpp"

namespace shm_liveness::guard {

// SCM_MAX_FD of the kernel.
inline constexpr std::size_t kMostDescriptors = 253;

class NotifySocket {
 public:
  NotifySocket(Loop& loop, Service& service) : loop_(loop), service_(service) {}

  // -errno, or 0.
  int open() {
    Text name(name_);
    name << "@shm-liveness/" << shm_liveness::detail::random_nonce();
    name.c_str();
    os::UnixAddress address{os::kUnix, {}};
    for (std::size_t i = 1; i < name.size(); ++i) address.path[i] = name_[i];
    const int fd = os::make_socket(os::kUnix, os::kDatagram);
    if (fd < 0) return fd;
    const std::uint32_t bytes = static_cast<std::uint32_t>(sizeof address.family + name.size());
    int error = os::bind(fd, &address, bytes);
    if (error >= 0) error = os::set_option(fd, os::kSocketLevel, os::kPassCredentials, 1);
    if (error >= 0) error = os::set_option(fd, os::kSocketLevel, os::kReceiveBuffer, 1 << 20);
    source_ = {fd, [](void* self, std::uint32_t) { static_cast<NotifySocket*>(self)->receive(); }, this, 0};
    if (error >= 0) error = loop_.add(source_, os::kReadable);
    return error;
  }
  // As NOTIFY_SOCKET has it: a leading @ stands for the NUL of an abstract name.
  std::string_view name() const { return name_; }

  // Takes what has come, a bounded amount of it. Also called when the command has ended: its last words count.
  void receive() {
    for (int i = 0; i < kDatagramsPerTurn && receive_one(); ++i) {
    }
  }

 private:
  static constexpr int kDatagramsPerTurn = 64;
  static constexpr std::size_t kMostBytes = 4096;  // as systemd

  bool receive_one() {
    char text[kMostBytes];
    alignas(8) char control[64 + sizeof(int) * kMostDescriptors + 64];
    os::Chunk chunk{text, sizeof text};
    os::MessageHeader message{nullptr, 0, &chunk, 1, control, sizeof control, 0};
    const long got = os::receive(source_.fd, message, os::kDontWait | os::kControlCloseOnExec);
    if (got < 0) return false;
    const std::uint32_t sender = sender_of(message);
    const char* problem = nullptr;
    if ((message.flags & os::kTruncated) != 0) {
      problem = "it is longer than 4096 bytes";
    } else if (!is_ours(sender)) {
      problem = "its sender is no descendant of the guard, or had gone before anybody could tell";
    } else {
      problem = hear({text, static_cast<std::size_t>(got)}, sender);
    }
    if (problem != nullptr) complain(sender, " refused: ", problem);
    // Last: whoever waits for the descriptor that it sent along (BARRIER=1) may be gone a moment later, and could not
    // be asked for its parents any more.
    close_descriptors(message);
    return true;
  }

  // Null, or why nothing of it counts.
  const char* hear(std::string_view text, std::uint32_t sender) {
    Notification said;
    const auto skip = [&](const char* why) { complain(sender, ": skipped a variable: ", why); };
    if (const char* const problem = parse_notification(text, said, skip)) return problem;
    if (said.main_pid != 0 && !is_living_descendant(said.main_pid)) {
      skip("MAINPID is not a living descendant of the guard");
      said.main_pid = 0;
    }
    service_.hear(said);
    return nullptr;
  }

  template <class Visit>
  static void for_each_control(const os::MessageHeader& message, Visit&& visit) {
    const auto* at = static_cast<const char*>(message.control);
    const char* const end = at + message.control_bytes;
    while (at + sizeof(os::ControlHeader) <= end) {
      os::ControlHeader header;
      __builtin_memcpy(&header, at, sizeof header);
      if (header.bytes < sizeof header || header.bytes > static_cast<std::size_t>(end - at)) return;
      if (header.level == os::kSocketLevel) visit(header.type, at + sizeof header, header.bytes - sizeof header);
      at += (header.bytes + 7) / 8 * 8;
    }
  }

  // Its pid, as this PID namespace has it; 0: it does not.
  static std::uint32_t sender_of(const os::MessageHeader& message) {
    os::Credentials credentials{};
    for_each_control(message, [&](int type, const char* data, std::size_t bytes) {
      if (type == os::kCredentials && bytes >= sizeof credentials) {
        __builtin_memcpy(&credentials, data, sizeof credentials);
      }
    });
    return credentials.pid;
  }

  // Every one that came along, with whatever message: a sender of BARRIER=1 waits for that, and a sender of anything
  // else shall not fill the guard's table.
  static void close_descriptors(const os::MessageHeader& message) {
    for_each_control(message, [&](int type, const char* data, std::size_t bytes) {
      for (std::size_t i = 0; type == os::kRights && i + sizeof(int) <= bytes; i += sizeof(int)) {
        int fd;
        __builtin_memcpy(&fd, data + i, sizeof fd);
        sys::close(fd);
      }
    });
  }

  bool is_ours(std::uint32_t sender) const {
    if (sender == 0) return false;
    const std::uint32_t guard = sys::process_id();
    if (is_descendant(sender, guard)) return true;
    // One that has ended cannot be asked for its parents. As PID 1 everything that this namespace numbers is below the
    // guard, but for what was exec'd into the container.
    Stat stat;
    return guard == 1 && !read_stat(sender, stat);
  }

  // A pid by which a program names one of its own.
  static bool is_living_descendant(std::uint32_t pid) {
    const std::uint32_t guard = sys::process_id();
    Stat stat;
    return pid != guard && read_stat(pid, stat) && !stat.is_exiting && is_descendant(pid, guard);
  }

  // The first few, then ever fewer: a flood is no reason to fill the log.
  void complain(std::uint32_t sender, const char* what, const char* problem) {
    ++complaints_;
    if (complaints_ > 8 && (complaints_ & (complaints_ - 1)) != 0) return;
    Line line;
    line << "notification of pid " << sender << what << problem;
    if (complaints_ > 8) line << " (" << complaints_ << " refused so far)";
  }

  Loop& loop_;
  Service& service_;
  Source source_;
  char name_[64] = {};
  std::uint64_t complaints_ = 0;
};

}  // namespace shm_liveness::guard
