// How a guard is made ready before its command starts, and what may keep it from that. All of it happens once, before
// the loop: a slow disk delays the start, and no watch.
#pragma once

#include "parts.hpp"

namespace shm_liveness::guard {

// What keeps a guard from guarding: the exit status and the line for it. status < 0: nothing.
struct Obstacle {
  int status = -1;
  char text[512] = {};
};

namespace detail {

inline Obstacle obstacle(Exit status, std::string_view what, std::string_view of, std::string_view why) {
  Obstacle obstacle{static_cast<int>(status), {}};
  Text text(obstacle.text, sizeof obstacle.text - 1);
  text << what;
  text.printable(head(of, 200)) << why;
  return obstacle;
}
inline Obstacle region_obstacle(const Place& place, const Failure& failure) {
  char buffer[256];
  Text why(buffer);
  why << ' ' << sentence_of(failure.fault) << " [" << code_of(failure.fault) << ']';
  if (failure.error != 0) say_error(why << ", ", failure.error);
  return obstacle(Exit::unusable, "region ", place.region, why.view());
}
inline Obstacle system_obstacle(std::string_view what, int error) {
  char buffer[128];
  Text why(buffer);
  say_error(why << ": ", -error);
  return obstacle(Exit::unusable, what, {}, why.view());
}

inline Obstacle read_steps(Parts& parts) {
  Rooms& rooms = parts.rooms;
  const std::string_view path(parts.options.steps);
  const int fd = sys::open(parts.options.steps, sys::kReadOnly | sys::kCloseOnExec | sys::kNonBlock);
  char buffer[256];
  Text why(buffer);
  sys::FileStatus status{};
  const long error = fd < 0 ? fd : sys::status(fd, status);
  if (error < 0) {
    say_error(why << ": ", static_cast<int>(-error));
    return obstacle(Exit::usage, "--steps ", path, why.view());
  }
  if ((status.stx_mode & 0170000) != 0100000) {  // a pipe could keep the guard waiting
    sys::close(fd);
    const bool is_directory = (status.stx_mode & 0170000) == 0040000;
    return obstacle(Exit::usage, "--steps ", path, is_directory ? ": is a directory" : ": is no regular file");
  }
  std::size_t size = 0;
  long got = 0;
  while (size < sizeof rooms.steps_text &&
         (got = sys::read(fd, rooms.steps_text + size, sizeof rooms.steps_text - size)) > 0) {
    size += static_cast<std::size_t>(got);
  }
  sys::close(fd);
  if (got < 0) {
    say_error(why << ": ", static_cast<int>(-got));
  } else if (size > kMostStepBytes) {
    why << ": longer than 256 KiB";
  } else {
    Arena arena(rooms.arena, sizeof rooms.arena);
    why << ", ";
    if (parse_steps({rooms.steps_text, size}, parts.silence_ns(), arena, rooms.steps, why)) return {};
  }
  return obstacle(Exit::usage, "--steps ", path, why.view());
}

// The command's environment: the guard's own, with what systemd would say to a service.
inline Obstacle compose_environment(Parts& parts) {
  parts.environment = parts.start.environment;
  if (!parts.options.notify) return {};
  Rooms& rooms = parts.rooms;
  constexpr std::size_t kOurs = 3;
  std::size_t n = 0;
  for (char** entry = parts.start.environment; *entry != nullptr; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("NOTIFY_SOCKET=") || text.starts_with("WATCHDOG_USEC=") || text.starts_with("WATCHDOG_PID=")) {
      continue;
    }
    if (n + kOurs == kMostVariables) return obstacle(Exit::unusable, "the environment has too many variables", {}, "");
    rooms.environment[n++] = *entry;
  }
  Text socket(rooms.variables[0]);
  socket << "NOTIFY_SOCKET=" << parts.notify.name();
  socket.c_str();
  rooms.environment[n++] = rooms.variables[0];
  if (parts.options.stamp_max_age_ns != 0) {
    Text usec(rooms.variables[1]);
    usec << "WATCHDOG_USEC=" << parts.options.stamp_max_age_ns / 1000;
    usec.c_str();
    rooms.environment[n++] = rooms.variables[1];
    rooms.environment[n++] = rooms.watchdog_pid;
  }
  rooms.environment[n] = nullptr;
  parts.environment = rooms.environment;
  return {};
}

// A step that knows the nonce can forge marks, and every user may read /proc/<pid>/cmdline: so the nonce is wiped from
// there before the first step is started. Not by a variable: the kubelet's exec probes get the container's environment,
// and so a step would find it in theirs. Nor by a file: the step is the guard's user, and could read it, too.
inline std::string_view hide_nonce(Parts& parts) {
  os::make_undumpable();
  Text kept(parts.rooms.nonce);
  if (parts.options.nonce.empty()) {
    kept << shm_liveness::detail::random_nonce();
    return kept.view();
  }
  kept << parts.options.nonce;
  // Writable: the kernel made these bytes for this process.
  __builtin_memset(const_cast<char*>(parts.options.nonce.data()), '*', parts.options.nonce.size());
  return kept.view();
}

// Whether bytes written to either come out in one order: a pipe, a socket or a terminal is one by its inode. A regular
// file may be open twice, at two positions, unless both append.
inline bool are_one_stream(int a, int b) {
  sys::FileStatus of_a{};
  sys::FileStatus of_b{};
  if (sys::status(a, of_a) < 0 || sys::status(b, of_b) < 0) return false;
  const bool is_same = of_a.stx_ino == of_b.stx_ino && of_a.stx_dev_major == of_b.stx_dev_major &&
                       of_a.stx_dev_minor == of_b.stx_dev_minor;
  if (!is_same || (of_a.stx_mode & 0170000) != 0100000) return is_same;
  constexpr int kAppend = 02000;
  return (os::flags_of(a) & os::flags_of(b) & kAppend) != 0 || os::is_same_open_file(a, b);
}

inline Obstacle open_outputs(Parts& parts) {
  const std::string_view nonce = parts.has_steps() ? hide_nonce(parts) : std::string_view();
  // Two pipes would lose the order of what the command writes to one stream by two descriptors. Steps always have one
  // stream: two would reach the log in an order that nobody can tell.
  parts.is_one_stream = parts.has_steps() || are_one_stream(os::kStandardOutput, os::kStandardError);
  const int count = parts.is_one_stream ? 1 : 2;
  for (int i = 0; i < count; ++i) {
    const int error = parts.output[i].open(parts.loop, os::kStandardOutput + i, parts.has_steps());
    if (error < 0) return system_obstacle("cannot pass the output on", error);
  }
  if (!parts.has_steps()) return {};
  parts.marks.open(parts.output[0], nonce);
  return {};
}

}  // namespace detail

