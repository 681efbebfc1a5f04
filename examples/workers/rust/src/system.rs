//! The calls of the C library that std does not have, and what the kernel says of this process.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::raw::{c_char, c_int, c_long, c_uint, c_void};
use std::os::unix::fs::MetadataExt;

use crate::error::{Error, Result};

#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i64,
}

/// struct flock of 64-bit Linux.
#[repr(C)]
struct FileLock {
    kind: i16,
    whence: i16,
    start: i64,
    length: i64,
    pid: i32,
}

extern "C" {
    fn clock_gettime(clock: c_int, out: *mut Timespec) -> c_int;
    fn fcntl(fd: c_int, command: c_int, ...) -> c_int;
    fn mmap(at: *mut c_void, bytes: usize, protection: c_int, flags: c_int, fd: c_int, offset: i64) -> *mut c_void;
    fn munmap(at: *mut c_void, bytes: usize) -> c_int;
    fn madvise(at: *mut c_void, bytes: usize, advice: c_int) -> c_int;
    fn fallocate(fd: c_int, mode: c_int, offset: i64, bytes: i64) -> c_int;
    fn linkat(from: c_int, path: *const c_char, to: c_int, name: *const c_char, flags: c_int) -> c_int;
    fn fstatfs(fd: c_int, out: *mut c_void) -> c_int;
    fn syscall(number: c_long, ...) -> c_long;
    fn getrandom(to: *mut c_void, bytes: usize, flags: c_uint) -> isize;
    fn geteuid() -> c_uint;
    fn getegid() -> c_uint;
    fn getgroups(count: c_int, out: *mut c_uint) -> c_int;
}

pub const CLOCK_MONOTONIC: i32 = 1;
const CLOCK_BOOTTIME: i32 = 7;

fn clock_ns(clock: c_int) -> u64 {
    let mut now = Timespec {
        seconds: 0,
        nanoseconds: 0,
    };
    // SAFETY: `now` is a struct timespec of 64-bit Linux.
    unsafe { clock_gettime(clock, &mut now) };
    now.seconds as u64 * 1_000_000_000 + now.nanoseconds as u64
}

pub fn monotonic_ns() -> u64 {
    clock_ns(CLOCK_MONOTONIC)
}

pub fn boottime_ns() -> u64 {
    clock_ns(CLOCK_BOOTTIME)
}

const OFD_GET_LOCK: c_int = 36;
const OFD_SET_LOCK: c_int = 37;
const READ_LOCK: i16 = 0;
const WRITE_LOCK: i16 = 1;
const UNLOCK: i16 = 2;

fn set_lock(fd: c_int, byte: i64, kind: i16) -> io::Result<()> {
    let lock = FileLock {
        kind,
        whence: 0,
        start: byte,
        length: 1,
        pid: 0,
    };
    // SAFETY: the command takes a pointer to a struct flock, and does not keep it.
    check(unsafe { fcntl(fd, OFD_SET_LOCK, &lock) }).map(drop)
}

/// Whether this open file has the byte now; false: another one has it.
pub fn try_lock(fd: c_int, byte: i64) -> Result<bool> {
    match set_lock(fd, byte, WRITE_LOCK) {
        Ok(()) => Ok(true),
        Err(error) => match error.raw_os_error() {
            Some(11 | 13) => Ok(false), // EAGAIN, EACCES
            Some(22) => Err(Error::new("LOCKS_UNSUPPORTED")),
            _ => Err(error.into()),
        },
    }
}

pub fn unlock(fd: c_int, byte: i64) {
    // It fails only for a descriptor that is closed.
    let _ = set_lock(fd, byte, UNLOCK);
}

/// Asks as a reader, so that a stranger's read lock is not taken for a worker.
pub fn is_locked(fd: c_int, byte: i64, count: i64) -> Result<bool> {
    let mut lock = FileLock {
        kind: READ_LOCK,
        whence: 0,
        start: byte,
        length: count,
        pid: 0,
    };
    // SAFETY: as in set_lock(); the kernel writes into `lock`.
    check(unsafe { fcntl(fd, OFD_GET_LOCK, &mut lock) })?;
    Ok(lock.kind != UNLOCK)
}

fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// A shared mapping of a whole file. A forked child does not inherit it: it keeps the open file, and so the locks.
pub struct Mapping {
    memory: *mut u8,
    bytes: usize,
}

// SAFETY: all access to the memory is by atomic words.
unsafe impl Send for Mapping {}

impl Mapping {
    pub fn new(fd: c_int, bytes: usize) -> io::Result<Self> {
        const READ_WRITE: c_int = 3;
        const SHARED: c_int = 1;
        const DONT_FORK: c_int = 10;
        // SAFETY: the kernel chooses the address.
        let memory = unsafe { mmap(std::ptr::null_mut(), bytes, READ_WRITE, SHARED, fd, 0) };
        if memory as isize == -1 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the mapping was made above.
        unsafe { madvise(memory, bytes, DONT_FORK) };
        Ok(Self {
            memory: memory.cast(),
            bytes,
        })
    }

