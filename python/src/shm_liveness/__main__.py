"""python -m shm_liveness PROGRAM.py [ARGUMENT...]: runs a program that nobody changed, and supervises its main thread.

python -m shm_liveness -m MODULE [ARGUMENT...]    as `python -m`
python -m shm_liveness --site                     prints the folder whose place in PYTHONPATH does the same for all programs
"""

import os
import pkgutil
import runpy
import sys
from typing import List

from ._auto import supervise


def main(words: List[str]) -> None:
    if words == ["--site"]:
        print(os.path.join(os.path.dirname(os.path.abspath(__file__)), "site"))
    elif words in (["-h"], ["--help"]):
        print(__doc__.strip())
    elif words[:1] == ["-m"] and len(words) > 1:
        sys.argv = words[1:]
        supervise()
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    elif words and not words[0].startswith("-"):
        sys.argv = words
        _set_import_folder(words[0])
        supervise()
        runpy.run_path(words[0], run_name="__main__")
    else:
        sys.stderr.write("usage: python -m shm_liveness [-m] PROGRAM [ARGUMENT...], or --site\n")
        sys.exit(2)


def _set_import_folder(program: str) -> None:
    """The first of sys.path is the working directory now, as for each `python -m`. It becomes what `python PROGRAM` has."""
    # -P, -I and PYTHONSAFEPATH: there is no such first entry. Python 3.9 and 3.10 know -I only.
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        del sys.path[0]
        if pkgutil.get_importer(program) is None:  # else it is a folder or a zip file: run_path() adds it itself
            sys.path.insert(0, os.path.dirname(os.path.realpath(program)))


main(sys.argv[1:])
