"""What the kernel is asked: locks, identities, times. Linux only."""

import ctypes
import fcntl
import os
import platform
import struct
import sys
import threading
import time
from typing import Any, Callable, Final, NamedTuple, Optional

F_OFD_GETLK: Final = 36
F_OFD_SETLK: Final = 37
# struct flock of 64-bit Linux: type, whence, padding, start, length, pid, padding.
_FLOCK: Final = struct.Struct("hhxxxxqqixxxx")

monotonic_ns: Final = time.monotonic_ns  # CLOCK_MONOTONIC on Linux


def boottime_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def try_lock(fd: int, byte: int) -> bool:
    """Locks one byte for this open file. False: another open file has it."""
    try:
        fcntl.fcntl(fd, F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
    except (BlockingIOError, PermissionError):
        return False
    return True


def unlock(fd: int, byte: int) -> None:
    fcntl.fcntl(fd, F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, byte, 1, 0))


def is_locked(fd: int, byte: int, count: int = 1) -> bool:
    """Whether another open file holds a write lock there; asks as a reader, so that read locks do not count."""
    answer = fcntl.fcntl(fd, F_OFD_GETLK, _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, byte, count, 0))
    return bool(_FLOCK.unpack(answer)[0] != fcntl.F_UNLCK)


class Container(NamedTuple):
    """Which container a claim is from. Ids of different kinds prove nothing about each other."""

    kind: int  # 0 unknown, 1 mount id, 2 mount namespace
    a: int
    b: int

    def is_other_than(self, other: "Container") -> bool:
        return self.kind != 0 and self.kind == other.kind and self != other


class Claimant(NamedTuple):
    container: Container
    time_namespace: int


class ThreadId(NamedTuple):
    python: int  # as sys._current_frames() has it
    native: int
    start_ticks: int


def _start_ticks(path: str) -> int:
    try:
        with open(path, "rb") as file:
            # The command's name may hold spaces and parentheses; field 3 is the first behind it.
            return int(file.read().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return 0


def _inode(path: str) -> int:
    try:
        return os.stat(path).st_ino
    except OSError:
        return 0


def _libc() -> Any:
    return ctypes.CDLL(None, use_errno=True)


_STATX_NUMBERS: Final = {"x86_64": 332, "aarch64": 291}
_FUTEX_NUMBERS: Final = {"x86_64": 202, "aarch64": 98}
_STATX_MNT_ID_UNIQUE: Final = 0x4000
_AT_FDCWD: Final = -100


def _unique_mount_id() -> Optional[int]:
    """Of "/"; the kernel knows it from 6.8 on. None: not known."""
    number = _STATX_NUMBERS.get(platform.machine())
    if number is None:
        return None
    answer = ctypes.create_string_buffer(256)
    try:
        arguments = (_AT_FDCWD, ctypes.c_char_p(b"/"), 0, _STATX_MNT_ID_UNIQUE, answer)
        if _libc().syscall(number, *arguments) != 0:
            return None
    except (OSError, AttributeError):  # no dynamic libc
        return None
    mask = int.from_bytes(answer.raw[0:4], sys.byteorder)
    return int.from_bytes(answer.raw[144:152], sys.byteorder) if mask & _STATX_MNT_ID_UNIQUE else None


def _this_container() -> Container:
    mount = _unique_mount_id()
    if mount is not None:
        return Container(1, mount, 0)
    namespace, start = _inode("/proc/self/ns/mnt"), _start_ticks("/proc/1/stat")
    return Container(2, namespace, start) if namespace and start else Container(0, 0, 0)


def this_thread() -> ThreadId:
    # Not /proc/self/task/TID: /proc may be that of another pid namespace, with other numbers.
    return ThreadId(threading.get_ident(), threading.get_native_id(), _start_ticks("/proc/thread-self/stat"))


def this_claimant() -> Claimant:
    """Read before the claim byte is taken: /proc takes longer than all that happens under it."""
    return Claimant(_this_container(), _inode("/proc/self/ns/time"))


_TMPFS_MAGIC: Final = 0x01021994
_RAMFS_MAGIC: Final = 0x858458F6


def is_on_tmpfs(fd: int) -> bool:
    answer = ctypes.create_string_buffer(256)
    libc = _libc()
    if libc.fstatfs(fd, answer) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int.from_bytes(answer.raw[0:8], sys.byteorder) in (_TMPFS_MAGIC, _RAMFS_MAGIC)


def wake_one_at(address: int) -> None:
    """Wakes one claimant that waits for the claim byte; without it that one looks again by itself within 500 ms."""
    number = _FUTEX_NUMBERS.get(platform.machine())
    if number is not None:
        _libc().syscall(number, ctypes.c_void_p(address), 1, 1, None, None, 0)


_PROT_READ_WRITE: Final = 3
_MAP_SHARED: Final = 1
_MADV_DONTFORK: Final = 10


def map_shared(fd: int, size: int) -> int:
    """The address of a mapping that a forked child does not inherit: it would keep the locks of the file alive.

    Not mmap.mmap: that holds a duplicate of the descriptor, which a child would inherit, and cannot be closed in use.
    """
    libc = _libc()
    libc.mmap.restype = ctypes.c_void_p
    libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
    address = libc.mmap(None, size, _PROT_READ_WRITE, _MAP_SHARED, fd, 0)
    if address is None or address == ctypes.c_void_p(-1).value:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(size), _MADV_DONTFORK)
    return int(address)


def unmap(address: int, size: int) -> None:
    _libc().munmap(ctypes.c_void_p(address), ctypes.c_size_t(size))


def give_name(fd: int, path: str) -> None:
    # Without a dir_fd Python calls link(), which would link the symbolic link in /proc itself.
    os.link(f"/proc/self/fd/{fd}", path, src_dir_fd=fd, follow_symlinks=True)


def retry(within_ns: int, pause_s: float, attempt: Callable[[], bool]) -> bool:
    """Attempts at least once, and until it succeeds or the time is over."""
    deadline = monotonic_ns() + within_ns
    while not attempt():
        if monotonic_ns() >= deadline:
            return False
        time.sleep(pause_s)
    return True
