//! One region: a file on tmpfs, made whole or not at all, checked before it is believed.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::io::{AsRawFd, FromRawFd, RawFd};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::layout::{self, bank, header, record};
use crate::system::{self, Mapping};

#[cfg(target_arch = "x86_64")]
const O_DIRECTORY: i32 = 0x1_0000;
#[cfg(target_arch = "x86_64")]
const O_NOFOLLOW: i32 = 0x2_0000;
#[cfg(target_arch = "aarch64")]
const O_DIRECTORY: i32 = 0x4000;
#[cfg(target_arch = "aarch64")]
const O_NOFOLLOW: i32 = 0x8000;
const O_NONBLOCK: i32 = 0x800;
const O_TMPFILE: i32 = 0x40_0000 | O_DIRECTORY;

const MOST_WAITS: u32 = 24;

pub struct Place {
    pub directory: String,
    pub region: String,
    pub allow_disk: bool,
}

impl Place {
    pub fn path(&self) -> String {
        format!("{}/{}", self.directory, self.region)
    }
}

/// How a region is made, should it not exist yet.
#[derive(Clone, Copy)]
pub struct Creation {
    pub slots: u32,
    pub mode: u32,
}

/// An open, checked and mapped region. To drop it drops the locks of its descriptor.
pub struct Region {
    memory: Mapping,
    file: File,
    pub slots: u32,
}

impl Region {
    pub fn word(&self, at: usize) -> &AtomicU64 {
        // SAFETY: at() has checked bounds and alignment; the mapping lives as long as self.
        unsafe { &*self.memory.at(at, 8).cast() }
    }

    pub fn half(&self, at: usize) -> &AtomicU32 {
        // SAFETY: as above.
        unsafe { &*self.memory.at(at, 4).cast() }
    }

    pub fn load(&self, at: usize) -> u64 {
        self.word(at).load(Ordering::Acquire)
    }

    pub fn store(&self, at: usize, value: u64) {
        self.word(at).store(value, Ordering::Release);
    }

    pub fn load_half(&self, at: usize) -> u32 {
        self.half(at).load(Ordering::Acquire)
    }

    pub fn store_half(&self, at: usize, value: u32) {
        self.half(at).store(value, Ordering::Release);
    }

    pub fn text(&self, at: usize, size: usize) -> String {
        let bytes: Vec<u8> = (at..at + size)
            .step_by(8)
            .flat_map(|at| self.load(at).to_le_bytes())
            .collect();
        let text = bytes.split(|&byte| byte == 0).next().unwrap_or_default();
        String::from_utf8_lossy(text).into_owned()
    }

    pub fn store_text(&self, at: usize, size: usize, text: &str) {
        let mut field = text.as_bytes().to_vec();
        field.resize(size, 0);
        for (i, word) in field.chunks_exact(8).enumerate() {
            self.store(at + 8 * i, u64::from_le_bytes(word.try_into().unwrap_or_default()));
        }
    }

    /// Keeps a sequence count odd meanwhile.
    pub fn write_under(&self, sequence: usize, write: impl FnOnce()) {
        let odd = self.load_half(sequence) | 1;
        self.half(sequence).store(odd, Ordering::Relaxed); // the stores below have release order
        write();
        self.store_half(sequence, odd.wrapping_add(1));
    }

    /// The bank of the slot's latest claim, and its serial; serial 0: the slot was never claimed.
    pub fn current(&self, slot: u32) -> (u32, u32) {
        let [first, second] = [0, 1].map(|bank| self.load_half(layout::bank_at(slot, bank) + bank::SERIAL));
        if second > first {
            (1, second)
        } else {
            (0, first)
        }
    }

    pub fn used_slots(&self) -> u32 {
        self.load_half(header::USED_SLOTS).min(self.slots)
    }

    pub fn record_at(&self, slot: u32) -> usize {
        layout::HEADER_BYTES + self.slots as usize * layout::SLOT_BYTES + slot as usize * layout::RECORD_BYTES
    }

