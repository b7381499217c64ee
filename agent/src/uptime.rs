//! How much of the time that something was wanted on air it was there: the program, each destination,
//! each straight stream, the media server; and how often going live succeeded.
//!
//! Owns the account and the row in which it survives a restart. Reads the show's state, never asks it
//! anything, and never judges: `health` does. Neighbours: `telemetry::metrics` and `modules` show it.

mod account;
mod keeper;

pub use account::{Account, Span, Tries};
pub use keeper::{Keeper, KeeperParts};

use std::sync::Arc;
use tokio::sync::watch;

/// What was counted so far, for anyone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Uptime {
    account: watch::Receiver<Arc<Account>>,
}

impl Uptime {
    /// An account that somebody else keeps.
    #[must_use]
    pub const fn of(account: watch::Receiver<Arc<Account>>) -> Self {
        Self { account }
    }

    /// The account at this moment.
    #[must_use]
    pub fn account(&self) -> Arc<Account> {
        Arc::clone(&self.account.borrow())
    }
}
