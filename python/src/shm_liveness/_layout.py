"""The region, byte by byte: docs/layout.md, layout version 2. Tests hold this file against test/vectors/region-v2.json."""

from typing import Final

MAGIC: Final = 0x004556494C4D4853
VERSION: Final = 2
# A hash over all offsets and sizes: region-v2.json has it, too.
SIGNATURE: Final = 1988803910367273460
HEADER_BYTES: Final = 256
SLOT_BYTES: Final = 1024
BANK_BYTES: Final = 512
RECORD_BYTES: Final = 3072
LIFE_BYTES: Final = 1472
MAX_SLOTS: Final = 4096

CLAIM_BYTE: Final = 1 << 40
FIRST_SLOT_BYTE: Final = CLAIM_BYTE + 1
LOCK_BYTES: Final = 1 + 65536

NAME_BYTES: Final = 64
STATUS_BYTES: Final = 56
FRAMES_BYTES: Final = 608
CYCLE_BINS: Final = 64
SLOW_PLACES: Final = 4

STATE_CLAIMED: Final = 2
STATE_STOPPED: Final = 3
ENDED_NONE, ENDED_STOPPED, ENDED_DIED, ENDED_LEFT_OVER = 0, 1, 2, 3
ENDED_WORDS: Final = ("none", "stopped", "died", "left-over")
WHERE_FRAMES: Final = 1

# Offsets in the header.
USED_SLOTS: Final = 56
CLAIM_TURNS: Final = 60
NONCE: Final = 40

# Offsets in a bank: Hot, Labels, Identity.
LAST_BEAT_NS: Final = 0
BEATS: Final = 8
STATE: Final = 16
READY: Final = 20
WORST_CYCLE_NS: Final = 24
LATE_CYCLES: Final = 32
LATE_AT_NS: Final = 40
STALL_LIMIT_NS: Final = 48
RENEWED_NS: Final = 56
IN_PHASE: Final = 64
SERIAL: Final = 68
LABELS_SEQUENCE: Final = 128
PHASE: Final = 136
STATUS: Final = 200
INCARNATION: Final = 256
CLOCK: Final = 264
PREDECESSOR_ENDED: Final = 268
NAME: Final = 272
MAX_AGE_NS: Final = 336
CYCLE_LIMIT_NS: Final = 344
PID: Final = 352
TID: Final = 356
TASK_START_TICKS: Final = 360
CLAIMED_NS: Final = 368
CLAIMED_BOOTTIME_NS: Final = 376
CONTAINER_KIND: Final = 384
CONTAINER_A: Final = 392
CONTAINER_B: Final = 400
TIME_NAMESPACE: Final = 408
GRACE_FROM_BOOTTIME_NS: Final = 416
DEADLINE_BOOTTIME_NS: Final = 424
ROW: Final = 432

# Offsets in a record: the restart mark.
MARK_INCARNATION: Final = 0
MARKED_BOOTTIME_NS: Final = 8
MARK_BUDGET_NS: Final = 16
LIVES: Final = 128

# Offsets in a life: the cycles, Where, and the first of the slow places.
CYCLES: Final = 0
WHERE_SEQUENCE: Final = 512
WHERE_KIND: Final = 516
WHERE_TAKEN_NS: Final = 520
WHERE_SILENT_NS: Final = 528
WHERE_FRAMES_TEXT: Final = 544
SLOW_PLACES_AT: Final = 1152
SLOW_PLACE_BYTES: Final = 80
SLOW_PLACE_COUNT: Final = 4


def region_bytes(slots: int) -> int:
    return (HEADER_BYTES + slots * (SLOT_BYTES + RECORD_BYTES) + 4095) // 4096 * 4096


def bank_at(slot: int, bank: int) -> int:
    return HEADER_BYTES + slot * SLOT_BYTES + bank * BANK_BYTES


def record_at(slots: int, slot: int) -> int:
    return HEADER_BYTES + slots * SLOT_BYTES + slot * RECORD_BYTES


def life_at(slots: int, slot: int, bank: int) -> int:
    return record_at(slots, slot) + LIVES + bank * LIFE_BYTES


def lock_byte(slot: int, bank: int) -> int:
    return FIRST_SLOT_BYTE + 2 * slot + bank
