// What the tests on real regions share: a region's name of one's own, child processes, and one look at what is there.
#pragma once

#include <dirent.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <shm_liveness/heartbeat.hpp>
#include <shm_liveness/sentence.hpp>
#include <shm_liveness/supervise.hpp>
#include <string>
#include <vector>

namespace shm_liveness::real {

inline constexpr std::uint64_t kMs = 1'000'000;
inline constexpr std::uint64_t kSecond = 1'000 * kMs;
inline constexpr std::uint64_t kHour = 3'600 * kSecond;
// How long a test waits for a state before it fails. Long, because the machine may be busy with other work.
inline constexpr std::uint64_t kPatience = 60 * kSecond;

// Waits until is_so() holds; false: it never did.
template <class IsSo>
bool eventually(IsSo&& is_so) {
  const std::uint64_t end = monotonic_ns() + kPatience;
  for (; !is_so(); sys::sleep_ns(kMs)) {
    if (monotonic_ns() >= end) return false;
  }
  return true;
}

// The names in a directory that begin with `prefix`.
inline std::vector<std::string> files_with(const std::string& directory, const std::string& prefix) {
  std::vector<std::string> names;
  DIR* const opened = opendir(directory.c_str());
  if (opened == nullptr) return names;
  while (const dirent* entry = readdir(opened)) {
    if (std::string_view(entry->d_name).starts_with(prefix)) names.emplace_back(entry->d_name);
  }
  closedir(opened);
  return names;
}

// A name in /dev/shm that nobody else has, and that is gone again at the end of the test.
class UniqueRegion {
 public:
  explicit UniqueRegion(std::string directory = std::string(kDefaultDirectory)) : directory_(std::move(directory)) {
    static int count = 0;
    name_ = "test-cpp-" + std::to_string(getpid()) + "-" + std::to_string(++count);
  }
  UniqueRegion(const UniqueRegion&) = delete;
  UniqueRegion& operator=(const UniqueRegion&) = delete;
  ~UniqueRegion() {
    if (getpid() != maker_) return;
    ::unlink(path().c_str());
    for (const std::string& file : hidden_files()) ::unlink((directory_ + "/" + file).c_str());
  }
  Place place(bool allow_disk = false) const { return {directory_, name_, allow_disk}; }
  std::string path() const { return directory_ + "/" + name_; }
  // What lies beside the region for its sake: lock files of groups, and what an unfinished creation would leave.
  std::vector<std::string> hidden_files() const { return files_with(directory_, "." + name_ + "."); }

 private:
  pid_t maker_ = getpid();
  std::string directory_;
  std::string name_;
};

inline ClaimOptions options_for(const UniqueRegion& region, std::string_view name, std::uint32_t slots = 8) {
  ClaimOptions options;
  options.place = region.place();
  options.creation.slots = slots;
  options.name = name;
  options.max_age_ns = kHour;
  return options;
}

// A child that runs `run`, exits with what it returns, and never comes back into the test.
template <class Run>
pid_t start_child(Run&& run) {
  const pid_t pid = fork();
  if (pid == 0) _exit(run());
  return pid;
}
// The exit status, or the negative number of the signal that ended it.
inline int wait_for(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid) return -1000;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}
template <class Run>
int in_child(Run&& run) {
  return wait_for(start_child(run));
}
// Returns once the child has made itself ready; it waits until it is killed.
template <class Run>
pid_t start_waiting_child(Run&& make_ready) {
  int ready[2];
  REQUIRE(pipe(ready) == 0);
  const pid_t child = start_child([&] {
    make_ready();
    if (write(ready[1], "!", 1) != 1) return 1;
    return pause();
  });
  char byte = 0;
  REQUIRE(read(ready[0], &byte, 1) == 1);
  ::close(ready[0]);
  ::close(ready[1]);
  return child;
}
inline void kill_child(pid_t pid) {
  kill(pid, SIGKILL);
  wait_for(pid);
}

// Children wait at it until the parent opens it, or dies.
class Gate {
 public:
  Gate() {
    if (pipe(ends_) != 0) std::abort();
  }
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate() {
    open();
    ::close(ends_[0]);
  }
  void open() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }
  void wait() {
    open();  // the child's own copy of the end that the parent holds
    char byte;
    while (::read(ends_[0], &byte, 1) > 0) continue;
  }

 private:
  int ends_[2];
};

