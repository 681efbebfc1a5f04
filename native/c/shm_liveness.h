/* Heartbeats in shared memory, for C (C99 and later). A thin layer over the C++ core, which is in the library.
 *
 *   shm_liveness_options options = SHM_LIVENESS_OPTIONS_INIT;
 *   options.name = "grabber";
 *   options.max_age_ns = 250000000;
 *   shm_liveness_heartbeat *heartbeat;
 *   int fault = shm_liveness_claim(&options, &heartbeat);
 *   if (fault != 0) { fprintf(stderr, "%s [%s]\n", shm_liveness_sentence(fault), shm_liveness_code(fault)); return 1; }
 *   shm_liveness_ready(heartbeat);
 *   while (grab()) shm_liveness_beat(heartbeat);
 *   shm_liveness_stop(heartbeat);
 *
 * Threads: one thread at a time may use a heartbeat. Claim one for each supervised thread.
 * Fork: a child that does not exec neither keeps its parent's slot alive nor beats for it.
 */
#ifndef SHM_LIVENESS_H
#define SHM_LIVENESS_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A claimed slot. Freed by shm_liveness_stop() or shm_liveness_abandon(). */
typedef struct shm_liveness_heartbeat shm_liveness_heartbeat;

enum {
  SHM_LIVENESS_CLOCK_PRECISE = 0,
  SHM_LIVENESS_CLOCK_COARSE = 1, /* reads the kernel's tick: a third of the price, steps of 1 to 10 ms */
  SHM_LIVENESS_CLOCK_COUNTED = 2 /* adds 1 to a word that a thread stamps; max age of at least 10 ms */
};

typedef struct {
  const char *name;        /* the worker's role; 1 to 63 of A-Z a-z 0-9 . _ -, no dot first */
  const char *region;      /* NULL: $SHM_LIVENESS_REGION, else "default" */
  const char *directory;   /* NULL: $SHM_LIVENESS_DIR, else /dev/shm */
  uint64_t max_age_ns;     /* how old the last beat may be; required */
  uint64_t cycle_limit_ns; /* a longer cycle is counted and timestamped; 0: none */
  uint32_t capacity;       /* slots, should this claim make the region: 1 to 4096; 0: 64 */
  uint32_t mode;           /* of the region's file then: 0600, 0640 or 0660; 0: 0600 */
  uint32_t pid;            /* claim for this process, whose end ends this one; 0: for the calling thread */
  uint32_t clock;          /* one of the clocks below */
  bool allow_disk;         /* accept a region that is not on tmpfs */
} shm_liveness_options;

#define SHM_LIVENESS_OPTIONS_INIT {0, 0, 0, 0, 0, 0, 0, 0, SHM_LIVENESS_CLOCK_PRECISE, false}

/* Takes the slot of the name (its old one, if it has one), and makes the region if there is none. 0, or a fault. The
 * texts need only live through the call. */
int shm_liveness_claim(const shm_liveness_options *options, shm_liveness_heartbeat **claimed);

/* A fault's stable code (NAME_TAKEN), and a sentence that says what it is and what to do. */
const char *shm_liveness_code(int fault);
const char *shm_liveness_sentence(int fault);

/* Each of these returns false while the slot is not this worker's: in a forked child, or when the region was removed and
 * another worker has the name. What is said then is said again when the worker has its name back. */
bool shm_liveness_beat(shm_liveness_heartbeat *heartbeat);
bool shm_liveness_ready(shm_liveness_heartbeat *heartbeat);
/* `status`, up to 55 bytes of one line, says why; the rest is cut. */
bool shm_liveness_not_ready(shm_liveness_heartbeat *heartbeat, const char *status);
/* `name`, up to 63 bytes of one line; `budget_ns` stands in for max age until the end of the phase. The
 * name "start" is reserved for the start of a program (docs/auto.md). */
bool shm_liveness_begin_phase(shm_liveness_heartbeat *heartbeat, const char *name, uint64_t budget_ns);
bool shm_liveness_end_phase(shm_liveness_heartbeat *heartbeat);

/* Stopped on purpose; the only end that is not a death. Frees the heartbeat. NULL is allowed. */
void shm_liveness_stop(shm_liveness_heartbeat *heartbeat);
/* Gives the slot up without a stop: readers see a death. Frees the heartbeat. NULL is allowed. */
void shm_liveness_abandon(shm_liveness_heartbeat *heartbeat);

typedef struct {
  const char *ended; /* "stopped", "died" or "left-over" */
  char name[64];
  char phase[64]; /* empty: it was in none */
  uint32_t pid;
  uint64_t beats;
  uint64_t last_beat_ns; /* CLOCK_MONOTONIC; 0: it never beat */
  uint64_t worst_cycle_ns;
  uint64_t late_cycles;
} shm_liveness_last_words;

/* How the claim before this one in its slot ended. False: there was none. */
bool shm_liveness_read_last_words(const shm_liveness_heartbeat *heartbeat, shm_liveness_last_words *words);

#ifdef __cplusplus
}
#endif

#endif
