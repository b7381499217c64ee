//! What makes a write durable, once for everyone who waits.
//!
//! sled's `flush` ends in `sync_file_range`, which a power cut can undo; `fdatasync` on its log file
//! after it cannot be undone.

use crate::error::WriteError;
use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Group commit over one log file.
pub(crate) struct Syncer {
    log: File,
    wanted: AtomicU64,
    done: Mutex<u64>,
    failed: AtomicBool,
}

impl Syncer {
    pub(crate) const fn new(log: File) -> Self {
        Self {
            log,
            wanted: AtomicU64::new(0),
            done: Mutex::new(0),
            failed: AtomicBool::new(false),
        }
    }

    /// Returns when everything that was written before the call is on the disk. Callers that arrive
    /// while a sync runs share the next one.
    ///
    /// After one failure every later call fails: the system forgets pages that it could not write, so
    /// a later success would prove nothing.
    pub(crate) fn sync(
        &self,
        flush: impl FnOnce() -> Result<(), sled::Error>,
    ) -> Result<(), WriteError> {
        let mine = self.wanted.fetch_add(1, Ordering::SeqCst) + 1;
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        if *done >= mine {
            return Ok(());
        }
        if self.failed.load(Ordering::SeqCst) {
            return Err(WriteError::NotDurable);
        }
        let upto = self.wanted.load(Ordering::SeqCst);
        flush().map_err(WriteError::database)?;
        if let Err(error) = self.log.sync_data() {
            self.failed.store(true, Ordering::SeqCst);
            tracing::error!(%error, "The disk does not confirm what is written.");
            return Err(WriteError::NotDurable);
        }
        *done = upto;
        Ok(())
    }
}
