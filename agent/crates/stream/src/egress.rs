//! The connection to one destination: idle → connecting → active → retrying → failed.
//!
//! Owns when to try again and where, and when a destination counts as active, judged by bytes that
//! grow and never by a state name. Knows no sockets: the agent feeds events with the time and carries
//! out effects. Times are a monotonic clock's, from any fixed origin. Neighbours: `cause` reads why a
//! connection was lost.

mod cause;
mod state;

pub use cause::{Cause, classify, slow_message};
pub use state::{EgressEffect, EgressEvent, EgressPlan, EgressState, Record, Side};

use std::time::Duration;

/// Retries in a row that may fail before a destination counts as failed; it is still tried each
/// [`FAILED_WAIT`] while wanted.
pub const MAX_TRIES: u32 = 10;
/// Between attempts once it has failed.
pub const FAILED_WAIT: Duration = Duration::from_secs(60);
/// Active for so long, it starts with a clean record.
pub const ACTIVE_RESET: Duration = Duration::from_secs(60);
/// Active for so long, its key is known to be good. A server that hangs up sooner may be saying that
/// it does not know the key.
pub const SETTLED: Duration = Duration::from_secs(5);
/// An attempt without growing bytes ends after this.
pub const CONNECT_LIMIT: Duration = Duration::from_secs(10);
/// The same for WebRTC, whose own steps take up to 20 s to fail; ending one before it has failed would
/// hold up the media server.
pub const WEBRTC_LIMIT: Duration = Duration::from_secs(25);
/// An active connection whose bytes do not grow is lost after this.
pub const STALL_LIMIT: Duration = Duration::from_secs(5);
/// With nothing to send for so long, a connection counts as open no longer.
pub const UNFED_LIMIT: Duration = Duration::from_secs(3);
/// While waiting for a server that could not be reached, or that hung, its port is tried this often.
pub const PROBE_EVERY: Duration = Duration::from_secs(2);
/// The same for a server that answers and hangs up, with a key that it took before.
pub const PROBE_CLOSED: Duration = Duration::from_secs(5);
/// Failures in a row at one address before the other one is tried, where there are two.
pub const SIDE_TRIES: u32 = 2;
/// Growing samples in a row that make a connection active.
const GROWTHS: u8 = 2;
/// Refusals in a row after which a key that was good before counts as bad: the platform may still
/// hold the connection that was lost.
const GOOD_KEY_REFUSALS: u32 = 3;

/// How long to wait after the `n`th failure in a row, from 1: not at all after the first, then
/// `min(2^(n-1), 60)` seconds: 2, 4, 8, 16, 32, 60.
#[must_use]
pub fn delay(n: u32) -> Duration {
    match n {
        0 | 1 => Duration::ZERO,
        _ => Duration::from_secs(2_u64.saturating_pow(n - 1).min(60)),
    }
}

/// The whole transition table; a pair not listed changes nothing.
#[must_use]
pub fn step(
    state: EgressState,
    event: EgressEvent,
    now: Duration,
) -> (EgressState, Vec<EgressEffect>) {
    use EgressEffect::{Detach, Report};
    use EgressEvent::{Answered, Bytes, Lost, Start, Stop, Tick, Unanswered, Unfed};
    use EgressState::{Active, Connecting, Failed, Idle, Retrying};
    match (state, event) {
        (Idle, Start(plan)) => connect(now, Record::new(plan)),
        (Connecting { .. } | Active { .. }, Stop) => (Idle, vec![Detach, Report]),
        (Retrying { .. } | Failed { .. }, Stop) => (Idle, vec![Report]),

        (connecting @ Connecting { .. }, Bytes(count)) => grown(connecting, count, now),
        // What is not there cannot be sent: that is not the destination's failure.
        (
            Connecting {
                bytes,
                growths,
                record,
                ..
            },
            Unfed,
        ) => (
            Connecting {
                since: now,
                bytes,
                growths,
                record,
            },
            vec![],
        ),
        (
            Connecting {
                since,
                growths,
                record,
                ..
            },
            Tick,
        ) if now >= since + record.plan.connect_limit => {
            let cause = if growths == 0 {
                Cause::Unreachable
            } else {
                Cause::Stalled
            };
            lost(cause, record, now)
        }
        (
            Connecting {
                growths: 0, record, ..
            },
            Unanswered,
        ) => lost(Cause::Unreachable, record, now),
        (
            Connecting {
                bytes,
                growths,
                record,
                ..
            },
            Lost(cause),
        ) => match cause {
            // Servers hang up on a key that they do not know, most of them without a word.
            Cause::Closed if bytes.unwrap_or(0) == 0 => refused(
                cause,
                if record.taken { GOOD_KEY_REFUSALS } else { 1 },
                record,
                now,
            ),
            Cause::Stalled if growths == 0 => lost(Cause::Unreachable, record, now),
            Cause::Rejected => refused(cause, 1, record, now),
            cause => lost(cause, record, now),
        },

        (
            Active {
                since,
                bytes,
                grew,
                record,
            },
            Bytes(count),
        ) => {
            let grew = if count > bytes { now } else { grew };
            settled(since, count, grew, record, now)
        }
        // Still not the destination's failure, but nothing arrives there.
        (Active { grew, record, .. }, Unfed) if now >= grew + UNFED_LIMIT => {
            let (state, _) = connect(now, record);
            (state, vec![Report])
        }
        (
            Active {
                since,
                bytes,
                grew,
                record,
            },
            Tick,
        ) => settled(since, bytes, grew, record, now),
        (Active { since, record, .. }, Lost(cause)) => {
            let after = record.back_to_primary();
            match cause {
                Cause::Closed if now < since + SETTLED => refused(
                    cause,
                    if record.taken { GOOD_KEY_REFUSALS } else { 2 },
                    after,
                    now,
                ),
                Cause::Rejected => refused(cause, 1, after, now),
                cause => lost(cause, after, now),
            }
        }

        (Retrying { due, record, .. } | Failed { due, record, .. }, Tick) if now >= due => {
            connect(now, record)
        }
        (
            Retrying {
                probe: Some(at), ..
            }
            | Failed {
                probe: Some(at), ..
            },
            Tick,
        ) if now >= at => (state.probed(now), vec![EgressEffect::Probe]),
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
            Answered(side),
        ) => connect(now, record.at(side)),
        (unchanged, _) => (unchanged, vec![]),
    }
}

