"""Which processes of an unchanged program claim a slot, and with which settings: what the environment says."""

import os
import sys
from typing import Final, List, Mapping, NamedTuple, Optional

from ._errors import LivenessError, duration_ns

_WISH: Final = "SHM_LIVENESS_AUTO"
CLAIMANT: Final = "SHM_LIVENESS_AUTO_PID"
"""Set by the first process that is supervised: its pid. What it starts inherits the variable, and is told apart by it.
shm-liveness/auto of Node.js keeps to it, too."""

_INSTALLERS: Final = {"pip", "pip3", "pipenv", "poetry", "pdm", "hatch", "tox"}


class Role(NamedTuple):
    is_child: bool
    claims_in_children: bool


def role_of(env: Mapping[str, str], pid: int, command: List[str]) -> Optional[Role]:
    """None: this process claims nothing, and leaves those that it starts free to be the program."""
    wish = env.get(_WISH) or "1"
    if wish in ("0", "false"):
        return None
    if wish not in ("1", "true", "children"):
        raise LivenessError("INVALID_OPTION", _WISH, f"expected 0, 1 or children, got {wish!r}")
    if any(os.path.basename(word) in _INSTALLERS for word in _program(command)):
        return None
    claimant = env.get(CLAIMANT) or str(pid)  # after an exec the program has the pid that it had
    is_child = claimant != str(pid)
    return None if is_child and wish != "children" else Role(is_child, wish == "children")


def _program(command: List[str]) -> List[str]:
    """The script or module of an interpreter's command line; empty if it cannot be told."""
    words = command[1:]
    while words and words[0].startswith("-") and words[0] != "-m":
        words = words[1:]
    return words[1:2] if words[:1] == ["-m"] else words[:1]


def command_line() -> List[str]:
    """sys.argv does not exist yet while site is imported; sys.orig_argv is there from 3.10 on."""
    known = getattr(sys, "orig_argv", None)
    if known is not None:
        return list(known)
    try:
        with open("/proc/self/cmdline", "rb") as file:
            return [os.fsdecode(word) for word in file.read().split(b"\0")[:-1]]
    except OSError:
        return []


class Settings(NamedTuple):
    name: str
    max_age_ns: int
    start_budget_ns: int
    watches_stacks: bool


def settings_of(env: Mapping[str, str]) -> Settings:
    """Region and directory are read where each claim reads them."""

    def ns(variable: str, otherwise: str, least: int = 1) -> int:
        return duration_ns(env.get(variable) or otherwise, variable, least)

    max_age = ns("SHM_LIVENESS_MAX_AGE", "10s")
    return Settings(
        name=env.get("SHM_LIVENESS_NAME") or "main-thread",
        max_age_ns=max_age,
        start_budget_ns=max(ns("SHM_LIVENESS_STARTUP_GRACE", "60s", 0), max_age),
        watches_stacks=env.get("SHM_LIVENESS_STACKS") not in ("0", "false"),
    )
