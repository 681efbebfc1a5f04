// The region, byte by byte. docs/layout.md says the same for workers in other languages, and a test holds the two
// together.
//
//   0        256          256 + 1024 * n               256 + 4096 * n, rounded up to 4096
//   +--------+-- - - ----+-- - - - - ----------------+
//   | Header | Slot[n]   | Record[n]                 |
//   +--------+-- - - ----+-- - - - - ----------------+
//
//   Slot:    0         512       1024         Record:  0             128       1600      3072
//            +---------+---------+                     +-------------+---------+---------+
//            | Bank[0] | Bank[1] |                     | RestartMark | Life[0] | Life[1] |
//            +---------+---------+                     +-------------+---------+---------+
//
//   Bank:    0      128      256          512  Life:   0           512     1152            1472
//            +------+--------+------------+            +-----------+-------+---------------+
//            | Hot  | Labels | Identity   |            | cycles[64]| Where | SlowPlace[4]  |
//            +------+--------+------------+            +-----------+-------+---------------+
//
// Slots hold what a verdict needs, and lie side by side so that a reader copies or maps nothing else; records hold what
// people read later.
//
// Two banks, because a claimant may be killed at any instruction. A claim writes the bank that is not current, and the
// one store of its serial makes it current: before that store the slot is what it was, after it all of the claim is
// there. The bank with the higher serial is current; serial 0 marks a bank that is empty or being written. The other
// bank keeps the claim before: the flight recorder. Life[b] belongs to Bank[b].
//
// Who writes what, and when:
//   Hot, cycles           the bank's owner, on every beat; Hot alone on its cache line pair (adjacent-line prefetch
//                         pulls two). cycles[i] counts cycles of [2^i, 2^(i+1)) ns (cycles[0] also those of 0).
//                         Of a counted claim (count.hpp) a beat writes `count` alone, and a thread of the owner's
//                         process the rest, at each sample.
//   Labels                the owner, at a phase change; readers copy it under `sequence`.
//   Identity              the claimant, before its serial; readers check the serial again after reading.
//   Where, SlowPlace      the owner's process, or a guard: where the code was. Readers copy them under `sequence`.
//   RestartMark           a supervisor, under the claim byte; `incarnation` is cleared first and stored last.
//
// Stale reads that are harmless, and why: a reader that sees a new beat beside an old count or an old worst cycle
// shows a figure that is one beat late. A reader that sees an old beat beside a new phase budget waits longer by the
// age of one store. The reverse (a new, shorter limit beside an old beat) would be a false alarm; beat.hpp orders its
// stores, and snapshot.hpp its loads, so that it cannot be seen.
//
// Taking words apart: all words are naturally aligned and read and written whole; text is moved in 8-byte words.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace shm_liveness {