fn connect(now: Duration, record: Record) -> (EgressState, Vec<EgressEffect>) {
    let state = EgressState::Connecting {
        since: now,
        bytes: None,
        growths: 0,
        record,
    };
    (
        state,
        vec![EgressEffect::Attach(record.side), EgressEffect::Report],
    )
}

/// A new count of bytes while connecting.
fn grown(state: EgressState, count: u64, now: Duration) -> (EgressState, Vec<EgressEffect>) {
    let EgressState::Connecting {
        since,
        bytes,
        growths,
        record,
    } = state
    else {
        return (state, vec![]);
    };
    // A first count above zero is growth: the path and its count begin with the attempt.
    let growths = growths.saturating_add(u8::from(count > bytes.unwrap_or(0)));
    if growths < GROWTHS {
        let bytes = Some(count);
        let state = EgressState::Connecting {
            since,
            bytes,
            growths,
            record,
        };
        return (state, vec![]);
    }
    let state = EgressState::Active {
        since: now,
        bytes: count,
        grew: now,
        record: Record {
            cause: None,
            ..record
        },
    };
    (state, vec![EgressEffect::Report])
}

/// An active connection as time passes: lost when it stalls, trusted and then forgiven when it holds.
fn settled(
    since: Duration,
    bytes: u64,
    grew: Duration,
    mut record: Record,
    now: Duration,
) -> (EgressState, Vec<EgressEffect>) {
    if now >= grew + STALL_LIMIT {
        return lost(Cause::Stalled, record.back_to_primary(), now);
    }
    if now >= since + SETTLED {
        record.taken = true;
        record.refusals = 0;
    }
    if now >= since + ACTIVE_RESET {
        record = record.clean();
    }
    let state = EgressState::Active {
        since,
        bytes,
        grew,
        record,
    };
    (state, vec![])
}

/// The server turned the stream away, in words or by hanging up: after `patience` times in a row it
/// is the key.
fn refused(
    cause: Cause,
    patience: u32,
    before: Record,
    now: Duration,
) -> (EgressState, Vec<EgressEffect>) {
    let refusals = before.refusals.saturating_add(1);
    let cause = if refusals >= patience {
        Cause::Rejected
    } else {
        cause
    };
    fail(cause, Record { refusals, ..before }, now)
}

fn lost(cause: Cause, before: Record, now: Duration) -> (EgressState, Vec<EgressEffect>) {
    let record = Record {
        refusals: 0,
        ..before
    };
    fail(cause, record, now)
}

fn fail(cause: Cause, before: Record, now: Duration) -> (EgressState, Vec<EgressEffect>) {
    let record = before.failed_once_more();
    let failed = record.failures > MAX_TRIES;
    let bad_key =
        cause == Cause::Rejected && (!record.taken || record.refusals >= GOOD_KEY_REFUSALS);
    let alert = !record.alerted && (failed || bad_key);
    let record = Record {
        alerted: record.alerted || alert,
        cause: Some(cause),
        ..record
    };
    // Another server has not been asked yet: it need not be waited for.
    let turned = record.side != before.side && record.failures <= SIDE_TRIES;
    let wait = match cause {
        _ if turned => Duration::ZERO,
        // A refusal is an answer: the same question need not be asked again at once.
        Cause::Rejected => delay(record.failures.max(2)),
        _ => delay(record.failures),
    };
    let probe = probe_every(&record).map(|every| now + every);
    let state = if failed {
        EgressState::Failed {
            due: now + FAILED_WAIT,
            probe,
            record,
        }
    } else {
        EgressState::Retrying {
            due: now + wait,
            probe,
            record,
        }
    };
    let mut effects = vec![EgressEffect::Detach, EgressEffect::Report];
    if alert {
        effects.push(EgressEffect::Alert);
    }
    (state, effects)
}

/// How often the port is tried while waiting. A server that does not know the key, or whose
/// certificate is wrong, is there already: only the wait can help.
const fn probe_every(record: &Record) -> Option<Duration> {
    match record.cause {
        Some(Cause::Unreachable | Cause::Stalled) => Some(PROBE_EVERY),
        Some(Cause::Closed) if record.taken => Some(PROBE_CLOSED),
        Some(Cause::Closed | Cause::Rejected | Cause::Tls) | None => None,
    }
}

#[cfg(test)]
mod tests;
