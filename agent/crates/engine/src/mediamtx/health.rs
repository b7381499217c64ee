//! How the media server is, and what its paths do.
//!
//! Values only: `server` makes them.

use super::{PathName, PathState, PortInUse};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Started, and not answering yet.
    Starting,
    /// It answers.
    Up {
        /// Its version, e.g. `v1.20.1`.
        version: Arc<str>,
    },
    /// It does not answer, or has died, or cannot start; it is being started again.
    Down {
        /// Why, for an operator.
        reason: Arc<str>,
        /// The ports that it lacks, where that is why.
        in_use: Arc<[PortInUse]>,
    },
    /// There is no program to start.
    Missing {
        /// Why, for an operator.
        reason: Arc<str>,
    },
}

impl Health {
    /// Whether it answers.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self, Self::Up { .. })
    }
}

/// All paths at one moment; empty while the server is down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When it was taken, in nanoseconds of the monotonic clock.
    pub at_ns: u64,
    /// Counts up with each start of the server: byte counters begin again with it.
    pub boot: u64,
    /// Counts up with each snapshot.
    pub number: u64,
    /// Every path that exists, ours or not.
    pub paths: BTreeMap<PathName, PathState>,
}

impl Snapshot {
    /// One path.
    #[must_use]
    pub fn path(&self, name: &PathName) -> Option<&PathState> {
        self.paths.get(name)
    }
}
