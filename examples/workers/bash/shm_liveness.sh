# A bash script as a worker. Source this file:
#
#   export SHM_LIVENESS_HELPER=/usr/local/bin/c-conformance    # ../c, built
#   source shm_liveness.sh
#   shm_claim builder 30s && shm_ready
#   while next_job; do shm_phase 600s "$job"; run_job; shm_end_phase; shm_beat; done
#   shm_stop
#
# Bash can neither lock a byte nor write a word into shared memory, so a coprocess does both for it, and claims in the
# name of this shell. The pipe to it ties the two together: when the shell ends in any way, the kernel closes the pipe, the
# helper ends, and the kernel drops its lock. A beat is a line in that pipe: no process is started. Children of the shell
# do not inherit the pipe (bash closes it for them), so none of them keeps a dead shell alive.
#
# Without a helper of your own: `shm-guard --notify -- bash script.sh`, and `shm-guard notify --beat` in the script, which
# starts a process for each beat.
#
# If the helper is killed, readers see a death, and the next call here ends the script by SIGPIPE.

# shm_request WORDS...: asks the helper. Its answer is in SHM_ANSWER; the status says whether it was "ok".
shm_request() {
  if [[ -n ${SHM_HELPER_PID:-} ]] && printf '%s\n' "$*" >&"${SHM_HELPER[1]}" && IFS= read -r SHM_ANSWER <&"${SHM_HELPER[0]}"; then
    [[ $SHM_ANSWER == ok* ]]
  else
    SHM_ANSWER='error NO_HELPER call shm_claim first, and set SHM_LIVENESS_HELPER to the path of the helper'
    return 1
  fi
}

# shm_nanoseconds DURATION: 250ms, 3s, 10m, or a number of nanoseconds; a whole number. Prints 0, which is refused, for
# anything else.
shm_nanoseconds() {
  [[ $1 =~ ^[0-9]+(ns|us|ms|s|m)?$ ]] || { echo 0; return; }
  case $1 in
    *ns) echo "${1%ns}" ;;
    *us) echo "${1%us}000" ;;
    *ms) echo "${1%ms}000000" ;;
    *m) echo "$((${1%m} * 60))000000000" ;;
    *s) echo "${1%s}000000000" ;;
    *) echo "$1" ;;
  esac
}

# shm_claim NAME MAX_AGE [CYCLE_LIMIT [CAPACITY]]: region and directory by SHM_LIVENESS_REGION and SHM_LIVENESS_DIR.
shm_claim() {
  if [[ -z ${SHM_HELPER_PID:-} ]]; then
    local helper=${SHM_LIVENESS_HELPER:-c-conformance}
    if ! command -v "$helper" >/dev/null; then
      SHM_ANSWER="error NO_HELPER $helper cannot be run; build ../c, and set SHM_LIVENESS_HELPER to the path of c-conformance"
      return 1
    fi
    coproc SHM_HELPER { exec "$helper" $$; }
  fi
  shm_request claim "$1" "$(shm_nanoseconds "$2")" "$(shm_nanoseconds "${3:-0}")" "${4:-64}"
}
shm_beat() { shm_request beat; }
shm_ready() { shm_request ready; }
shm_not_ready() { shm_request not-ready "$@"; }
# shm_phase BUDGET NAME...
shm_phase() { shm_request phase "$(shm_nanoseconds "$1")" "${@:2}"; }
shm_end_phase() { shm_request end-phase; }
shm_stop() { shm_request stop; }
# shm_last_words: prints how the claim before this one ended, its beats, and its phase if it was in one.
shm_last_words() { shm_request last-words && echo "${SHM_ANSWER#ok }"; }