    pub fn life_at(&self, slot: u32, bank: u32) -> usize {
        self.record_at(slot) + record::LIVES + bank as usize * layout::LIFE_BYTES
    }

    pub fn fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }

    pub fn is_removed(&self) -> bool {
        self.file.metadata().map_or(true, |status| status.nlink() == 0)
    }

    /// Unlocks explicitly: a process that another thread starts right now has the descriptor until its exec.
    pub fn leave_claim_byte(&self) {
        let turns = self.load_half(header::CLAIM_TURNS);
        self.store_half(header::CLAIM_TURNS, turns.wrapping_add(1));
        system::unlock(self.fd(), layout::CLAIM_BYTE);
        system::wake_one_at(self.memory.at(header::CLAIM_TURNS, 4));
    }

    /// Opens the region, or makes it. Returns with the claim byte held: call leave_claim_byte().
    pub fn open_for_claim(place: &Place, creation: Creation, wait: Duration) -> Result<Region> {
        for _ in 0..64 {
            // Each turn ends, or finds that somebody has changed what the name leads to.
            let file = match open_existing(&place.path()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    make(place, creation)?;
                    continue;
                }
                other => other?,
            };
            lock_claim_byte(&file, wait)?;
            if !is_still_at(&file, &place.path()) {
                continue;
            }
            match check(&file, place)? {
                Ok(slots) => {
                    let memory = Mapping::new(file.as_raw_fd(), layout::region_bytes(slots))?;
                    return Ok(Region { memory, file, slots });
                }
                // An image upgrade in place keeps /dev/shm. The lock bytes are the same in all layout versions.
                Err(_) if !system::is_locked(file.as_raw_fd(), layout::FIRST_SLOT_BYTE, layout::LOCK_BYTES - 1)? => {
                    fs::remove_file(place.path())?;
                    make(place, creation)?;
                }
                Err(_) => return Err(Error::new("REGION_IN_USE")),
            }
        }
        Err(Error::new("CLAIM_BUSY"))
    }
}

fn open_existing(path: &str) -> io::Result<File> {
    // Without O_CREAT: fs.protected_regular refuses even root an O_CREAT open of another user's file.
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(O_NOFOLLOW | O_NONBLOCK)
        .open(path)?;
    if file.as_raw_fd() > 2 {
        return Ok(file);
    }
    // A worker started without standard streams: its first log line would land in the header.
    let above = system::duplicate_above_streams(file.as_raw_fd())?;
    // SAFETY: the descriptor is new, and nobody else's.
    Ok(unsafe { File::from_raw_fd(above) })
}

fn fill(mut file: &File, creation: Creation) -> io::Result<()> {
    // The mode given to open() is subject to the umask.
    file.set_permissions(Permissions::from_mode(creation.mode))?;
    let size = layout::region_bytes(creation.slots);
    // A hole in a full tmpfs would be a SIGBUS at the first beat instead of an error here.
    system::allocate(file.as_raw_fd(), size)?;
    let mut head = Vec::with_capacity(56);
    head.extend(layout::MAGIC.to_le_bytes());
    head.extend(layout::VERSION.to_le_bytes());
    head.extend((layout::HEADER_BYTES as u32).to_le_bytes());
    head.extend(layout::SIGNATURE.to_le_bytes());
    head.extend((layout::SLOT_BYTES as u32).to_le_bytes());
    head.extend(creation.slots.to_le_bytes());
    for word in [size as u64, system::random_nonce(), system::boottime_ns()] {
        head.extend(word.to_le_bytes());
    }
    file.write_all(&head)
}

