#!/usr/bin/env bash
# A worker in bash: worker.sh NAME. Warms up in a phase, beats ten times a second, stops on SIGTERM or SIGINT.
set -u
source "$(dirname "${BASH_SOURCE[0]}")/shm_liveness.sh"

is_stopping=
trap 'is_stopping=1' TERM INT

shm_claim "${1:?usage: worker.sh NAME}" 2s || { echo "worker.sh: $SHM_ANSWER" >&2; exit 1; }
echo "before: $(shm_last_words)"
shm_phase 10s 'warm up'
sleep 0.2
shm_end_phase
shm_beat && shm_ready
while [[ -z $is_stopping ]]; do
  shm_beat
  read -r -t 0.1 <> <(:) # a pause without a process
done
shm_stop # without it the end would count as a death
