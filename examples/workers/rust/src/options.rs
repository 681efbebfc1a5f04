use std::env;
use std::time::Duration;

use crate::claim::ClaimOptions;
use crate::error::{Error, Result};
use crate::layout::{self, NAME_BYTES};
use crate::region::{Creation, Place};

const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// Who claims, and where.
pub struct Options {
    /// The worker's role: 1 to 63 of `A-Z a-z 0-9 . _ -`, no dot first.
    pub name: String,
    /// By default `$SHM_LIVENESS_REGION`, else `default`.
    pub region: String,
    /// By default `$SHM_LIVENESS_DIR`, else `/dev/shm`.
    pub directory: String,
    /// How old the last beat may be.
    pub max_age: Duration,
    /// A longer cycle is counted and timestamped.
    pub cycle_limit: Option<Duration>,
    /// The region's number of slots, should this claim make it.
    pub capacity: u32,
    /// The mode of the region's file then: 0600, 0640 or 0660.
    pub mode: u32,
    /// Accepts a region that is not on tmpfs. By default as `$SHM_LIVENESS_ALLOW_DISK` says.
    pub allow_disk: bool,
}

fn variable(name: &str, otherwise: &str) -> String {
    env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| otherwise.to_owned())
}

impl Options {
    pub fn new(name: &str, max_age: Duration) -> Self {
        Self {
            name: name.to_owned(),
            region: variable("SHM_LIVENESS_REGION", "default"),
            directory: variable("SHM_LIVENESS_DIR", "/dev/shm"),
            max_age,
            cycle_limit: None,
            capacity: 64,
            mode: 0o600,
            allow_disk: matches!(variable("SHM_LIVENESS_ALLOW_DISK", "").as_str(), "1" | "true"),
        }
    }
}

fn is_valid_name(name: &str) -> bool {
    let is_portable = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..NAME_BYTES).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_portable)
}

pub fn nanoseconds(duration: Duration) -> Result<u64> {
    if duration.is_zero() || duration > LONGEST {
        return Err(Error::new("INVALID_OPTION"));
    }
    Ok(duration.as_nanos() as u64)
}

impl Options {
    pub(crate) fn checked(&self) -> Result<ClaimOptions> {
        if !is_valid_name(&self.name) || !is_valid_name(&self.region) {
            return Err(Error::new("INVALID_NAME"));
        }
        if !(1..=layout::MAX_SLOTS).contains(&self.capacity) {
            return Err(Error::new("INVALID_OPTION"));
        }
        Ok(ClaimOptions {
            place: Place {
                directory: self.directory.clone(),
                region: self.region.clone(),
                allow_disk: self.allow_disk,
            },
            creation: Creation {
                slots: self.capacity,
                mode: self.mode,
            },
            name: self.name.clone(),
            max_age_ns: nanoseconds(self.max_age)?,
            cycle_limit_ns: self.cycle_limit.map_or(Ok(0), nanoseconds)?,
        })
    }
}
