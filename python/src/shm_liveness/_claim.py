"""Taking a slot: docs/layout.md, "To claim". The reasons for each rule are in native/shm_liveness/{slots,claim,restart}.hpp."""

import os
import threading
from typing import Callable, Final, Iterator, NamedTuple, Optional

from . import _layout as at
from ._errors import LivenessError
from ._make import Creation, Place, random_nonce
from ._region import Region, open_for_claim
from ._system import (
    Claimant,
    Container,
    ThreadId,
    boottime_ns,
    is_locked,
    monotonic_ns,
    retry,
    this_claimant,
    try_lock,
    unlock,
)

_RELEASE_WAIT_NS: Final = 50_000_000
_FORGIVEN_LIVES: Final = 3
START_PHASE: Final = "start"
"""The phase of a program's start, in _auto and in shm-liveness/auto of Node.js."""


def barrier() -> None:
    """Orders the stores before it before those after it: a lock that is taken and given back twice does, on AArch64 too."""
    # Not a shared lock: if another thread held it at a fork, it would stay locked in the child.
    lock = threading.Lock()
    for _ in range(2):
        with lock:
            pass


class ClaimOptions(NamedTuple):
    place: Place
    creation: Creation
    name: str
    max_age_ns: int
    cycle_limit_ns: int
    thread: ThreadId  # that is supervised
    after_waiting: bool = False  # another worker held the name when this one came first
    since_ns: int = 0  # when this worker claimed the name last


