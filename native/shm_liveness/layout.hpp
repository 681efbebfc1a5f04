// The region, byte by byte. docs/layout.md says the same for workers in other languages, and a test holds the two
// together.
//
//   0        256         256 + 512 * n                256 + 1280 * n, rounded up to 4096
//   +--------+-- - - ----+-- - - - - ----------------+
//   | Header | Slot[n]   | Record[n]                 |
//   +--------+-- - - ----+-- - - - - ----------------+
//
//   Slot:    0      128      256          512         Record:  0            256               768
//            +------+--------+------------+                    +------------+-----------------+
//            | Hot  | Labels | Identity   |                    | LastWords  | cycles[64]      |
//            +------+--------+------------+                    +------------+-----------------+
//
// Slots hold what a verdict needs, and lie side by side so that a reader copies or maps nothing else; records hold what
// people read later.
//
// Who writes what, and when:
//   Hot        the slot's owner, on every beat; alone on its cache line pair (adjacent-line prefetch pulls two).
//   Labels     the owner, at a phase change; readers copy it under `sequence`.
//   Identity   the claimant, at a claim, under the claim byte; readers copy it under `sequence`.
//   LastWords  as Identity, and under its sequence: what the slot held before this claim.
//   cycles     the owner, on every beat: cycles[i] counts cycles of [2^i, 2^(i+1)) ns (cycles[0] also those of 0).
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
  bool take_if_zero(T v) {
    T zero{};
    return value_.compare_exchange_strong(zero, v, std::memory_order_acq_rel, std::memory_order_relaxed);
  }

 private:
  static_assert(std::atomic<T>::is_always_lock_free && sizeof(std::atomic<T>) == sizeof(T));
  std::atomic<T> value_;
};
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
inline constexpr std::uint32_t kVersion = 1;
inline constexpr std::size_t kNameBytes = 64;
inline constexpr std::size_t kStatusBytes = 56;
inline constexpr std::size_t kCycleBins = 64;
inline constexpr std::uint32_t kDefaultSlots = 64;
inline constexpr std::uint32_t kMaxSlots = 4096;

// Lock bytes lie far behind the data, where no reader or writer of data can meet them. FROZEN for all layout versions:
// this is how a newer program finds out whether a region it cannot read is still in use.
inline constexpr std::int64_t kClaimByte = std::int64_t(1) << 40;
inline constexpr std::int64_t kFirstSlotByte = kClaimByte + 1;
inline constexpr std::int64_t kLockBytes = 1 + 65536;

enum class State : std::uint32_t {
  free = 0,      // never used
  claiming = 1,  // a claim is being written; with the lock gone: its claimant died in the middle
  claimed = 2,   // owned, if the lock is held; dead or left over, if it is gone
  stopped = 3,   // released by stop()
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
  Word32 slot_bytes;           // 24   512
  Word32 slot_count;           // 28   n
  Word64 region_bytes;         // 32   the file's size
  Word64 nonce;                // 40   random, at creation
  Word64 created_boottime_ns;  // 48
  Word64 restart_boottime_ns;  // 56   the latest restart in place; 0: none
  Word64 restart_budget_ns;    // 64   how long after it missing workers are forgiven
  Word32 used_slots;           // 72   slots at and behind this index were never claimed; only grows
  Word32 reserved32;           // 76
  Word64 reserved[22];         // 80
};

struct Hot {
  Word64 last_beat_ns;          // 0    CLOCK_MONOTONIC of the latest beat
  Word64 beats;                 // 8
  Word32 state;                 // 16   State
  Word32 ready;                 // 20   1: the worker called ready()
  Word64 worst_cycle_ns;        // 24
  Word64 late_cycles;           // 32   cycles beyond the cycle limit
  Word64 late_at_ns;            // 40   when the latest of them ended
  Word64 stall_limit_ns;        // 48   max age or, in a phase, its budget
  Word64 renewed_ns;            // 56   the latest phase change (or the claim); counts as a sign of life
  Word32 in_phase;              // 64
  Word32 reserved32;            // 68
  Word64 claiming_boottime_ns;  // 72   CLOCK_BOOTTIME, when the claim that is under way began
  Word64 reserved[6];           // 80
};

struct Labels {
  Word32 sequence;                  // 0    odd while being written
  Word32 reserved32;                // 4
  SharedText<kNameBytes> phase;     // 8
  SharedText<kStatusBytes> status;  // 72   why not ready
};

struct Identity {
  Word32 sequence;                // 0    odd while being written; covers LastWords too
  Word32 clock;                   // 4    Clock
  Word64 incarnation;             // 8    random, never 0, new with every claim
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
  Word64 grace_from_boottime_ns;  // 160  the claim, or the first of a row of claims that never beat
  Word64 inherited_deadline_ns;   // 168  CLOCK_BOOTTIME; the predecessor's phase deadline, if it had one
  Word32 inherited;               // 176  1: the predecessor never beat, its deadline holds
  Word32 claims;                  // 180  how often this slot was claimed
  Word64 reserved[9];             // 184
};

