// What a C++ worker holds: one claimed slot, safe across fork().
//
//   auto claimed = shm_liveness::Heartbeat::claim({.place = {.region = "camera"}, .name = "grabber",
//                                                  .max_age_ns = 250'000'000});
//   if (claimed.failure) return say(claimed.failure);
//   for (;;) { grab(); claimed.heartbeat.beat(); }
//
// Threads: one thread at a time may use a Heartbeat. Claim one per supervised thread.
// Death: the destructor gives the lock up without saying stopped, so a scope left by an exception counts as dead.
// Fork: a child that does not exec neither keeps its parent's slot alive nor beats for it; it claims a name of its own.
#pragma once

#include <pthread.h>

#include <new>
#include <utility>

#include "beat.hpp"

namespace shm_liveness {

namespace detail {

// All live slots of this process, so that a forked child can let go of them. A plain lock, because only claims,
// stops and forks take it.
struct Member {
  Pulse* pulse = nullptr;
  Claim claim;
  Member* next = nullptr;
  Member* previous = nullptr;
};

class ForkGuard {
 public:
  static ForkGuard& instance() {
    static ForkGuard guard;
    return guard;
  }
  // Takes the slot and lists it, as one step before any fork: a child forked in between would keep the lock unnoticed.
  Failure take_and_add(const ClaimOptions& options, Member& member) {
    pthread_mutex_lock(&mutex_);
    const Failure failure = take(options, member.claim);
    if (!failure) {
      member.next = first_;
      if (first_ != nullptr) first_->previous = &member;
      first_ = &member;
    }
    pthread_mutex_unlock(&mutex_);
    return failure;
  }
  void remove(Member& member) {
    pthread_mutex_lock(&mutex_);
    (member.previous != nullptr ? member.previous->next : first_) = member.next;
    if (member.next != nullptr) member.next->previous = member.previous;
    member.next = member.previous = nullptr;
    pthread_mutex_unlock(&mutex_);
  }

 private:
  ForkGuard() {
    pthread_atfork([] { pthread_mutex_lock(&instance().mutex_); }, [] { pthread_mutex_unlock(&instance().mutex_); },
                   [] { instance().let_go(); });
  }
  // In the child: close what carries the parent's locks. The mappings were not inherited (claim.hpp); the pulses are
  // zero already where the kernel wiped their pages, and are made so where it could not.
  void let_go() {
    for (Member* member = first_; member != nullptr; member = member->next) {
      member->pulse->hot.store_release(nullptr);
      member->pulse->slot = nullptr;
      sys::close(member->claim.region.fd);
      member->claim.region = Region{};
    }
    pthread_mutex_unlock(&mutex_);
  }

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  Member* first_ = nullptr;
};

}  // namespace detail

class Heartbeat {
 public:
  struct Claimed;

  Heartbeat() = default;
  Heartbeat(Heartbeat&& other) noexcept
      : pulse_(std::exchange(other.pulse_, nullptr)), member_(std::exchange(other.member_, nullptr)) {}
  Heartbeat& operator=(Heartbeat&& other) noexcept {
    if (this != &other) {
      give_up(false);
      pulse_ = std::exchange(other.pulse_, nullptr);
      member_ = std::exchange(other.member_, nullptr);
    }
    return *this;
  }
  ~Heartbeat() { give_up(false); }

  // Makes the region if there is none. The views in `options` need only live through the call.
  static Claimed claim(const ClaimOptions& options);

  // False once the slot is not ours any more (stopped, forked, never claimed). Never blocks. A region that somebody
  // cuts short is a SIGBUS here, and so a death, unless the program handles it as truncation.hpp says.
  [[gnu::always_inline]] bool beat() { return pulse_ != nullptr && shm_liveness::beat(*pulse_); }

  bool ready() { return pulse_ != nullptr && set_ready(*pulse_, true, {}); }
  // `status`, up to 55 bytes of one line, says why; longer ones are cut.
  bool not_ready(std::string_view status) { return pulse_ != nullptr && set_ready(*pulse_, false, status); }
  // `name`, up to 63 bytes of one line (longer ones are cut); `budget_ns` stands in for max age until end_phase().
  bool begin_phase(std::string_view name, std::uint64_t budget_ns) {
    return pulse_ != nullptr && shm_liveness::begin_phase(*pulse_, name, budget_ns);
  }
  bool end_phase() { return pulse_ != nullptr && shm_liveness::end_phase(*pulse_); }

  // The only way to end as `stopped` instead of `dead`. May be called again.
  void stop() { give_up(true); }

  // False once stopped, in a forked child, or when the region was lost.
  bool owns_slot() const { return pulse_ != nullptr && pulse_->hot.load_relaxed() != nullptr; }
  // For whoever guards the mapping (truncation.hpp). Only while owns_slot().
  const Claim& claim_of() const { return member_->claim; }
  Pulse& pulse() { return *pulse_; }

 private:
  Heartbeat(Pulse* pulse, detail::Member* member) : pulse_(pulse), member_(member) {}
  void give_up(bool stopped);

  Pulse* pulse_ = nullptr;  // on a page of its own, wiped in a forked child
  detail::Member* member_ = nullptr;
};

struct Heartbeat::Claimed {
  Heartbeat heartbeat;
  Failure failure;
};

inline Heartbeat::Claimed Heartbeat::claim(const ClaimOptions& options) {
  auto* member = new (std::nothrow) detail::Member;
  void* page =
      sys::map(nullptr, sizeof(Pulse), sys::kProtRead | sys::kProtWrite, sys::kMapPrivate | sys::kMapAnonymous, -1);
  Failure failure;
  if (member == nullptr || sys::failed(page)) {
    failure = {Fault::no_memory, 0};
  } else {
    // Before Linux 4.14 this fails, and the fork handler alone clears the child's pulse.
    sys::advise(page, sizeof(Pulse), sys::kWipeOnFork);
    member->pulse = static_cast<Pulse*>(page);
    failure = detail::ForkGuard::instance().take_and_add(options, *member);
  }
  if (failure) {
    if (!sys::failed(page)) sys::unmap(page, sizeof(Pulse));
    delete member;
    return {Heartbeat{}, failure};
  }
  start_pulse(*member->pulse, member->claim, options);
  return {Heartbeat{member->pulse, member}, {}};
}

inline void Heartbeat::give_up(bool stopped) {
  if (pulse_ == nullptr) return;
  Pulse* pulse = std::exchange(pulse_, nullptr);
  detail::Member* member = std::exchange(member_, nullptr);
  detail::ForkGuard::instance().remove(*member);
  if (pulse->slot == nullptr) {
    // A forked child, even one whose fork ran no handlers (a raw clone): neither lock nor addresses are ours.
    if (member->claim.region.fd >= 0) sys::close(member->claim.region.fd);
  } else if (pulse->hot.load_relaxed() != nullptr && stopped) {
    pulse->hot.store_release(nullptr);
    release(member->claim);
  } else {
    pulse->hot.store_release(nullptr);
    abandon(member->claim);
  }
  sys::unmap(pulse, sizeof(Pulse));
  delete member;
}

}  // namespace shm_liveness
