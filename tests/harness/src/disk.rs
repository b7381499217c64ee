//! A small disk of its own, that a test can fill.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A disk in memory, mounted until the value is dropped. Mounting needs root, or `sudo` without a
/// password.
#[derive(Debug)]
pub struct Disk {
    folder: TempDir,
}

fn as_root(arguments: &[&str]) -> bool {
    let ran = |program: &str, arguments: &[&str]| {
        let ended = Command::new(program).args(arguments).output();
        ended.is_ok_and(|ended| ended.status.success())
    };
    ran(arguments[0], &arguments[1..]) || ran("sudo", &[&["-n"], arguments].concat())
}

impl Disk {
    /// A disk of so many MiB.
    ///
    /// # Panics
    /// When it cannot be mounted.
    #[must_use]
    pub fn of(mib: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={mib}m,mode=0777");
        let place = folder.path().to_string_lossy().into_owned();
        let mounted = as_root(&["mount", "-t", "tmpfs", "-o", &options, "tmpfs", &place]);
        assert!(mounted, "a disk in memory cannot be mounted; run as root");
        Self { folder }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Fills it to the last byte. Answers how many bytes that took.
    ///
    /// # Panics
    /// When it cannot be written at all.
    pub fn fill(&self) -> usize {
        let mut file = File::create(self.ballast()).unwrap();
        let mut written = 0;
        for size in [1 << 20, 4096, 1] {
            let piece = vec![0xa5; size];
            while file.write_all(&piece).is_ok() {
                written += size;
            }
        }
        written
    }

    /// Makes room again.
    pub fn empty(&self) {
        let _ = std::fs::remove_file(self.ballast());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let place = self.path().to_string_lossy().into_owned();
        let _ = as_root(&["umount", "-l", &place]);
    }
}
