"""A program of the demo that knows nothing of heartbeats: it waits, and blocks its event loop on SIGUSR2."""

import asyncio
import signal
import time


def imports_orders() -> None:
    time.sleep(1.5)


async def main() -> None:
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, imports_orders)
    print("up", flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
