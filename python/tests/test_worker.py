"""Run by test/languages, and by `PYTHONPATH=src python3 -m unittest discover -s tests`."""

import asyncio
import json
import os
import threading
import time
import unittest
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, Dict, List, Tuple
from unittest import mock

import shm_liveness
from regions import Regions, until
from shm_liveness import _claim, _layout, hooks
from shm_liveness._errors import duration_ns

VECTORS = Path(__file__).parents[2] / "test" / "vectors"


def said_by(heartbeat: shm_liveness.Heartbeat) -> Tuple[int, int, str]:
    """Whether it is ready, whether it is in a phase, and its status, as readers see them."""
    region, bank = heartbeat._claim.region, heartbeat._claim.bank_at
    ready, in_phase = (region.halves[(bank + offset) // 4] for offset in (_layout.READY, _layout.IN_PHASE))
    return ready, in_phase, region.text(bank + _layout.STATUS, _layout.STATUS_BYTES)


class Vectors(Regions):
    def test_every_offset_is_that_of_the_vectors(self) -> None:
        golden = json.loads((VECTORS / "region-v2.json").read_text())
        self.assertEqual(str(_layout.SIGNATURE), golden["signature"])
        self.assertEqual(_layout.region_bytes(golden["slots"]), golden["region_bytes"])
        base = {entry["struct"]: entry["base"] for entry in golden["structs"]}
        bases = {"Hot": 0, "Labels": base["Labels"], "Identity": base["Identity"], "Header": 0}
        bases.update({"Where": base["Where"], "RestartMark": 0})
        names = {"sequence": "{}_SEQUENCE", "kind": "{}_KIND", "taken_ns": "{}_TAKEN_NS", "silent_ns": "{}_SILENT_NS"}
        names.update({"frames": "{}_FRAMES_TEXT", "budget_ns": "MARK_BUDGET_NS"})
        checked = 0
        for field in golden["fields"]:
            struct, name = field["struct"], field["field"]
            if struct == "RestartMark" and name == "incarnation":
                name = "MARK_INCARNATION"
            constant = names.get(name, name).format(struct.upper()).upper()
            if struct == "Header" and name not in ("used_slots", "claim_turns", "nonce"):
                continue  # those of a header that is made whole; conformance checks them
            if struct in bases and hasattr(_layout, constant):
                self.assertEqual(getattr(_layout, constant), bases[struct] + field["offset"], f"{struct}.{name}")
                checked += 1
        self.assertGreater(checked, 40)

    def test_durations_are_those_of_the_vectors(self) -> None:
        vectors = json.loads((VECTORS / "durations.json").read_text())
        for text, expected in vectors["valid"]:
            self.assertEqual(duration_ns(text, "duration", 0), int(expected), repr(text))
        for text in vectors["invalid"]:
            with self.subTest(text=text):
                self.assert_code("INVALID_OPTION", lambda: duration_ns(text, "duration", 0))
        self.assertEqual(duration_ns(timedelta(milliseconds=250), "duration"), 250_000_000)


class Claims(Regions):
    def test_a_with_block_stops_and_an_exception_is_a_death(self) -> None:
        with self.claim():
            self.assertEqual(self.state(), 2)
        self.assertEqual(self.state(), 3)
        with self.assertRaises(ZeroDivisionError), self.claim():
            1 / 0
        self.assertEqual(self.state(), 2)
        words = self.claim().last_words
        self.assertEqual(words and words.ended, "died")

    def test_an_interrupt_is_a_stop(self) -> None:
        with self.assertRaises(KeyboardInterrupt), self.claim():
            raise KeyboardInterrupt
        self.assertEqual(self.state(), 3)

    def test_a_beat_after_stop_is_false_and_the_rest_raises(self) -> None:
        heartbeat = self.claim()
        self.assertTrue(heartbeat.beat())
        beat = heartbeat.beat
        heartbeat.stop()
        self.assertFalse(beat())
        self.assert_code("STOPPED", heartbeat.ready)

    def test_options_are_checked(self) -> None:
        wrongs: Dict[str, List[Dict[str, Any]]] = {
            "INVALID_OPTION": [{"max_age": 5}, {"max_age": "5"}, {"max_age": "0s"}, {"capacity": 0}, {"share": "all"}],
            "INVALID_NAME": [{"name": "a/b"}, {"name": "grabber\n"}, {"name": ""}],
            "REGION_MISSING": [{"directory": "/dev/shm/nowhere"}],
            "REGION_NOT_TMPFS": [{"directory": str(Path(__file__).parent)}],
        }
        for code, options in wrongs.items():
            for wrong in options:
                with self.subTest(**wrong):
                    self.assert_code(code, lambda: self.claim(**wrong))

    def test_texts_are_checked(self) -> None:
        heartbeat = self.claim()
        self.assert_code("INVALID_TEXT", lambda: heartbeat.not_ready("x" * 56))
        self.assert_code("INVALID_TEXT", lambda: heartbeat.phase("two\nlines", "1s"))
        self.assert_code("INVALID_TEXT", lambda: heartbeat.phase("", "1s"))

    def test_a_nested_phase_is_not_ended_by_the_outer_one(self) -> None:
        heartbeat = self.claim()
        with heartbeat.phase("outer", "1m"):
            heartbeat.phase("inner", "2m")
        silence = heartbeat.silence()
        self.assertEqual(silence and silence[1], 120_000_000_000)

    def test_a_kept_beat_goes_on_after_the_region_was_removed(self) -> None:
        heartbeat = self.claim()
        beat = heartbeat.beat
        os.unlink(f"/dev/shm/{self.region}")
        with self.assertWarnsRegex(Warning, "was removed"):
            until("it is claimed anew", lambda: beat() and heartbeat.comebacks == 1)
        before = heartbeat.silence()
        self.assertTrue(beat())
        self.assertNotEqual(heartbeat.silence(), before)

    def test_a_name_that_another_worker_took_meanwhile_is_claimed_once_that_has_stopped(self) -> None:
        heartbeat = self.claim()
        heartbeat.ready()
        os.unlink(f"/dev/shm/{self.region}")
        other = self.claim()
        with self.assertWarnsRegex(Warning, "Another worker has the name now"):
            self.assertFalse(heartbeat.claimed)
        self.assertFalse(heartbeat.beat())
        self.assert_code("REGION_REMOVED", heartbeat.ready)
        other.stop()
        with self.assertWarnsRegex(Warning, "It was claimed anew"):
            self.assertTrue(heartbeat.claimed)
        self.assertTrue(heartbeat.beat())
        self.assertEqual((heartbeat.comebacks, self.state()), (1, 2))

    def test_what_is_said_while_another_worker_has_the_name_is_said_afterwards(self) -> None:
        heartbeat = self.claim()
        heartbeat.ready()
        heartbeat.phase("load", "1h")
        os.unlink(f"/dev/shm/{self.region}")
        other = self.claim()
        with self.assertWarns(Warning):
            self.assert_code("REGION_REMOVED", heartbeat.end_phase)
        self.assert_code("REGION_REMOVED", lambda: heartbeat.not_ready("draining"))
        other.stop()
        with self.assertWarns(Warning):
            self.assertTrue(heartbeat.claimed)
        self.assertEqual(said_by(heartbeat), (0, 0, "draining"))

    def test_a_phase_that_is_refused_does_not_begin_afterwards(self) -> None:
        heartbeat = self.claim()
        os.unlink(f"/dev/shm/{self.region}")
        other = self.claim()
        with self.assertWarns(Warning):
            self.assert_code("REGION_REMOVED", lambda: heartbeat.phase("load", "1h"))
        other.stop()
        with self.assertWarns(Warning):
            self.assertTrue(heartbeat.claimed)
        self.assertEqual(said_by(heartbeat), (0, 0, ""))

    def test_a_beat_does_not_wait_for_another_worker_that_hangs_in_its_stop(self) -> None:
        heartbeat = self.claim()
        os.unlink(f"/dev/shm/{self.region}")
        other = self.claim()
        other._store_half(_layout.STATE, _layout.STATE_STOPPED)  # and keeps the lock
        with self.assertWarns(Warning), mock.patch.object(_claim, "retry", side_effect=AssertionError("it waits")):
            self.assertFalse(heartbeat.claimed)

    def test_the_death_of_a_worker_that_took_the_name_meanwhile_is_left_to_be_seen(self) -> None:
        heartbeat = self.claim()
        os.unlink(f"/dev/shm/{self.region}")
        other = self.claim()
        with self.assertWarns(Warning):
            self.assertFalse(heartbeat.claimed)
        other.abandon()
        self.assertFalse(heartbeat.claimed)

    def test_a_claim_anew_is_for_the_thread_that_claimed_first(self) -> None:
        heartbeat = self.claim()
        os.unlink(f"/dev/shm/{self.region}")
        with self.assertWarnsRegex(Warning, "was removed"):
            thread = threading.Thread(target=lambda: until("it is claimed anew", lambda: heartbeat.claimed))
            thread.start()
            thread.join()
        claim = heartbeat._claim
        self.assertEqual(claim.region.halves[(claim.bank_at + _layout.TID) // 4], threading.get_native_id())

    def test_a_counter_is_stamped_while_it_changes(self) -> None:
        heartbeat = self.claim()
        count = heartbeat.counter("5ms")
        seen = heartbeat.silence()
        count[0] += 1
        until("it is stamped", lambda: heartbeat.silence() != seen)


def hang(heartbeat: shm_liveness.Heartbeat) -> str:
    """Spins, without a call, until the place where it spins is written down, and gives that."""
    region, life = heartbeat._claim.region, heartbeat._claim.life_at
    halves, kind, sequence = region.halves, (life + _layout.WHERE_KIND) // 4, (life + _layout.WHERE_SEQUENCE) // 4
    while halves[kind] == 0 or halves[sequence] % 2 == 1:
        pass
    return region.text(life + _layout.WHERE_FRAMES_TEXT, _layout.FRAMES_BYTES)


class Stacks(Regions):
    def test_a_busy_loop_is_named_with_its_callers(self) -> None:
        heartbeat = self.claim(max_age="1s")
        heartbeat.watch_stacks()
        heartbeat.beat()
        frames = hang(heartbeat).splitlines()
        self.assertRegex(frames[0], r"^hang \(.*test_worker\.py:\d+\)$")
        self.assertIn("test_a_busy_loop_is_named_with_its_callers", frames[1])
        self.assertLess(len("\n".join(frames).encode()), 608)

    def test_the_next_worker_reads_where_the_last_one_hung(self) -> None:
        heartbeat = self.claim(max_age="1s")
        heartbeat.watch_stacks()
        hang(heartbeat)
        heartbeat.abandon()
        words = self.claim().last_words
        self.assertIn("test_the_next_worker_reads_where_the_last_one_hung", (words and words.frames) or "")


class Hooks(Regions):
    def options(self) -> Dict[str, Any]:
        return {"region": self.region, "max_age": "1h"}

    def test_an_event_loop_beats_and_a_blocked_one_does_not(self) -> None:
        async def main() -> None:
            heartbeat = self.claim()
            async with hooks.asyncio_beats(heartbeat, 0.005):
                seen = heartbeat.silence()
                while heartbeat.silence() == seen:
                    await asyncio.sleep(0.005)
                blocked = heartbeat.silence()
                time.sleep(0.05)
                self.assertEqual(heartbeat.silence(), blocked)
            self.assertEqual(self.state(), 3)

        asyncio.run(main())

    def test_a_plain_loop_beats_each_round(self) -> None:
        heartbeat = self.claim()
        times = [heartbeat.silence() for _ in hooks.beats(range(3), heartbeat)]
        self.assertEqual(len(set(times)), 3)

    def test_asgi_is_ready_after_startup_and_stopped_after_shutdown(self) -> None:
        async def application(scope: Any, receive: Any, send: Any) -> None:
            await receive()
            await send({"type": "lifespan.startup.complete"})
            self.assertEqual(self.state(), 2)
            await receive()
            await send({"type": "lifespan.shutdown.complete"})

        async def receive() -> Any:
            return {"type": "lifespan"}

        async def send(message: Any) -> None:
            sent.append(message["type"])

        sent: List[str] = []
        async def serve() -> None:
            await hooks.asgi(application, **self.options())({"type": "lifespan"}, receive, send)

        asyncio.run(serve())
        self.assertEqual(sent, ["lifespan.startup.complete", "lifespan.shutdown.complete"])
        self.assertEqual(self.state(), 3)

    def test_gunicorn_workers_beat_by_notify(self) -> None:
        # A stand-in for gunicorn's worker: its main loop calls notify(), and the arbiter calls the hooks.
        notified: List[int] = []
        worker = SimpleNamespace(notify=lambda: notified.append(1))
        configured = hooks.gunicorn(**self.options())
        configured["post_worker_init"](worker)
        self.assertEqual(self.state(), 2)
        worker.notify()
        self.assertEqual(notified, [1])
        configured["worker_exit"](None, worker)
        self.assertEqual(self.state(), 3)
        configured["post_worker_init"](worker)
        configured["worker_abort"](worker)
        configured["worker_exit"](None, worker)
        self.assertEqual(self.state(), 2)

    def test_celery_tasks_are_phases_and_an_idle_pool_is_not_stalled(self) -> None:
        # A stand-in for celery.signals: receivers are called with keywords only.
        receivers: Dict[str, Callable[..., None]] = {}

        class Signals:
            def __getattr__(self, name: str) -> Any:
                return SimpleNamespace(connect=lambda receiver, weak: receivers.__setitem__(name, receiver))

        hooks.celery(Signals(), region=self.region, task_budget="5m")
        receivers["worker_ready"](sender=None)
        receivers["heartbeat_sent"](sender=None)
        receivers["worker_process_init"](sender=None)
        receivers["task_prerun"](task=SimpleNamespace(name="tasks.add"), task_id="1", args=(), kwargs={})
        data = Path(f"/dev/shm/{self.region}").read_bytes()
        at = _layout.bank_at(1, 1)
        self.assertEqual(data[at + _layout.PHASE :].partition(b"\0")[0], b"tasks.add")
        receivers["task_postrun"](task=None)
        receivers["worker_process_shutdown"](sender=None)
        self.assertEqual(self.state(1), 3)

    def test_a_pool_takes_the_first_free_name(self) -> None:
        first = hooks.claim_one_of("pool", **self.options())
        second = hooks.claim_one_of("pool", **self.options())
        self.assertEqual([first.name, second.name], ["pool-0", "pool-1"])
        first.abandon()
        third = hooks.claim_one_of("pool", **self.options())
        self.assertEqual(third.name, "pool-0")
        second.stop()
        third.stop()


if __name__ == "__main__":
    unittest.main()
