"""Making a region: whole, exclusive, never visible half-made."""

import errno
import os
import random
import struct
from typing import NamedTuple

from . import _layout as at
from ._errors import LivenessError
from ._system import boottime_ns, give_name, is_on_tmpfs


class Place(NamedTuple):
    directory: str
    region: str
    allow_disk: bool

    @property
    def path(self) -> str:
        return os.path.join(self.directory, self.region)

    def __str__(self) -> str:
        return f'region "{self.region}" in {self.directory}'


class Creation(NamedTuple):
    """How a region is made, should it not exist yet."""

    slots: int
    mode: int


def random_nonce() -> int:
    return random.SystemRandom().getrandbits(64) or 1


def _fill(fd: int, place: Place, creation: Creation) -> None:
    if not place.allow_disk and not is_on_tmpfs(fd):
        raise LivenessError("REGION_NOT_TMPFS", str(place))
    os.fchmod(fd, creation.mode)  # the mode given to open() is subject to the umask
    size = at.region_bytes(creation.slots)
    # A hole in a full tmpfs would be a SIGBUS at the first beat instead of an error here.
    os.posix_fallocate(fd, 0, size)
    head = (at.MAGIC, at.VERSION, at.HEADER_BYTES, at.SIGNATURE, at.SLOT_BYTES, creation.slots, size)
    os.write(fd, struct.pack("=QIIQIIQQQ", *head, random_nonce(), boottime_ns()))


def make(place: Place, creation: Creation) -> None:
    """Makes a region under its name; it is also fine if somebody else's is there by then."""
    try:
        # Without a name until it is whole, so that a maker that is killed leaves nothing behind.
        fd = os.open(place.directory, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.EINVAL):
            raise
        return _make_by_name(place, creation)
    try:
        _fill(fd, place, creation)
        give_name(fd, place.path)
    except FileExistsError:
        pass
    except FileNotFoundError:  # no /proc
        _make_by_name(place, creation)
    finally:
        os.close(fd)


def _make_by_name(place: Place, creation: Creation) -> None:
    name = os.path.join(place.directory, f".{place.region}.{random_nonce()}")
    fd = os.open(name, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        _fill(fd, place, creation)
        os.link(name, place.path)
    except FileExistsError:
        pass
    finally:
        os.close(fd)
        os.unlink(name)