// A child that claims, does `before`, and then lives until it is killed. Returns once it has got that far.
template <class Before>
pid_t start_worker(const ClaimOptions& options, Before&& before) {
  int ends[2];
  if (pipe(ends) != 0) std::abort();
  const pid_t pid = start_child([&] {
    ::close(ends[0]);
    auto [heartbeat, failure] = Heartbeat::claim(options);
    if (failure) return 1;
    before(heartbeat);
    if (::write(ends[1], "!", 1) != 1) return 1;
    for (;;) pause();
  });
  ::close(ends[1]);
  char byte = 0;
  if (::read(ends[0], &byte, 1) != 1) std::abort();
  ::close(ends[0]);
  return pid;
}
inline pid_t start_worker(const ClaimOptions& options) {
  return start_worker(options, [](Heartbeat& heartbeat) { heartbeat.beat(); });
}
// A worker that has claimed, beaten once, and died of kill -9.
inline void leave_dead(const ClaimOptions& options) { kill_child(start_worker(options)); }

// A mapped region, and closed at the end. `place`'s texts must outlive it.
struct Mapped : Region {
  Mapped() = default;
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  ~Mapped() {
    locks_.leave();
    close_region(*this);
  }
  // The bank of the slot's latest claim, and what the record keeps for it.
  Bank& bank(std::uint32_t index) const { return slot(index).banks[current_of(slot(index)).bank]; }
  Life& life(std::uint32_t index) const { return record(index).lives[current_of(slot(index)).bank]; }
  LockReader& locks() const { return locks_; }
  WorkerFacts look(std::uint32_t index) const {
    WorkerFacts facts;
    look_at(*this, locks_, index, facts);
    return facts;
  }
  Failure failure;

 protected:
  void enter(const Place& place) {
    if (!failure) locks_.enter(fd, place, header().nonce.load_acquire(), slot_count);
  }

 private:
  mutable LockReader locks_;
};

// The region as a reader has it.
struct Opened : Mapped {
  explicit Opened(const Place& place) {
    failure = open_region(place, sys::effective_user(), *this);
    enter(place);
  }
};

// The region as somebody who scribbles in it has it, to make situations that need another container, or damage.
struct Scribbled : Mapped {
  explicit Scribbled(const UniqueRegion& region) {
    fd = open_existing(region.path().c_str(), Access::write);
    failure = map_region(region.place(), Access::write, sys::effective_user(), *this);
    if (failure || memory == nullptr) std::abort();
    enter(region.place());
  }
};

// The slot's claim becomes one of another container.
inline void move_to_other_container(const UniqueRegion& region, std::uint32_t slot) {
  const Scribbled scribbled(region);
  Word64& container = scribbled.bank(slot).identity.container_a;
  container.store_release(container.load_relaxed() + 1);
}

// A claim with its pulse, as a supervisor has it.
struct Stamping {
  explicit Stamping(const ClaimOptions& options) {
    failure = take(options, claim);
    if (!failure) start_pulse(pulse, claim, options);
  }
  Stamping(const Stamping&) = delete;
  Stamping& operator=(const Stamping&) = delete;
  ~Stamping() {
    if (!failure) abandon(claim);
  }
  Claim claim;
  Pulse pulse{};
  Failure failure;
};

// The slot that has this name; -1: none.
inline int slot_of(const UniqueRegion& region, std::string_view name) {
  Opened opened(region.place());
  return opened.failure ? -1 : static_cast<int>(detail::find_name(opened, name));
}

inline WorkerFacts facts_of(const UniqueRegion& region, std::string_view name) {
  Opened opened(region.place());
  if (opened.failure) return {};
  const std::int64_t slot = detail::find_name(opened, name);
  return slot >= 0 ? opened.look(static_cast<std::uint32_t>(slot)) : WorkerFacts{};
}

struct Look {
  Verdict verdict;
  std::vector<WorkerFacts> workers;
  std::string line;
};

// What a probe would find: the careful second look.
inline Look look_into(const Place& place, const Policy& policy = {}) {
  Look look;
  look.workers.resize(kMaxSlots);
  Observation seen;
  seen.room = look.workers;
  add_region(seen, place, sys::effective_user());
  look.verdict = second_look(seen, policy);
  char buffer[256];
  Text line(buffer);
  say_verdict(line, look.verdict, seen.region_facts(), seen.workers(), policy);
  look.line = line.view();
  look.workers.resize(seen.worker_count);
  close_observation(seen);
  return look;
}

inline Condition condition_of(const UniqueRegion& region, std::string_view name, const Policy& policy = {}) {
  Surroundings around;
  around.known = true;
  around.context = read_context();
  const WorkerFacts worker = facts_of(region, name);
  around.now_boottime_ns = boottime_ns();
  return judge_worker(worker, {}, around, policy).condition;
}

}  // namespace shm_liveness::real
