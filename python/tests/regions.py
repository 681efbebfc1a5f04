"""What the tests share."""

import os
import time
import unittest
from pathlib import Path
from typing import Any, Callable, List

import shm_liveness
from shm_liveness import LivenessError, _layout


class Regions(unittest.TestCase):
    def setUp(self) -> None:
        self.region = f"test-python-{os.getpid()}-{time.monotonic_ns()}"
        self.addCleanup(lambda: Path(f"/dev/shm/{self.region}").unlink(missing_ok=True))

    def claim(self, name: str = "grabber", **options: Any) -> shm_liveness.Heartbeat:
        heartbeat = shm_liveness.claim(name, region=self.region, **{"max_age": "1h", **options})
        self.addCleanup(heartbeat.stop)
        return heartbeat

    def state(self, slot: int = 0) -> int:
        """Of the slot's current bank: 2 claimed, 3 stopped."""
        data = Path(f"/dev/shm/{self.region}").read_bytes()
        serials = [int.from_bytes(data[at + _layout.SERIAL : at + _layout.SERIAL + 4], "little") for at in self.banks(slot)]
        at = self.banks(slot)[serials.index(max(serials))]
        return int.from_bytes(data[at + _layout.STATE : at + _layout.STATE + 4], "little")

    def banks(self, slot: int) -> List[int]:
        return [_layout.bank_at(slot, bank) for bank in (0, 1)]

    def assert_code(self, code: str, call: Callable[[], object]) -> None:
        with self.assertRaises(LivenessError) as raised:
            call()
        self.assertEqual(raised.exception.code, code)


def until(what: str, holds: Callable[[], object], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what}")
        time.sleep(0.005)
