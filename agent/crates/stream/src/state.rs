//! The state of one stream (an encode and what feeds it), as users see it.
//!
//! Owns the six names and which may follow which. `failed` is left by starting again or stopping.

use serde::Serialize;

/// Where a stream stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StreamState {
    /// Not wanted.
    #[default]
    Stopped,
    /// Wanted; no frame has gone out yet.
    Starting,
    /// Frames go out as they should.
    Running,
    /// Frames go out, with less than was asked for: a lost source, a destination not active.
    Degraded,
    /// Its encoder ended and is being started again.
    Restarting,
    /// Given up; an operator is needed.
    Failed,
}

/// What happens to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamEvent {
    /// It is wanted.
    Start,
    /// It is wanted no longer.
    Stop,
    /// Frames go out.
    Flowing,
    /// Something it needs is missing, and it goes on without.
    Impaired,
    /// What was missing is back.
    Recovered,
    /// Its encoder ended or hung.
    Lost,
    /// It will not be tried again.
    GaveUp,
}

/// The whole transition table; a pair not listed changes nothing.
#[must_use]
pub const fn stream_step(state: StreamState, event: StreamEvent) -> StreamState {
    use StreamEvent as E;
    use StreamState as S;
    match (state, event) {
        (S::Stopped | S::Failed, E::Start) => S::Starting,
        (_, E::Stop) => S::Stopped,
        (S::Starting | S::Restarting, E::Flowing) | (S::Degraded, E::Recovered) => S::Running,
        (S::Running, E::Impaired) => S::Degraded,
        (S::Starting | S::Running | S::Degraded, E::Lost) => S::Restarting,
        (S::Starting | S::Running | S::Degraded | S::Restarting, E::GaveUp) => S::Failed,
        (unchanged, _) => unchanged,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_leads_where_the_table_says() {
        use StreamEvent::{Flowing, GaveUp, Impaired, Lost, Recovered, Start, Stop};
        use StreamState::{Degraded, Failed, Restarting, Running, Starting, Stopped};
        let events = [Start, Stop, Flowing, Impaired, Recovered, Lost, GaveUp];
        for (from, to) in [
            (
                Stopped,
                [
                    Starting, Stopped, Stopped, Stopped, Stopped, Stopped, Stopped,
                ],
            ),
            (
                Starting,
                [
                    Starting, Stopped, Running, Starting, Starting, Restarting, Failed,
                ],
            ),
            (
                Running,
                [
                    Running, Stopped, Running, Degraded, Running, Restarting, Failed,
                ],
            ),
            (
                Degraded,
                [
                    Degraded, Stopped, Degraded, Degraded, Running, Restarting, Failed,
                ],
            ),
            (
                Restarting,
                [
                    Restarting, Stopped, Running, Restarting, Restarting, Restarting, Failed,
                ],
            ),
            (
                Failed,
                [Starting, Stopped, Failed, Failed, Failed, Failed, Failed],
            ),
        ] {
            for (event, to) in events.into_iter().zip(to) {
                assert_eq!(stream_step(from, event), to, "{from:?} {event:?}");
            }
        }
    }
}
