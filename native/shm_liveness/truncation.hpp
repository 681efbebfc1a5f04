// A region cut short while it is mapped: the next access is SIGBUS. Regions are never resized by us, but /dev/shm is
// writable for everybody, and a probe or a Node process shall not crash over somebody's `> /dev/shm/default`. A C++
// worker that installs no handler dies of it, and is seen as dead.
//
// This is the part that may run inside a signal handler: it knows which mappings are ours, puts zeroes in the place of
// a lost one, so that the faulting instruction can be repeated, and notes the loss. Whoever installs the handler
// (native/addon/sigbus.cc, probe/start.hpp) passes on every SIGBUS that recover() does not know.
#pragma once

#include "beat.hpp"

namespace shm_liveness::truncation {

// A mapping under guard. Its entry is free while begin is 0.
struct Watched {
  Word64 begin;
  Word64 end;
  Word32 lost;
  Shared<Pulse*> pulse;  // of a worker: told to stop stamping; null for a reader
};

inline constexpr std::size_t kMaxWatched = 512;
inline Watched g_watched[kMaxWatched];

// Null when the table is full: then a truncation is what it would be without us, a SIGBUS.
inline Watched* watch(const void* memory, std::size_t bytes, Pulse* pulse = nullptr) {
  const std::uint64_t begin = reinterpret_cast<std::uint64_t>(memory);
  for (Watched& entry : g_watched) {
    if (!entry.begin.take_if_zero(1)) continue;
    entry.lost.store_relaxed(0);
    entry.pulse.store_relaxed(pulse);
    entry.end.store_relaxed(begin + bytes);
    entry.begin.store_release(begin);
    return &entry;
  }
  return nullptr;
}

// Call before unmapping: the address may belong to somebody else right after.
inline void unwatch(Watched* entry) {
  if (entry == nullptr) return;
  entry->end.store_release(0);
  entry->begin.store_release(0);
}

inline bool is_lost(const Watched* entry) { return entry != nullptr && entry->lost.load_acquire() != 0; }

// For signal handlers: no lock, no allocation, one system call. False: not one of ours.
inline bool recover(const void* address) {
  const std::uint64_t at = reinterpret_cast<std::uint64_t>(address);
  for (Watched& entry : g_watched) {
    const std::uint64_t begin = entry.begin.load_acquire();
    const std::uint64_t end = entry.end.load_acquire();
    if (begin <= 1 || at < begin || at >= end) continue;  // 1: being entered
    void* zeroes = sys::map(reinterpret_cast<void*>(begin), end - begin, sys::kProtRead | sys::kProtWrite,
                            sys::kMapPrivate | sys::kMapAnonymous | sys::kMapFixed, -1);
    if (sys::failed(zeroes)) return false;
    entry.lost.store_release(1);
    if (Pulse* pulse = entry.pulse.load_acquire(); pulse != nullptr) pulse->hot.store_release(nullptr);
    return true;
  }
  return false;
}

}  // namespace shm_liveness::truncation
