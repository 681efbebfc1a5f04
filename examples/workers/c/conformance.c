/* A worker in C for `shm-liveness conformance`: docs/conformance.md. Given a process id, it claims for that process:
 * this is also how a shell script beats (../bash/shm_liveness.sh). */
#define _DEFAULT_SOURCE /* strsep */
#include <shm_liveness.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static shm_liveness_heartbeat *heartbeat;

static void answer(bool is_held) { puts(is_held ? "ok" : "error STOPPED"); }

static void claim(char *rest, uint32_t pid) {
  shm_liveness_options options = SHM_LIVENESS_OPTIONS_INIT;
  options.name = strsep(&rest, " ");
  options.max_age_ns = rest != NULL ? strtoull(strsep(&rest, " "), NULL, 10) : 0;
  options.cycle_limit_ns = rest != NULL ? strtoull(strsep(&rest, " "), NULL, 10) : 0;
  options.capacity = rest != NULL ? (uint32_t)strtoul(rest, NULL, 10) : 0;
  options.pid = pid;
  shm_liveness_stop(heartbeat);
  const int fault = shm_liveness_claim(&options, &heartbeat);
  if (fault == 0) {
    puts("ok");
  } else {
    printf("error %s %s\n", shm_liveness_code(fault), shm_liveness_sentence(fault));
  }
}

static void last_words(void) {
  shm_liveness_last_words words;
  if (heartbeat == NULL || !shm_liveness_read_last_words(heartbeat, &words)) {
    puts("ok none");
  } else {
    printf("ok %s %llu%s%s\n", words.ended, (unsigned long long)words.beats, words.phase[0] ? " " : "", words.phase);
  }
}

/* The child beats in vain, and then sleeps without exec. */
static void fork_child(void) {
  int beaten[2];
  if (pipe(beaten) != 0) return answer(false);
  const pid_t child = fork();
  if (child == 0) {
    shm_liveness_beat(heartbeat);
    if (write(beaten[1], "", 1) == 1) sleep(60);
    _exit(0);
  }
  char byte;
  const bool has_beaten = child > 0 && read(beaten[0], &byte, 1) == 1;
  close(beaten[0]);
  close(beaten[1]);
  if (has_beaten) {
    printf("ok %d\n", (int)child);
  } else {
    answer(false);
  }
}

static void phase(char *rest) {
  char *name;
  const uint64_t budget_ns = strtoull(rest, &name, 10);
  answer(shm_liveness_begin_phase(heartbeat, name + strspn(name, " "), budget_ns));
}

static void do_request(char *line, uint32_t pid) {
  char *rest = line;
  const char *const word = strsep(&rest, " ");
  if (rest == NULL) rest = line + strlen(line);
  if (strcmp(word, "features") == 0) return (void)puts("ok comeback last-words fork");
  if (strcmp(word, "claim") == 0) return claim(rest, pid);
  if (strcmp(word, "last-words") == 0) return last_words();
  if (heartbeat == NULL) return answer(false);
  if (strcmp(word, "beat") == 0) return answer(shm_liveness_beat(heartbeat));
  if (strcmp(word, "ready") == 0) return answer(shm_liveness_ready(heartbeat));
  if (strcmp(word, "not-ready") == 0) return answer(shm_liveness_not_ready(heartbeat, rest));
  if (strcmp(word, "phase") == 0) return phase(rest);
  if (strcmp(word, "end-phase") == 0) return answer(shm_liveness_end_phase(heartbeat));
  if (strcmp(word, "fork") == 0) return fork_child();
  if (strcmp(word, "stop") == 0) {
    shm_liveness_stop(heartbeat);
    heartbeat = NULL;
    return answer(true);
  }
  printf("error UNKNOWN_REQUEST %s\n", word);
}

int main(int argc, char **argv) {
  const uint32_t pid = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;
  char line[512];
  if (pid != 0) {
    /* A terminal or a supervisor signals the whole group. The shell decides what that means; its end ends the input. */
    const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; ++i) signal(ignored[i], SIG_IGN);
  }
  setvbuf(stdout, NULL, _IOLBF, 0);
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    do_request(line, pid);
  }
  shm_liveness_abandon(heartbeat); /* the end of the input is not a stop */
  return 0;
}
