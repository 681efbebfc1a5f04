// What a guard is made of.
#pragma once

#include "command.hpp"
#include "marks.hpp"
#include "notify_socket.hpp"
#include "outcome.hpp"
#include "progress.hpp"
#include "server.hpp"
#include "steps.hpp"

namespace shm_liveness::guard {

inline constexpr std::size_t kMostVariables = 65536;  // of a command with --notify

// Large memory: one object in .bss, resident only as far as it is used.
struct Rooms {
  WatchRoom watch;
  ServerRoom server;
  Steps steps;
  char steps_text[kMostStepBytes + 1];  // one more, to tell a file that is too long
  char arena[6 * kMostStepBytes];       // an empty word takes 3 bytes in the file and 16 here
  char* environment[kMostVariables + 1];
  char variables[2][128];
  char watchdog_pid[kWatchdogPidBytes];
  char nonce[kMostNonceBytes + 1];
};

// How long a guard that watches waits for another claim: it must not leave its watch for one that is stopped in its
// midst. At its start it has nothing to watch, and waits as workers do.
inline constexpr std::uint64_t kShortWaitNs = 50'000'000;

struct Parts {
  Parts(const program::Start& start_, const Options& options_, Rooms& rooms_)
      : start(start_),
        options(options_),
        rooms(rooms_),
        watch(options_.watched, options_.interval_ns, start_.user,
              options_.command != nullptr || options_.steps != nullptr, options_.watcher, rooms_.watch) {}

  const program::Start& start;
  const Options& options;
  Rooms& rooms;
  Kin kin;
  Loop loop;
  Watch watch;
  Stamp stamp;
  Service service{stamp};
  NotifySocket notify{loop, service, kin};
  Progress progress{stamp};
  Output output[2];
  Marks marks;
  Counts counts;
  Server server{loop, watch, counts, rooms.server};
  char* const* environment = nullptr;  // the command's
  os::DescriptorLimit descriptors;     // the command's
  bool is_one_stream = false;          // the command's two go through output[0]

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
  std::uint64_t received_of_command() const {
    return output[0].received_of_command() + output[1].received_of_command();
  }

  // Whose region it is, for a guard that acts for them: --owner's, or as root whoever made it (a worker that dropped
  // its rights). Nobody else's: what another user put there is not written to.
  std::uint32_t owner_of(const Place& region) const {
    if (options.owner_user != kCaller || start.user != 0) return options.owner_user;
    PathBuffer path;
    sys::FileStatus status{};
    if (!path.set(region) || sys::status(path.text, sys::kAtSymlinkNoFollow, STATX_UID, status) < 0) return kCaller;
    return status.stx_uid;
  }

  // Claims the slot that the guard stamps for its command.
  Failure claim(std::uint64_t wait_ns) {
    if (options.owner_user != kCaller) {
      const Failure failure = make_region(place(), {}, options.owner_user, options.owner_group);
      if (failure) return failure;
    }
    const bool watchdog = !options.notify || options.stamp_max_age_ns != 0;
    return stamp.claim({.place = place(),
                        .name = options.name,
                        .max_age_ns = watchdog ? silence_ns() : kMaxDurationNs,
                        .wait_ns = wait_ns,
                        .user = options.owner_user});
  }
  // While the command runs: without a slot that readers find, a stall of the command would not be seen. Its region may
  // be removed or cut short, and a claim may fail (no room, another one that does not finish): then it is tried again.
  void keep_claim() {
    if (!options.stamps() || stamp.is_at(place())) return;
    if (stamp.is_held()) {
      Line line;
      (line << "the region ").printable(place().region) << " was removed or cut short; claiming anew";
    }
    const Failure failure = claim(kShortWaitNs);
    if (!failure) {
      if (is_without_claim_) Line() << "stamps for its command again";
    } else if (!is_without_claim_) {
      Line line;
      (line << "cannot stamp for its command: region ").printable(place().region)
          << ": " << sentence_of(failure.fault) << " [" << code_of(failure.fault) << "]; trying again";
    }
    is_without_claim_ = static_cast<bool>(failure);
  }
  // Tells all readers that the command's workers, dead or about to be, are restarted and may take `budget_ns` to come
  // back. A region that is not there yet needs no word.
  void mark_restart(std::uint64_t budget_ns) {
    for (std::size_t r = 0; r < options.watched.region_count; ++r) {
      const Place& region = options.watched.places[r];
      const Failure failure = mark_restarts(
          region, budget_ns, owner_of(region), kShortWaitNs,
          [&](std::uint32_t slot, std::uint64_t incarnation) { return watch.is_own_claim(r, slot, incarnation); });
      if (!failure || failure.fault == Fault::missing) continue;
      Line line;
      (line << "cannot mark a restart: region ").printable(region.region)
          << ": " << sentence_of(failure.fault) << " [" << code_of(failure.fault) << ']';
    }
  }

 private:
  bool is_without_claim_ = false;
};

}  // namespace shm_liveness::guard
