"""What a worker holds: one claimed slot."""

import contextlib
import os
import threading
import warnings
from types import TracebackType
from typing import Any, Callable, Final, Iterator, List, NamedTuple, Optional, Type

from . import _layout as at
from ._claim import Claim, ClaimOptions, barrier, take, write_under
from ._errors import Duration, LivenessError, check_name, check_text, duration_ns
from ._last_words import LastWords, last_words
from ._make import Creation, Place
from ._pulse import pulse
from ._region import Region
from ._system import ThreadId, monotonic_ns, this_thread

_CLAIM_AGAIN_WAIT_NS: Final = 1_000_000  # a beat must not block; the next look tries again
_CLAIM_AGAIN_EVERY_NS: Final = 1_000_000_000
_MOST_PEERS: Final = 4096
_MODES: Final = {"private": 0o600, "group-read": 0o640, "group-claim": 0o660}


class _Said(NamedTuple):
    """What the worker has said of itself, to be said again in a new region."""

    ready: bool = False
    status: bytes = b""
    phase: bytes = b""
    budget_ns: int = 0


class Heartbeat:
    """A worker's claim of one slot. One thread at a time may use it; each supervised thread claims a name of its own.

    Only stop(), or leaving its `with` block without an exception, ends it as `stopped`. A process or thread that ends
    without it is `dead`: the kernel drops the slot's lock. In a forked child it is inert, and the parent's stays.
    """

    beat: Callable[[], bool]
    """Stamps the slot: the loop came round. Returns False while this heartbeat holds no slot. Never throws."""

    def __init__(self, options: ClaimOptions) -> None:
        self._options = options
        self._pid = os.getpid()
        self._said = _Said()
        self._is_ended = False
        self._is_superseded = False  # another worker has the name in the region that is there now
        self._claim_again_at_ns = 0
        self._stuck_where = 0
        self.comebacks = 0
        """How often the region was removed under this heartbeat, and claimed anew."""
        self._counters: List[threading.Event] = []
        self._claim = take(options, Region())
        self._begin()

    @property
    def name(self) -> str:
        return self._options.name

    @property
    def region(self) -> str:
        return self._options.place.region

    @property
    def thread_id(self) -> int:
        """The thread that is supervised, as sys._current_frames() names it."""
        return self._options.thread.python

    def _begin(self) -> None:
        self._claimed_at_ns = monotonic_ns()
        self.beat, self._set_timing = pulse(self._claim, self._options.cycle_limit_ns, self._look, self._beat_elsewhere)

    # -- what readers see

    @property
    def last_words(self) -> Optional[LastWords]:
        """How the claim before this one in its slot ended; None: there was none."""
        return last_words(self._claim) if self._claim.region.is_open else None

    @property
    def claimed(self) -> bool:
        """Whether readers see the slot as this worker's. Claims anew, if the region was removed."""
        return not self._is_ended and self._look()

    def ready(self) -> None:
        """Says that the worker can do its work: readiness passes while it beats.

        Raises LivenessError REGION_REMOVED while another worker has the name; it is said when this one has it back. So it is
        with not_ready() and end_phase(). A phase() that raises does not begin.
        """
        self._say_ready(True, b"")

    def not_ready(self, status: str = "") -> None:
        """Takes ready back; `status`, up to 55 bytes of one line, says why."""
        self._say_ready(False, check_text(status, at.STATUS_BYTES, "status"))

    @contextlib.contextmanager
    def _ending(self, said: _Said) -> Iterator[None]:
        try:
            yield
        finally:
            if self._said[2:] == said[2:] and not self._is_ended:
                self.end_phase()

    def phase(self, name: str, budget: Duration) -> "contextlib.AbstractContextManager[None]":
        """Begins a phase, for work that takes longer than max age. Ends by `with`, end_phase() or the next phase.

        The name `start` is reserved for the start of a program (docs/auto.md).
        """
        label = check_text(name, at.NAME_BYTES, "phase")
        if not label:
            raise LivenessError("INVALID_TEXT", f"phase {name!r}")
        said = self._said._replace(phase=label, budget_ns=duration_ns(budget, "budget"))
        self._require()
        self._said = said
        self._write_phase()
        return self._ending(said)

    def end_phase(self) -> None:
        """Back to max age, counted from now."""
        self._said = self._said._replace(phase=b"", budget_ns=0)
        self._require()
        # A fresh sign of life first: a reader must not see the old one beside the shorter limit.
        self._set_timing(True)
        self._store(at.RENEWED_NS, monotonic_ns())
        barrier()
        self._store_half(at.IN_PHASE, 0)
        self._store(at.STALL_LIMIT_NS, self._options.max_age_ns)

    def stop(self) -> None:
        """Stopped on purpose. May be called again."""
        self._give_up(True)

    def abandon(self) -> None:
        """Gives the slot up without a stop: readers see a death."""
        self._give_up(False)

    def __enter__(self) -> "Heartbeat":
        return self

    def __exit__(
        self, kind: Optional[Type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        # An Exception is a crash. KeyboardInterrupt, SystemExit, GeneratorExit and CancelledError end a worker on purpose.
        self._give_up(kind is None or not issubclass(kind, Exception))

    # -- beats of other loops

    def counter(self, interval: Duration = "50ms") -> "memoryview":
        """For loops of microseconds: the loop does `counter[0] += 1`, and a thread stamps whenever the count has changed.

        A stamp can be `interval` late, so let max age be several of them. Cycles are those of the stamps.
        """
        every_s, count, end = duration_ns(interval, "interval") / 1e9, memoryview(bytearray(8)).cast("Q"), threading.Event()

        def stamp() -> None:
            seen = 0
            while not end.wait(every_s):
                latest = count[0]
                if latest != seen:
                    seen = latest
                    self.beat()

        self._counters.append(end)
        threading.Thread(target=stamp, name=f"shm-liveness counter {self.name}", daemon=True).start()
        return count

    def watch_stacks(self) -> None:
        """From now on a thread writes where this thread's code is whenever it is silent for most of its limit."""
        from ._stacks import watch

        self._counters.append(watch(self))

    # -- for _stacks

    def silence(self) -> "Optional[tuple[int, int]]":
        """The latest sign of life, and the limit; None: not claimed."""
        try:
            words, bank = self._claim.region.words, self._claim.bank_at // 8
            sign = max(words[bank + at.LAST_BEAT_NS // 8], words[bank + at.RENEWED_NS // 8])
            return sign, words[bank + at.STALL_LIMIT_NS // 8]
        except (ValueError, IndexError):  # released
            return None

    def write_where(self, taken_ns: int, silent_ns: int, frames: bytes) -> None:
        region, life = self._claim.region, self._claim.life_at

        def write() -> None:
            region.halves[(life + at.WHERE_KIND) // 4] = at.WHERE_FRAMES
            region.words[(life + at.WHERE_TAKEN_NS) // 8] = taken_ns
            region.words[(life + at.WHERE_SILENT_NS) // 8] = silent_ns
            region.store_text(life + at.WHERE_FRAMES_TEXT, at.FRAMES_BYTES, frames)

        with contextlib.suppress(ValueError, IndexError):  # stopped meanwhile
            seen = region.halves[(life + at.WHERE_SEQUENCE) // 4]
            # Odd: a guard is at it, or was killed at it if it is the same count as at the look before.
            if seen % 2 == 0 or seen == self._stuck_where:
                write_under(region, life + at.WHERE_SEQUENCE, write)
            self._stuck_where = seen

    # -- inside

    def _store(self, offset: int, value: int) -> None:
        self._claim.region.words[(self._claim.bank_at + offset) // 8] = value

    def _store_half(self, offset: int, value: int) -> None:
        self._claim.region.halves[(self._claim.bank_at + offset) // 4] = value

    def _write_label(self, offset: int, size: int, text: bytes) -> None:
        region, bank = self._claim.region, self._claim.bank_at
        write_under(region, bank + at.LABELS_SEQUENCE, lambda: region.store_text(bank + offset, size, text))

    def _say_ready(self, ready: bool, status: bytes) -> None:
        self._said = self._said._replace(ready=ready, status=status)
        self._require()
        self._write_ready()

    def _write_ready(self) -> None:
        self._write_label(at.STATUS, at.STATUS_BYTES, self._said.status)
        self._store_half(at.READY, int(self._said.ready))

    def _write_phase(self) -> None:
        self._write_label(at.PHASE, at.NAME_BYTES, self._said.phase)
        self._set_timing(False)
        self._store(at.RENEWED_NS, monotonic_ns())
        barrier()
        self._store(at.STALL_LIMIT_NS, self._said.budget_ns)
        barrier()
        self._store_half(at.IN_PHASE, 1)

    def _require(self) -> None:
        if self._is_ended or self._pid != os.getpid():
            raise LivenessError("STOPPED", f'worker "{self.name}" of {self._options.place}')
        if not self._look():
            raise LivenessError("REGION_REMOVED", f'worker "{self.name}" of {self._options.place}')

    def _look(self) -> bool:
        """Whether readers can find the slot; claims anew if the region was removed. Called about once a second."""
        region = self._claim.region
        if self._is_ended or self._pid != os.getpid():
            return False
        try:
            return (region.is_open and os.fstat(region.fd).st_nlink > 0) or self._come_back()
        except OSError:  # somebody has closed our descriptor, and with it dropped the lock
            return False

    def _beat_elsewhere(self, released: Claim) -> bool:
        """For a `beat` whose region was lost, or that somebody has kept since before that."""
        if self._claim is not released and not self._is_ended:
            return self.beat()
        return monotonic_ns() >= self._claim_again_at_ns and self._look()

    def _come_back(self) -> bool:
        try:
            options = self._options._replace(after_waiting=True, since_ns=self._claimed_at_ns)
            claim = take(options, Region(), _CLAIM_AGAIN_WAIT_NS)
        except LivenessError as error:
            self._claim.release(False)  # from now on beats come to _beat_elsewhere()
            self._claim_again_at_ns = monotonic_ns() + _CLAIM_AGAIN_EVERY_NS
            if error.code == "NAME_TAKEN" and not self._is_superseded:
                self._is_superseded = True
                self._warn(
                    "Another worker has the name now, so this one does not beat. "
                    "Stop one of the two: this one claims again when the other has stopped."
                )
            return False
        self._claim.release(False)
        self._claim = claim
        self._is_superseded = False
        self.comebacks += 1
        self._begin()
        if self._said.budget_ns:
            self._write_phase()
        if self._said.ready or self._said.status:
            self._write_ready()
        self._warn("It was claimed anew. Find out what does that: readers saw no worker meanwhile.")
        return self.beat()

    def _warn(self, then: str) -> None:
        with contextlib.suppress(Exception):  # a filter may turn warnings into errors; a beat never throws
            warnings.warn(f'shm-liveness: {self._options.place} of worker "{self.name}" was removed. {then}', stacklevel=3)

    def _give_up(self, is_stopped: bool) -> None:
        is_first, self._is_ended = not self._is_ended, True
        # A forked child has none of these threads, and an event may be locked there by one of them for ever.
        if self._pid != os.getpid():
            return
        for end in self._counters:
            end.set()
        if is_first:
            self._claim.release(is_stopped)


def claim(
    name: str,
    *,
    region: Optional[str] = None,
    max_age: Duration,
    cycle_limit: Optional[Duration] = None,
    capacity: int = 64,
    share: str = "private",
    directory: Optional[str] = None,
    allow_disk: Optional[bool] = None,
    thread: Optional[ThreadId] = None,
    after_waiting: bool = False,
) -> Heartbeat:
    """Takes the slot of `name` (its old one, if it has one), making the region if there is none.

    name: the worker's role ('grabber', 'worker-0'), not its pid: a restarted worker finds its slot by it.
    region: default $SHM_LIVENESS_REGION, else 'default'.
    max_age: how old the last beat may be; at least a few of the loop's periods.
    cycle_limit: a cycle longer than this is counted and timestamped.
    capacity, share: should this claim make the region: its slots, and who may use it ('private', 'group-read' for
        readers of the file's group, 'group-claim' for claims of the group).
    directory: default $SHM_LIVENESS_DIR, else /dev/shm. allow_disk: default $SHM_LIVENESS_ALLOW_DISK.
    thread, after_waiting: for _auto. The thread that is supervised, if another thread claims for it; whether the name was
        taken before, so that the death of its holder must be left to be seen.

    Raises LivenessError: NAME_TAKEN, NO_FREE_SLOT, NO_SPACE, INVALID_NAME, REGION_... and the like.
    """
    place = Place(
        directory or os.environ.get("SHM_LIVENESS_DIR") or "/dev/shm",
        check_name(region or os.environ.get("SHM_LIVENESS_REGION") or "default", "region"),
        os.environ.get("SHM_LIVENESS_ALLOW_DISK") in ("1", "true") if allow_disk is None else allow_disk,
    )
    if not isinstance(capacity, int) or not 1 <= capacity <= at.MAX_SLOTS:
        detail = f"expected a whole number from 1 to {at.MAX_SLOTS}, got {capacity!r}"
        raise LivenessError("INVALID_OPTION", "capacity", detail)
    if share not in _MODES:
        raise LivenessError("INVALID_OPTION", "share", f"expected one of {', '.join(_MODES)}, got {share!r}")
    limit_ns = 0 if cycle_limit is None else duration_ns(cycle_limit, "cycle_limit")
    max_age_ns = duration_ns(max_age, "max_age")
    creation = Creation(capacity, _MODES[share])
    named = check_name(name, "worker")
    thread = thread or this_thread()
    return Heartbeat(ClaimOptions(place, creation, named, max_age_ns, limit_ns, thread, after_waiting))


def claim_one_of(prefix: str, **options: Any) -> Heartbeat:
    """Claims the first free name of PREFIX-0, PREFIX-1 and so on, for processes of a pool that have no number of their own.

    A process that replaces a dead one takes its name, and so its slot. Options are those of claim().
    """
    for number in range(_MOST_PEERS):
        try:
            return claim(f"{prefix}-{number}", **options)
        except LivenessError as error:
            if error.code != "NAME_TAKEN":
                raise
    raise LivenessError("NO_FREE_SLOT", f'workers "{prefix}-0" to "{prefix}-{_MOST_PEERS - 1}"')