class Claim(NamedTuple):
    region: Region
    slot: int
    bank: int

    @property
    def bank_at(self) -> int:
        return at.bank_at(self.slot, self.bank)

    @property
    def life_at(self) -> int:
        return at.life_at(self.region.slots, self.slot, self.bank)

    @property
    def lock_byte(self) -> int:
        return at.lock_byte(self.slot, self.bank)

    def release(self, is_stopped: bool) -> None:
        """First the state, then the lock: a reader that finds the lock gone reads the state again before it says dead."""
        if not self.region.is_open:
            return
        if is_stopped:
            self.region.halves[(self.bank_at + at.STATE) // 4] = at.STATE_STOPPED
            barrier()
        unlock(self.region.fd, self.lock_byte)
        self.region.close()


class Bank:
    """Named words of one bank."""

    def __init__(self, region: Region, slot: int, bank: int) -> None:
        self._region, self._at = region, at.bank_at(slot, bank)

    def __getitem__(self, offset: int) -> int:
        return self._region.words[(self._at + offset) // 8]

    def half(self, offset: int) -> int:
        return self._region.halves[(self._at + offset) // 4]

    @property
    def name(self) -> str:
        return self._region.text(self._at + at.NAME, at.NAME_BYTES)

    @property
    def container(self) -> Container:
        return Container(self[at.CONTAINER_KIND], self[at.CONTAINER_A], self[at.CONTAINER_B])

    @property
    def is_stopped(self) -> bool:
        return self.half(at.STATE) == at.STATE_STOPPED

    @property
    def is_in_start(self) -> bool:
        return self.half(at.IN_PHASE) != 0 and self._region.text(self._at + at.PHASE, at.NAME_BYTES) == START_PHASE


def _lock_bank(region: Region, slot: int, wait_ns: int) -> Optional[str]:
    """Locks the bank that a claim may write. Gives the code of what is in the way."""
    bank, serial = region.current(slot)
    byte = at.lock_byte(slot, bank)
    if not retry(wait_ns, 0.0001, lambda: not is_locked(region.fd, byte)):
        return "SLOT_LOCKED" if serial == 0 else "NAME_TAKEN"
    return None if try_lock(region.fd, at.lock_byte(slot, 1 - bank)) else "SLOT_LOCKED"


def _candidates(region: Region, mine: Container) -> Iterator[int]:
    """Slots for a new name, the best first: fresh ones, those whose first claimant was killed, stopped ones, then those
    that another container left over; of each kind the one that was claimed longest ago. A dead slot of this container is
    evidence, and for its own name only."""
    used = region.used_slots()
    yield from range(used, region.slots)
    never, stopped, left_over = [], [], []
    for slot in range(used):
        bank, serial = region.current(slot)
        last = Bank(region, slot, bank)
        if serial == 0:
            never.append((0, slot))
        elif last.is_stopped:
            stopped.append((last[at.CLAIMED_BOOTTIME_NS], slot))
        elif mine.is_other_than(last.container):
            left_over.append((last[at.CLAIMED_BOOTTIME_NS], slot))
    for slots in (never, stopped, left_over):
        yield from (slot for _, slot in sorted(slots))


def _find_name(region: Region, name: str) -> Optional[int]:
    for slot in range(region.used_slots()):
        bank, serial = region.current(slot)
        if serial != 0 and Bank(region, slot, bank).name == name:
            return slot
    return None


def _lock_slot(region: Region, options: ClaimOptions, mine: Container) -> int:
    about = f'{options.place}, worker "{options.name}"'
    own = _find_name(region, options.name)
    if own is not None:
        # stop() stores the state and then unlocks; a successor may come between the two.
        bank, _ = region.current(own)
        last = Bank(region, own, bank)
        if options.after_waiting and (
            is_locked(region.fd, at.lock_byte(own, bank))
            or not (
                last.is_stopped
                or last.is_in_start
                or last[at.CLAIMED_NS] <= options.since_ns
                or mine.is_other_than(last.container)
            )
        ):
            raise LivenessError("NAME_TAKEN", about)  # by one that lives, or died: succession.hpp
        refused = _lock_bank(region, own, _RELEASE_WAIT_NS if last.is_stopped else 0)
        if refused is not None:
            raise LivenessError(refused, about)
        return own
    worst = "NO_FREE_SLOT"
    for slot in _candidates(region, mine):
        refused = _lock_bank(region, slot, 0)
        if refused is None:
            if slot >= region.used_slots():  # before the claim, so that no reader misses it
                region.halves[at.USED_SLOTS // 4] = slot + 1
            return slot
        worst = refused
    raise LivenessError(worst, about)


class _Heritage(NamedTuple):
    """What a claim takes over from the claim before it in its slot."""

    ended: int
    row: int = 0
    grace_from_boottime_ns: int = 0  # 0: from the claim
    deadline_boottime_ns: int = 0


def _heritage(region: Region, slot: int, name: str, mine: Container, now: int, now_boottime: int) -> _Heritage:
    bank, serial = region.current(slot)
    if serial == 0:
        return _Heritage(at.ENDED_NONE)
    last, mark_at = Bank(region, slot, bank), at.record_at(region.slots, slot) // 8
    is_left_over = mine.is_other_than(last.container)
    ended = at.ENDED_STOPPED if last.is_stopped else at.ENDED_LEFT_OVER if is_left_over else at.ENDED_DIED
    if is_left_over or last.name != name:
        return _Heritage(ended)
    incarnation, marked, budget = region.words[mark_at : mark_at + 3]
    is_marked = incarnation == last[at.INCARNATION]
    deadline = marked + budget if is_marked else 0
    is_young = last[at.BEATS] == 0 or (is_marked and last[at.LAST_BEAT_NS] < last[at.CLAIMED_NS] + budget)
    if last.is_stopped or not is_young:
        return _Heritage(ended, deadline_boottime_ns=deadline)
    row = last.half(at.ROW) + 1
    if row < _FORGIVEN_LIVES:
        return _Heritage(ended, row, deadline_boottime_ns=deadline)
    deadline = last[at.DEADLINE_BOOTTIME_NS]
    if row == _FORGIVEN_LIVES and last.half(at.IN_PHASE) != 0:
        ago = max(0, now - last[at.RENEWED_NS])
        deadline = max(deadline, now_boottime - min(ago, now_boottime) + last[at.STALL_LIMIT_NS])
    return _Heritage(ended, row, last[at.GRACE_FROM_BOOTTIME_NS], deadline)


def write_under(region: Region, sequence_at: int, write: Callable[[], None]) -> None:
    """Sequence counts: odd while being written."""
    index = sequence_at // 4
    odd = region.halves[index] | 1
    region.halves[index] = odd
    barrier()
    write()
    barrier()
    region.halves[index] = (odd + 1) & 0xFFFFFFFF


def _write_claim(region: Region, slot: int, options: ClaimOptions, claimant: Claimant) -> Claim:
    before, serial = region.current(slot)
    now, now_boottime = monotonic_ns(), boottime_ns()
    heritage = _heritage(region, slot, options.name, claimant.container, now, now_boottime)
    claim = Claim(region, slot, 1 - before)
    bank, life, words, halves = claim.bank_at, claim.life_at, region.words, region.halves
    # A reader that took this bank for current long ago sees by this that it is not any more.
    halves[(bank + at.SERIAL) // 4] = 0
    barrier()
    for offset, value in {
        at.INCARNATION: random_nonce(),
        at.MAX_AGE_NS: options.max_age_ns,
        at.CYCLE_LIMIT_NS: options.cycle_limit_ns,
        at.TASK_START_TICKS: options.thread.start_ticks,
        at.CLAIMED_NS: now,
        at.CLAIMED_BOOTTIME_NS: now_boottime,
        at.CONTAINER_KIND: claimant.container.kind,
        at.CONTAINER_A: claimant.container.a,
        at.CONTAINER_B: claimant.container.b,
        at.TIME_NAMESPACE: claimant.time_namespace,
        at.GRACE_FROM_BOOTTIME_NS: heritage.grace_from_boottime_ns or now_boottime,
        at.DEADLINE_BOOTTIME_NS: heritage.deadline_boottime_ns,
        at.LAST_BEAT_NS: 0,
        at.BEATS: 0,
        at.WORST_CYCLE_NS: 0,
        at.LATE_CYCLES: 0,
        at.LATE_AT_NS: 0,
        at.STALL_LIMIT_NS: options.max_age_ns,
        at.RENEWED_NS: now,
    }.items():
        words[(bank + offset) // 8] = value
    for offset, value in {
        at.CLOCK: 1,
        at.PREDECESSOR_ENDED: heritage.ended,
        at.PID: os.getpid(),
        at.TID: options.thread.native,
        at.ROW: heritage.row,
        at.READY: 0,
        at.IN_PHASE: 0,
        at.STATE: at.STATE_CLAIMED,
    }.items():
        halves[(bank + offset) // 4] = value
    region.store_text(bank + at.NAME, at.NAME_BYTES, options.name.encode("ascii"))

    def clear_labels() -> None:
        region.store_text(bank + at.PHASE, at.NAME_BYTES, b"")
        region.store_text(bank + at.STATUS, at.STATUS_BYTES, b"")

    def clear(offset: int) -> Callable[[], None]:
        return lambda: halves.__setitem__(offset // 4, 0)

    write_under(region, bank + at.LABELS_SEQUENCE, clear_labels)
    for i in range(at.CYCLE_BINS):
        words[life // 8 + i] = 0
    write_under(region, life + at.WHERE_SEQUENCE, clear(life + at.WHERE_KIND))
    for i in range(at.SLOW_PLACES):
        place = life + at.SLOW_PLACES_AT + i * at.SLOW_PLACE_BYTES
        write_under(region, place, clear(place + at.SLOW_PLACE_COUNT))
    barrier()
    halves[(bank + at.SERIAL) // 4] = serial + 1  # this store is the claim
    return claim


def take(options: ClaimOptions, region: Region, wait_ns: Optional[int] = None) -> Claim:
    """Takes the slot of the name, its old one if it has one. On failure the region is closed again."""
    claimant = this_claimant()
    open_for_claim(options.place, options.creation, region, **({} if wait_ns is None else {"wait_ns": wait_ns}))
    try:
        try:
            return _write_claim(region, _lock_slot(region, options, claimant.container), options, claimant)
        finally:
            region.leave_claim_byte()
    except BaseException:
        region.close()
        raise
