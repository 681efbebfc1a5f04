//! Taking a slot: docs/layout.md, "To claim". The reasons for each rule are in native/shm_liveness/{slots,claim,restart}.hpp.

use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::layout::{self, bank, header, record, NAME_BYTES, STATUS_BYTES};
use crate::region::{Creation, Place, Region};
use crate::system::{self, Claimant, Container, CLOCK_MONOTONIC};

/// Lives that end before they have beaten for long, and are still given a grace of their own.
const FORGIVEN_LIVES: u32 = 3;

/// stop() stores the state and then unlocks; a successor may come between the two.
const RELEASE_WAIT: Duration = Duration::from_millis(50);

pub const ENDED_NONE: u32 = 0;
pub const ENDED_STOPPED: u32 = 1;
pub const ENDED_DIED: u32 = 2;
pub const ENDED_LEFT_OVER: u32 = 3;

pub struct ClaimOptions {
    pub place: Place,
    pub creation: Creation,
    pub name: String,
    pub max_age_ns: u64,
    pub cycle_limit_ns: u64,
}

/// A held slot. Its region's descriptor was opened for it alone, and carries the lock.
pub struct Claim {
    pub region: Region,
    pub slot: u32,
    pub bank: u32,
    /// Where its bank begins, and its life.
    pub at: usize,
    pub life: usize,
}

/// The bank of a slot's latest claim.
struct Last<'a> {
    region: &'a Region,
    at: usize,
    serial: u32,
}

impl<'a> Last<'a> {
    fn of(region: &'a Region, slot: u32) -> Self {
        let (bank, serial) = region.current(slot);
        Last {
            region,
            at: layout::bank_at(slot, bank),
            serial,
        }
    }

    fn load(&self, offset: usize) -> u64 {
        self.region.load(self.at + offset)
    }

    fn load_half(&self, offset: usize) -> u32 {
        self.region.load_half(self.at + offset)
    }

    fn has_name(&self, name: &str) -> bool {
        self.serial != 0 && self.region.text(self.at + bank::NAME, NAME_BYTES) == name
    }

    fn is_stopped(&self) -> bool {
        self.load_half(bank::STATE) == layout::STATE_STOPPED
    }

    fn container(&self) -> Container {
        let [kind, a, b] = [bank::CONTAINER_KIND, bank::CONTAINER_A, bank::CONTAINER_B].map(|at| self.load(at));
        Container { kind, a, b }
    }
}

/// Locks the bank that a claim may write.
fn lock_bank(region: &Region, slot: u32, wait: Duration) -> Result<()> {
    let (bank, serial) = region.current(slot);
    let deadline = Instant::now() + wait;
    while system::is_locked(region.fd(), layout::lock_byte(slot, bank), 1)? {
        if serial == 0 {
            return Err(Error::new("SLOT_LOCKED"));
        }
        if Instant::now() >= deadline {
            return Err(Error::new("NAME_TAKEN"));
        }
        thread::sleep(Duration::from_micros(100));
    }
    if system::try_lock(region.fd(), layout::lock_byte(slot, 1 - bank))? {
        Ok(())
    } else {
        Err(Error::new("SLOT_LOCKED"))
    }
}

/// Slots for a new name, the best first: fresh ones, those whose first claimant was killed, stopped ones, then those that
/// another container left over; of each kind the one that was claimed longest ago. A dead slot of this container is
/// evidence, and for its own name only.
fn candidates(region: &Region, mine: &Container) -> Vec<u32> {
    let used = region.used_slots();
    let mut others: Vec<(u8, u64, u32)> = (0..used)
        .filter_map(|slot| {
            let last = Last::of(region, slot);
            let claimed = last.load(bank::CLAIMED_BOOTTIME_NS);
            if last.serial == 0 {
                Some((0, 0, slot))
            } else if last.is_stopped() {
                Some((1, claimed, slot))
            } else {
                mine.is_other_than(&last.container()).then_some((2, claimed, slot))
            }
        })
        .collect();
    others.sort_unstable();
    (used..region.slots)
        .chain(others.into_iter().map(|(_, _, slot)| slot))
        .collect()
}

