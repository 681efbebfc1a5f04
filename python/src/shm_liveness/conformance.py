"""A worker for `shm-liveness conformance -- python3 -m shm_liveness.conformance`: docs/conformance.md."""

import os
import sys
import time
from typing import Callable, Dict, Optional

from . import Heartbeat, LivenessError, claim

_heartbeat: Optional[Heartbeat] = None


def _held() -> Heartbeat:
    if _heartbeat is None:
        raise LivenessError("STOPPED", "no claim")
    return _heartbeat


def _claim(rest: str) -> None:
    global _heartbeat
    name, max_age, cycle_limit, capacity = rest.split(" ")
    limit = None if cycle_limit == "0" else f"{cycle_limit}ns"
    _heartbeat = claim(name, max_age=f"{max_age}ns", cycle_limit=limit, capacity=int(capacity))
    _heartbeat.watch_stacks()


def _beat(_: str) -> None:
    if not _held().beat():
        raise LivenessError("STOPPED", "not stamped")


def _phase(rest: str) -> None:
    budget, _, name = rest.partition(" ")
    _held().phase(name, f"{budget}ns")


def _last_words(_: str) -> str:
    words = _held().last_words
    return "none" if words is None else f"{words.ended} {words.beats} {words.phase or ''}".rstrip()


def _command_of(pid: int) -> str:
    with open(f"/proc/{pid}/comm") as comm:
        return comm.read().strip()


def _fork(_: str) -> str:
    child = os.fork()
    if child != 0:
        # The answer may come when the child has tried to beat.
        while _command_of(child) != "beaten":
            if os.waitpid(child, os.WNOHANG)[0] != 0:
                raise LivenessError("SYSTEM", "fork", "the child died instead of beating")
            time.sleep(0.002)
        return str(child)
    _held().beat()
    with open("/proc/self/comm", "w") as comm:
        comm.write("beaten")
    time.sleep(60)
    os._exit(0)


_requests: Dict[str, Callable[[str], Optional[str]]] = {
    "features": lambda _: "comeback last-words fork where",
    "claim": _claim,
    "beat": _beat,
    "ready": lambda _: _held().ready(),
    "not-ready": lambda rest: _held().not_ready(rest),
    "phase": _phase,
    "end-phase": lambda _: _held().end_phase(),
    "stop": lambda _: _held().stop(),
    "last-words": _last_words,
    "fork": _fork,
    "hang": lambda rest: time.sleep(int(rest) / 1e9),
}


def main() -> None:
    for line in sys.stdin:
        word, _, rest = line.rstrip("\n").partition(" ")
        try:
            value = _requests[word](rest)
            print("ok" if value is None else f"ok {value}", flush=True)
        except LivenessError as error:
            print(f"error {error.code} {error}", flush=True)


if __name__ == "__main__":
    main()
