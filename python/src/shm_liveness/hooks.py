"""Beats of the main loops of asyncio, gunicorn, uvicorn and Celery, and of plain loops.

Nothing of these packages is imported here: gunicorn and uvicorn call what is given to them, and Celery's signals are
passed in by the caller.
"""

import asyncio
import contextlib
from typing import Any, AsyncIterator, Awaitable, Callable, Dict, Final, Iterable, Iterator, MutableMapping, Optional, TypeVar

from ._errors import Duration, LivenessError, duration_ns
from ._heartbeat import Heartbeat, claim, claim_one_of

__all__ = ["asgi", "asyncio_beats", "beats", "celery", "claim_one_of", "gunicorn"]

_Item = TypeVar("_Item")

_IDLE: Final = "8784h"  # the longest duration: a process that waits for work is not stalled


def beats(items: Iterable[_Item], heartbeat: Heartbeat) -> Iterator[_Item]:
    """For plain loops: `for job in beats(queue, heartbeat)` beats each time that the loop comes round."""
    for item in items:
        heartbeat.beat()
        yield item
    heartbeat.beat()


@contextlib.asynccontextmanager
async def asyncio_beats(heartbeat: Heartbeat, interval: float = 0.1) -> AsyncIterator[Heartbeat]:
    """Beats from the running event loop, every `interval` seconds: a callback that blocks the loop is a stall.

    async with asyncio_beats(shm_liveness.claim("web", max_age="1s")) as heartbeat: ...
    """
    loop = asyncio.get_running_loop()
    timer: Optional[asyncio.TimerHandle] = None

    # A callback, and not a task: a task could be cancelled together with all others.
    def come_round() -> None:
        nonlocal timer
        heartbeat.beat()
        timer = loop.call_later(interval, come_round)

    come_round()
    with heartbeat:
        try:
            yield heartbeat
        finally:
            if timer is not None:
                timer.cancel()


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


def asgi(application: Application, name: str = "web", *, interval: float = 0.1, **options: Any) -> Application:
    """Wraps an ASGI application (uvicorn, hypercorn): claims NAME-0, NAME-1 … when its lifespan begins, is ready when the
    application has started up, and stops when it has shut down. `uvicorn --lifespan on` makes sure that it is called.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            return await application(scope, receive, send)
        async with asyncio_beats(claim_one_of(name, **options), interval) as heartbeat:

            async def forward(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "lifespan.startup.complete":
                    heartbeat.ready()
                elif message["type"] == "lifespan.shutdown.complete":
                    heartbeat.stop()
                await send(message)

            await application(scope, receive, forward)

    return wrapped


def gunicorn(name: str = "web", **options: Any) -> Dict[str, Callable[..., None]]:
    """Server hooks for gunicorn.conf.py, for its own workers and uvicorn's:

        globals().update(shm_liveness.hooks.gunicorn(max_age="30s"))

    A gunicorn worker calls worker.notify() in its main loop; that is the beat. A sync worker calls it at each request, and
    at least twice in gunicorn's `timeout`: let max age be above half of that, and above the longest request.
    """
    held: Dict[int, Heartbeat] = {}

    def post_worker_init(worker: Any) -> None:
        heartbeat = claim_one_of(name, **options)
        held[id(worker)] = heartbeat
        notify = worker.notify

        def notify_and_beat() -> None:
            notify()
            heartbeat.beat()

        worker.notify = notify_and_beat
        heartbeat.beat()
        heartbeat.ready()

    def worker_exit(_server: Any, worker: Any) -> None:
        heartbeat = held.pop(id(worker), None)
        if heartbeat is not None:
            heartbeat.stop()

    def worker_abort(worker: Any) -> None:
        """gunicorn's own timeout: a death, not a stop."""
        heartbeat = held.pop(id(worker), None)
        if heartbeat is not None:
            heartbeat.abandon()

    return {"post_worker_init": post_worker_init, "worker_exit": worker_exit, "worker_abort": worker_abort}


def celery(
    signals: Any, name: str = "celery", *, max_age: Duration = "10s", task_budget: Duration = "10m", **options: Any
) -> None:
    """Connects Celery's signals: `import celery.signals; shm_liveness.hooks.celery(celery.signals)`, beside the app.

    The main process beats as NAME whenever it sends its worker heartbeat, every 2 s; let max age be several of these
    (and do not start it with --without-heartbeat). A process of the pool claims NAME-pool-0, NAME-pool-1 …: while it
    waits for work it is never stalled, and each task is a phase with `task_budget`: above the longest task time limit.
    """
    for what, duration in {"max_age": max_age, "task_budget": task_budget}.items():
        duration_ns(duration, what)  # an error now, and not in the first task
    held: Dict[str, Heartbeat] = {}

    def main_is_ready(**_: Any) -> None:
        held["main"] = claim(name, max_age=max_age, **options)
        held["main"].beat()
        held["main"].ready()

    def main_beats(**_: Any) -> None:
        if "main" in held:
            held["main"].beat()

    def pool_begins(**_: Any) -> None:
        held.pop("main", None)  # of the parent; inert here
        held["pool"] = claim_one_of(f"{name}-pool", max_age=_IDLE, **options)
        held["pool"].beat()
        held["pool"].ready()

    def task_begins(task: Any = None, **_: Any) -> None:
        if "pool" in held:
            with contextlib.suppress(LivenessError):  # the region was removed: a task must not fail over it
                held["pool"].phase(str(getattr(task, "name", task))[:60] or "task", task_budget)

    def task_ends(**_: Any) -> None:
        if "pool" in held:
            with contextlib.suppress(LivenessError):
                held["pool"].end_phase()
            held["pool"].beat()

    def stops(which: str) -> Callable[..., None]:
        def stop(**_: Any) -> None:
            if which in held:
                held.pop(which).stop()

        return stop

    for signal, receiver in {
        "worker_ready": main_is_ready,
        "heartbeat_sent": main_beats,
        "worker_shutdown": stops("main"),
        "worker_process_init": pool_begins,
        "task_prerun": task_begins,
        "task_postrun": task_ends,
        "worker_process_shutdown": stops("pool"),
    }.items():
        # Not weak: nobody else refers to these functions.
        getattr(signals, signal).connect(receiver, weak=False)
