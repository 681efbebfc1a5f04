// Waiting for many descriptors at once, and calling the owner of each that is ready.
//
// epoll_pwait() in turn() is the only call of the guard that may wait. Each header says of its own calls why they do
// not.
#pragma once

#include "os.hpp"

namespace shm_liveness::guard {

// A descriptor that somebody waits for. Lives where its owner lives; its address must not change while it is added.
struct Source {
  int fd = -1;
  void (*ready)(void* owner, std::uint32_t events) = nullptr;
  void* owner = nullptr;
  std::uint32_t waited_for = 0;
};

class Loop {
 public:
  int open() {
    epoll_ = os::make_epoll();
    return epoll_;
  }

  // -errno, or 0. Level-triggered: what a handler leaves undone comes again in the next turn.
  int add(Source& source, std::uint32_t events) {
    source.waited_for = events;
    os::EpollEvent event{events, &source};
    return os::control_epoll(epoll_, 1 /* EPOLL_CTL_ADD */, source.fd, &event);
  }
  void wait_for(Source& source, std::uint32_t events) {
    if (source.waited_for == events) return;
    source.waited_for = events;
    os::EpollEvent event{events, &source};
    os::control_epoll(epoll_, 3 /* EPOLL_CTL_MOD */, source.fd, &event);
  }
  void remove(Source& source) {
    if (source.fd < 0) return;
    forget(source);
    sys::close(source.fd);
    source.fd = -1;
  }
  // Leaves the descriptor open.
  void forget(Source& source) {
    os::control_epoll(epoll_, 2 /* EPOLL_CTL_DEL */, source.fd, nullptr);
    // Events of this turn that are still to be handed out may name it.
    for (long i = next_; i < count_; ++i) {
      if (events_[i].data == &source) events_[i].data = nullptr;
    }
  }

  // Few events a turn: between turns the watch gets its word, however many clients there are.
  void turn(int timeout_ms) {
    count_ = os::wait_epoll(epoll_, events_, kEventsPerTurn, timeout_ms);
    for (next_ = 0; next_ < count_;) {
      const os::EpollEvent event = events_[next_++];
      const auto* source = static_cast<const Source*>(event.data);
      if (source != nullptr) source->ready(source->owner, event.events);
    }
  }

 private:
  static constexpr int kEventsPerTurn = 16;
  os::EpollEvent events_[kEventsPerTurn];
  long count_ = 0;
  long next_ = 0;
  int epoll_ = -1;
};

}  // namespace shm_liveness::guard
