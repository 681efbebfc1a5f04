// Somebody else holds a lock on a slot's byte: anybody who may read the region can take a read lock there. And the
// kernel may refuse a lock. A claim that cannot be made leaves nothing behind.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>

#include <cerrno>
#include <cstddef>

#include "real.hpp"

namespace test_of_claim_locked {

using namespace shm_liveness;
using namespace shm_liveness::real;

namespace {

// A lock on both banks' bytes of one slot, or of all, through a descriptor of its own.
class Stranger {
 public:
  Stranger(const UniqueRegion& region, std::uint32_t slot, std::uint32_t slots = 1, short type = F_RDLCK)
      : fd_(::open(region.path().c_str(), (type == F_RDLCK ? O_RDONLY : O_RDWR) | O_CLOEXEC)) {
    struct flock lock = {};
    lock.l_type = type;
    lock.l_start = lock_byte_of(slot, 0);
    lock.l_len = static_cast<off_t>(slots) * kBanks;
    REQUIRE(fcntl(fd_, F_OFD_SETLK, &lock) == 0);
  }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;
  ~Stranger() { ::close(fd_); }

 private:
  int fd_;
};

Fault claim_fault(const UniqueRegion& region, std::string_view name, std::uint32_t slots = 2) {
  return Heartbeat::claim(options_for(region, name, slots)).failure.fault;
}
void stop_one(const UniqueRegion& region, std::string_view name) {
  Heartbeat::claim(options_for(region, name, 2)).heartbeat.stop();
}

// All bytes of the region but the count of turns at the claim byte, which each refusal moves.
std::string bytes_of(const UniqueRegion& region) {
  const Scribbled scribbled(region);
  std::string bytes(reinterpret_cast<const char*>(scribbled.memory), scribbled.bytes);
  bytes.replace(offsetof(Header, claim_turns), 4, 4, '\0');
  return bytes;
}

}  // namespace

TEST_CASE("a stranger's read lock on a slot keeps its name from claiming, and nothing else") {
  const UniqueRegion region;
  Condition was = Condition::stopped;
  SUBCASE("that has stopped") { stop_one(region, "a"); }
  SUBCASE("that is dead") {
    leave_dead(options_for(region, "a", 2));
    was = Condition::dead;
  }
  const std::string before = bytes_of(region);
  {
    const Stranger stranger(region, 0);
    CHECK(claim_fault(region, "a") == Fault::slot_locked);
    CHECK(condition_of(region, "a") == was);
    CHECK(bytes_of(region) == before);
    // Others pass over it.
    CHECK(claim_fault(region, "b") == Fault::none);
    CHECK(slot_of(region, "b") == 1);
    CHECK(condition_of(region, "a") == was);
  }
  CHECK(claim_fault(region, "a") == Fault::none);
  CHECK(slot_of(region, "a") == 0);
  CHECK(facts_of(region, "a").claims == 2);
}

TEST_CASE("a new name passes over locked slots, never-used and stopped ones") {
  const UniqueRegion region;
  stop_one(region, "a");
  {
    const Stranger stranger(region, 1);
    CHECK(claim_fault(region, "b") == Fault::none);
    CHECK(slot_of(region, "b") == 0);
  }
  CHECK(slot_of(region, "a") == -1);
  CHECK(Opened(region.place()).used_slots() == 1);
}

TEST_CASE("of several stopped slots the next one is taken where the one that is due is locked") {
  const UniqueRegion region;
  stop_one(region, "a");
  stop_one(region, "b");
  const Stranger stranger(region, 0);
  CHECK(claim_fault(region, "c") == Fault::none);
  CHECK(slot_of(region, "c") == 1);
  CHECK(slot_of(region, "a") == 0);
}

TEST_CASE("where every slot is locked that is said, and it is not said that the region is full") {
  const UniqueRegion region;
  stop_one(region, "a");
  const std::string before = bytes_of(region);
  {
    const Stranger stranger(region, 0, 2);
    CHECK(claim_fault(region, "b") == Fault::slot_locked);
    CHECK(claim_fault(region, "a") == Fault::slot_locked);
  }
  CHECK(bytes_of(region) == before);
  CHECK(claim_fault(region, "b") == Fault::none);
  CHECK(slot_of(region, "b") == 1);
}

TEST_CASE("a write lock on a never-used slot is a stranger's, and one on a claimed slot is its owner's") {
  const UniqueRegion region;
  stop_one(region, "a");
  {
    const Stranger stranger(region, 1, 1, F_WRLCK);
    CHECK(claim_fault(region, "b") == Fault::none);
    CHECK(slot_of(region, "b") == 0);
  }
  const Stranger stranger(region, 0, 1, F_WRLCK);
  CHECK(claim_fault(region, "b") == Fault::name_taken);
}

TEST_CASE("a stranger's read lock changes no word of a reader, and no retirement") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a", 2));
  const Stranger stranger(region, 0);
  CHECK(condition_of(region, "a") == Condition::dead);
  CHECK_FALSE(mark_restart(region.place(), "a", kHour));
  CHECK(condition_of(region, "a") == Condition::starting);
  CHECK_FALSE(retire(region.place(), "a"));
}

