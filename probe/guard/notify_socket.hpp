// The socket behind NOTIFY_SOCKET. Abstract, unless a path was asked for: it needs no place in a file system that may
// be read-only, and nothing of it is left behind. A command in a network namespace of its own finds a path only.
//
// Abstract names are seen by all containers of a pod, so anybody may send: who did is for notify_sender.hpp, and what
// came along for notify_taker.hpp. A datagram is read where it lies in the queue, and taken off it afterwards: a sender
// that waits for its descriptor (BARRIER=1) may be gone a moment later, and could not be asked for its parents any
// more.
#pragma once

#include "../../native/shm_liveness/create.hpp"
#include "log.hpp"
#include "loop.hpp"
#include "notify_sender.hpp"
#include "notify_taker.hpp"
#include "service.hpp"

namespace shm_liveness::guard {

class NotifySocket {
 public:
  NotifySocket(Loop& loop, Service& service, const Kin& kin) : loop_(loop), service_(service), senders_(kin) {}

  // An empty path: an abstract name. -errno, or 0.
  int open(std::string_view path) {
    is_path_ = !path.empty();
    Text name(name_);
    if (is_path_) {
      name << path;
    } else {
      name << "@shm-liveness/" << shm_liveness::detail::random_nonce();
    }
    name.c_str();
    const int fd = os::make_socket(os::kUnix, os::kDatagram);
    if (fd < 0) return fd;
    int error = bind(fd);
    if (error >= 0) error = os::set_option(fd, os::kSocketLevel, os::kPassCredentials, 1);
    if (error >= 0) error = os::set_option(fd, os::kSocketLevel, os::kReceiveBuffer, 1 << 20);
    source_ = {fd, [](void* self, std::uint32_t) { static_cast<NotifySocket*>(self)->receive(); }, this, 0};
    if (error >= 0) error = loop_.add(source_, os::kReadable);
    timer_ = {os::monotonic_timer(), [](void* self, std::uint32_t) { static_cast<NotifySocket*>(self)->expire(); },
              this, 0};
    if (error >= 0) error = timer_.fd < 0 ? timer_.fd : loop_.add(timer_, os::kReadable);
    return error;
  }
  // As NOTIFY_SOCKET has it: a leading @ stands for the NUL of an abstract name.
  std::string_view name() const { return name_; }

  // Takes its file away, unless that is another's by now.
  void remove_file() {
    sys::FileStatus status{};
    if (is_path_ && inode_ != 0 && status_of_file(status) && status.stx_ino == inode_) sys::unlink(name_);
    inode_ = 0;
  }

  // The command has ended: its last words count. No longer than some 20 ms: a taker may be held up.
  void receive_rest() {
    for (int i = 0; i < 20; ++i) {
      receive();
      if (!takers_.is_taking()) return;
      sys::sleep_ns(1'000'000);
      go_on_if_taken();
    }
  }

  // The guard has reaped a process.
  void reaped(int pid) {
    if (!takers_.reaped(pid)) return senders_.reaped(static_cast<std::uint32_t>(pid));
    go_on_if_taken();
    // Killed before it took anything (the guard kills its descendants, and the kernel for want of memory).
    if (takers_.is_taking() && !takers_.is_current_alive()) takers_.forget_current();
    if (!takers_.is_taking()) go_on();
  }

 private:
  static constexpr int kDatagramsPerTurn = 64;
  static constexpr std::size_t kMostBytes = 4096;  // as systemd
  static constexpr std::uint64_t kPatienceNs = 20'000'000;

  int bind(int fd) {
    os::UnixAddress address{os::kUnix, {}};
    const std::string_view name = name_;
    for (std::size_t i = 0; i < name.size(); ++i) address.path[i] = name[i];
    if (!is_path_) address.path[0] = '\0';
    const auto bytes = static_cast<std::uint32_t>(sizeof address.family + name.size());
    if (!is_path_) return os::bind(fd, &address, bytes);
    // The command may run as another user than the guard.
    const unsigned mask = os::set_creation_mask(0);
    int error = os::bind(fd, &address, bytes);
    if (error == -os::kAddressInUse) {
      error = remove_stale(address, bytes);
      if (error >= 0) error = os::bind(fd, &address, bytes);
    }
    os::set_creation_mask(mask);
    sys::FileStatus status{};
    if (error >= 0 && status_of_file(status)) inode_ = status.stx_ino;
    return error;
  }

  // Of a guard that was killed. -errno: it is another file, or somebody listens there.
  int remove_stale(const os::UnixAddress& address, std::uint32_t bytes) const {
    constexpr unsigned kTypeMask = 0170000, kSocket = 0140000;
    sys::FileStatus status{};
    if (!status_of_file(status)) return -sys::kAccess;
    if ((status.stx_mode & kTypeMask) != kSocket) return -sys::kExists;
    const int fd = os::make_socket(os::kUnix, os::kDatagram);
    if (fd < 0) return fd;
    const int answer = os::connect(fd, &address, bytes);
    sys::close(fd);
    return answer == -os::kRefused ? sys::unlink(name_) : -os::kAddressInUse;
  }
  bool status_of_file(sys::FileStatus& status) const {
    return sys::status(name_, sys::kAtSymlinkNoFollow, STATX_TYPE | STATX_INO, status) >= 0;
  }

