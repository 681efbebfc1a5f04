"""Heartbeats in shared memory: a worker stamps each loop, and shm-probe tells Kubernetes whether it still comes round.

    import shm_liveness

    with shm_liveness.claim("grabber", region="camera", max_age="250ms") as heartbeat:
        heartbeat.ready()
        while True:
            grab()
            heartbeat.beat()

Linux only; the standard library only. `shm_liveness.hooks` has asyncio, gunicorn, uvicorn and Celery.
"""

from ._errors import Duration, LivenessError
from ._heartbeat import Heartbeat, claim
from ._last_words import LastWords

__all__ = ["Duration", "Heartbeat", "LastWords", "LivenessError", "claim"]