/// Makes a region under its name; it is also fine if somebody else's is there by then.
fn make(place: &Place, creation: Creation) -> Result<()> {
    // Without a name until it is whole, so that a maker that is killed leaves nothing behind.
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .write(true)
        .mode(0o600)
        .custom_flags(O_TMPFILE)
        .open(&place.directory)?;
    check_disk(&file, place)?;
    fill(&file, creation)?;
    match system::give_name(file.as_raw_fd(), &place.path()) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
        _ => Ok(()),
    }
}

/// Waits for a bounded time: a holder may be stopped. As long as turns pass, others are served and so will we be.
fn lock_claim_byte(file: &File, wait: Duration) -> Result<()> {
    let turn = || {
        let mut turns = [0; 4];
        file.read_at(&mut turns, header::CLAIM_TURNS as u64)
            .map_or(0, |_| u32::from_le_bytes(turns))
    };
    let end = Instant::now() + wait * MOST_WAITS;
    let mut deadline = Instant::now() + wait;
    let mut seen = turn();
    let mut pause_us = 500;
    while !system::try_lock(file.as_raw_fd(), layout::CLAIM_BYTE)? {
        let (now, latest) = (Instant::now(), turn());
        if latest != seen {
            (seen, deadline) = (latest, now + wait);
        }
        if now > deadline || now > end {
            return Err(Error::new("CLAIM_BUSY"));
        }
        // By the clock's lowest digits, so that no two sleep for the same time.
        thread::sleep(Duration::from_micros(
            pause_us / 2 + system::monotonic_ns() % (pause_us / 2),
        ));
        pause_us = (pause_us * 2).min(32_000);
    }
    Ok(())
}

fn is_still_at(file: &File, path: &str) -> bool {
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(mine), Ok(named)) => mine.ino() == named.ino() && mine.dev() == named.dev(),
        _ => false,
    }
}

/// The count of slots, or the code of what makes it a region of another kind, which may be replaced.
fn check(file: &File, place: &Place) -> Result<std::result::Result<u32, &'static str>> {
    let status = file.metadata()?;
    if !status.is_file() {
        return Err(Error::new("REGION_NOT_A_FILE"));
    }
    // Anybody may put a file into /dev/shm. Believed are one's own, and those that a group of ours may write.
    if status.mode() & 0o002 != 0 {
        return Err(Error::new("REGION_MODE"));
    }
    let is_shared = status.mode() & 0o060 == 0o060 && system::is_in_group(status.gid());
    if status.uid() != system::effective_user() && !is_shared {
        return Err(Error::new("REGION_OWNER"));
    }
    check_disk(file, place)?;
    check_header(file, status.size() as usize)
}

/// On a disk each beat is disk I/O.
fn check_disk(file: &File, place: &Place) -> Result<()> {
    if place.allow_disk || system::is_on_tmpfs(file.as_raw_fd())? {
        Ok(())
    } else {
        Err(Error::new("REGION_NOT_TMPFS"))
    }
}

fn check_header(file: &File, size: usize) -> Result<std::result::Result<u32, &'static str>> {
    if size < layout::HEADER_BYTES || size > layout::region_bytes(layout::MAX_SLOTS) {
        return Ok(Err("REGION_SIZE"));
    }
    let mut head = [0; 40];
    file.read_exact_at(&mut head, 0)?;
    let half = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
    let word = |at: usize| u64::from(half(at)) | u64::from(half(at + 4)) << 32;
    let slots = half(header::SLOT_COUNT);
    Ok(if word(0) != layout::MAGIC {
        Err("REGION_MAGIC")
    } else if half(8) != layout::VERSION {
        Err("REGION_VERSION")
    } else if (word(16), half(12), half(24))
        != (
            layout::SIGNATURE,
            layout::HEADER_BYTES as u32,
            layout::SLOT_BYTES as u32,
        )
        || slots == 0
        || slots > layout::MAX_SLOTS
        || word(32) != layout::region_bytes(slots) as u64
    {
        Err("REGION_LAYOUT")
    } else if size != layout::region_bytes(slots) {
        Err("REGION_SIZE")
    } else {
        Ok(slots)
    })
}
