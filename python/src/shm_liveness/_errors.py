"""What can go wrong: the codes are those of native/shm_liveness/fault.hpp, and stable."""

import errno
import re
from datetime import timedelta
from typing import Final, Optional, Union

_SENTENCES: Final = {
    "REGION_MISSING": "does not exist, nor does its directory",
    "REGION_NOT_A_FILE": "is not a regular file",
    "REGION_ACCESS": "may not be opened; run as its user or share it with a group",
    "REGION_OWNER": "belongs to another user; remove it, or run as its owner",
    "REGION_MODE": "is writable for everybody; remove it",
    "REGION_NOT_TMPFS": "is not on tmpfs: beats are disk I/O; use /dev/shm or allow disk",
    "REGION_SIZE": "has a wrong size (empty, cut short, or not a region)",
    "REGION_MAGIC": "is not a region: foreign first bytes",
    "REGION_VERSION": "has another layout version; use one release throughout",
    "REGION_LAYOUT": "has a foreign layout, or is damaged",
    "REGION_REMOVED": "was removed, and another worker has claimed this name anew",
    "REGION_IN_USE": "is unusable here, but held by others; stop them first",
    "NO_SPACE": "does not fit; enlarge /dev/shm or lower the capacity",
    "NO_MEMORY": "cannot be mapped: out of memory",
    "NO_FREE_SLOT": "has no free slot; name workers by role, retire dead names or raise the capacity",
    "NAME_TAKEN": "a living worker holds this name",
    "SLOT_LOCKED": "another process holds a lock on this slot; see /proc/locks",
    "CLAIM_BUSY": "another claim does not finish; is its process stopped?",
    "LOCKS_UNSUPPORTED": "the kernel has no open-file-description locks (old gVisor)",
    "INVALID_NAME": "a name is 1 to 63 of A-Z a-z 0-9 . _ - and begins with no dot",
    "INVALID_TEXT": "a phase has 1 to 63 bytes, a status up to 55, no control bytes",
    "INVALID_OPTION": "a number, path or duration is out of range",
    "STOPPED": "stopped, region lost, or a forked child",
    "SYSTEM": "unexpected answer from the kernel",
}

_CODES_OF_ERRNO: Final = {
    errno.ENOENT: "REGION_MISSING",
    errno.ENOTDIR: "REGION_MISSING",
    errno.ELOOP: "REGION_NOT_A_FILE",
    errno.EISDIR: "REGION_NOT_A_FILE",
    errno.ENXIO: "REGION_NOT_A_FILE",
    errno.EACCES: "REGION_ACCESS",
    errno.EPERM: "REGION_ACCESS",
    errno.ENOSPC: "NO_SPACE",
    errno.EDQUOT: "NO_SPACE",
    errno.ENOMEM: "NO_MEMORY",
}


class LivenessError(Exception):
    """Any failure of this package. `code` says which."""

    def __init__(self, code: str, about: str, detail: str = "") -> None:
        super().__init__(f"{about}: {detail or _SENTENCES[code]} [{code}]")
        self.code: Final = code


def from_system(error: OSError, about: str) -> LivenessError:
    code = _CODES_OF_ERRNO.get(error.errno or 0, "SYSTEM")
    return LivenessError(code, about, f"{_SENTENCES[code]} ({error.strerror})")


_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,62}")


def check_name(name: str, what: str) -> str:
    if not isinstance(name, str) or _NAME.fullmatch(name) is None:
        raise LivenessError("INVALID_NAME", f"{what} {name!r}")
    return name


def check_text(text: str, field_bytes: int, what: str) -> bytes:
    """Text of one line that fits its field, which a NUL must end."""
    encoded = text.encode("utf-8")
    if len(encoded) >= field_bytes or any(byte < 0x20 or byte == 0x7F for byte in encoded):
        raise LivenessError("INVALID_TEXT", f"{what} {text!r}")
    return encoded


Duration = Union[str, timedelta]
"""'250ms', '1.5s', '1m30s' (ns, us, ms, s, m, h), or a timedelta."""

MAX_DURATION_NS: Final = 366 * 24 * 3600 * 1_000_000_000
_UNITS: Final = {"h": 3_600_000_000_000, "m": 60_000_000_000, "s": 1_000_000_000, "ms": 1_000_000, "us": 1_000, "ns": 1}
_PART: Final = re.compile(r"([0-9]+)(?:\.([0-9]{1,9}))?(ns|us|ms|s|m|h)")


def duration_ns(value: Duration, what: str, least: int = 1) -> int:
    total = _timedelta_ns(value) if isinstance(value, timedelta) else _parse(value) if isinstance(value, str) else None
    if total is None or not least <= total <= MAX_DURATION_NS:
        detail = f"expected a duration such as '250ms' or a timedelta, up to 8784h, got {value!r}"
        raise LivenessError("INVALID_OPTION", what, detail)
    return total


def _timedelta_ns(value: timedelta) -> int:
    return (value.days * 86_400_000_000 + value.seconds * 1_000_000 + value.microseconds) * 1_000


def _parse(text: str) -> Optional[int]:
    """The rule of native/shm_liveness/duration.hpp; test/vectors/durations.json drives both. None: not a duration."""
    if text == "0":
        return 0
    total, at, previous = 0, 0, MAX_DURATION_NS
    while at < len(text):
        part = _PART.match(text, at)
        if part is None:
            return None
        whole, fraction, unit = part.groups()
        scale = _UNITS[unit]
        if scale >= previous:
            return None
        total += int(whole) * scale + int((fraction or "0").ljust(9, "0")) * scale // 1_000_000_000
        previous, at = scale, part.end()
    return total if text else None
