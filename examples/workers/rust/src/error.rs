use std::{fmt, io};

/// Any failure of this crate. `code` is stable, and the same in all languages.
#[derive(Debug)]
pub struct Error {
    pub code: &'static str,
    pub cause: Option<io::Error>,
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    pub fn new(code: &'static str) -> Self {
        Self { code, cause: None }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.cause {
            Some(cause) => write!(out, "{}: {cause}", self.code),
            None => out.write_str(self.code),
        }
    }
}

impl std::error::Error for Error {}

impl From<io::Error> for Error {
    fn from(cause: io::Error) -> Self {
        // ENOENT, ENOTDIR; ELOOP, EISDIR, ENXIO; EACCES, EPERM; ENOSPC, EDQUOT; ENOMEM
        let code = match cause.raw_os_error().unwrap_or(0) {
            2 | 20 => "REGION_MISSING",
            40 | 21 | 6 => "REGION_NOT_A_FILE",
            13 | 1 => "REGION_ACCESS",
            28 | 122 => "NO_SPACE",
            12 => "NO_MEMORY",
            _ => "SYSTEM",
        };
        Self {
            code,
            cause: Some(cause),
        }
    }
}
