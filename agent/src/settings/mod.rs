//! Settings that are changed while the agent runs, by Studio or an operator.
//!
//! A change is validated, put on record as a trial, applied, probed, and then committed or taken back.
//! A trial that is on record at a start was never committed, and counts for nothing: so a change that
//! ends the agent, or meets its end, undoes itself. `plan` says what a change would be and `cycle` what
//! happens when; both are pure. `keeper` is the one task that writes, applies and probes.

mod cycle;
mod error;
mod keeper;
mod plan;

pub use cycle::Stage;
pub use error::ChangeError;
pub use keeper::{Opened, Probe, Settings, SettingsKeeper, SettingsView, open};
pub use plan::{Change, Changed};

use crate::config::Document;
use serde::{Deserialize, Serialize};

/// What is on record.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Kept {
    /// Grows by one with each change that is committed; 0 before the first.
    version: u64,
    /// What was changed since, laid over the file and the environment.
    document: Document,
    /// The document that is being tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trial: Option<Document>,
}

impl Kept {
    /// What counts at a start: whatever was tried was not committed.
    fn settled(self) -> Self {
        Self {
            trial: None,
            ..self
        }
    }
}
