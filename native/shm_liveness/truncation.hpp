// A region cut short while it is mapped: the next access is SIGBUS. Regions are never resized by us, but /dev/shm is
// writable for everybody, and a guard or a Node process must not crash over somebody's `> /dev/shm/default`. A C++
// worker that installs no handler dies of it, and is seen as dead.
//
// Every mapping of a region is watched before its first byte is read, and until after the last store (region.hpp). This
// is the part that may run inside a signal handler: it knows which mappings are ours, puts zeroes in the place of a
// lost one, so that the faulting instruction can be repeated, and notes the loss. A program that wants this installs a
// SIGBUS handler that calls recover() and passes on every SIGBUS that recover() does not know (native/addon/sigbus.cc).
#pragma once

#include "layout.hpp"
#include "sys.hpp"

namespace shm_liveness::truncation {

// A mapping under watch. `turn` is odd while the entry changes hands, and even otherwise: a handler that runs on
// another thread would else pair the begin of one mapping with the end of the next.
struct Watched {
  Word32 taken;
  Word32 turn;
  Word64 begin;
  Word64 end;
  Word32 lost;
  Shared<Shared<Hot*>*> stamping;  // of a worker: set to null, so that it stops stamping; null for a reader
};

#if defined(SHM_LIVENESS_WITHOUT_WATCH)

// For a program that ends at a SIGBUS: it has no table, and so no page of writable data.
inline Watched* watch(const void*, std::size_t) { return nullptr; }
inline void unwatch(Watched*) {}

#else

// As many as a region has slots, so that one process can hold them all; twice, because a counted claim may have a
// window (count_window.hpp) beside its region.
inline constexpr std::size_t kMaxWatched = 2 * 4096 + 256;
inline Watched g_watched[kMaxWatched];

// Null when the table is full: then a truncation is what it would be without us, a SIGBUS.
inline Watched* watch(const void* memory, std::size_t bytes) {
  const std::uint64_t begin = reinterpret_cast<std::uint64_t>(memory);
  for (Watched& entry : g_watched) {
    if (entry.taken.load_relaxed() != 0 || !entry.taken.take_if_zero(1)) continue;
    const std::uint32_t turn = entry.turn.load_relaxed();
    entry.turn.store_relaxed(turn + 1);
    // Stored with release order, so that none is seen before the odd turn.
    entry.lost.store_release(0);
    entry.stamping.store_release(nullptr);
    entry.end.store_release(begin + bytes);
    entry.begin.store_release(begin);
    entry.turn.store_release(turn + 2);
    return &entry;
  }
  return nullptr;
}

// Call before unmapping: the address may belong to somebody else right after.
inline void unwatch(Watched* entry) {
  if (entry == nullptr) return;
  const std::uint32_t turn = entry->turn.load_relaxed();
  entry->turn.store_relaxed(turn + 1);
  entry->begin.store_release(0);
  entry->end.store_release(0);
  entry->turn.store_release(turn + 2);
  entry->taken.store_release(0);
}

// For signal handlers: no lock, no allocation, one system call. False: not one of ours.
//
// The entry found is that of the faulting thread's own mapping, which stays mapped and watched while that thread is
// here. So after a consistent look at begin and end nothing can pull the entry away.
inline bool recover(const void* address) {
  const std::uint64_t at = reinterpret_cast<std::uint64_t>(address);
  for (Watched& entry : g_watched) {
    const std::uint32_t turn = entry.turn.load_acquire();
    const std::uint64_t begin = entry.begin.load_acquire();
    const std::uint64_t end = entry.end.load_acquire();
    if ((turn & 1) != 0 || entry.turn.load_relaxed() != turn) continue;  // another thread's: ours does not change now
    if (at < begin || at >= end) continue;
    void* zeroes = sys::map(reinterpret_cast<void*>(begin), end - begin, sys::kProtRead | sys::kProtWrite,
                            sys::kMapPrivate | sys::kMapAnonymous | sys::kMapFixed, -1);
    if (sys::failed(zeroes)) return false;
    entry.lost.store_release(1);
    if (Shared<Hot*>* stamping = entry.stamping.load_acquire(); stamping != nullptr) stamping->store_release(nullptr);
    return true;
  }
  return false;
}

#endif

inline bool is_lost(const Watched* entry) { return entry != nullptr && entry->lost.load_acquire() != 0; }

}  // namespace shm_liveness::truncation
