#!/usr/bin/env bash
# A worker in bash for `shm-liveness conformance`: docs/conformance.md. SHM_LIVENESS_HELPER names the helper.
source "$(dirname "${BASH_SOURCE[0]}")/shm_liveness.sh"

while IFS= read -r line; do
  read -r word rest <<<"$line"
  # shellcheck disable=SC2086 # the rest is words
  case $word in
    features) SHM_ANSWER='ok comeback last-words' ;;
    claim) shm_claim $rest ;;
    beat) shm_beat ;;
    ready) shm_ready ;;
    not-ready) shm_not_ready "$rest" ;;
    phase) shm_phase $rest ;;
    end-phase) shm_end_phase ;;
    stop) shm_stop ;;
    last-words) shm_last_words >/dev/null ;;
    *) SHM_ANSWER='error UNKNOWN_REQUEST' ;;
  esac
  [[ $SHM_ANSWER == 'error NO_HELPER'* ]] && SHM_ANSWER='error STOPPED'
  echo "$SHM_ANSWER"
done
