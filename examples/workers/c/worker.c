/* A worker in C: c-worker REGION NAME. Warms up in a phase, beats every millisecond, stops on SIGTERM or SIGINT. */
#include <shm_liveness.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#define MILLISECOND UINT64_C(1000000)

static volatile sig_atomic_t is_stopping;

static void stop(int signal) {
  (void)signal;
  is_stopping = 1;
}

static void sleep_ms(long ms) {
  const struct timespec span = {ms / 1000, ms % 1000 * 1000000};
  nanosleep(&span, NULL);
}

int main(int argc, char **argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: c-worker REGION NAME\n");
    return 2;
  }
  signal(SIGTERM, stop);
  signal(SIGINT, stop);

  shm_liveness_options options = SHM_LIVENESS_OPTIONS_INIT;
  options.region = argv[1];
  options.name = argv[2];
  options.max_age_ns = 250 * MILLISECOND;
  options.cycle_limit_ns = 20 * MILLISECOND;
  shm_liveness_heartbeat *heartbeat;
  const int fault = shm_liveness_claim(&options, &heartbeat);
  if (fault != 0) {
    fprintf(stderr, "c-worker: %s [%s]\n", shm_liveness_sentence(fault), shm_liveness_code(fault));
    return 1;
  }
  shm_liveness_last_words last;
  if (shm_liveness_read_last_words(heartbeat, &last)) {
    printf("before: %s after %llu beats\n", last.ended, (unsigned long long)last.beats);
  }

  /* A phase has its own budget, so that a long warm-up is not a stall. */
  shm_liveness_begin_phase(heartbeat, "warm up", 2000 * MILLISECOND);
  sleep_ms(100);
  shm_liveness_end_phase(heartbeat);

  shm_liveness_beat(heartbeat);
  shm_liveness_ready(heartbeat);
  puts("beating");
  fflush(stdout);
  while (!is_stopping) {
    shm_liveness_beat(heartbeat);
    sleep_ms(1);
  }
  shm_liveness_stop(heartbeat); /* without it the end would count as a death */
  return 0;
}
