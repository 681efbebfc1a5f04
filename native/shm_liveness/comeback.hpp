// A worker whose region is removed under it (a clean-up script, logind's RemoveIPC) or cut short: nobody can see its
// beats any more, and its name is free for a second holder. It notices, and claims its name anew; if there is a second
// holder, once that one has stopped.
#pragma once

#include <cstdlib>
#include <new>
#include <utility>

#include "sampler.hpp"
#include "succession.hpp"

namespace shm_liveness::detail {

// What a worker has said of itself, kept outside the region: one that was cut short tells nothing any more.
struct Said {
  bool ready = false;
  std::uint64_t budget_ns = 0;  // of the phase; 0: in none
  char phase[kNameBytes] = {};
  char status[kStatusBytes] = {};

  void say_ready(bool is_ready, std::string_view why_not) {
    ready = is_ready;
    keep(status, why_not);
  }
  void say_phase(std::string_view name, std::uint64_t ns) {
    budget_ns = ns;
    keep(phase, name);
  }
  void write(Pulse& pulse) const {
    if (budget_ns != 0) begin_phase(pulse, phase, budget_ns);
    if (ready || status[0] != '\0') set_ready(pulse, ready, status);
  }

 private:
  template <std::size_t Bytes>
  static void keep(char (&to)[Bytes], std::string_view text) {
    Text out(to, Bytes - 1);
    out << text;
    out.c_str();
  }
};

// What a heartbeat needs for claiming again; owns its texts.
struct Held : Member {
  static constexpr std::uint64_t kLookEveryNs = 1'000'000'000;
  static constexpr std::uint64_t kClaimAgainWaitNs = 1'000'000;  // a beat must not block; the next look tries again

  ClaimOptions options;
  Counted counted;  // listed if the beats are counted
  char directory[sizeof(PathBuffer::text)] = {};
  char region_name[kNameBytes] = {};
  char name[kNameBytes] = {};
  Said said;
  std::uint64_t region_nonce = 0;
  std::uint64_t claimed_at_ns = 0;  // the latest claim
  std::uint32_t comebacks = 0;
  Fault lost = Fault::none;    // removed or truncated; none: all is well
  bool is_superseded = false;  // another worker has the name now: wait for it
  // Called on the worker's own thread, from a beat or another of its calls, when its region was lost: once when another
  // worker is found to have the name (is_superseded), and when it was claimed anew. It may give the heartbeat up, by
  // stop() say. Null: nobody listens.
  void (*on_loss)(void* listener, const Held& held, Fault lost) = nullptr;
  void* listener = nullptr;
  std::uint32_t tellings = 0;  // calls of on_loss that have not returned
  bool is_given_up = false;

  // From libc, so that a C program (native/c) needs no C++ library.
  static void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept { return std::malloc(bytes); }
  static void operator delete(void* memory) noexcept { std::free(memory); }
  static void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

  Failure begin(const ClaimOptions& wanted, Succession rule) {
    Text(directory, sizeof directory - 1) << wanted.place.directory;
    Text(region_name, sizeof region_name - 1) << wanted.place.region;
    Text(name, sizeof name - 1) << wanted.name;
    options = wanted;
    ForkGuard::instance().add(*this);
    const Failure failure = take(wanted, claim, ForkGuard::instance(), rule);
    if (failure) {
      ForkGuard::instance().remove(*this);
      return failure;
    }
    options.place = {directory, region_name, wanted.place.allow_disk};
    options.name = name;
    options.wait_ns = kClaimAgainWaitNs;
    start();
    if (options.clock != Clock::counted) return {};
    counted.of = this;
    counted.period_ns = sample_period_ns(options.max_age_ns);
    if (Sampler::instance().add(counted)) return {};
    {
      const Locked locked(ForkGuard::instance());
      abandon(claim);
    }
    ForkGuard::instance().remove(*this);
    return {Fault::no_memory, sys::kTryAgain};
  }

  // At the end of a heartbeat. A call of on_loss comes back to this and to the pulse, so the outermost one frees both.
  void free_once_told() {
    is_given_up = true;
    if (tellings > 0) return;
    sys::unmap(pulse, sizeof(Pulse));
    delete this;
  }

  // Lets compiled code count through `shown`, which must live until the next call or as long as this. Null: no longer.
  void count_through(CountWindow* shown) {
    const Locked locked(ForkGuard::instance());
    if (window != nullptr) window->hide();
    window = shown;
    if (window != nullptr) show_count();
  }

  // Whether the pulse stamps a region that readers can find; looks, and claims anew if it must and can.
  bool look() {
    pulse->attend_at_ns = monotonic_ns() + kLookEveryNs;
    if (lost == Fault::none) lost = fault_of_region();
    if (lost != Fault::none) return come_back();
    if (counted.is_listed) counted.arm();
    return true;
  }

 private:
  void start() {
    start_pulse(*pulse, claim, options);
    region_nonce = claim.region.header().nonce.load_relaxed();
    claimed_at_ns = monotonic_ns();
    pulse->owner = this;
    pulse->attend_at_ns = monotonic_ns() + kLookEveryNs;
    pulse->attend = [](Pulse& of) {
      auto* held = static_cast<Held*>(of.owner);
      // A lost pulse comes here at every beat.
      if (held->lost != Fault::none && monotonic_ns() < of.attend_at_ns) return false;
      return held->look();
    };
  }

  void show_count() {
    window->show(claim, &pulse->hot);
    window->arm();
  }

  Fault fault_of_region() const {
    if (is_lost(claim.region) || (window != nullptr && window->is_lost())) return Fault::truncated;
    sys::FileStatus status{};
    if (sys::status(claim.region.fd, status) >= 0 && status.stx_nlink == 0) return Fault::removed;
    // Cut short and made long again: all zeroes, and readers refuse it.
    return claim.region.header().nonce.load_relaxed() == region_nonce ? Fault::none : Fault::truncated;
  }

  // Safe where nobody else has the name in the region that is there now. What the worker has said of itself goes along.
  bool come_back() {
    pulse->hot.store_release(nullptr);
    pulse->count.store_release(nullptr);
    if (window != nullptr) window->disarm();
    // Our own lock would keep the damaged region from being replaced.
    if (lost == Fault::truncated) leave_claim();
    const Failure failure =
        take(options, next, ForkGuard::instance(), Succession{.after_waiting = true, .since_ns = claimed_at_ns});
    if (failure) {
      if (failure.fault != Fault::name_taken) return false;
      // The wait may be long: the old region is not kept for it.
      leave_claim();
      if (!std::exchange(is_superseded, true)) tell(lost);
      return false;
    }
    is_superseded = false;
    leave_claim();
    {
      const Locked locked(ForkGuard::instance());
      claim = next;
      next = Claim{};
    }
    ++comebacks;
    const Fault was = std::exchange(lost, Fault::none);
    start();
    if (window != nullptr) show_count();
    {
      const BetweenSamples between(counted);
      said.write(*pulse);
    }
    return tell(was) && beat(*pulse);
  }
  void leave_claim() {
    const Locked locked(ForkGuard::instance());
    if (window != nullptr) window->hide();
    if (claim.region.fd >= 0) abandon(claim);
    claim = Claim{};
  }
  // False: the listener gave the heartbeat up, and this is freed.
  bool tell(Fault was) {
    if (on_loss == nullptr) return true;
    ++tellings;
    on_loss(listener, *this, was);
    --tellings;
    if (!is_given_up) return true;
    free_once_told();
    return false;
  }
};

}  // namespace shm_liveness::detail
