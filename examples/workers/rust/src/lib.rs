//! A worker's heartbeat in shared memory, where shm-probe reads it. Linux only, std only.
//!
//! ```no_run
//! use shm_liveness_worker::{Heartbeat, Options};
//! use std::time::Duration;
//!
//! let mut heartbeat = Heartbeat::claim(&Options::new("grabber", Duration::from_millis(250)))?;
//! heartbeat.ready()?;
//! while grab() {
//!     heartbeat.beat();
//! }
//! heartbeat.stop();
//! # fn grab() -> bool { false }
//! # Ok::<(), shm_liveness_worker::Error>(())
//! ```

#[cfg(not(all(target_os = "linux", target_endian = "little", target_pointer_width = "64")))]
compile_error!("regions are those of 64-bit little-endian Linux");

mod claim;
mod error;
mod layout;
mod options;
mod pulse;
mod region;
mod system;

use std::time::Duration;

use claim::{Claim, ClaimOptions};
pub use error::{Error, Result};
use layout::{bank, NAME_BYTES, STATUS_BYTES};
use options::nanoseconds;
pub use options::Options;
use pulse::Pulse;

const LOOK_EVERY_NS: u64 = 1_000_000_000;
const CLAIM_WAIT: Duration = Duration::from_secs(5);
const CLAIM_AGAIN_WAIT: Duration = Duration::from_millis(1); // a beat must not block; the next look tries again

/// How the claim before this one in its slot ended.
#[derive(Debug)]
pub struct LastWords {
    /// `stopped`, `died` or `left-over`.
    pub ended: &'static str,
    pub name: String,
    pub pid: u32,
    pub beats: u64,
    pub worst_cycle: Duration,
    pub late_cycles: u64,
    pub phase: Option<String>,
}

/// A claimed slot. Only `stop()` ends it as stopped; a heartbeat that is dropped otherwise (a panic) is dead.
///
/// A process that forks without exec must not use it: the child keeps the parent's lock.
pub struct Heartbeat {
    options: ClaimOptions,
    claim: Option<Claim>,
    is_superseded: bool,
    pulse: Pulse,
    ready: bool,
    status: String,
    phase: Option<(String, u64)>,
}

fn checked_text(text: &str, size: usize) -> Result<&str> {
    if text.len() < size && !text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
        Ok(text)
    } else {
        Err(Error::new("INVALID_TEXT"))
    }
}

impl Heartbeat {
    /// Takes the slot of the name (its old one, if it has one), and makes the region if there is none.
    pub fn claim(options: &Options) -> Result<Self> {
        let options = options.checked()?;
        let claim = Claim::take(&options, CLAIM_WAIT)?;
        let mut heartbeat = Self {
            options,
            claim: None,
            is_superseded: false,
            pulse: Pulse::default(),
            ready: false,
            status: String::new(),
            phase: None,
        };
        heartbeat.begin(claim);
        Ok(heartbeat)
    }

    fn begin(&mut self, claim: Claim) {
        self.claim = Some(claim);
        self.pulse = Pulse::default();
        self.pulse.look_at_ns = system::monotonic_ns() + LOOK_EVERY_NS;
    }

    /// The loop came round. False if this heartbeat holds no slot any more.
    pub fn beat(&mut self) -> bool {
        let claim = match &self.claim {
            Some(claim) => claim,
            None => return false,
        };
        let now = system::monotonic_ns();
        self.pulse
            .beat(claim, now, self.options.cycle_limit_ns, self.phase.is_none());
        now < self.pulse.look_at_ns || self.look()
    }

    /// Whether readers can find the slot; claims anew if the region was removed.
    fn look(&mut self) -> bool {
        self.pulse.look_at_ns = system::monotonic_ns() + LOOK_EVERY_NS;
        match &self.claim {
            None => return false,
            Some(claim) if !claim.region.is_removed() => return true,
            Some(_) => {}
        }
        match Claim::take(&self.options, CLAIM_AGAIN_WAIT) {
            Ok(claim) => {
                self.give_up(false);
                self.begin(claim);
                self.write_phase();
                if self.ready || !self.status.is_empty() {
                    self.write_ready();
                }
                self.beat()
            }
            Err(error) => {
                if error.code == "NAME_TAKEN" {
                    self.is_superseded = true;
                    self.give_up(false);
                }
                false
            }
        }
    }