#if defined(__x86_64__) || defined(__aarch64__)

namespace {

constexpr long kLetThrough = 0x5eed;
int g_refusal = 0;

// Stands in for the kernel: refuses locks of slots, and takes all others for the caller.
void on_lock_call(int, siginfo_t*, void* context) {
  auto& machine = static_cast<ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  auto& result = machine.gregs[REG_RAX];
  const long arguments[] = {machine.gregs[REG_RDI], machine.gregs[REG_RSI], machine.gregs[REG_RDX]};
#else
  auto& result = machine.regs[0];
  const long arguments[] = {static_cast<long>(machine.regs[0]), static_cast<long>(machine.regs[1]),
                            static_cast<long>(machine.regs[2])};
#endif
  const auto* lock = reinterpret_cast<const sys::FileLock*>(arguments[2]);
  const bool is_refused = lock->type == detail::kWriteLock && lock->start >= kFirstSlotByte;
  const long answer =
      is_refused ? -g_refusal : sys::call(__NR_fcntl, arguments[0], arguments[1], arguments[2], kLetThrough);
  result = static_cast<std::remove_reference_t<decltype(result)>>(answer);
}

// From now on this process gets no lock of a slot.
bool refuse_slot_locks(int error) {
  g_refusal = error;
  struct sigaction action = {};
  action.sa_sigaction = on_lock_call;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGSYS, &action, nullptr) != 0) return false;
  const auto load = [](std::size_t offset) {
    return sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  sock_filter program[] = {
      load(offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fcntl, 0, 4),
      load(offsetof(seccomp_data, args[1])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, detail::kOfdSetLock, 0, 2),
      load(offsetof(seccomp_data, args[3])),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kLetThrough, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
  };
  const sock_fprog filter{sizeof program / sizeof program[0], program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

TEST_CASE("a lock that the kernel refuses is told, and the slot is what it was") {
  const UniqueRegion region;
  leave_dead(options_for(region, "a", 2));
  const std::string before = bytes_of(region);
  int error = 0;
  Fault told = Fault::none;
  SUBCASE("for want of room for it") {
    error = ENOLCK;
    told = Fault::system;
  }
  SUBCASE("for want of such locks") {
    error = EINVAL;
    told = Fault::locks_unsupported;
  }
  for (const char* name : {"a", "b"}) {
    CAPTURE(name);
    const int result = in_child([&] {
      if (!refuse_slot_locks(error)) return 200;
      const Failure failure = Heartbeat::claim(options_for(region, name, 2)).failure;
      return failure.error == error ? static_cast<int>(failure.fault) : 201;
    });
    CHECK(result == static_cast<int>(told));
    CHECK(bytes_of(region) == before);
    CHECK(condition_of(region, "a") == Condition::dead);
  }
  CHECK(claim_fault(region, "b") == Fault::none);
  CHECK(claim_fault(region, "a") == Fault::none);
}

#endif

}  // namespace test_of_claim_locked
