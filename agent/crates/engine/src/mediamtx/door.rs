//! Whether what listens on the media server's ports is the one that is meant.
//!
//! Owns the answer for publishers: while ours does not run, somebody else may be on its ports.

use super::keeper::Boot;
use tokio::sync::watch;

/// Whether a server may be published to. By default it may.
#[derive(Debug, Clone, Default)]
pub struct Door(Option<watch::Receiver<Boot>>);

impl Door {
    pub(super) const fn of(boot: watch::Receiver<Boot>) -> Self {
        Self(Some(boot))
    }

    /// Whether the server runs that is meant.
    pub(crate) fn is_open(&self) -> bool {
        self.0.as_ref().is_none_or(|boot| boot.borrow().runs)
    }
}

impl PartialEq for Door {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => one.same_channel(other),
            (one, other) => one.is_none() && other.is_none(),
        }
    }
}

impl Eq for Door {}
