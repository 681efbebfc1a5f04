"""Tells of asyncio loops that begin and end to run, of any kind (uvloop, too), without importing asyncio."""

import contextlib
import sys
import threading
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType
from typing import Any, Callable, Final, Optional, Sequence

_EVENTS: Final = "asyncio.events"


def watch_loops(began: Callable[[Any], None], ended: Callable[[], None]) -> None:
    """Calls began(loop) and ended() in the main thread, when a loop begins to run there and when it does not run any more.

    Each loop says so by asyncio.events._set_running_loop(). Loops that are imported later take the function from there.
    """
    main = threading.get_ident()

    def patch(events: Any) -> None:
        original = events._set_running_loop

        def set_running_loop(loop: Any) -> None:
            original(loop)
            if threading.get_ident() == main:
                with contextlib.suppress(Exception):  # a program must run as well without its supervision
                    ended() if loop is None else began(loop)

        events._set_running_loop = set_running_loop

    if _EVENTS in sys.modules:
        patch(sys.modules[_EVENTS])
        sys.modules["asyncio"]._set_running_loop = sys.modules[_EVENTS]._set_running_loop  # type: ignore[attr-defined]
    else:
        sys.meta_path.insert(0, _OnImport(patch))


class _OnImport(MetaPathFinder):
    """Most programs never import asyncio, and should not pay for it."""

    def __init__(self, patch: Callable[[Any], None]) -> None:
        self._patch = patch

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if fullname != _EVENTS:
            return None
        sys.meta_path.remove(self)
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def load_and_patch(module: ModuleType) -> None:
            load(module)
            self._patch(module)

        spec.loader.exec_module = load_and_patch  # type: ignore[method-assign]
        return spec
