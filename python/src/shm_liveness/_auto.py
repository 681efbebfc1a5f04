"""Supervision of a program that nobody changed. What it can know, and what it cannot: python/README.md."""

import atexit
import contextlib
import os
import sys
import threading
from datetime import timedelta
from typing import Any, Final, Optional

from ._claim import START_PHASE
from ._errors import LivenessError
from ._heartbeat import Heartbeat, claim, claim_one_of
from ._loops import watch_loops
from ._main_thread import MainThread
from ._role import CLAIMANT, Role, Settings, command_line, role_of, settings_of
from ._system import monotonic_ns, this_thread

_BEATS_PER_MAX_AGE: Final = 4
_INTERVAL_S: Final = (0.001, 1.0)
_CLAIM_AGAIN_S: Final = 1.0


def supervise() -> None:
    """Claims a slot for the main thread, if this process should have one. Call it there. Never raises."""
    try:
        role = role_of(os.environ, os.getpid(), command_line())
        if role is None:
            return
        if not role.is_child:
            # Before the claim: if that fails, it would fail for what this process starts, too.
            os.environ[CLAIMANT] = str(os.getpid())
        settings = settings_of(os.environ)
        _Supervision(role, settings).begin()
        if role.claims_in_children:
            os.register_at_fork(after_in_child=lambda: _supervise_fork(settings))
    except Exception as error:  # a program must run as well without its supervision
        _say(error)


def _supervise_fork(settings: Settings) -> None:
    try:
        _Supervision(Role(is_child=True, claims_in_children=True), settings).begin()
    except Exception as error:
        _say(error)


def _say(error: Exception) -> None:
    hint = ""
    if isinstance(error, LivenessError) and error.code == "NAME_TAKEN":
        hint = "; set SHM_LIVENESS_NAME to another name for one of the two. It retries until the name is free."
    with contextlib.suppress(OSError):
        os.write(2, f"shm-liveness: this process is not supervised: {' '.join(str(error).split())}{hint}\n".encode())


class _Supervision:
    """Beats of the main thread: by its asyncio loop while one runs, else by a thread that looks at it."""

    def __init__(self, role: Role, settings: Settings) -> None:
        self._role = role
        self._settings = settings
        max_age_s = settings.max_age_ns / 1e9
        self._interval_s = min(max(max_age_s / _BEATS_PER_MAX_AGE, _INTERVAL_S[0]), _INTERVAL_S[1])
        self._thread = this_thread()
        self._is_forked = False
        self._lock = threading.RLock()
        self._end = threading.Event()
        self._heartbeat: Optional[Heartbeat] = None  # None: another process has the name
        self._loop_timer: Any = None  # None: no loop runs
        self._is_ready = False
        self._is_starting = True
        self._previous_ns = self._in_time_since_ns = 0  # of the start

    def begin(self) -> None:
        try:
            self._claim()
        except LivenessError as error:
            # A health check or a hook of the container may have come first. It must not cost the server its supervision.
            if error.code != "NAME_TAKEN":
                raise
            _say(error)
        watch_loops(self._loop_began, self._loop_ended)
        self._main_thread = MainThread()
        os.register_at_fork(after_in_child=self._in_child)
        threading.Thread(target=self._observe, name="shm-liveness auto", daemon=True).start()
        atexit.register(self._at_exit)
        if self._role.is_child:
            self._stop_with_multiprocessing()

    def _claim(self, after_waiting: bool = False) -> None:
        name, max_age = self._settings.name, _timedelta(self._settings.max_age_ns)
        if self._role.is_child:
            heartbeat = claim_one_of(f"{name}-child", max_age=max_age, thread=self._thread)
        else:
            heartbeat = claim(name, max_age=max_age, thread=self._thread, after_waiting=after_waiting)
        # A program imports its modules in long steps: each has the budget of the start.
        heartbeat.phase(START_PHASE, _timedelta(self._settings.start_budget_ns))
        if self._settings.watches_stacks:
            heartbeat.watch_stacks()
        self._previous_ns = self._in_time_since_ns = monotonic_ns()
        self._heartbeat = heartbeat

    def _in_child(self) -> None:
        """A forked child has this thread only: another one may have held the lock, and nothing would give it back."""
        self._is_forked = True
        self._lock = threading.RLock()
        self._end = threading.Event()
        self._loop_ended()

    def _observe(self) -> None:
        self._claim_later()
        while not self._end.wait(self._interval_s):
            if self._loop_timer is None and self._main_thread.moves_or_waits():
                self._beat()

    def _claim_later(self) -> None:
        while self._heartbeat is None and not self._end.wait(_CLAIM_AGAIN_S):
            # Under the lock: a claim after _at_exit() would end as a death.
            with self._lock, contextlib.suppress(LivenessError, OSError):
                if not self._end.is_set():
                    self._claim(after_waiting=True)

    def _loop_began(self, loop: Any) -> None:
        if self._is_forked:
            return
        self._loop_ended()  # nest_asyncio tells of each nested run that begins, and again of the outer one

        def come_round() -> None:
            self._beat()
            self._loop_timer = loop.call_later(self._interval_s, come_round)

        self._loop_timer = loop.call_soon(come_round)

    def _loop_ended(self) -> None:
        if self._loop_timer is not None:
            self._loop_timer.cancel()
            self._loop_timer = None

    def _beat(self) -> None:
        with self._lock, contextlib.suppress(LivenessError):  # the region is lost: the next beat looks again
            now = monotonic_ns()
            if self._heartbeat is None or not self._heartbeat.beat():
                return
            if not self._is_ready:
                self._heartbeat.ready()
                self._is_ready = True
            if self._is_starting:
                # Times, not turns: each loop that begins comes round at once.
                if now - self._previous_ns >= 2 * self._interval_s * 1e9:
                    self._in_time_since_ns = now
                self._previous_ns = now
                if now - self._in_time_since_ns >= self._settings.max_age_ns:
                    self._is_starting = False
                    self._heartbeat.end_phase()

    def _at_exit(self) -> None:
        self._end.set()
        # Set by the interpreter, before this, if an exception has ended the program. SystemExit is not among them.
        if not isinstance(getattr(sys, "last_value", None), Exception):
            self._stop()

    def _stop(self) -> None:
        with self._lock:
            if self._heartbeat is not None:
                self._heartbeat.stop()

    def _stop_with_multiprocessing(self) -> None:
        """Its forked children end by os._exit(), after its finalizers: those that were registered after the fork."""
        util = sys.modules.get("multiprocessing.util")
        if util is not None:
            util.register_after_fork(
                self, lambda self: util.Finalize(None, self._stop, exitpriority=0)
            )


def _timedelta(ns: int) -> timedelta:
    return timedelta(microseconds=ns / 1000)
