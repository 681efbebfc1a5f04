//! The region, byte by byte: docs/layout.md, layout version 2.

pub const MAGIC: u64 = 0x0045_5649_4c4d_4853;
pub const VERSION: u32 = 2;
pub const SIGNATURE: u64 = 1988803910367273460;
pub const HEADER_BYTES: usize = 256;
pub const SLOT_BYTES: usize = 1024;
pub const BANK_BYTES: usize = 512;
pub const RECORD_BYTES: usize = 3072;
pub const LIFE_BYTES: usize = 1472;
pub const MAX_SLOTS: u32 = 4096;
pub const NAME_BYTES: usize = 64;
pub const STATUS_BYTES: usize = 56;

pub const CLAIM_BYTE: i64 = 1 << 40;
pub const FIRST_SLOT_BYTE: i64 = CLAIM_BYTE + 1;
pub const LOCK_BYTES: i64 = 1 + 65536;

pub const STATE_CLAIMED: u32 = 2;
pub const STATE_STOPPED: u32 = 3;

/// Offsets in the header.
pub mod header {
    pub const SLOT_COUNT: usize = 28;
    pub const USED_SLOTS: usize = 56;
    pub const CLAIM_TURNS: usize = 60;
}

/// Offsets in a bank: Hot, Labels, Identity.
pub mod bank {
    pub const LAST_BEAT_NS: usize = 0;
    pub const BEATS: usize = 8;
    pub const STATE: usize = 16;
    pub const READY: usize = 20;
    pub const WORST_CYCLE_NS: usize = 24;
    pub const LATE_CYCLES: usize = 32;
    pub const LATE_AT_NS: usize = 40;
    pub const STALL_LIMIT_NS: usize = 48;
    pub const RENEWED_NS: usize = 56;
    pub const IN_PHASE: usize = 64;
    pub const SERIAL: usize = 68;
    pub const LABELS_SEQUENCE: usize = 128;
    pub const PHASE: usize = 136;
    pub const STATUS: usize = 200;
    pub const INCARNATION: usize = 256;
    pub const CLOCK: usize = 264;
    pub const PREDECESSOR_ENDED: usize = 268;
    pub const NAME: usize = 272;
    pub const MAX_AGE_NS: usize = 336;
    pub const CYCLE_LIMIT_NS: usize = 344;
    pub const PID: usize = 352;
    pub const TID: usize = 356;
    pub const TASK_START_TICKS: usize = 360;
    pub const CLAIMED_NS: usize = 368;
    pub const CLAIMED_BOOTTIME_NS: usize = 376;
    pub const CONTAINER_KIND: usize = 384;
    pub const CONTAINER_A: usize = 392;
    pub const CONTAINER_B: usize = 400;
    pub const TIME_NAMESPACE: usize = 408;
    pub const GRACE_FROM_BOOTTIME_NS: usize = 416;
    pub const DEADLINE_BOOTTIME_NS: usize = 424;
    pub const ROW: usize = 432;
}

/// Offsets in a record: the restart mark, then two lives of cycles, Where and four slow places.
pub mod record {
    pub const MARKED_BOOTTIME_NS: usize = 8;
    pub const BUDGET_NS: usize = 16;
    pub const LIVES: usize = 128;
    pub const WHERE_SEQUENCE: usize = 512;
    pub const WHERE_KIND: usize = 516;
    pub const SLOW_PLACES: usize = 1152;
    pub const SLOW_PLACE_BYTES: usize = 80;
    pub const SLOW_PLACE_COUNT: usize = 4;
}

pub fn region_bytes(slots: u32) -> usize {
    (HEADER_BYTES + slots as usize * (SLOT_BYTES + RECORD_BYTES) + 4095) / 4096 * 4096
}

pub fn bank_at(slot: u32, bank: u32) -> usize {
    HEADER_BYTES + slot as usize * SLOT_BYTES + bank as usize * BANK_BYTES
}

pub fn lock_byte(slot: u32, bank: u32) -> i64 {
    FIRST_SLOT_BYTE + 2 * i64::from(slot) + i64::from(bank)
}
