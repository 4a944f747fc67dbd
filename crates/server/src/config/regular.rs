//! Reading a file that somebody put there: a regular one, of a bounded size, whatever links lead to it.
//!
//! A pipe would never end and a device never be full: a reload waits for neither.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("it is {0}, and no file")]
    NoFile(&'static str),
    #[error("larger than {} MiB", .0 >> 20)]
    TooLarge(u64),
    #[error("{0}")]
    Failed(#[from] io::Error),
}

/// All of its octets, if it has no more than that.
pub(crate) fn read(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Unreadable> {
    // Before it is opened: opening alone may move a device.
    is_regular(fs::metadata(path)?.file_type())?;
    let file = open(path)?;
    // In one piece; the file may still grow, or say less of its size than it has.
    let size = file.metadata()?.len().min(bytes_max).saturating_add(1);
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(bytes_max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(Unreadable::TooLarge(bytes_max));
    }
    Ok(bytes)
}

/// What became a pipe in between is opened without waiting for who writes into it. A file that another
/// process holds a lease on (fcntl(2), as file servers do) is waited for.
fn open(path: &Path) -> Result<File, Unreadable> {
    let file = match OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => File::open(path)?,
        opened => opened?,
    };
    is_regular(file.metadata()?.file_type())?;
    Ok(file)
}

fn is_regular(kind: FileType) -> Result<(), Unreadable> {
    let other = if kind.is_file() {
        return Ok(());
    } else if kind.is_dir() {
        "a folder"
    } else if kind.is_fifo() {
        "a pipe"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(Unreadable::NoFile(other))
}
