"""One region: a file on tmpfs, made whole or not at all, checked before it is believed."""

import ctypes
import errno
import fcntl
import os
import random
import stat
import struct
import threading
import time
from typing import Final, Optional, Set

from . import _layout as at
from ._errors import LivenessError, from_system
from ._make import Creation, Place, make
from ._system import (
    is_locked,
    is_on_tmpfs,
    map_shared,
    monotonic_ns,
    try_lock,
    unlock,
    unmap,
    wake_one_at,
)

_CLAIM_WAIT_NS: Final = 5_000_000_000
_MOST_WAITS: Final = 24


# All regions that this process has open. A child must not inherit them: a descriptor or a mapping keeps the locks of its
# open file. So forks take the lock under which they are opened and closed, and the child closes its copies.
fork_lock: Final = threading.RLock()
_open_regions: "Final[Set[Region]]" = set()


def _in_child() -> None:
    for region in list(_open_regions):
        region.close(is_child=True)
    fork_lock.release()


os.register_at_fork(before=fork_lock.acquire, after_in_parent=fork_lock.release, after_in_child=_in_child)


class Region:
    """An open region. `words` and `halves` are its 8-byte and 4-byte words; a store to one is one instruction."""

    def __init__(self) -> None:
        self.fd = -1
        self.slots = 0
        self.words = memoryview(b"")
        self.halves = memoryview(b"")
        self._address = 0
        self._size = 0

    @property
    def is_open(self) -> bool:
        return self.fd >= 0

    def open(self, path: str) -> None:
        with fork_lock:
            # Without O_CREAT: fs.protected_regular refuses even root an O_CREAT open of another user's file.
            self.fd = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
            if self.fd <= 2:  # a worker without standard streams: its first log line would land in the header
                above = fcntl.fcntl(self.fd, fcntl.F_DUPFD_CLOEXEC, 3)
                os.close(self.fd)
                self.fd = above
            _open_regions.add(self)

    def map(self, size: int) -> None:
        with fork_lock:
            self._address, self._size = map_shared(self.fd, size), size
            whole = memoryview((ctypes.c_char * size).from_address(self._address)).cast("B")
            self.words = whole.cast("Q")
            self.halves = whole.cast("I")

    def close(self, is_child: bool = False) -> None:
        """Drops the locks, too. A child has not inherited the mapping, and other memory may lie there."""
        with fork_lock:
            _open_regions.discard(self)
            address, self._address = self._address, 0
            try:
                self.words.release()
                self.halves.release()
                if address != 0 and not is_child:
                    unmap(address, self._size)
            except BufferError:
                pass  # another thread reads a text right now: the mapping stays, and keeps the file without its locks
            if self.fd >= 0:
                os.close(self.fd)
            self.fd = -1

    def text(self, offset: int, size: int) -> str:
        words = self.words[offset // 8 : (offset + size) // 8]
        return words.tobytes().partition(b"\0")[0].decode("utf-8", "replace")

    def store_text(self, offset: int, size: int, text: bytes) -> None:
        for i, (word,) in enumerate(struct.iter_unpack("=Q", text.ljust(size, b"\0"))):
            self.words[offset // 8 + i] = word

    def current(self, slot: int) -> "tuple[int, int]":
        """The bank of the slot's latest claim, and its serial; serial 0: the slot was never claimed."""
        first, second = (self.halves[(at.bank_at(slot, bank) + at.SERIAL) // 4] for bank in (0, 1))
        return (1, second) if second > first else (0, first)

    def used_slots(self) -> int:
        return min(self.halves[at.USED_SLOTS // 4], self.slots)

    def is_at(self, path: str) -> bool:
        try:
            return os.path.samestat(os.fstat(self.fd), os.stat(path, follow_symlinks=False))
        except FileNotFoundError:
            return False

    def leave_claim_byte(self) -> None:
        turns = at.CLAIM_TURNS // 4
        self.halves[turns] = (self.halves[turns] + 1) & 0xFFFFFFFF
        unlock(self.fd, at.CLAIM_BYTE)
        wake_one_at(self._address + at.CLAIM_TURNS)


def _lock_claim_byte(fd: int, wait_ns: int) -> bool:
    """Bounded: a holder may be stopped. As long as turns pass, others are served and so will we be."""

    def turn() -> bytes:
        return os.pread(fd, 4, at.CLAIM_TURNS)

    now = monotonic_ns()
    end, deadline, seen, pause_s = now + _MOST_WAITS * wait_ns, now + wait_ns, turn(), 0.0005
    while not try_lock(fd, at.CLAIM_BYTE):
        now, latest = monotonic_ns(), turn()
        if latest != seen:
            seen, deadline = latest, now + wait_ns
        if now >= min(deadline, end):
            return False
        time.sleep(pause_s * random.uniform(0.5, 1))
        pause_s = min(pause_s * 2, 0.05)
    return True


def _check_file(fd: int, place: Place) -> int:
    """Anybody may put a file into /dev/shm. Believed are one's own, and those that a group of ours may write."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):
        raise LivenessError("REGION_NOT_A_FILE", str(place))
    if status.st_mode & 0o002:
        raise LivenessError("REGION_MODE", str(place))
    groups = {os.getegid(), *os.getgroups()}
    if status.st_uid != os.geteuid() and not (status.st_mode & 0o060 == 0o060 and status.st_gid in groups):
        raise LivenessError("REGION_OWNER", str(place))
    if not place.allow_disk and not is_on_tmpfs(fd):
        raise LivenessError("REGION_NOT_TMPFS", str(place))
    return status.st_size


def _fault_of_header(fd: int, size: int) -> Optional[str]:
    if not at.HEADER_BYTES <= size <= at.region_bytes(at.MAX_SLOTS):
        return "REGION_SIZE"
    head = struct.unpack("=QIIQIIQ", os.pread(fd, 40, 0))
    magic, version, header_bytes, signature, slot_bytes, slots, bytes_said = head
    if magic != at.MAGIC:
        return "REGION_MAGIC"
    if version != at.VERSION:
        return "REGION_VERSION"
    if (header_bytes, signature, slot_bytes) != (at.HEADER_BYTES, at.SIGNATURE, at.SLOT_BYTES):
        return "REGION_LAYOUT"
    if not 1 <= slots <= at.MAX_SLOTS or bytes_said != at.region_bytes(slots):
        return "REGION_LAYOUT"
    return None if size == bytes_said else "REGION_SIZE"


def open_for_claim(place: Place, creation: Creation, region: Region, wait_ns: int = _CLAIM_WAIT_NS) -> None:
    """Opens the region, or makes it. Returns with the claim byte held: call region.leave_claim_byte()."""
    try:
        for _ in range(64):  # each turn ends, or finds that somebody has changed the file that the name leads to
            if _open_once(place, creation, region, wait_ns):
                return
    except OSError as error:
        region.close()
        if error.errno == errno.EINVAL:
            raise LivenessError("LOCKS_UNSUPPORTED", str(place)) from error
        raise from_system(error, str(place)) from error
    except BaseException:
        region.close()
        raise
    raise LivenessError("CLAIM_BUSY", str(place))


def _open_once(place: Place, creation: Creation, region: Region, wait_ns: int) -> bool:
    try:
        region.open(place.path)
    except FileNotFoundError:
        make(place, creation)
        return False
    if not _lock_claim_byte(region.fd, wait_ns):
        raise LivenessError("CLAIM_BUSY", str(place))
    if region.is_at(place.path):
        size = _check_file(region.fd, place)
        fault = _fault_of_header(region.fd, size)
        if fault is None:
            region.map(size)
            region.slots = region.halves[28 // 4]
            return True
        # An image upgrade in place keeps /dev/shm. The lock bytes are the same in all layout versions.
        if is_locked(region.fd, at.FIRST_SLOT_BYTE, at.LOCK_BYTES - 1):
            raise LivenessError("REGION_IN_USE", str(place))
        os.unlink(place.path)
        make(place, creation)
    region.close()
    return False
