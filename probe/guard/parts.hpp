// What a guard is made of, and how it is made ready before its command starts.
#pragma once

#include "command.hpp"
#include "marks.hpp"
#include "notify_socket.hpp"
#include "outcome.hpp"
#include "progress.hpp"
#include "server.hpp"
#include "steps.hpp"

namespace shm_liveness::guard {

// Large memory: one object in .bss, resident only as far as it is used.
struct Rooms {
  WatchRoom watch;
  Steps steps;
  char steps_text[kMostStepBytes];
  char arena[4 * kMostStepBytes];
  char* environment[detail::kMostVariables + 1];
  char variables[2][96];
  char nonce[24];
};

struct Parts {
  Parts(const program::Start& start_, const Options& options_, Rooms& rooms_)
      : start(start_),
        options(options_),
        rooms(rooms_),
        watch(options_.watched, options_.interval_ns, start_.user, rooms_.watch) {}

  const program::Start& start;
  const Options& options;
  Rooms& rooms;
  Loop loop;
  Watch watch;
  Stamp stamp;
  Service service{stamp};
  NotifySocket notify{loop, service};
  Progress progress{stamp};
  Output output[2];
  Marks marks;
  Counts counts;
  Server server{loop, watch, counts};
  char* const* environment = nullptr;  // the command's

  bool has_steps() const { return options.steps != nullptr; }
  bool has_command() const { return options.command != nullptr || has_steps(); }
  bool passes_output() const { return has_steps() || (options.progress & kOutput) != 0; }
  const Place& place() const { return options.watched.places[0]; }
  std::uint64_t silence_ns() const {
    return options.stamp_max_age_ns != 0 ? options.stamp_max_age_ns : kDefaultSilenceNs;
  }
  std::uint64_t restart_budget_ns() const {
    return options.restart_budget_ns != 0 ? options.restart_budget_ns : options.watched.policy.startup_grace_ns;
  }
  std::uint64_t received() const { return output[0].received() + output[1].received(); }

  // Claims the slot that the guard stamps for its command.
  Failure claim() {
    const bool watchdog = !options.notify || options.stamp_max_age_ns != 0;
    return stamp.claim({.place = place(),
                        .name = options.name,
                        .max_age_ns = watchdog ? silence_ns() : kMaxDurationNs,
                        .user = options.owner_user});
  }
  // Says to all readers of all regions that what is gone is gone, and may take `budget_ns` to come back. A region that
  // is not there yet needs no word.
  void mark_restart(std::uint64_t budget_ns) {
    for (std::size_t r = 0; r < options.watched.region_count; ++r) {
      const Place& region = options.watched.places[r];
      const Failure failure = shm_liveness::mark_restart(region, budget_ns, options.owner_user);
      if (!failure || failure.fault == Fault::missing) continue;
      Line line;
      (line << "cannot mark a restart: region ").printable(region.region)
          << ' ' << sentence_of(failure.fault) << " [" << code_of(failure.fault) << ']';
    }
  }
};

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
  if (fd < 0) {
    say_error(why << ": ", -fd);
    return obstacle(Exit::usage, "--steps ", path, why.view());
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
  } else if (size == sizeof rooms.steps_text) {
    why << ": longer than 256 KiB";
  } else {
    Arena arena(rooms.arena, sizeof rooms.arena);
    why << ", ";
    if (parse_steps({rooms.steps_text, size}, parts.silence_ns(), arena, rooms.steps, why)) return {};
  }
  return obstacle(Exit::usage, "--steps ", path, why.view());
}

// The command's environment: the guard's own, with what systemd would say to a service.
inline void compose_environment(Parts& parts) {
  parts.environment = parts.start.environment;
  if (!parts.options.notify) return;
  Rooms& rooms = parts.rooms;
  std::size_t n = 0;
  for (char** entry = parts.start.environment; *entry != nullptr && n + 3 < kMostVariables; ++entry) {
    const std::string_view text(*entry);
    if (text.starts_with("NOTIFY_SOCKET=") || text.starts_with("WATCHDOG_USEC=") || text.starts_with("WATCHDOG_PID="))
      continue;
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
  }
  rooms.environment[n] = nullptr;
  parts.environment = rooms.environment;
}

inline Obstacle open_outputs(Parts& parts) {
  // Steps have one stream: two would reach the log in an order that nobody can tell.
  const int count = parts.has_steps() ? 1 : 2;
  for (int i = 0; i < count; ++i) {
    const int error = parts.output[i].open(parts.loop, os::kStandardOutput + i, parts.has_steps());
    if (error < 0) return system_obstacle("cannot pass the output on", error);
  }
  if (!parts.has_steps()) return {};
  std::string_view nonce = parts.options.nonce;
  if (nonce.empty()) {
    Text text(parts.rooms.nonce);
    text << shm_liveness::detail::random_nonce();
    nonce = text.view();
  }
  parts.marks.open(parts.output[0], nonce);
  return {};
}

}  // namespace detail

// In an order in which nothing is visible of a guard that will not guard: files first, the region, the sockets last.
inline Obstacle prepare(Parts& parts) {
  const Options& options = parts.options;
  if (const int error = parts.loop.open(); error < 0) return detail::system_obstacle("cannot wait for events", error);
  if (parts.has_steps()) {
    if (const Obstacle obstacle = detail::read_steps(parts); obstacle.status >= 0) return obstacle;
  }
  if (options.owner_user != kCaller) {
    for (std::size_t r = 0; r < options.watched.region_count; ++r) {
      const Place& place = options.watched.places[r];
      const Failure failure = make_region(place, {}, options.owner_user, options.owner_group);
      if (failure) return detail::region_obstacle(place, failure);
    }
  }
  if (parts.has_command()) parts.mark_restart(0);
  if (options.stamps()) {
    if (const Failure failure = parts.claim()) return detail::region_obstacle(parts.place(), failure);
  }
  if (options.notify) {
    if (const int error = parts.notify.open(); error < 0)
      return detail::system_obstacle("cannot open a notification socket", error);
  }
  detail::compose_environment(parts);
  if (parts.passes_output()) {
    if (const Obstacle obstacle = detail::open_outputs(parts); obstacle.status >= 0) return obstacle;
  }
  if (options.listens) {
    if (const int error = parts.server.open(options.listen); error < 0)
      return detail::system_obstacle("cannot listen where --listen says", error);
  }
  return {};
}

}  // namespace shm_liveness::guard