fn lock_slot(region: &Region, name: &str, mine: &Container) -> Result<u32> {
    if let Some(own) = (0..region.used_slots()).find(|&slot| Last::of(region, slot).has_name(name)) {
        let wait = if Last::of(region, own).is_stopped() {
            RELEASE_WAIT
        } else {
            Duration::ZERO
        };
        return lock_bank(region, own, wait).map(|()| own);
    }
    let mut refused = Error::new("NO_FREE_SLOT");
    for slot in candidates(region, mine) {
        match lock_bank(region, slot, Duration::ZERO) {
            Ok(()) => {
                if slot >= region.used_slots() {
                    region.store_half(header::USED_SLOTS, slot + 1); // before the claim, so that no reader misses it
                }
                return Ok(slot);
            }
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

/// What a claim takes over from the claim before it in its slot.
struct Heritage {
    ended: u32,
    row: u32,
    grace_from_ns: u64,
    deadline_ns: u64,
}

fn heritage(region: &Region, slot: u32, name: &str, mine: &Container, now: u64, boottime: u64) -> Heritage {
    let last = Last::of(region, slot);
    let mut out = Heritage {
        ended: ENDED_NONE,
        row: 0,
        grace_from_ns: boottime,
        deadline_ns: 0,
    };
    if last.serial == 0 {
        return out;
    }
    let is_left_over = mine.is_other_than(&last.container());
    out.ended = match (last.is_stopped(), is_left_over) {
        (true, _) => ENDED_STOPPED,
        (false, true) => ENDED_LEFT_OVER,
        (false, false) => ENDED_DIED,
    };
    if is_left_over || !last.has_name(name) {
        return out;
    }
    let mark = region.record_at(slot);
    let budget = region.load(mark + record::BUDGET_NS);
    let is_marked = region.load(mark) == last.load(bank::INCARNATION);
    if is_marked {
        out.deadline_ns = region.load(mark + record::MARKED_BOOTTIME_NS).wrapping_add(budget);
    }
    let is_short = last.load(bank::LAST_BEAT_NS) < last.load(bank::CLAIMED_NS).wrapping_add(budget);
    let is_young = last.load(bank::BEATS) == 0 || (is_marked && is_short);
    if last.is_stopped() || !is_young {
        return out;
    }
    out.row = last.load_half(bank::ROW).wrapping_add(1);
    if out.row < FORGIVEN_LIVES {
        return out;
    }
    out.grace_from_ns = last.load(bank::GRACE_FROM_BOOTTIME_NS);
    out.deadline_ns = last.load(bank::DEADLINE_BOOTTIME_NS);
    if out.row == FORGIVEN_LIVES && last.load_half(bank::IN_PHASE) != 0 {
        let ago = now.saturating_sub(last.load(bank::RENEWED_NS));
        let end = boottime
            .saturating_sub(ago)
            .wrapping_add(last.load(bank::STALL_LIMIT_NS));
        out.deadline_ns = out.deadline_ns.max(end);
    }
    out
}

/// Writes the bank that is not current, and makes it current by its last store.
fn write_claim(region: Region, slot: u32, options: &ClaimOptions, claimant: &Claimant) -> Claim {
    let (before, serial) = region.current(slot);
    let (now, boottime) = (system::monotonic_ns(), system::boottime_ns());
    let mine = &claimant.container;
    let from = heritage(&region, slot, &options.name, mine, now, boottime);
    let (at, life) = (layout::bank_at(slot, 1 - before), region.life_at(slot, 1 - before));
    // A reader that took this bank for current long ago sees by this that it is not any more. The stores below have
    // release order, so that none of them is seen before this one.
    region.store_half(at + bank::SERIAL, 0);
    for (offset, value) in [
        (bank::INCARNATION, system::random_nonce()),
        (bank::MAX_AGE_NS, options.max_age_ns),
        (bank::CYCLE_LIMIT_NS, options.cycle_limit_ns),
        (bank::TASK_START_TICKS, claimant.task_start_ticks),
        (bank::CLAIMED_NS, now),
        (bank::CLAIMED_BOOTTIME_NS, boottime),
        (bank::CONTAINER_KIND, mine.kind),
        (bank::CONTAINER_A, mine.a),
        (bank::CONTAINER_B, mine.b),
        (bank::TIME_NAMESPACE, claimant.time_namespace),
        (bank::GRACE_FROM_BOOTTIME_NS, from.grace_from_ns),
        (bank::DEADLINE_BOOTTIME_NS, from.deadline_ns),
        (bank::LAST_BEAT_NS, 0),
        (bank::BEATS, 0),
        (bank::WORST_CYCLE_NS, 0),
        (bank::LATE_CYCLES, 0),
        (bank::LATE_AT_NS, 0),
        (bank::STALL_LIMIT_NS, options.max_age_ns),
        (bank::RENEWED_NS, now),
    ] {
        region.store(at + offset, value);
    }
    for (offset, value) in [
        (bank::CLOCK, CLOCK_MONOTONIC as u32),
        (bank::PREDECESSOR_ENDED, from.ended),
        (bank::PID, claimant.pid),
        (bank::TID, claimant.tid),
        (bank::ROW, from.row),
        (bank::READY, 0),
        (bank::IN_PHASE, 0),
        (bank::STATE, layout::STATE_CLAIMED),
    ] {
        region.store_half(at + offset, value);
    }
    region.store_text(at + bank::NAME, NAME_BYTES, &options.name);
    region.write_under(at + bank::LABELS_SEQUENCE, || {
        region.store_text(at + bank::PHASE, NAME_BYTES, "");
        region.store_text(at + bank::STATUS, STATUS_BYTES, "");
    });
    for bin in 0..64 {
        region.store(life + 8 * bin, 0);
    }
    region.write_under(life + record::WHERE_SEQUENCE, || {
        region.store_half(life + record::WHERE_KIND, 0)
    });
    for place in (0..4).map(|i| life + record::SLOW_PLACES + i * record::SLOW_PLACE_BYTES) {
        region.write_under(place, || region.store_half(place + record::SLOW_PLACE_COUNT, 0));
    }
    region.store_half(at + bank::SERIAL, serial.wrapping_add(1)); // this store is the claim
    Claim {
        region,
        slot,
        bank: 1 - before,
        at,
        life,
    }
}

impl Claim {
    /// Takes the slot of the name, its old one if it has one.
    pub fn take(options: &ClaimOptions, wait: Duration) -> Result<Claim> {
        // Before the claim byte is taken: /proc takes longer than all that happens under it.
        let claimant = Claimant::this_thread();
        let region = Region::open_for_claim(&options.place, options.creation, wait)?;
        let claim = match lock_slot(&region, &options.name, &claimant.container) {
            Ok(slot) => write_claim(region, slot, options, &claimant),
            Err(error) => {
                region.leave_claim_byte();
                return Err(error);
            }
        };
        claim.region.leave_claim_byte();
        Ok(claim)
    }

    /// First the state, then the lock: a reader that finds the lock gone reads the state again before it says dead.
    pub fn release(self, is_stopped: bool) {
        if is_stopped {
            self.region.store_half(self.at + bank::STATE, layout::STATE_STOPPED);
            std::sync::atomic::fence(std::sync::atomic::Ordering::SeqCst);
        }
        system::unlock(self.region.fd(), layout::lock_byte(self.slot, self.bank));
    }
}
