// `shm-guard notify`: a shell script's way to beat. Speaks sd_notify(3), to the guard or to systemd, and waits until it
// was heard (BARRIER=1), because a sender that is gone cannot be told from a stranger.
#pragma once

#include "../../native/shm_liveness/clock.hpp"
#include "../../native/shm_liveness/name.hpp"
#include "command.hpp"
#include "log.hpp"
#include "notification.hpp"

namespace shm_liveness::guard {

inline constexpr char kNotifyHelp[] =
    "usage: shm-guard notify FLAGS\n"
    "Tells the guard (or systemd) behind $NOTIFY_SOCKET how this script is.\n\n"
    "  --ready            started, and ready\n"
    "  --not-ready        alive, but not ready\n"
    "  --beat             still alive\n"
    "  --phase NAME       begins a phase, with a --budget in place of max age\n"
    "  --budget DUR       how long the phase may be silent\n"
    "  --end-phase        ends it\n"
    "  --status TEXT      in words\n"
    "  --stopping         about to end\n"
    "  --help             print this\n\n"
    "Exits 0 heard, 1 not heard within 5s, 2 usage, 3 no NOTIFY_SOCKET or nobody behind it.\n";

namespace detail {

inline constexpr int kHeard = 0, kUnheard = 1, kUsage = 2, kNobody = 3;

struct NotifySwitch {
  const char* flag;
  const char* text;
};
inline constexpr NotifySwitch kNotifySwitches[] = {{"--ready", "READY=1\n"},
                                                   {"--not-ready", "X_SHM_LIVENESS_READY=0\n"},
                                                   {"--beat", "WATCHDOG=1\nX_SHM_LIVENESS_BEAT=1\n"},
                                                   {"--end-phase", "X_SHM_LIVENESS_END_PHASE=1\n"},
                                                   {"--stopping", "STOPPING=1\n"}};

inline int complain_of(std::string_view what, std::string_view value) {
  Line line;
  (line << "notify: " << what).printable(value);
  return kUsage;
}

// A value may hold no line end: it would be another variable.
inline bool is_one_line(std::string_view value) { return value.find('\n') == std::string_view::npos; }

// Composes the datagram; kHeard, or kUsage.
inline int compose(int argc, char* const* argv, Text& out) {
  bool phase = false;
  bool budget = false;
  for (int i = 2; i < argc; ++i) {
    const std::string_view flag(argv[i]);
    bool known = false;
    for (const NotifySwitch& entry : kNotifySwitches) {
      if (flag == entry.flag) {
        out << entry.text;
        known = true;
      }
    }
    if (known) continue;
    if (flag != "--phase" && flag != "--budget" && flag != "--status") return complain_of("unknown argument ", flag);
    const std::string_view value = i + 1 < argc ? argv[++i] : "";
    if (value.empty() || !is_one_line(value)) return complain_of("needs a value of one line: ", flag);
    if (flag == "--status") {
      out << "STATUS=" << value << '\n';
    } else if (flag == "--phase") {
      if (value.size() >= kNameBytes) return complain_of("a phase has up to 63 bytes, not ", value);
      phase = true;
      out << kPhaseVariable << '=' << value << '\n';
    } else {
      std::uint64_t ns = 0;
      if (!parse_duration(value, ns) || ns < 1000) return complain_of("--budget is no duration (say 30s): ", value);
      budget = true;
      out << kBudgetVariable << '=' << ns / 1000 << '\n';
    }
  }
  if (phase != budget) return complain_of("--phase and --budget come together", {});
  if (out.size() == 0) return complain_of("nothing to say; see --help", {});
  if (out.overflowed()) return complain_of("longer than 4096 bytes", {});
  return kHeard;
}

inline int connect_to(std::string_view name) {
  os::UnixAddress address{os::kUnix, {}};
  if (name.size() < 2 || (name[0] != '/' && name[0] != '@') || name.size() >= sizeof address.path)
    return -sys::kInvalid;
  for (std::size_t i = 0; i < name.size(); ++i) address.path[i] = name[i];
  if (name[0] == '@') address.path[0] = '\0';
  const int fd = os::make_socket(os::kUnix, os::kDatagram);
  if (fd < 0) return fd;
  const int error = os::connect(fd, &address, static_cast<std::uint32_t>(sizeof address.family + name.size()));
  return error < 0 ? error : fd;
}

// Waits for room, up to the deadline: a full queue is a guard that is behind.
inline long send_within(int fd, const os::MessageHeader& message, std::uint64_t deadline_ns) {
  for (;;) {
    const long sent = os::send(fd, message, os::kNoSignal);
    if (sent != -sys::kTryAgain || monotonic_ns() >= deadline_ns) return sent;
    sys::sleep_ns(2'000'000);
  }
}

// sd_notify_barrier(3): the far side closes what we send along once it has read everything before.
inline int wait_until_heard(int fd, std::uint64_t deadline_ns) {
  int ends[2];
  if (os::make_pipe(ends) < 0) return kUnheard;
  struct {
    os::ControlHeader header;
    int fd;
    int padding;
  } control{{sizeof(os::ControlHeader) + sizeof(int), os::kSocketLevel, os::kRights}, ends[1], 0};
  char text[] = "BARRIER=1";
  os::Chunk chunk{text, sizeof text - 1};
  const os::MessageHeader message{nullptr, 0, &chunk, 1, &control, sizeof control, 0};
  if (send_within(fd, message, deadline_ns) < 0) return kUnheard;
  sys::close(ends[1]);
  for (std::uint64_t now; (now = monotonic_ns()) < deadline_ns;) {
    os::PollEntry entry{ends[0], 0, 0};
    if (os::poll(&entry, 1, static_cast<int>((deadline_ns - now) / 1'000'000) + 1) == 1) return kHeard;
  }
  return kUnheard;
}

}  // namespace detail

// Returns the exit status.
inline int run_notify(const program::Start& start) {
  constexpr std::uint64_t kWaitNs = 5'000'000'000;
  for (int i = 2; i < start.argc; ++i) {
    if (std::string_view(start.argv[i]) != "--help") continue;
    program::write_all(os::kStandardOutput, kNotifyHelp);
    return detail::kHeard;
  }
  char text[4096];
  Text datagram(text);
  if (const int status = detail::compose(start.argc, start.argv, datagram); status != detail::kHeard) return status;
  const std::string_view name = detail::variable(start.environment, "NOTIFY_SOCKET");
  if (name.empty()) {
    Line() << "notify: NOTIFY_SOCKET is not set; run under shm-guard --notify";
    return detail::kNobody;
  }
  const int fd = detail::connect_to(name);
  if (fd < 0) {
    Line line;
    (line << "notify: nobody behind NOTIFY_SOCKET ").printable(name) << ": ";
    line.error(-fd);
    return detail::kNobody;
  }
  const std::uint64_t deadline_ns = monotonic_ns() + kWaitNs;
  os::Chunk chunk{text, datagram.size()};
  const os::MessageHeader message{nullptr, 0, &chunk, 1, nullptr, 0, 0};
  if (const long sent = detail::send_within(fd, message, deadline_ns); sent < 0) {
    Line line;
    line << "notify: not heard within 5s: ";
    line.error(static_cast<int>(-sent));
    return detail::kUnheard;
  }
  const int status = detail::wait_until_heard(fd, deadline_ns);
  if (status != detail::kHeard) Line() << "notify: not heard within 5s";
  return status;
}

}  // namespace shm_liveness::guard
