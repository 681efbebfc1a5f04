// Where a worker's code is when it falls silent: one thread of this process watches its heartbeats, as a probe does
// from outside, and asks the thread that beats for its stack while there is time to write it into the region.
//
// The beat pays nothing: the watcher reads what the beat has stored anyway. It sleeps until a heartbeat has been silent
// for half of its limit, or longer than its cycle limit.
//
// An interrupt may only be requested of an isolate that exists, and it runs at any later time, or never. So each
// environment has a number; the interrupt carries the number, not an address, and one that comes after its
// environment's end finds nothing. The mutex is held while an interrupt is requested, and taken by the environment's
// cleanup hook.
#pragma once

#include <node_api.h>

#include "shm_liveness/heartbeat.hpp"

namespace shm_liveness::addon::stacks {

struct Watch;

// Call on the thread that beats; `held` must live until end(). Null: `reason` says why there will be no stacks.
Watch* begin(napi_env env, const shm_liveness::detail::Held& held, const char*& reason);

// Call before the heartbeat is given up. Takes null.
void end(Watch* watch);

// Wakes the watcher up, which sleeps by the limit that it has seen last. Takes null.
void limit_changed(const Watch* watch);

// How many stacks this process has taken so far.
std::uint64_t taken();

}  // namespace shm_liveness::addon::stacks
