// --self-test: does this machine give a probe what it needs? Lives through a worker's life in a region of its own.
#pragma once

#include "../native/shm_liveness/beat.hpp"
#include "../native/shm_liveness/claim.hpp"
#include "../native/shm_liveness/observe.hpp"
#include "options.hpp"

namespace shm_liveness::program {

// Returns null if all went well, otherwise the step that failed; `failure` says why, where a fault does.
inline const char* self_test(const Options& options, std::uint32_t user, Failure& failure) {
  WorkerFacts room[1];
  char name[40];
  Text text(name);
  text << "self-test-" << shm_liveness::detail::random_nonce();
  const Place place{options.watched.directory, text.view(), options.watched.allow_disk};
  Pulse pulse;

  const auto verdict_is = [&](Kind kind) {
    Observation seen;
    seen.room = room;
    add_region(seen, place, user);
    failure = seen.facts[0].failure;
    const Verdict verdict = second_look(seen, Policy{});
    close_observation(seen);
    return verdict.kind == kind;
  };
  const auto live = [&]() -> const char* {
    const ClaimOptions claiming{
        .place = place, .creation = {.slots = 1}, .name = "self-test", .max_age_ns = 60'000'000'000};
    Claim claim;
    if ((failure = take(claiming, claim))) return "claim a slot in shared memory";
    start_pulse(pulse, claim, claiming);
    beat(pulse);
    if (!verdict_is(Kind::healthy)) return "see a living worker as healthy";
    close_region(claim.region);  // as the kernel does for the dead
    if (!verdict_is(Kind::dead)) return "see a dead worker as dead";
    return nullptr;
  };

  const char* failed_step = live();
  PathBuffer path;
  if (path.set(place)) sys::unlink(path.text);
  return failed_step;
}

}  // namespace shm_liveness::program
