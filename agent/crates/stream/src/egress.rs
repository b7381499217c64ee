//! The connection to one destination: idle → connecting → active → retrying → failed.
//!
//! Owns when to try again and when a destination counts as active, judged by bytes that grow and never
//! by a state name. Knows no sockets: the agent feeds events with the time and carries out effects.
//! Times are a monotonic clock's, from any fixed origin.

use serde::Serialize;
use std::time::Duration;

/// Attempts before a destination counts as failed; it is still tried each [`FAILED_WAIT`] while wanted.
pub const MAX_TRIES: u32 = 10;
/// Between attempts once it has failed.
pub const FAILED_WAIT: Duration = Duration::from_secs(60);
/// Active for so long, it starts with a clean record.
pub const ACTIVE_RESET: Duration = Duration::from_secs(60);
/// An attempt without growing bytes ends after this.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// An active connection whose bytes do not grow is lost after this.
pub const STALL_LIMIT: Duration = Duration::from_secs(5);
/// While waiting for a server that could not be reached, its port is tried this often.
pub const PROBE_EVERY: Duration = Duration::from_secs(2);
/// Growing samples in a row that make a connection active.
const GROWTHS: u8 = 2;

/// Why a connection ended or did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Nobody answers at the address.
    Unreachable,
    /// The server does not take this key or this stream.
    Rejected,
    /// The secure connection could not be made.
    Tls,
    /// The server ended the connection.
    Closed,
    /// Connected, but no bytes went out.
    Stalled,
}

impl Cause {
    /// For the operator, one sentence.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Unreachable => "The destination's server does not answer.",
            Self::Rejected => "The destination does not accept the stream key.",
            Self::Tls => "The secure connection to the destination could not be made.",
            Self::Closed => "The destination closed the connection.",
            Self::Stalled => "The destination takes no data.",
        }
    }

    /// Where it stands in the closed list of codes.
    #[must_use]
    pub const fn code(self) -> protocol::Code {
        match self {
            Self::Rejected => protocol::Code::DestinationRejected,
            Self::Unreachable | Self::Tls | Self::Closed | Self::Stalled => {
                protocol::Code::DestinationUnreachable
            }
        }
    }
}

/// Reads the media server's `lastError`. The text itself must not be shown: a server's answer may
/// repeat the stream's name.
#[must_use]
pub fn classify(last_error: &str) -> Cause {
    let text = last_error.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["x509", "tls:", "certificate"]) {
        Cause::Tls
    } else if has(&[
        "bad result",
        "badname",
        "authenti",
        "credentials",
        "unauthorized",
        "denied",
        "forbidden",
        "status code 401",
        "status code 403",
        "rejected",
    ]) {
        Cause::Rejected
    } else if has(&[
        "refused",
        "no such host",
        "no route",
        "unreachable",
        "dial ",
        "lookup ",
        "server misbehaving",
    ]) {
        Cause::Unreachable
    } else if has(&["timeout", "deadline"]) {
        Cause::Stalled
    } else {
        Cause::Closed
    }
}

/// What is remembered across attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Record {
    /// Attempts that failed since the connection was last good.
    pub failures: u32,
    /// Whether the operator has been told of this outage.
    pub alerted: bool,
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
        /// What came before; cleared after [`ACTIVE_RESET`].
        record: Record,
    },
    /// Lost; tried again at `due`.
    Retrying {
        /// When at the latest.
        due: Duration,
        /// When its port is tried next, where that can tell something.
        probe: Option<Duration>,
        /// Why it was lost.
        cause: Cause,
        /// What came before.
        record: Record,
    },
    /// [`MAX_TRIES`] attempts failed; tried again at `due`.
    Failed {
        /// When at the latest.
        due: Duration,
        /// When its port is tried next, where that can tell something.
        probe: Option<Duration>,
        /// Why the last one failed.
        cause: Cause,
        /// What came before.
        record: Record,
    },
}

/// What happens to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressEvent {
    /// The program is wanted there.
    Start,
    /// It is wanted there no longer.
    Stop,
    /// The media server's count of bytes sent there.
    Bytes(u64),
    /// The connection ended, or could not be made.
    Lost(Cause),
    /// A TCP connect to its port succeeded.
    Answered,
    /// Time has passed. At least one each second.
    Tick,
}

/// What is to be done about it, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EgressEffect {
    /// Add `out/<id>` with its forward.
    Attach,
    /// Delete `out/<id>`.
    Detach,
    /// Try a TCP connect to its port (3 s at most) and say [`EgressEvent::Answered`] if it succeeds.
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

    /// Attempts that failed since it was last good.
    #[must_use]
    pub const fn failures(&self) -> u32 {
        match self {
            Self::Idle => 0,
            Self::Connecting { record, .. }
            | Self::Active { record, .. }
            | Self::Retrying { record, .. }
            | Self::Failed { record, .. } => record.failures,
        }
    }

    /// Why it is not active, where that is known.
    #[must_use]
    pub const fn cause(&self) -> Option<Cause> {
        match self {
            Self::Retrying { cause, .. } | Self::Failed { cause, .. } => Some(*cause),
            Self::Idle | Self::Connecting { .. } | Self::Active { .. } => None,
        }
    }
}

