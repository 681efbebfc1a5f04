// kill -9 at every instruction: a child runs an operation one instruction at a time, and each state of the region's
// bytes is kept that a kill at one of them would leave. The kernel drops all locks of the killed, so the bytes are all
// that is left of it.
#pragma once

#include <sys/mman.h>
#include <sys/ptrace.h>

#include <cstring>
#include <fstream>
#include <iterator>

#include "real.hpp"

namespace shm_liveness::real {

// The states of a region's file, in order, from the beginning of the operation to its end; empty where there is no
// file.
struct States {
  std::vector<std::string> all;
  long steps = 0;
  bool is_whole = false;  // the operation came to its end
};

namespace detail_of_stepping {

inline void mark() { kill(getpid(), SIGUSR1); }

inline std::string bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The parts of a region that operations on its first slots change: comparing all of a large one after each instruction
// would take too long.
class Watcher {
 public:
  explicit Watcher(const std::string& path) : path_(path) {}
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  ~Watcher() {
    if (memory_ != nullptr) ::munmap(const_cast<char*>(memory_), bytes_);
  }
  // Whether the file has changed since the last call, or since the first.
  bool has_changed() {
    if (memory_ == nullptr && !map()) return false;
    bool changed = false;
    for (Part& part : parts_) {
      if (std::memcmp(memory_ + part.from, part.last.data(), part.last.size()) == 0) continue;
      part.last.assign(memory_ + part.from, part.last.size());
      changed = true;
    }
    return changed;
  }
  std::string now() const { return memory_ == nullptr ? std::string() : std::string(memory_, bytes_); }

 private:
  struct Part {
    std::size_t from;
    std::string last;
  };

  bool map() {
    const int fd = open_existing(path_.c_str(), Access::read);
    if (fd < 0) return false;
    sys::FileStatus status{};
    sys::status(fd, status);
    bytes_ = status.stx_size;
    void* const memory = ::mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, fd, 0);
    sys::close(fd);
    if (memory == MAP_FAILED) return false;
    memory_ = static_cast<const char*>(memory);
    const std::uint32_t slots = reinterpret_cast<const Header*>(memory_)->slot_count.load_relaxed();
    constexpr std::size_t kSlots = 2;
    const std::size_t shown = slots < kSlots ? slots : kSlots;
    parts_.push_back({0, std::string(sizeof(Header) + shown * sizeof(Slot), '\1')});
    parts_.push_back({sizeof(Header) + slots * sizeof(Slot), std::string(shown * sizeof(Record), '\1')});
    return true;
  }

  std::string path_;
  const char* memory_ = nullptr;
  std::size_t bytes_ = 0;
  std::vector<Part> parts_;
};

}  // namespace detail_of_stepping

// Puts the region's file back to what it was, so that the operation can be run once more.
inline void restore(const UniqueRegion& region, const std::string& bytes) {
  ::unlink(region.path().c_str());
  if (bytes.empty()) return;
  const int fd = sys::open(region.path().c_str(), sys::kCreate | sys::kExclusive | sys::kWriteOnly, 0600);
  const long wrote = sys::write(fd, bytes.data(), bytes.size());
  sys::close(fd);
  if (wrote != static_cast<long>(bytes.size())) std::abort();
}

// Runs operate(mark) once, from system call to system call, and from the `skip`-th stop on from instruction to
// instruction. `first_change` becomes the stop before which the region changed first.
template <class Operate>
States run_through(const UniqueRegion& region, Operate&& operate, long skip, long& first_change) {
  constexpr long kMostSteps = 5'000'000;
  constexpr int kSystemCall = SIGTRAP | 0x80;
  const pid_t child = start_child([&] {
    ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    operate(detail_of_stepping::mark);
    return 0;
  });
  States states;
  first_change = -1;
  int status = 0;
  detail_of_stepping::Watcher watcher(region.path());
  bool is_running = waitpid(child, &status, 0) == child && WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR1 &&
                    ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD) == 0;
  watcher.has_changed();
  states.all.push_back(watcher.now());
  for (long stop = 0; is_running && states.steps < kMostSteps; ++stop) {
    const bool steps = stop >= skip;
    if (ptrace(steps ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, child, nullptr, nullptr) != 0) break;
    if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) break;
    states.steps += steps ? 1 : 0;
    if (watcher.has_changed()) {
      states.all.push_back(watcher.now());
      if (first_change < 0) first_change = stop;
    }
    states.is_whole = WSTOPSIG(status) == SIGUSR1;
    is_running = WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == kSystemCall;
  }
  kill_child(child);
  return states;
}

