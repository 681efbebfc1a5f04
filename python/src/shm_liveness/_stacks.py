"""Where a hung thread's code is: written while it is silent, so that the probe's line and the last words can show it.

The thread that looks needs the interpreter's lock. While native code holds that lock, nothing is written."""

import sys
import threading
import weakref
from types import FrameType
from typing import TYPE_CHECKING, Final, List, Optional

from ._layout import FRAMES_BYTES
from ._system import monotonic_ns

if TYPE_CHECKING:
    from ._heartbeat import Heartbeat

_LONGEST_SLEEP_S: Final = 1.0
_SHORTEST_SLEEP_S: Final = 0.005


def _line(frame: FrameType) -> bytes:
    code = frame.f_code
    function = getattr(code, "co_qualname", code.co_name)  # co_qualname: from 3.11 on
    text = f"{function} ({code.co_filename}:{frame.f_lineno})"
    return "".join(character if character.isprintable() else "?" for character in text).encode("utf-8", "replace")


def frames_text(frame: Optional[FrameType]) -> bytes:
    """`function (file:line)`, a line each, the innermost first; as many whole lines as fit."""
    lines: List[bytes] = []
    room = FRAMES_BYTES - 1
    while frame is not None:
        line = _line(frame)
        if len(line) > room:
            break
        lines.append(line)
        room -= len(line) + 1
        frame = frame.f_back
    return b"\n".join(lines)


def watch(heartbeat: "Heartbeat") -> threading.Event:
    """Looks at its thread once it is silent for three quarters of its limit, and again after each half of the limit."""
    end = threading.Event()
    known = weakref.ref(heartbeat)  # a heartbeat that is forgotten must not be kept by this thread
    threading.Thread(target=_run, args=(known, end), name="shm-liveness stacks", daemon=True).start()
    return end


def _run(known: "weakref.ref[Heartbeat]", end: threading.Event) -> None:
    sleep_s = 0.0
    looked_at = (0, 0)  # the sign of life, and when the stack was last taken in the silence after it
    while not end.wait(sleep_s):
        heartbeat = known()
        found = heartbeat.silence() if heartbeat is not None else None
        if heartbeat is None or found is None:
            return
        sign, limit = found
        now = monotonic_ns()
        due = sign + limit * 3 // 4 if looked_at[0] != sign else looked_at[1] + limit // 2
        if now >= due:
            _take(heartbeat, sign, now)
            looked_at = (sign, now)
            due = now + limit // 2
        del heartbeat
        sleep_s = min(max((due - now) / 1e9, _SHORTEST_SLEEP_S), _LONGEST_SLEEP_S)


def _take(heartbeat: "Heartbeat", sign: int, now: int) -> None:
    text = frames_text(sys._current_frames().get(heartbeat.thread_id))
    latest = heartbeat.silence()
    if text and latest is not None and latest[0] == sign:  # else it has beaten meanwhile
        heartbeat.write_where(now, now - sign, text)
