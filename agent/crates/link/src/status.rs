//! How the link is, as one value that anyone may copy. Holds no secret.

use protocol::Code;
use serde::Serialize;
use std::collections::BTreeMap;

/// Where the connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkState {
    /// There is no pairing.
    #[default]
    Unpaired,
    /// A connection is being made.
    Connecting,
    /// Studio has welcomed the device.
    Online,
    /// Waiting for the next try.
    Backoff,
    /// Studio did not take the device's credentials; tried again, slowly.
    AuthFailed,
    /// Studio took the credentials away. The device has to be paired anew; everything local works.
    Revoked,
}

/// How the link is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct LinkStatus {
    /// Where the connection stands.
    pub state: LinkState,
    /// Where it goes, `wss://host:port` or `mqtts://host:port`.
    pub address: Option<String>,
    /// It is not the first of the ways that pairing gave; that one is tried again meanwhile.
    pub fallback: bool,
    /// Sessions that Studio welcomed since the start of the agent.
    pub sessions: u64,
    /// Failures in a row.
    pub failures: u32,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// Milliseconds to the next try, while waiting.
    pub next_try_ms: Option<u64>,
    /// Commands that are accepted and not at their end.
    pub open_commands: usize,
    /// Messages that wait for their receipt.
    pub outbox: usize,
    /// Commands that were handed to a module since the start of the agent.
    pub carried_out: u64,
    /// Refusals since the start of the agent, by code.
    pub refused: BTreeMap<&'static str, u64>,
    /// What only an attack or a grave fault explains, by name.
    pub alerts: BTreeMap<&'static str, u64>,
    /// Events that were lost since too many waited.
    pub events_lost: u64,
    /// Figures that could not be sent yet.
    pub figures_waiting: usize,
    /// Figures that were lost since a day of them waited.
    pub figures_lost: u64,
}

impl LinkStatus {
    /// Counts a refusal.
    pub(crate) fn refuse(&mut self, code: Code) {
        *self.refused.entry(code.as_str()).or_default() += 1;
    }
}