// A standard stream that is closed at the start would be the number of the next file that the guard opens, and the
// command's output would go there.
inline void fill_standard_streams() {
  for (int fd = 0; fd <= os::kStandardError; ++fd) {
    if (!os::is_open(fd)) sys::open("/dev/null", sys::kReadWrite);  // takes the lowest number that is free
  }
}

// The guard needs more descriptors with --listen than some soft limits allow. `before`: what the command gets back.
// Returns how many there may be.
inline std::uint64_t raise_descriptor_limit(os::DescriptorLimit& before) {
  constexpr std::uint64_t kEnough = 256;
  if (os::limit_descriptors(nullptr, &before) < 0) return kEnough;
  if (before.soft >= kEnough) return before.soft;
  const os::DescriptorLimit raised{before.hard < kEnough ? before.hard : kEnough, before.hard};
  return os::limit_descriptors(&raised, nullptr) < 0 ? before.soft : raised.soft;
}

// In an order in which nothing is visible of a guard that will not guard: files and sockets first, the region last.
inline Obstacle prepare(Parts& parts) {
  const Options& options = parts.options;
  const std::uint64_t descriptors = raise_descriptor_limit(parts.descriptors);
  Line::open();
  keep_reserve();
  if (parts.has_steps()) {
    if (const Obstacle obstacle = detail::read_steps(parts); obstacle.status >= 0) return obstacle;
  }
  if (options.listens) {
    if (const int error = parts.server.open(options.listen, descriptors); error < 0) {
      return detail::system_obstacle("cannot listen where --listen says", error);
    }
  }
  if (options.notify) {
    Stat stat;
    if (sys::process_id() != 1 && !read_stat(sys::process_id(), stat)) {
      return detail::obstacle(Exit::unusable, "--notify needs /proc, to tell the command's processes from others", {},
                              "");
    }
    if (const int error = parts.notify.open(options.notify_socket); error < 0) {
      return detail::system_obstacle("cannot open a notification socket", error);
    }
  }
  if (parts.passes_output()) {
    if (const Obstacle obstacle = detail::open_outputs(parts); obstacle.status >= 0) return obstacle;
  }
  parts.progress.watch_for(options.progress);
  if (const Obstacle obstacle = detail::compose_environment(parts); obstacle.status >= 0) return obstacle;
  if (options.owner_user != kCaller) {
    for (std::size_t r = 0; r < options.watched.region_count; ++r) {
      const Place& place = options.watched.places[r];
      const Failure failure = make_region(place, {}, options.owner_user, options.owner_group);
      if (failure) return detail::region_obstacle(place, failure);
    }
  }
  if (options.stamps()) {
    if (const Failure failure = parts.claim(shm_liveness::detail::kClaimWaitNs))
      return detail::region_obstacle(parts.place(), failure);
  }
  parts.watch.tick();  // or the first requests would be answered by what was there before
  return {};
}

}  // namespace shm_liveness::guard
