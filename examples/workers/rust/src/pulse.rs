//! The hot path.

use crate::claim::Claim;
use crate::layout::bank;

/// What a beat needs. `last_ns` 0: the next cycle has no beginning.
#[derive(Default)]
pub struct Pulse {
    beats: u64,
    pub last_ns: u64,
    worst_ns: u64,
    late_cycles: u64,
    pub look_at_ns: u64,
}

impl Pulse {
    pub fn beat(&mut self, claim: &Claim, now: u64, cycle_limit_ns: u64, is_timing: bool) {
        let Claim { region, at, life, .. } = claim;
        region.store(at + bank::LAST_BEAT_NS, now);
        self.beats += 1;
        region.store(at + bank::BEATS, self.beats);
        if self.last_ns != 0 {
            let cycle = now - self.last_ns;
            let bin = life + 8 * (63 - (cycle | 1).leading_zeros() as usize);
            region.store(bin, region.load(bin) + 1);
            if cycle > self.worst_ns {
                self.worst_ns = cycle;
                region.store(at + bank::WORST_CYCLE_NS, cycle);
            }
            if cycle_limit_ns != 0 && cycle > cycle_limit_ns {
                self.late_cycles += 1;
                region.store(at + bank::LATE_AT_NS, now);
                region.store(at + bank::LATE_CYCLES, self.late_cycles);
            }
        }
        self.last_ns = if is_timing { now } else { 0 };
    }
}
