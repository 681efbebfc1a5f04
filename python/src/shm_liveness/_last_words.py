"""The flight recorder: the claim before this one in its slot."""

from typing import NamedTuple, Optional

from . import _layout as at
from ._claim import Bank, Claim
from ._system import monotonic_ns


class LastWords(NamedTuple):
    """The claim before this one in its slot: what is known of how it ended."""

    ended: str  # 'stopped', 'died' or 'left-over'
    name: str
    pid: int
    beats: int
    last_beat_ago_s: Optional[float]
    worst_cycle_s: float
    late_cycles: int
    phase: Optional[str]
    frames: Optional[str]  # where its code was when it hung


def last_words(claim: Claim) -> Optional[LastWords]:
    region, before = claim.region, 1 - claim.bank
    ended = region.halves[(claim.bank_at + at.PREDECESSOR_ENDED) // 4]
    bank, life = Bank(region, claim.slot, before), at.life_at(region.slots, claim.slot, before)
    if not at.ENDED_STOPPED <= ended <= at.ENDED_LEFT_OVER or bank.half(at.SERIAL) == 0:
        return None
    last_beat = bank[at.LAST_BEAT_NS]
    has_phase, has_frames = bank.half(at.IN_PHASE) != 0, region.halves[(life + at.WHERE_KIND) // 4] != 0
    return LastWords(
        at.ENDED_WORDS[ended],
        bank.name,
        bank.half(at.PID),
        bank[at.BEATS],
        (monotonic_ns() - last_beat) / 1e9 if last_beat else None,
        bank[at.WORST_CYCLE_NS] / 1e9,
        bank[at.LATE_CYCLES],
        region.text(at.bank_at(claim.slot, before) + at.PHASE, at.NAME_BYTES) if has_phase else None,
        region.text(life + at.WHERE_FRAMES_TEXT, at.FRAMES_BYTES) if has_frames else None,
    )
