"""Imported by each Python program that has this folder in PYTHONPATH: supervises it, unchanged.

    PYTHONPATH=$(python3 -m shm_liveness --site) python3 app.py
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec


def _supervise() -> None:
    packages = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.append(packages)  # it need not be installed; last, so that it hides nothing
    try:
        from shm_liveness._auto import supervise
    except Exception as error:
        os.write(2, f"shm-liveness: this process is not supervised: {error}\n".encode())
    else:
        supervise()
    finally:
        sys.path.remove(packages)


def _import_hidden() -> None:
    """The sitecustomize that would be imported if this folder were not there."""
    own = os.path.dirname(os.path.abspath(__file__))
    others = [path for path in sys.path if os.path.abspath(path) != own]
    spec = PathFinder.find_spec("sitecustomize", others)
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


_supervise()
_import_hidden()
