//! The states of one destination's connection, what happens to it and what is to be done.
//!
//! Owns the values only; the table is in [`super::step`].

use super::{CONNECT_LIMIT, Cause, SIDE_TRIES, probe_every};
use serde::Serialize;
use std::time::Duration;

/// Which of a destination's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// Its address.
    #[default]
    Primary,
    /// The second address, where it has one.
    Backup,
}

impl Side {
    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Primary => Self::Backup,
            Self::Backup => Self::Primary,
        }
    }
}

/// What is known of a destination before it is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EgressPlan {
    /// Whether it has a second address.
    pub backup: bool,
    /// How long an attempt may take until its bytes grow.
    pub connect_limit: Duration,
}

impl Default for EgressPlan {
    fn default() -> Self {
        Self {
            backup: false,
            connect_limit: CONNECT_LIMIT,
        }
    }
}

/// What is remembered across attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// What was known before.
    pub plan: EgressPlan,
    /// Attempts that failed since the connection was last good.
    pub failures: u32,
    /// Whether the operator has been told of this outage.
    pub alerted: bool,
    /// The address of the running or the next attempt.
    pub side: Side,
    /// Failures in a row at that address.
    pub on_side: u32,
    /// Whether the key was good once since the start.
    pub taken: bool,
    /// How often in a row the server has turned the stream away.
    pub refusals: u32,
    /// Why the last attempt failed, until one is good.
    pub cause: Option<Cause>,
}

impl Record {
    pub(super) fn new(plan: EgressPlan) -> Self {
        Self {
            plan,
            ..Self::default()
        }
    }

    /// After a minute on air: nothing that went wrong before counts any more.
    pub(super) fn clean(self) -> Self {
        Self {
            side: self.side,
            taken: true,
            ..Self::new(self.plan)
        }
    }

    /// The same with another address to try.
    pub(super) fn at(self, side: Side) -> Self {
        let on_side = if side == self.side { self.on_side } else { 0 };
        Self {
            side,
            on_side,
            ..self
        }
    }

    /// A connection that was good has ended: the next attempt goes to the first address, wherever the
    /// last one went. The end itself counts as its first failure, so that a first address that is still
    /// away is tried once only before the second one is.
    pub(super) fn back_to_primary(self) -> Self {
        Self {
            side: Side::Primary,
            on_side: 0,
            ..self
        }
    }

    /// One more failure at the address that was tried; after a few the other one is next.
    pub(super) fn failed_once_more(self) -> Self {
        let on_side = self.on_side.saturating_add(1);
        let turn = self.plan.backup && on_side >= SIDE_TRIES;
        Self {
            failures: self.failures.saturating_add(1),
            side: if turn { self.side.other() } else { self.side },
            on_side: if turn { 0 } else { on_side },
            ..self
        }
    }
}

/// Where a destination stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EgressState {
    /// Not wanted.
    #[default]
    Idle,
    /// Attached, and nothing has grown yet.
    Connecting {
        /// When the attempt began.
        since: Duration,
        /// The last count of bytes, once there was one.
        bytes: Option<u64>,
        /// Samples in a row that grew.
        growths: u8,
        /// What came before.
        record: Record,
    },
    /// It takes the program.
    Active {
        /// Since when.
        since: Duration,
        /// The last count of bytes.
        bytes: u64,
        /// When it last grew.
        grew: Duration,
        /// What came before; cleared after [`super::ACTIVE_RESET`].
        record: Record,
    },
    /// Lost; tried again at `due`.
    Retrying {
        /// When at the latest.
        due: Duration,
        /// When its port is tried next, where that can tell something.
        probe: Option<Duration>,
        /// What came before.
        record: Record,
    },
    /// [`super::MAX_TRIES`] retries failed; tried again at `due`.
    Failed {
        /// When at the latest.
        due: Duration,
        /// When its port is tried next, where that can tell something.
        probe: Option<Duration>,
        /// What came before.
        record: Record,
    },
}

/// What happens to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressEvent {
    /// The program is wanted there.
    Start(EgressPlan),
    /// It is wanted there no longer.
    Stop,
    /// The media server's count of bytes sent there.
    Bytes(u64),
    /// The connection ended, or could not be made.
    Lost(Cause),
    /// While it waits: a connect to the port of this address succeeded.
    Answered(Side),
    /// While it connects: a connect to its port failed.
    Unanswered,
    /// There is nothing to send: the program or the media server is away.
    Unfed,
    /// Time has passed. At least one each second.
    Tick,
}

/// What is to be done about it, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressEffect {
    /// Add `out/<id>` with its forward to this address. Beside it, try a connect to its port (3 s at
    /// most) and say [`EgressEvent::Unanswered`] if it fails.
    Attach(Side),
    /// Delete `out/<id>`, and wait until it is gone.
    Detach,
    /// Try a connect to its port (3 s at most), and to that of the other address where there is one.
    /// Say [`EgressEvent::Answered`] for the one that succeeds, the planned one if both do.
    Probe,
    /// Its state has changed: tell everyone.
    Report,
    /// Tell the operator that it needs attention.
    Alert,
}

impl EgressState {
    /// The state's name in answers.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Connecting { .. } => "connecting",
            Self::Active { .. } => "active",
            Self::Retrying { .. } => "retrying",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether it takes the program now.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        matches!(self, Self::Active { .. })
    }

    /// What came before; `None` while it is not wanted.
    #[must_use]
    pub const fn record(&self) -> Option<&Record> {
        match self {
            Self::Idle => None,
            Self::Connecting { record, .. }
            | Self::Active { record, .. }
            | Self::Retrying { record, .. }
            | Self::Failed { record, .. } => Some(record),
        }
    }

    /// Attempts that failed since it was last good.
    #[must_use]
    pub fn failures(&self) -> u32 {
        self.record().map_or(0, |record| record.failures)
    }

    /// The address that is used, or tried next.
    #[must_use]
    pub fn side(&self) -> Side {
        self.record().map_or(Side::Primary, |record| record.side)
    }

    /// Whether the operator has been told that it needs attention and it is not well since.
    #[must_use]
    pub fn needs_attention(&self) -> bool {
        !self.is_active() && self.record().is_some_and(|record| record.alerted)
    }

    /// Why it is not active, where that is known: it stays known while the next attempt is made.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.record().and_then(|record| record.cause)
    }

    /// The same with the next try of the port put off.
    pub(super) fn probed(mut self, now: Duration) -> Self {
        if let Self::Retrying { probe, record, .. } | Self::Failed { probe, record, .. } = &mut self
        {
            *probe = probe_every(record).map(|every| now.saturating_add(every));
        }
        self
    }
}
