//! Room that is put by on the disk, so that the database opens on a full one: sled writes while it opens.
//!
//! Owns the file `room`. It is given up when opening finds no room, and put by again when there is plenty.
//! Neighbours: `open` asks for it.

use crate::files;
use rustix::fs::FallocateFlags;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Several segments of sled's log, and its notes beside it.
const BYTES: u64 = 4 * 1024 * 1024;
const NAME: &str = "room";

/// Puts room by, where none is and `spare` bytes are left besides.
pub(crate) fn put_by(dir: &Path, spare: u64) {
    let path = dir.join(NAME);
    if std::fs::metadata(&path).is_ok_and(|about| about.len() >= BYTES) {
        return;
    }
    if files::free_bytes(dir).is_none_or(|free| free < spare + BYTES) {
        return;
    }
    if let Err(error) = take(&path) {
        // Some file systems give none beforehand.
        tracing::debug!(%error, "No room is put by for a full disk.");
        give_up(dir);
    }
}

fn take(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)?;
    rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, BYTES)?;
    Ok(())
}

/// Gives the room up. False where none was put by.
pub(crate) fn give_up(dir: &Path) -> bool {
    std::fs::remove_file(dir.join(NAME)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_put_by_once_given_up_once_and_not_taken_from_a_disk_that_has_none_to_spare() {
        let dir = tempfile::tempdir().unwrap();
        let length = || std::fs::metadata(dir.path().join(NAME)).map(|about| about.len());
        put_by(dir.path(), u64::MAX - BYTES);
        assert!(length().is_err());
        assert!(!give_up(dir.path()));
        put_by(dir.path(), 0);
        put_by(dir.path(), 0);
        assert_eq!(length().unwrap(), BYTES);
        assert!(give_up(dir.path()));
        assert!(!give_up(dir.path()));
    }
}