  // A bounded number of datagrams.
  void receive() {
    for (int i = 0; i < kDatagramsPerTurn && receive_one(); ++i) {
    }
  }

  bool receive_one() {
    if (takers_.is_taking()) return false;
    if (!is_head_heard_ && !hear_head()) return false;
    is_head_heard_ = true;
    if (!head_carries_) {
      os::MessageHeader nothing{nullptr, 0, nullptr, 0, nullptr, 0, 0};
      os::receive(source_.fd, nothing, os::kDontWait);
      is_head_heard_ = false;
      return true;
    }
    const bool has_started = takers_.start(source_.fd);
    if (!has_started && !is_waiting_said_) Line() << "a notification with descriptors waits: no process can take it";
    is_waiting_said_ = !has_started;
    loop_.wait_for(source_, 0);  // the datagram stays readable until the taker has it
    os::set_timer_at(timer_.fd, monotonic_ns() + kPatienceNs);
    return false;
  }

  // What is at the head of the queue, and stays there. False: nothing.
  bool hear_head() {
    char text[kMostBytes];
    // Room for the credentials and for nothing behind them: no descriptor gets a number, and that there were some is
    // said by MSG_CTRUNC.
    alignas(8) char control[sizeof(os::ControlHeader) + (sizeof(os::Credentials) + 7) / 8 * 8];
    os::Chunk chunk{text, sizeof text};
    os::MessageHeader message{nullptr, 0, &chunk, 1, control, sizeof control, 0};
    const auto look = [&] { return os::receive(source_.fd, message, os::kPeek | os::kDontWait); };
    long got = look();
    if (got < 0 && senders_.drained()) got = look();
    if (got < 0) return false;
    head_carries_ = (message.flags & os::kControlTruncated) != 0;
    sender_ = sender_of(message);
    if ((message.flags & os::kTruncated) != 0) {
      refuse("it is longer than 4096 bytes");
    } else {
      hear({text, static_cast<std::size_t>(got)});
    }
    return true;
  }

  void hear(std::string_view text) {
    const Sender sender = senders_.identify(sender_, source_.fd, head_carries_);
    if (sender == Sender::stranger) return refuse("its sender is not a descendant of the guard");
    if (sender == Sender::unknown) return refuse("its sender has gone, and nothing shows whose it was");
    Notification said;
    const char* const problem = parse_notification(text, said, [&](const char* why) { skip(why); });
    if (problem != nullptr) return refuse(problem);
    if (sender == Sender::likely && (said.trigger || said.has_watchdog_usec)) {
      skip("WATCHDOG=trigger and WATCHDOG_USEC need a sender that is still there");
      said.trigger = said.has_watchdog_usec = false;
    }
    if (said.main_pid != 0 && !senders_.is_living_descendant(said.main_pid)) {
      skip("MAINPID is not a living descendant of the guard");
      said.main_pid = 0;
    }
    service_.hear(said);
    if (sender == Sender::descendant) senders_.heard(said.ready);
  }

  // Its pid, as this PID namespace has it; 0: it does not.
  static std::uint32_t sender_of(const os::MessageHeader& message) {
    os::Credentials credentials{};
    detail::for_each_control(message, [&](int type, const char* data, std::size_t bytes) {
      if (type == os::kCredentials && bytes >= sizeof credentials) {
        __builtin_memcpy(&credentials, data, sizeof credentials);
      }
    });
    return credentials.pid;
  }

  void go_on_if_taken() {
    if (!takers_.has_taken()) return;
    takers_.forget_current();
    is_head_heard_ = false;
  }
  // Also where the queue is empty: that must be seen (Senders::drained()).
  void go_on() {
    loop_.wait_for(source_, os::kReadable);
    receive();
  }

  // Takers are late, or there was no room for one.
  void expire() {
    go_on_if_taken();
    os::set_timer_at(timer_.fd, takers_.kill_late() ? monotonic_ns() + kPatienceNs : 0);
    if (!takers_.is_taking()) go_on();  // last: it may set the timer
  }

  void refuse(const char* problem) { complain(" refused: ", problem); }
  void skip(const char* problem) { complain(": skipped a variable: ", problem); }
  // The first few, then ever fewer: a flood is no reason to fill the log.
  void complain(const char* what, const char* problem) {
    ++complaints_;
    if (complaints_ > 8 && (complaints_ & (complaints_ - 1)) != 0) return;
    Line line;
    line << "notification of pid " << sender_ << what << problem;
    if (complaints_ > 8) line << " (" << complaints_ << " refused so far)";
  }

  Loop& loop_;
  Service& service_;
  Takers takers_;
  Senders senders_;
  Source source_;
  Source timer_;
  std::uint32_t sender_ = 0;    // of the datagram at the head
  bool is_head_heard_ = false;  // and still to be taken off
  bool head_carries_ = false;   // descriptors
  bool is_waiting_said_ = false;
  bool is_path_ = false;
  std::uint64_t inode_ = 0;  // of its file; 0: none
  char name_[sizeof os::UnixAddress::path] = {};
  std::uint64_t complaints_ = 0;
};

}  // namespace shm_liveness::guard
