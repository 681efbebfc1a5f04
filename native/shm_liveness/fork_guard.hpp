// Forks of this process: a child must not keep its parent's slots alive, nor beat for them.
#pragma once

#include <pthread.h>

#include "beat.hpp"
#include "count_window.hpp"

namespace shm_liveness::detail {

// All that a forked child must let go of, for one heartbeat. Listed before its first descriptor is opened.
struct Member {
  Pulse* pulse = nullptr;
  Claim claim;
  Claim next;                     // a claim under way, in place of `claim`
  CountWindow* window = nullptr;  // through which compiled code counts; null: none does
  Member* after = nullptr;
  Member* before = nullptr;
};

// All members of this process, and the mutex under which their descriptors and mappings change. Forks take that mutex,
// so nothing that waits for other processes may happen under it: a fork would wait, too, and with it a healthy loop.
class ForkGuard {
 public:
  static ForkGuard& instance() {
    static ForkGuard guard;
    return guard;
  }

  void lock() { pthread_mutex_lock(&mutex_); }
  void unlock() { pthread_mutex_unlock(&mutex_); }

  void add(Member& member) {
    lock();
    member.after = first_;
    if (first_ != nullptr) first_->before = &member;
    first_ = &member;
    unlock();
  }
  void remove(Member& member) {
    lock();
    (member.before != nullptr ? member.before->after : first_) = member.after;
    if (member.after != nullptr) member.after->before = member.before;
    member.after = member.before = nullptr;
    unlock();
  }

 private:
  ForkGuard() {
    pthread_atfork([] { instance().lock(); }, [] { instance().unlock(); }, [] { instance().let_go(); });
  }
  // In the child: close what carries the parent's locks. The mappings were not inherited (region.hpp); the pulses are
  // zero already where the kernel wiped their pages, and are made so where it could not.
  void let_go() {
    for (Member* member = first_; member != nullptr; member = member->after) {
      member->pulse->hot.store_release(nullptr);
      member->pulse->bank = nullptr;
      member->pulse->attend = nullptr;
      member->pulse->count.store_release(nullptr);
      if (member->window != nullptr) member->window->let_go();
      for (Claim* claim : {&member->claim, &member->next}) {
        if (claim->region.fd >= 0) sys::close(claim->region.fd);
        if (claim->group_fd >= 0) sys::close(claim->group_fd);
        truncation::unwatch(claim->region.watched);
        *claim = Claim{};
      }
    }
    unlock();
  }

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  Member* first_ = nullptr;
};

}  // namespace shm_liveness::detail