struct LastWords {
  Word32 ended;                  // 0    Ended
  Word32 pid;                    // 4
  Word64 incarnation;            // 8
  SharedText<kNameBytes> name;   // 16
  Word64 last_beat_ns;           // 80
  Word64 beats;                  // 88
  Word64 worst_cycle_ns;         // 96
  Word64 late_cycles;            // 104
  Word64 late_at_ns;             // 112
  Word64 claimed_ns;             // 120
  Word64 claimed_boottime_ns;    // 128
  Word64 stall_limit_ns;         // 136
  Word64 renewed_ns;             // 144
  Word32 in_phase;               // 152
  Word32 reserved32;             // 156
  SharedText<kNameBytes> phase;  // 160
  Word64 reserved[4];            // 224
};

struct Slot {
  Hot hot;            // 0
  Labels labels;      // 128
  Identity identity;  // 256
};

struct Record {
  LastWords last_words;       // 0
  Word64 cycles[kCycleBins];  // 256
};

// clang-format off
#define SHM_LIVENESS_FIELDS(at)                                                                                       \
  at(Header, magic, 0) at(Header, version, 8) at(Header, header_bytes, 12) at(Header, signature, 16)                  \
  at(Header, slot_bytes, 24) at(Header, slot_count, 28) at(Header, region_bytes, 32) at(Header, nonce, 40)            \
  at(Header, created_boottime_ns, 48) at(Header, restart_boottime_ns, 56) at(Header, restart_budget_ns, 64)           \
  at(Header, used_slots, 72)                                                                                          \
  at(Hot, last_beat_ns, 0) at(Hot, beats, 8) at(Hot, state, 16) at(Hot, ready, 20) at(Hot, worst_cycle_ns, 24)        \
  at(Hot, late_cycles, 32) at(Hot, late_at_ns, 40) at(Hot, stall_limit_ns, 48) at(Hot, renewed_ns, 56)                \
  at(Hot, in_phase, 64) at(Hot, claiming_boottime_ns, 72)                                                                                               \
  at(Labels, sequence, 0) at(Labels, phase, 8) at(Labels, status, 72)                                                 \
  at(Identity, sequence, 0) at(Identity, clock, 4) at(Identity, incarnation, 8) at(Identity, name, 16)                \
  at(Identity, max_age_ns, 80) at(Identity, cycle_limit_ns, 88) at(Identity, pid, 96) at(Identity, tid, 100)          \
  at(Identity, task_start_ticks, 104) at(Identity, claimed_ns, 112) at(Identity, claimed_boottime_ns, 120)            \
  at(Identity, container_kind, 128) at(Identity, container_a, 136) at(Identity, container_b, 144)                     \
  at(Identity, time_namespace, 152) at(Identity, grace_from_boottime_ns, 160)                                         \
  at(Identity, inherited_deadline_ns, 168) at(Identity, inherited, 176) at(Identity, claims, 180)                     \
  at(LastWords, ended, 0) at(LastWords, pid, 4) at(LastWords, incarnation, 8) at(LastWords, name, 16)                 \
  at(LastWords, last_beat_ns, 80) at(LastWords, beats, 88) at(LastWords, worst_cycle_ns, 96)                          \
  at(LastWords, late_cycles, 104) at(LastWords, late_at_ns, 112) at(LastWords, claimed_ns, 120)                       \
  at(LastWords, claimed_boottime_ns, 128) at(LastWords, stall_limit_ns, 136) at(LastWords, renewed_ns, 144)           \
  at(LastWords, in_phase, 152) at(LastWords, phase, 160)                                                              \
  at(Slot, hot, 0) at(Slot, labels, 128) at(Slot, identity, 256) at(Record, last_words, 0) at(Record, cycles, 256)
// clang-format on

#define SHM_LIVENESS_ASSERT(Struct, field, offset) static_assert(offsetof(Struct, field) == (offset));
SHM_LIVENESS_FIELDS(SHM_LIVENESS_ASSERT)
#undef SHM_LIVENESS_ASSERT
static_assert(sizeof(Header) == 256 && sizeof(Hot) == 128 && sizeof(Labels) == 128 && sizeof(Identity) == 256);
static_assert(sizeof(LastWords) == 256 && sizeof(Slot) == 512 && sizeof(Record) == 768);

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

// Differs whenever a size or an offset differs, so that two builds that disagree refuse each other's regions.
inline constexpr std::uint64_t kSignature = detail::signature();

constexpr std::uint64_t region_bytes_for(std::uint32_t slots) {
  return (sizeof(Header) + std::uint64_t(slots) * (sizeof(Slot) + sizeof(Record)) + 4095) / 4096 * 4096;
}

}  // namespace shm_liveness
