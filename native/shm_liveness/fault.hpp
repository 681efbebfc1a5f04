// What can go wrong with a region or a claim: one table, fault -> stable code, exit status, sentence.
// lib/errors.ts lists the same codes; a test compares the two through the addon.
#pragma once

#include "text.hpp"

namespace shm_liveness {

// The exit statuses of every program here. The kubelet only tells 0 from the rest; people tell the rest apart.
enum class Exit : int { healthy = 0, unhealthy = 1, usage = 2, unusable = 3 };

//   (name, code, what it is, and what to do)
// clang-format off
#define SHM_LIVENESS_FAULTS(fault)                                                                                    \
  fault(none, "OK", "no fault")                                                                                       \
  fault(missing, "REGION_MISSING", "does not exist; has a worker claimed a slot yet?")                                \
  fault(not_a_file, "REGION_NOT_A_FILE", "is no regular file")                 \
  fault(access, "REGION_ACCESS", "may not be opened; run as its user or share it with a group")                    \
  fault(owner, "REGION_OWNER", "belongs to another user; remove it, or run as its owner")                             \
  fault(mode, "REGION_MODE", "is writable for everybody; remove it")                                                  \
  fault(not_tmpfs, "REGION_NOT_TMPFS", "is not on tmpfs: beats are disk I/O; use /dev/shm or allow disk")         \
  fault(size, "REGION_SIZE", "has a wrong size (empty, cut short, or no region)")                                     \
  fault(magic, "REGION_MAGIC", "is not a region: foreign first bytes")                                                \
  fault(version, "REGION_VERSION", "has another layout version; use one release throughout")                       \
  fault(layout, "REGION_LAYOUT", "has a foreign layout, or is damaged")                                               \
  fault(truncated, "REGION_TRUNCATED", "was cut short in use; restart its workers")                                   \
  fault(removed, "REGION_REMOVED", "was removed under its workers; this name is claimed anew by another worker")    \
  fault(in_use, "REGION_IN_USE", "is unusable here, but held by others; stop them first")                             \
  fault(no_space, "NO_SPACE", "does not fit; enlarge /dev/shm or lower the capacity")                                 \
  fault(no_memory, "NO_MEMORY", "cannot be mapped: out of memory")                                                    \
  fault(no_slot, "NO_FREE_SLOT", "has no free slot; name workers by role, retire dead names or raise the capacity")  \
  fault(name_taken, "NAME_TAKEN", "a living worker holds this name")                                                  \
  fault(slot_locked, "SLOT_LOCKED", "somebody else holds a lock on this slot; see /proc/locks")                       \
  fault(claim_busy, "CLAIM_BUSY", "another claim does not finish; is its process stopped?")                \
  fault(locks_unsupported, "LOCKS_UNSUPPORTED", "the kernel has no open-file-description locks (old gVisor)")       \
  fault(no_such_worker, "NO_SUCH_WORKER", "no slot has this name")                                                    \
  fault(still_alive, "STILL_ALIVE", "the worker is alive; only dead ones are retired")                                \
  fault(invalid_name, "INVALID_NAME", "a name is 1 to 63 of A-Z a-z 0-9 . _ - and begins with no dot")                \
  fault(invalid_text, "INVALID_TEXT", "a phase has 1 to 63 bytes, a status up to 55, no control bytes")               \
  fault(invalid_option, "INVALID_OPTION", "a number, path or duration is out of range")                               \
  fault(stopped, "STOPPED", "stopped, region lost, or a forked child")                                                \
  fault(clock_future, "CLOCK_FUTURE", "last beat is in the future")                        \
  fault(clock_foreign, "CLOCK_FOREIGN", "lives in another time namespace: no age can be told")             \
  fault(system, "SYSTEM", "unexpected answer from the kernel")
// clang-format on

enum class Fault : std::uint8_t {
#define SHM_LIVENESS_ENUM(name, code, sentence) name,
  SHM_LIVENESS_FAULTS(SHM_LIVENESS_ENUM)
#undef SHM_LIVENESS_ENUM
};

namespace detail {
inline constexpr char kFaultWords[] =
#define SHM_LIVENESS_WORDS(name, code, sentence) code "\0" sentence "\0"
    SHM_LIVENESS_FAULTS(SHM_LIVENESS_WORDS)
#undef SHM_LIVENESS_WORDS
    ;
}  // namespace detail

inline constexpr std::size_t kFaultCount = static_cast<std::size_t>(Fault::system) + 1;
inline const char* code_of(Fault fault) { return nth_word(detail::kFaultWords, 2 * static_cast<std::size_t>(fault)); }
inline const char* sentence_of(Fault fault) {
  return nth_word(detail::kFaultWords, 2 * static_cast<std::size_t>(fault) + 1);
}

// ", errno 24"; nothing for 0, where the kernel had no part in it.
inline void say_error_number(Text& out, int error) {
  if (error != 0) out << ", errno " << error;
}

// A fault with the kernel's error number, where there was one (0 otherwise).
struct Failure {
  Fault fault = Fault::none;
  int error = 0;
  explicit operator bool() const { return fault != Fault::none; }
};

}  // namespace shm_liveness
