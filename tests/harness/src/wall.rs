//! A time of day that a test can step, for one process and its children.

use crate::place::build_folder;
use std::path::PathBuf;
use tempfile::TempDir;

/// How long a process may still see the old time after a step, in seconds.
const NOTICED_AFTER: u32 = 1;

/// The time of day of the processes that are started with [`WallClock::environment`]. Their monotonic
/// clocks are the machine's.
#[derive(Debug)]
pub struct WallClock {
    folder: TempDir,
    library: PathBuf,
}

impl WallClock {
    /// The machine's time of day, until it is stepped.
    ///
    /// # Panics
    /// When libfaketime is not where `make setup-test` puts it.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let libraries = build_folder().join("faketime/usr/lib");
        let machines = std::fs::read_dir(&libraries)
            .into_iter()
            .flatten()
            .flatten();
        let library = machines
            .map(|machine| machine.path().join("faketime/libfaketimeMT.so.1"))
            .find(|library| library.exists());
        let library = library.expect("run make setup-test first: libfaketime is missing");
        let clock = Self { folder, library };
        clock.step("+0");
        clock
    }

    /// Steps it to so far from the machine's: `+365d`, `-365d`, `+0`.
    ///
    /// # Panics
    /// When its file cannot be written.
    pub fn step(&self, from_the_machines: &str) {
        std::fs::write(self.file(), format!("{from_the_machines}\n")).unwrap();
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("time")
    }

    /// What a process has to be started with.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, String)> {
        let text = |path: &PathBuf| path.to_string_lossy().into_owned();
        [
            ("LD_PRELOAD", text(&self.library)),
            ("FAKETIME_TIMESTAMP_FILE", text(&self.file())),
            ("FAKETIME_CACHE_DURATION", NOTICED_AFTER.to_string()),
            ("FAKETIME_DONT_RESET", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .to_vec()
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}
