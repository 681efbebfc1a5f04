"""The hot path."""

from typing import Callable, Final

from . import _layout as at
from ._claim import Claim
from ._system import monotonic_ns

_LOOK_EVERY_NS: Final = 1_000_000_000


def pulse(
    claim: Claim, cycle_limit_ns: int, look: Callable[[], bool], beat_elsewhere: Callable[[Claim], bool]
) -> "tuple[Callable[[], bool], Callable[[bool], None]]":
    """The hot path, as closures: an attribute costs three times a cell. One clock reading and a handful of stores."""
    words, bank, cycles = claim.region.words, claim.bank_at // 8, claim.life_at // 8
    beats_at, worst_at, late_at = bank + at.BEATS // 8, bank + at.WORST_CYCLE_NS // 8, bank + at.LATE_CYCLES // 8
    clock = monotonic_ns
    beats = last = worst = late = 0  # last 0: the next cycle has no beginning
    look_at = clock() + _LOOK_EVERY_NS
    is_timing = True

    def set_timing(wanted: bool) -> None:
        nonlocal last, is_timing
        last, is_timing = 0, wanted

    def note_long_cycle(cycle: int, now: int) -> None:
        nonlocal worst, late
        if cycle > worst:
            words[worst_at] = worst = cycle
        if cycle_limit_ns and cycle > cycle_limit_ns:
            late += 1
            words[late_at + 1] = now
            words[late_at] = late

    def beat() -> bool:
        nonlocal beats, last, look_at
        now = clock()
        try:
            words[bank] = now
            beats += 1
            words[beats_at] = beats
            if last:
                cycle = now - last
                words[cycles + (cycle.bit_length() or 1) - 1] += 1
                if cycle > worst or cycle > cycle_limit_ns > 0:
                    note_long_cycle(cycle, now)
            last = now if is_timing else 0
        except (ValueError, IndexError):  # the views are released: stopped, forked, or claimed anew
            return beat_elsewhere(claim)
        if now >= look_at:
            look_at = now + _LOOK_EVERY_NS
            return look()
        return True

    return beat, set_timing