// One word shared between processes. The only place where the core touches an atomic: the order is in the name.
template <class T>
class Shared {
 public:
  [[gnu::always_inline]] T load_relaxed() const { return value_.load(std::memory_order_relaxed); }
  [[gnu::always_inline]] T load_acquire() const { return value_.load(std::memory_order_acquire); }
  [[gnu::always_inline]] void store_relaxed(T v) { value_.store(v, std::memory_order_relaxed); }
  [[gnu::always_inline]] void store_release(T v) { value_.store(v, std::memory_order_release); }
  bool take_if_zero(T v) { return replace(T{}, v); }
  bool replace(T expected, T v) {
    return value_.compare_exchange_strong(expected, v, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

 private:
  static_assert(std::atomic<T>::is_always_lock_free && sizeof(std::atomic<T>) == sizeof(T));
  std::atomic<T> value_;
};
// Orders all stores before it before all that follow, as every other thread and the kernel sees them. The thread
// sanitizer does not understand it and needs none.
inline void full_barrier() {
#if !defined(__SANITIZE_THREAD__)
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

using Word32 = Shared<std::uint32_t>;
using Word64 = Shared<std::uint64_t>;

// Text in the region: bytes, filled up with NUL. Up to Bytes - 1 of them count, so a NUL always ends it.
template <std::size_t Bytes>
class SharedText {
 public:
  static_assert(Bytes % 8 == 0);

  // The words are stored with release order and loaded with acquire order so that the sequence counts around them
  // hold without fences (g++'s thread sanitizer does not understand fences).
  void store(std::string_view text) {
    char padded[Bytes] = {};
    for (std::size_t i = 0; i < text.size() && i + 1 < Bytes; ++i) padded[i] = text[i];
    for (std::size_t i = 0; i < Bytes / 8; ++i) {
      std::uint64_t word;
      __builtin_memcpy(&word, padded + i * 8, 8);
      words_[i].store_release(word);
    }
  }
  void load(char (&out)[Bytes]) const {
    for (std::size_t i = 0; i < Bytes / 8; ++i) {
      const std::uint64_t word = words_[i].load_acquire();
      __builtin_memcpy(out + i * 8, &word, 8);
    }
    out[Bytes - 1] = '\0';
  }

 private:
  Word64 words_[Bytes / 8];
};

inline constexpr std::uint64_t kMagic = 0x004556494c4d4853;  // the bytes "SHMLIVE" and NUL
inline constexpr std::uint32_t kVersion = 2;
inline constexpr std::size_t kNameBytes = 64;
inline constexpr std::size_t kStatusBytes = 56;
inline constexpr std::size_t kCycleBins = 64;
inline constexpr std::uint32_t kBanks = 2;
inline constexpr std::size_t kFramesBytes = 608;
inline constexpr std::size_t kPlaceBytes = 72;
inline constexpr std::size_t kSlowPlaces = 4;
inline constexpr std::uint32_t kDefaultSlots = 64;
inline constexpr std::uint32_t kMaxSlots = 4096;

// Lock bytes lie far behind the data, where no reader or writer of data can meet them. FROZEN for all layout versions:
// this is how a newer program finds out whether a region it cannot read is still in use. Each bank has a byte of its
// own, so that a lock belongs to one claim: a reader never pairs a new lock with an old beat.
inline constexpr std::int64_t kClaimByte = std::int64_t(1) << 40;
inline constexpr std::int64_t kFirstSlotByte = kClaimByte + 1;
inline constexpr std::int64_t kLockBytes = 1 + 65536;

// The values are those of layout version 1, in which 1 was a claim that is being written.
enum class State : std::uint32_t {
  free = 0,     // never used
  claimed = 2,  // owned, if the lock is held; dead or left over, if it is gone
  stopped = 3,  // released by stop()
};

enum class Ended : std::uint32_t { none = 0, stopped = 1, died = 2, left_over = 3 };

// How the container of a claim is known. Never compared across kinds.
enum class ContainerKind : std::uint64_t {
  unknown = 0,
  mount_id = 1,         // a: STATX_MNT_ID_UNIQUE of "/" (Linux 6.8+)
  mount_namespace = 2,  // a: inode of the mount namespace, b: start of PID 1 in clock ticks
};

struct Header {
  Word64 magic;                // 0    kMagic
  Word32 version;              // 8    kVersion, stored last
  Word32 header_bytes;         // 12
  Word64 signature;            // 16   kSignature: sizes and offsets, hashed
  Word32 slot_bytes;           // 24   1024
  Word32 slot_count;           // 28   n
  Word64 region_bytes;         // 32   the file's size
  Word64 nonce;                // 40   random, at creation
  Word64 created_boottime_ns;  // 48
  Word32 used_slots;           // 56   slots at and behind this index were never claimed; only grows
  Word32 claim_turns;          // 60   how often the claim byte was given back: waiting claimants see progress
  Word64 reserved[24];         // 64
};

struct Hot {
  Word64 last_beat_ns;    // 0    CLOCK_MONOTONIC of the latest beat
  Word64 beats;           // 8
  Word32 state;           // 16   State
  Word32 ready;           // 20   1: the worker called ready()
  Word64 worst_cycle_ns;  // 24
  Word64 late_cycles;     // 32   cycles beyond the cycle limit
  Word64 late_at_ns;      // 40   when the latest of them ended
  Word64 stall_limit_ns;  // 48   max age or, in a phase, its budget
  Word64 renewed_ns;      // 56   the latest phase change (or the claim); counts as a sign of life
  Word32 in_phase;        // 64
  Word32 serial;          // 68   how often the slot had been claimed with this claim; stored last. 0: not a claim
  Word32 count;           // 72   of a counted claim: the beats, modulo 2^32
  Word32 reserved32;      // 76
  Word64 reserved[6];     // 80
};

struct Labels {
  Word32 sequence;                  // 0    odd while being written
  Word32 reserved32;                // 4
  SharedText<kNameBytes> phase;     // 8
  SharedText<kStatusBytes> status;  // 72   why not ready
};

struct Identity {
  Word64 incarnation;             // 0    random, never 0, new with every claim
  Word32 clock;                   // 8    Clock
  Word32 predecessor_ended;       // 12   Ended: how the claim in the other bank ended
  SharedText<kNameBytes> name;    // 16
  Word64 max_age_ns;              // 80
  Word64 cycle_limit_ns;          // 88   0: none
  Word32 pid;                     // 96   for display
  Word32 tid;                     // 100
  Word64 task_start_ticks;        // 104  tells whether /proc/<pid> is still this worker; 0: not known
  Word64 claimed_ns;              // 112  CLOCK_MONOTONIC
  Word64 claimed_boottime_ns;     // 120  CLOCK_BOOTTIME
  Word64 container_kind;          // 128  ContainerKind
  Word64 container_a;             // 136
  Word64 container_b;             // 144
  Word64 time_namespace;          // 152  inode; 0: not known
  Word64 grace_from_boottime_ns;  // 160  the claim; in a long row of lives that never beat, an earlier one's
  Word64 deadline_boottime_ns;    // 168  for the first beat, beside the reader's grace; 0: none
  Word32 row;                     // 176  how many lives before this one, in a row, ended without beating for long
  Word32 reserved32;              // 180
  Word64 reserved[9];             // 184
};

struct Bank {
  Hot hot;            // 0
  Labels labels;      // 128
  Identity identity;  // 256
};

struct Slot {
  Bank banks[kBanks];  // 0
};

// A supervisor's word that it restarts this worker in place.
struct RestartMark {
  Word64 incarnation;         // 0    of the claim whose end is forgiven; 0: none
  Word64 marked_boottime_ns;  // 8    CLOCK_BOOTTIME
  Word64 budget_ns;           // 16   how long after the mark; 0: the reader's own grace
  Word32 restarts;            // 24   marks so far
  Word32 reserved32;          // 28
  Word64 reserved[12];        // 32
};

// Where the worker's code was when it fell silent.
struct Where {
  Word32 sequence;                  // 0    odd while being written
  Word32 kind;                      // 4    0: nothing is known
  Word64 taken_ns;                  // 8    CLOCK_MONOTONIC
  Word64 silent_ns;                 // 16   for how long it had been silent then
  Word64 reserved;                  // 24
  SharedText<kFramesBytes> frames;  // 32   the innermost first, a line each
};

// Where cycles took longer than the cycle limit, and how often there.
struct SlowPlace {
  Word32 sequence;               // 0    odd while being written
  Word32 count;                  // 4
  SharedText<kPlaceBytes> text;  // 8
};

struct Life {
  Word64 cycles[kCycleBins];           // 0
  Where where;                         // 512
  SlowPlace slow_places[kSlowPlaces];  // 1152
};

struct Record {
  RestartMark mark;    // 0
  Life lives[kBanks];  // 128
};

// clang-format off
#define SHM_LIVENESS_FIELDS(at)                                                                                       \
  at(Header, magic, 0) at(Header, version, 8) at(Header, header_bytes, 12) at(Header, signature, 16)                  \
  at(Header, slot_bytes, 24) at(Header, slot_count, 28) at(Header, region_bytes, 32) at(Header, nonce, 40)            \
  at(Header, created_boottime_ns, 48) at(Header, used_slots, 56) at(Header, claim_turns, 60)                          \
  at(Hot, last_beat_ns, 0) at(Hot, beats, 8) at(Hot, state, 16) at(Hot, ready, 20) at(Hot, worst_cycle_ns, 24)        \
  at(Hot, late_cycles, 32) at(Hot, late_at_ns, 40) at(Hot, stall_limit_ns, 48) at(Hot, renewed_ns, 56)                \
  at(Hot, in_phase, 64) at(Hot, serial, 68) at(Labels, sequence, 0) at(Labels, phase, 8) at(Labels, status, 72)       \
  at(Identity, incarnation, 0) at(Identity, clock, 8) at(Identity, predecessor_ended, 12) at(Identity, name, 16)      \
  at(Identity, max_age_ns, 80) at(Identity, cycle_limit_ns, 88) at(Identity, pid, 96) at(Identity, tid, 100)          \
  at(Identity, task_start_ticks, 104) at(Identity, claimed_ns, 112) at(Identity, claimed_boottime_ns, 120)            \
  at(Identity, container_kind, 128) at(Identity, container_a, 136) at(Identity, container_b, 144)                     \
  at(Identity, time_namespace, 152) at(Identity, grace_from_boottime_ns, 160)                                         \
  at(Identity, deadline_boottime_ns, 168) at(Identity, row, 176) at(Bank, hot, 0) at(Bank, labels, 128)               \
  at(Bank, identity, 256) at(Slot, banks, 0) at(RestartMark, incarnation, 0) at(RestartMark, marked_boottime_ns, 8)   \
  at(RestartMark, budget_ns, 16) at(RestartMark, restarts, 24) at(Where, sequence, 0) at(Where, kind, 4)              \
  at(Where, taken_ns, 8) at(Where, silent_ns, 16) at(Where, frames, 32) at(SlowPlace, sequence, 0)                    \
  at(SlowPlace, count, 4) at(SlowPlace, text, 8) at(Life, cycles, 0) at(Life, where, 512)                             \
  at(Life, slow_places, 1152) at(Record, mark, 0) at(Record, lives, 128)
// Fields that version 2 had no name for at first. They lie in space that a claim of an older build leaves alone, and a
// reader looks at them only where another field, which an older build never writes so, tells it to. So both builds
// understand each other, and the signature stays.
#define SHM_LIVENESS_LATER_FIELDS(at) at(Hot, count, 72)
// clang-format on

#define SHM_LIVENESS_ASSERT(Struct, field, offset) static_assert(offsetof(Struct, field) == (offset));
SHM_LIVENESS_FIELDS(SHM_LIVENESS_ASSERT)
SHM_LIVENESS_LATER_FIELDS(SHM_LIVENESS_ASSERT)
#undef SHM_LIVENESS_ASSERT
static_assert(sizeof(Header) == 256 && sizeof(Hot) == 128 && sizeof(Labels) == 128 && sizeof(Identity) == 256);
static_assert(sizeof(Slot) == 1024 && sizeof(RestartMark) == 128 && sizeof(Where) == 640 && sizeof(SlowPlace) == 80);
static_assert(sizeof(Life) == 1472 && sizeof(Record) == 3072);

namespace detail {
constexpr std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {  // FNV-1a over the value's eight bytes
  for (int i = 0; i < 8; ++i) hash = (hash ^ ((value >> (8 * i)) & 0xff)) * 0x100000001b3u;
  return hash;
}
constexpr std::uint64_t signature() {
  std::uint64_t hash = 0xcbf29ce484222325u;
#define SHM_LIVENESS_MIX(Struct, field, offset) hash = mix(mix(hash, offset), sizeof(Struct::field));
  SHM_LIVENESS_FIELDS(SHM_LIVENESS_MIX)
#undef SHM_LIVENESS_MIX
  for (std::size_t size : {sizeof(Header), sizeof(Slot), sizeof(Record)}) hash = mix(hash, size);
  return hash;
}
}  // namespace detail

// Differs whenever a size or an offset of those fields differs, so that two builds that disagree refuse each other's
// regions.
inline constexpr std::uint64_t kSignature = detail::signature();

constexpr std::uint64_t region_bytes_for(std::uint32_t slots) {
  return (sizeof(Header) + std::uint64_t(slots) * (sizeof(Slot) + sizeof(Record)) + 4095) / 4096 * 4096;
}

}  // namespace shm_liveness
