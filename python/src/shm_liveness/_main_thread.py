"""What can be seen of a main thread whose code nobody changed, from another thread and without a signal."""

import ctypes
import os
import threading
from typing import Callable, Final, Optional


class MainThread:
    """Asks the interpreter to call a function in the main thread between two of its instructions, as it does for signal
    handlers. A thread that computes in Python gets there at once; one within a native call, only after that."""

    def __init__(self) -> None:
        self._has_come_round = True
        # Kept for as long as the interpreter may call it.
        self._callback: Final = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(self._come_round)
        self._add_pending_call: Final[Optional[Callable[..., int]]] = getattr(
            ctypes.pythonapi, "Py_AddPendingCall", None
        )
        self._status: Final = f"/proc/self/task/{threading.get_native_id()}/stat"

    def _come_round(self, _argument: object) -> int:
        self._has_come_round = True
        return 0

    def moves_or_waits(self) -> bool:
        """Whether it has come round since the last call, or sleeps in the kernel.

        A thread that sleeps may wait for work, or for ever: that cannot be told apart. One that neither comes round nor
        sleeps is stuck in native code, or in the kernel.
        """
        if not self._has_come_round:
            return self._sleeps()
        if self._add_pending_call is not None:
            self._has_come_round = False
            if self._add_pending_call(self._callback, None) != 0:  # the interpreter's queue is full
                self._has_come_round = True
        return True

    def _sleeps(self) -> bool:
        try:
            # Not open(): tests of the program may replace it.
            fd = os.open(self._status, os.O_RDONLY | os.O_CLOEXEC)
            try:
                status = os.read(fd, 512)
            finally:
                os.close(fd)
        except OSError:  # no /proc
            return True
        return status.rpartition(b") ")[2][:1] == b"S"
