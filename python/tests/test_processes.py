"""Heartbeats beside children. Run as test_worker.py."""

import contextlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
import unittest
from typing import Any

import shm_liveness
from regions import Regions
from shm_liveness import _claim


def _child_of_multiprocessing(region: str, answers: Any) -> None:
    with shm_liveness.claim("child", region=region, max_age="1h") as heartbeat:
        answers.put(heartbeat.beat())


class Processes(Regions):
    def test_a_forked_child_is_inert_and_may_claim_for_itself(self) -> None:
        heartbeat = self.claim()
        child = os.fork()
        if child == 0:
            inert = not heartbeat.beat()
            own = shm_liveness.claim("own", region=self.region, max_age="1h").beat()
            os._exit(0 if inert and own else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertTrue(heartbeat.beat())
        self.assert_code("NAME_TAKEN", self.claim)

    def test_multiprocessing_claims_by_fork_and_spawn(self) -> None:
        heartbeat = self.claim()
        for method in ("fork", "spawn"):
            context: Any = multiprocessing.get_context(method)
            answers = context.Queue()
            process = context.Process(target=_child_of_multiprocessing, args=(self.region, answers))
            process.start()
            self.assertTrue(answers.get(timeout=60))
            process.join()
        self.assertTrue(heartbeat.beat())

    def test_forks_beside_claims_on_another_thread(self) -> None:
        stop = threading.Event()

        def claim_all_the_time() -> None:
            while not stop.is_set():
                self.claim("other").stop()

        thread = threading.Thread(target=claim_all_the_time)
        thread.start()
        children = []
        for _ in range(20):
            child = os.fork()
            if child == 0:
                time.sleep(60)
                os._exit(0)
            children.append(child)
        stop.set()
        thread.join()
        try:
            # Whatever the thread was at when they were forked, none of the children holds a lock of it.
            self.assertTrue(self.claim("other").beat())
        finally:
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)

    def test_a_child_that_was_forked_during_a_stop_or_a_store_may_claim_and_stop(self) -> None:
        heartbeat = self.claim()
        heartbeat.counter()
        # As other threads hold them for moments that a test cannot hit.
        held = [event._cond for event in heartbeat._counters]  # type: ignore[attr-defined]
        held += [lock for lock in vars(_claim).values() if hasattr(lock, "acquire")]
        with contextlib.ExitStack() as locks:
            for lock in held:
                locks.enter_context(lock)
            child = os.fork()
            if child == 0:
                signal.alarm(20)
                heartbeat.stop()
                own = shm_liveness.claim("own", region=self.region, max_age="1h").beat()
                os._exit(0 if own else 1)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertTrue(heartbeat.beat())

    def test_importing_the_hooks_imports_none_of_the_packages(self) -> None:
        code = "import sys, shm_liveness.hooks; print([m for m in ('gunicorn','uvicorn','celery') if m in sys.modules])"
        self.assertEqual(subprocess.check_output([sys.executable, "-c", code], text=True).strip(), "[]")


if __name__ == "__main__":
    unittest.main()