/// How long to wait after the `n`th failure in a row: `min(2^n, 60)` seconds.
#[must_use]
pub fn delay(n: u32) -> Duration {
    Duration::from_secs(2_u64.saturating_pow(n).min(60))
}

/// The whole transition table; a pair not listed changes nothing.
#[must_use]
pub fn step(
    state: EgressState,
    event: EgressEvent,
    now: Duration,
) -> (EgressState, Vec<EgressEffect>) {
    use EgressEffect::{Attach, Detach, Probe, Report};
    use EgressEvent::{Answered, Bytes, Lost, Start, Stop, Tick};
    use EgressState::{Active, Connecting, Failed, Idle, Retrying};
    match (state, event) {
        (Idle, Start) => (connecting(now, Record::default()), vec![Attach, Report]),
        (Connecting { .. } | Active { .. }, Stop) => (Idle, vec![Detach, Report]),
        (Retrying { .. } | Failed { .. }, Stop) => (Idle, vec![Report]),
        (
            Connecting {
                since,
                bytes: last,
                growths,
                record,
            },
            Bytes(bytes),
        ) => {
            // A first count above zero is growth: the path and its count begin with the attempt.
            let grew = bytes > last.unwrap_or(0);
            let growths = if grew {
                growths.saturating_add(1)
            } else {
                growths
            };
            if growths >= GROWTHS {
                (
                    Active {
                        since: now,
                        bytes,
                        grew: now,
                        record,
                    },
                    vec![Report],
                )
            } else {
                (
                    Connecting {
                        since,
                        bytes: Some(bytes),
                        growths,
                        record,
                    },
                    vec![],
                )
            }
        }
        (
            Connecting {
                since,
                record,
                growths,
                ..
            },
            Tick,
        ) if now >= since + CONNECT_LIMIT => lost(
            if growths == 0 {
                Cause::Unreachable
            } else {
                Cause::Stalled
            },
            record,
            now,
        ),
        (Connecting { record, .. } | Active { record, .. }, Lost(cause)) => {
            lost(cause, record, now)
        }
        (
            Active {
                since,
                bytes: last,
                grew,
                record,
            },
            Bytes(bytes),
        ) => {
            let grew = if bytes > last { now } else { grew };
            settled(
                Active {
                    since,
                    bytes,
                    grew,
                    record,
                },
                now,
            )
        }
        (active @ Active { .. }, Tick) => settled(active, now),
        (Retrying { due, record, .. } | Failed { due, record, .. }, Tick) if now >= due => {
            (connecting(now, record), vec![Attach, Report])
        }
        (
            Retrying {
                due,
                probe: Some(at),
                cause,
                record,
            },
            Tick,
        ) if now >= at => {
            let probe = Some(now + PROBE_EVERY);
            (
                Retrying {
                    due,
                    probe,
                    cause,
                    record,
                },
                vec![Probe],
            )
        }
        (
            Failed {
                due,
                probe: Some(at),
                cause,
                record,
            },
            Tick,
        ) if now >= at => (
            Failed {
                due,
                probe: Some(now + PROBE_EVERY),
                cause,
                record,
            },
            vec![Probe],
        ),
        (
            Retrying {
                probe: Some(_),
                record,
                ..
            }
            | Failed {
                probe: Some(_),
                record,
                ..
            },
            Answered,
        ) => (connecting(now, record), vec![Attach, Report]),
        (unchanged, _) => (unchanged, vec![]),
    }
}

const fn connecting(now: Duration, record: Record) -> EgressState {
    EgressState::Connecting {
        since: now,
        bytes: None,
        growths: 0,
        record,
    }
}

/// An active connection as time passes: lost when it stalls, forgiven when it holds.
fn settled(state: EgressState, now: Duration) -> (EgressState, Vec<EgressEffect>) {
    let EgressState::Active {
        since,
        bytes,
        grew,
        mut record,
    } = state
    else {
        return (state, vec![]);
    };
    if now >= grew + STALL_LIMIT {
        return lost(Cause::Stalled, record, now);
    }
    if now >= since + ACTIVE_RESET {
        record = Record::default();
    }
    (
        EgressState::Active {
            since,
            bytes,
            grew,
            record,
        },
        vec![],
    )
}

fn lost(cause: Cause, before: Record, now: Duration) -> (EgressState, Vec<EgressEffect>) {
    let failures = before.failures.saturating_add(1);
    let failed = failures > MAX_TRIES;
    let alert = !before.alerted && (failed || cause == Cause::Rejected);
    let record = Record {
        failures,
        alerted: before.alerted || alert,
    };
    // Only a server that was not there is watched: one that hangs up would be called every 2 s.
    let probe = (cause == Cause::Unreachable).then_some(now + PROBE_EVERY);
    let state = if failed {
        EgressState::Failed {
            due: now + FAILED_WAIT,
            probe,
            cause,
            record,
        }
    } else {
        EgressState::Retrying {
            due: now + delay(failures),
            probe,
            cause,
            record,
        }
    };
    let mut effects = vec![EgressEffect::Detach, EgressEffect::Report];
    if alert {
        effects.push(EgressEffect::Alert);
    }
    (state, effects)
}

#[cfg(test)]
mod tests;
