"""`python_beat.py REGION CHUNKS CALLS`: prints the nanoseconds of one clock reading, one beat, and one counted beat."""

import statistics
import sys
import time

import shm_liveness


def cost_of(call, chunks, calls):
    """The median over the chunks, with the loop around the call."""
    taken = []
    for _ in range(chunks):
        began = time.perf_counter_ns()
        for _ in range(calls):
            call()
        taken.append((time.perf_counter_ns() - began) / calls)
    return statistics.median(taken)


def cost_of_counts(counter, chunks, calls):
    taken = []
    for _ in range(chunks):
        began = time.perf_counter_ns()
        for _ in range(calls):
            counter[0] += 1
        taken.append((time.perf_counter_ns() - began) / calls)
    return statistics.median(taken)


region, chunks, calls = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
with shm_liveness.claim("beater", region=region, max_age="10s") as heartbeat:
    clock = cost_of(time.monotonic_ns, chunks, calls)
    beat = cost_of(heartbeat.beat, chunks, calls)
    count = cost_of_counts(heartbeat.counter(), chunks, calls)
print(clock, beat, count)