    fn require(&mut self) -> Result<()> {
        if self.look() {
            return Ok(());
        }
        let is_removed = self.claim.is_some() || self.is_superseded;
        Err(Error::new(if is_removed { "REGION_REMOVED" } else { "STOPPED" }))
    }

    /// The worker can do its work: readiness passes while it beats.
    pub fn ready(&mut self) -> Result<()> {
        self.say_ready(true, "")
    }

    /// Takes `ready` back; `status`, up to 55 bytes of one line, says why.
    pub fn not_ready(&mut self, status: &str) -> Result<()> {
        self.say_ready(false, status)
    }

    fn say_ready(&mut self, ready: bool, status: &str) -> Result<()> {
        checked_text(status, STATUS_BYTES)?;
        self.require()?;
        self.ready = ready;
        self.status = status.to_owned();
        self.write_ready();
        Ok(())
    }

    fn write_ready(&self) {
        if let Some(Claim { region, at, .. }) = &self.claim {
            region.write_under(at + bank::LABELS_SEQUENCE, || {
                region.store_text(at + bank::STATUS, STATUS_BYTES, &self.status);
            });
            region.store_half(at + bank::READY, u32::from(self.ready));
        }
    }

    /// Begins a phase, for work that takes longer than max age. Ends by `end_phase()` or the next phase.
    pub fn begin_phase(&mut self, name: &str, budget: Duration) -> Result<()> {
        if checked_text(name, NAME_BYTES)?.is_empty() {
            return Err(Error::new("INVALID_TEXT"));
        }
        let budget_ns = nanoseconds(budget)?;
        self.require()?;
        self.phase = Some((name.to_owned(), budget_ns));
        self.write_phase();
        Ok(())
    }

    fn write_phase(&mut self) {
        if let (Some(Claim { region, at, .. }), Some((name, budget_ns))) = (&self.claim, &self.phase) {
            region.write_under(at + bank::LABELS_SEQUENCE, || {
                region.store_text(at + bank::PHASE, NAME_BYTES, name)
            });
            self.pulse.last_ns = 0;
            // The fresh sign of life first: a reader must not see the old one beside a new, shorter limit.
            region.store(at + bank::RENEWED_NS, system::monotonic_ns());
            region.store(at + bank::STALL_LIMIT_NS, *budget_ns);
            region.store_half(at + bank::IN_PHASE, 1);
        }
    }

    /// Back to max age, counted from now.
    pub fn end_phase(&mut self) -> Result<()> {
        self.require()?;
        self.phase = None;
        self.pulse.last_ns = 0;
        if let Some(Claim { region, at, .. }) = &self.claim {
            region.store(at + bank::RENEWED_NS, system::monotonic_ns());
            region.store_half(at + bank::IN_PHASE, 0);
            region.store(at + bank::STALL_LIMIT_NS, self.options.max_age_ns);
        }
        Ok(())
    }

    /// How the claim before this one in its slot ended.
    pub fn last_words(&self) -> Option<LastWords> {
        let Claim {
            region,
            slot,
            bank: own,
            at,
            ..
        } = self.claim.as_ref()?;
        let before = layout::bank_at(*slot, 1 - own);
        let ended = region.load_half(at + bank::PREDECESSOR_ENDED);
        if region.load_half(before + bank::SERIAL) == 0 {
            return None;
        }
        let is_in_phase = region.load_half(before + bank::IN_PHASE) != 0;
        Some(LastWords {
            ended: match ended {
                claim::ENDED_STOPPED => "stopped",
                claim::ENDED_DIED => "died",
                claim::ENDED_LEFT_OVER => "left-over",
                _ => return None,
            },
            name: region.text(before + bank::NAME, NAME_BYTES),
            pid: region.load_half(before + bank::PID),
            beats: region.load(before + bank::BEATS),
            worst_cycle: Duration::from_nanos(region.load(before + bank::WORST_CYCLE_NS)),
            late_cycles: region.load(before + bank::LATE_CYCLES),
            phase: is_in_phase.then(|| region.text(before + bank::PHASE, NAME_BYTES)),
        })
    }

    /// Stopped on purpose. May be called again.
    pub fn stop(&mut self) {
        self.give_up(true);
    }

    fn give_up(&mut self, is_stopped: bool) {
        if let Some(claim) = self.claim.take() {
            claim.release(is_stopped);
        }
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.give_up(false);
    }
}