// Runs operate(mark) in a child. It calls mark() twice: the instructions between are stepped through, from the last
// system call before the region's first change on. All before it is opening files and reading /proc.
template <class Operate>
States step_through(const UniqueRegion& region, Operate&& operate) {
  const std::string before = detail_of_stepping::bytes_of(region.path());
  long change = 0;
  run_through(region, operate, 1'000'000, change);
  // Another run may take fewer system calls: what the first one has made beside the region is there by now.
  for (int i = 0; i < 3; ++i) {
    restore(region, before);
    const long skip = change < 0 ? 0 : change;
    States states = run_through(region, operate, skip, change);
    if (change >= skip) return states;
  }
  return {};
}

// A region whose file is what a kill has left.
class Remains : public UniqueRegion {
 public:
  explicit Remains(const std::string& bytes) { restore(*this, bytes); }
};

// All that a reader learns of each worker, and the words on it, as one text.
inline std::string all_said_of(const UniqueRegion& region) {
  const Opened opened(region.place());
  if (opened.failure) return code_of(opened.failure.fault);
  std::string said;
  const auto say = [&](const char* what, std::uint64_t value) {
    said += std::string(" ") + what + std::to_string(value);
  };
  for (std::uint32_t i = 0; i < opened.used_slots(); ++i) {
    const WorkerFacts worker = opened.look(i);
    if (worker.state == State::free) continue;
    said += std::to_string(i) + ": " + std::string(worker.name_view()) + " ";
    said += name_of(condition_of(region, worker.name_view()));
    say("claims=", worker.claims);
    say("incarnation=", worker.incarnation);
    say("beats=", worker.beats);
    say("last=", worker.last_beat_ns);
    say("worst=", worker.worst_cycle_ns);
    say("late=", worker.late_cycles);
    say("row=", worker.row);
    say("grace=", worker.grace_from_boottime_ns);
    say("deadline=", worker.deadline_boottime_ns);
    say("limit=", worker.stall_limit_ns);
    say("in_phase=", worker.in_phase ? 1 : 0);
    std::uint64_t cycles = 0;
    for (const Word64& bin : opened.life(i).cycles) cycles += bin.load_relaxed();
    say("cycles=", cycles);
    said += "\n";
  }
  return said;
}

// At each instruction all that is said is what was said before, or what is said after: there is one instruction at
// which it changes, and nothing in between.
inline void check_one_change(const States& states) {
  REQUIRE(states.is_whole);
  REQUIRE(states.all.size() > 1);
  const std::string before = all_said_of(Remains(states.all.front()));
  const std::string after = all_said_of(Remains(states.all.back()));
  CHECK(before != after);
  bool has_changed = false;
  for (std::size_t i = 0; i < states.all.size(); ++i) {
    CAPTURE(i);
    const std::string said = all_said_of(Remains(states.all[i]));
    has_changed = has_changed || said == after;
    CHECK(said == (has_changed ? after : before));
  }
}

// Whatever a kill has left, `name` can claim, and the claim is whole.
inline void check_claims(const std::string& bytes, std::string_view name, std::uint32_t slots) {
  const Remains remains(bytes);
  CAPTURE(name);
  auto [heartbeat, failure] = Heartbeat::claim(options_for(remains, name, slots));
  CHECK(failure.fault == Fault::none);
  CHECK(heartbeat.beat());
  const WorkerFacts facts = facts_of(remains, name);
  CHECK(facts.lock == Lock::held);
  CHECK(facts.beats == 1);
  CHECK_FALSE(facts.in_phase);
  CHECK_FALSE(facts.ready);
}

}  // namespace shm_liveness::real
