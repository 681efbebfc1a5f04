// What a C++ worker holds: one claimed slot, safe across fork().
//
//   auto claimed = shm_liveness::Heartbeat::claim({.place = {.region = "camera"}, .name = "grabber",
//                                                  .max_age_ns = 250'000'000});
//   if (claimed.failure) return say(claimed.failure);
//   for (;;) { grab(); claimed.heartbeat.beat(); }
//
// A loop of microseconds claims with `.clock = Clock::counted`: its beat is one addition, and a helper thread stamps
// for it (count.hpp).
//
// Threads: one thread at a time may use a Heartbeat. Claim one per supervised thread.
// Death: the destructor gives the lock up without saying stopped, so a scope left by an exception counts as dead.
// Fork: a child that does not exec neither keeps its parent's slot alive nor beats for it; it claims a name of its own.
#pragma once

#include <new>
#include <utility>

#include "comeback.hpp"

namespace shm_liveness {

class Heartbeat {
 public:
  struct Claimed;

  Heartbeat() = default;
  Heartbeat(Heartbeat&& other) noexcept : held_(std::exchange(other.held_, nullptr)), pulse_(other.pulse_) {
    other.pulse_ = nullptr;
  }
  Heartbeat& operator=(Heartbeat&& other) noexcept {
    if (this != &other) {
      give_up(false);
      held_ = std::exchange(other.held_, nullptr);
      pulse_ = std::exchange(other.pulse_, nullptr);
    }
    return *this;
  }
  ~Heartbeat() { give_up(false); }

  // Makes the region if there is none. The views in `options` need only live through the call. `rule`: for a worker
  // that has waited for its name.
  static Claimed claim(const ClaimOptions& options, Succession rule = {});

  // False while the slot is not ours (stopped, forked, never claimed, region removed and another worker has the name).
  // Blocks for a millisecond at most, when it claims a removed region anew. A region that somebody cuts short is a
  // SIGBUS here, and so a death, unless the program handles it as truncation.hpp says.
  [[gnu::always_inline]] bool beat() { return pulse_ != nullptr && shm_liveness::beat(*pulse_); }
  // The same, but it never blocks and calls no listener. False: nothing was done; call beat().
  [[gnu::always_inline]] bool beat_unattended() { return pulse_ != nullptr && shm_liveness::beat_unattended(*pulse_); }

  // What is said while another worker has the name returns false, and is said again when this one comes back.
  bool ready() { return say_ready(true, {}); }
  // `status`, up to 55 bytes of one line, says why; longer ones are cut.
  bool not_ready(std::string_view status) { return say_ready(false, status); }
  // `name`, up to 63 bytes of one line (longer ones are cut); `budget_ns` stands in for max age until end_phase(). The
  // name "start" is reserved (succession.hpp).
  bool begin_phase(std::string_view name, std::uint64_t budget_ns) {
    if (!has_words()) return false;
    held_->said.say_phase(name, budget_ns);
    if (!owns_slot()) return false;
    const detail::BetweenSamples between(held_->counted);
    return shm_liveness::begin_phase(*pulse_, name, budget_ns);
  }
  bool end_phase() {
    if (!has_words()) return false;
    held_->said.say_phase({}, 0);
    if (!owns_slot()) return false;
    const detail::BetweenSamples between(held_->counted);
    return shm_liveness::end_phase(*pulse_);
  }

  // The only way to end as `stopped` instead of `dead`. May be called again.
  void stop() { give_up(true); }

  // Whether readers can see the slot as this worker's. False once stopped, in a forked child, or when the region was
  // lost and could not be claimed anew: fault() tells which.
  bool owns_slot() { return has_words() && held_->look(); }
  // none, removed or truncated: what happened to the region, while it is not claimed anew.
  Fault fault() const { return held_ != nullptr ? held_->lost : Fault::none; }
  // How often the region was lost and claimed anew.
  std::uint32_t comebacks() const { return held_ != nullptr ? held_->comebacks : 0; }
  // For code that watches this heartbeat from another thread, under the fork guard's mutex. Null once stopped.
  const detail::Held* held() const { return held_; }
  // For beats of compiled code (count_window.hpp), once after a counted claim.
  void count_through(CountWindow& window) { held_->count_through(&window); }
  void count_natively() { held_->count_through(nullptr); }
  // See Held::on_loss. `listener` must live as long as this heartbeat, or until the next call.
  void listen_for_loss(void (*on_loss)(void*, const detail::Held&, Fault), void* listener) {
    if (held_ == nullptr) return;
    held_->on_loss = on_loss;
    held_->listener = listener;
  }

 private:
  Heartbeat(detail::Held* held, Pulse* pulse) : held_(held), pulse_(pulse) {}
  void give_up(bool stopped);
  // Whether its words count, with a slot or while it waits for one. False once stopped, and in a forked child.
  bool has_words() const { return pulse_ != nullptr && pulse_->attend != nullptr; }
  bool say_ready(bool ready, std::string_view status) {
    if (!has_words()) return false;
    held_->said.say_ready(ready, status);
    if (!owns_slot()) return false;
    return set_ready(*pulse_, ready, status);
  }

  detail::Held* held_ = nullptr;
  Pulse* pulse_ = nullptr;  // on a page of its own, wiped in a forked child
};

struct Heartbeat::Claimed {
  Heartbeat heartbeat;
  Failure failure;
};

inline Heartbeat::Claimed Heartbeat::claim(const ClaimOptions& options, Succession rule) {
  auto* held = new (std::nothrow) detail::Held;
  void* page =
      sys::map(nullptr, sizeof(Pulse), sys::kProtRead | sys::kProtWrite, sys::kMapPrivate | sys::kMapAnonymous, -1);
  Failure failure;
  if (held == nullptr || sys::failed(page)) {
    failure = {Fault::no_memory, 0};
  } else {
    // Before Linux 4.14 this fails, and the fork handler alone clears the child's pulse.
    sys::advise(page, sizeof(Pulse), sys::kWipeOnFork);
    held->pulse = static_cast<Pulse*>(page);
    failure = held->begin(options, rule);
  }
  if (!failure) return {Heartbeat{held, held->pulse}, {}};
  if (!sys::failed(page)) sys::unmap(page, sizeof(Pulse));
  delete held;
  return {Heartbeat{}, failure};
}

inline void Heartbeat::give_up(bool stopped) {
  if (pulse_ == nullptr) return;
  Pulse* pulse = std::exchange(pulse_, nullptr);
  detail::Held* held = std::exchange(held_, nullptr);
  const bool is_ours =
      pulse->bank != nullptr;  // else a forked child, even one whose fork ran no handlers (a raw clone)
  if (is_ours) detail::Sampler::instance().remove(held->counted);
  pulse->attend = nullptr;
  pulse->count.store_release(nullptr);
  pulse->hot.store_release(nullptr);
  {
    const detail::Locked locked(detail::ForkGuard::instance());
    if (held->window != nullptr) is_ours ? held->window->hide() : held->window->let_go();
    if (!is_ours) {
      // Neither lock nor addresses are ours; a descriptor is, where no handler has closed it.
      if (held->claim.region.fd >= 0) sys::close(held->claim.region.fd);
      if (held->claim.group_fd >= 0) sys::close(held->claim.group_fd);
    } else if (held->claim.region.fd >= 0) {
      stopped ? release(held->claim) : abandon(held->claim);
    }
  }
  detail::ForkGuard::instance().remove(*held);
  held->free_once_told();
}

}  // namespace shm_liveness