    /// The address of `size` bytes at an offset that is a multiple of `size`.
    pub fn at(&self, offset: usize, size: usize) -> *mut u8 {
        assert!(offset % size == 0 && offset + size <= self.bytes);
        // SAFETY: within the mapping.
        unsafe { self.memory.add(offset) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: nothing refers to the mapping any more.
        unsafe { munmap(self.memory.cast(), self.bytes) };
    }
}

pub fn allocate(fd: c_int, bytes: usize) -> io::Result<()> {
    // SAFETY: plain values.
    check(unsafe { fallocate(fd, 0, 0, bytes as i64) }).map(drop)
}

/// Gives a name to an open file that has none.
pub fn give_name(fd: c_int, path: &str) -> io::Result<()> {
    const CWD: c_int = -100;
    const FOLLOW: c_int = 0x400;
    let source = CString::new(format!("/proc/self/fd/{fd}"))?;
    let name = CString::new(path)?;
    // SAFETY: both texts live through the call.
    check(unsafe { linkat(CWD, source.as_ptr(), CWD, name.as_ptr(), FOLLOW) }).map(drop)
}

pub fn duplicate_above_streams(fd: c_int) -> io::Result<c_int> {
    const DUPLICATE_FROM: c_int = 1030; // F_DUPFD_CLOEXEC
                                        // SAFETY: plain values.
    check(unsafe { fcntl(fd, DUPLICATE_FROM, 3 as c_int) })
}

pub fn is_on_tmpfs(fd: c_int) -> io::Result<bool> {
    let mut answer = [0u64; 32]; // struct statfs has 120 bytes; the type is its first word
                                 // SAFETY: `answer` is larger than what is written.
    check(unsafe { fstatfs(fd, answer.as_mut_ptr().cast()) })?;
    Ok(matches!(answer[0] as u32, 0x0102_1994 | 0x8584_58f6))
}

pub fn wake_one_at(word: *mut u8) {
    #[cfg(target_arch = "x86_64")]
    const FUTEX: c_long = 202;
    #[cfg(target_arch = "aarch64")]
    const FUTEX: c_long = 98;
    const WAKE: c_int = 1;
    // SAFETY: the word lies in a mapping of the caller's.
    unsafe { syscall(FUTEX, word, WAKE, 1 as c_int) };
}

pub fn random_nonce() -> u64 {
    let mut nonce = 0u64;
    // SAFETY: eight bytes for eight bytes.
    let got = unsafe { getrandom((&mut nonce as *mut u64).cast(), 8, 0) };
    if got == 8 && nonce != 0 {
        nonce
    } else {
        monotonic_ns()
    }
}

pub fn effective_user() -> u32 {
    // SAFETY: it cannot fail.
    unsafe { geteuid() }
}

pub fn is_in_group(group: u32) -> bool {
    let mut groups = [0; 256];
    // SAFETY: there is room for as many as are said.
    let count = unsafe { getgroups(256, groups.as_mut_ptr()) };
    // SAFETY: it cannot fail.
    group == unsafe { getegid() } || groups[..count.max(0) as usize].contains(&group)
}

/// Which container a claim is from. Ids of different kinds prove nothing about each other.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Container {
    pub kind: u64, // 0 unknown, 1 mount id, 2 mount namespace
    pub a: u64,
    pub b: u64,
}

impl Container {
    pub fn is_other_than(&self, other: &Container) -> bool {
        self.kind != 0 && self.kind == other.kind && self != other
    }
}

fn start_ticks(path: &str) -> u64 {
    let stat = fs::read(path).unwrap_or_default();
    // The command's name may hold spaces and parentheses; field 3 is the first behind it.
    let end = stat
        .iter()
        .rposition(|&byte| byte == b')')
        .map_or(stat.len(), |at| at + 1);
    let text = String::from_utf8_lossy(&stat[end..]);
    text.split_ascii_whitespace()
        .nth(19)
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

fn inode(path: &str) -> u64 {
    fs::metadata(path).map_or(0, |status| status.ino())
}

/// The unique mount id of "/": the kernel knows it from 6.8 on.
fn mount_id() -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    const STATX: c_long = 332;
    #[cfg(target_arch = "aarch64")]
    const STATX: c_long = 291;
    const MOUNT_ID_UNIQUE: u32 = 0x4000;
    let mut answer = [0u64; 32];
    let root = b"/\0";
    // SAFETY: struct statx has 256 bytes.
    let result = unsafe {
        syscall(
            STATX,
            -100 as c_int,
            root.as_ptr(),
            0 as c_int,
            MOUNT_ID_UNIQUE,
            answer.as_mut_ptr(),
        )
    };
    (result == 0 && answer[0] as u32 & MOUNT_ID_UNIQUE != 0).then_some(answer[18])
}

fn this_container() -> Container {
    if let Some(id) = mount_id() {
        return Container { kind: 1, a: id, b: 0 };
    }
    match (inode("/proc/self/ns/mnt"), start_ticks("/proc/1/stat")) {
        (0, _) | (_, 0) => Container { kind: 0, a: 0, b: 0 },
        (a, b) => Container { kind: 2, a, b },
    }
}

/// Who claims.
pub struct Claimant {
    pub container: Container,
    pub pid: u32,
    pub tid: u32,
    pub task_start_ticks: u64,
    pub time_namespace: u64,
}

impl Claimant {
    pub fn this_thread() -> Self {
        let link = fs::read_link("/proc/thread-self").unwrap_or_default(); // PID/task/TID
        let tid = link.file_name().and_then(|tid| tid.to_str()?.parse().ok());
        let pid = std::process::id();
        Self {
            container: this_container(),
            pid,
            tid: tid.unwrap_or(pid),
            task_start_ticks: start_ticks("/proc/thread-self/stat"),
            time_namespace: inode("/proc/self/ns/time"),
        }
    }
}
