//! Which of the possible sources stands on program for the one that is asked for.
//!
//! Owns the order (asked source, its backup, the show's, fallback picture, pattern, last
//! picture) and the waiting
//! times: a step down never waits; a return waits until the better source has been healthy for 2 s and
//! the last switch is 10 s ago, or for 1 s where the loss was our own fault. Knows no pictures.

use model::FrameRate;
use serde::Serialize;

/// What stands on program for the source that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// What was there before: the source has not delivered yet.
    Waiting,
    /// The source itself.
    Asked,
    /// Its own backup.
    Backup,
    /// The show's backup.
    ShowBackup,
    /// The show's own picture.
    Fallback,
    /// The shipped picture.
    Pattern,
    /// Nothing delivers: the last picture that there is.
    LastPicture,
}

impl Rung {
    /// Every rung, best first.
    pub const ALL: [Self; 7] = [
        Self::Waiting,
        Self::Asked,
        Self::Backup,
        Self::ShowBackup,
        Self::Fallback,
        Self::Pattern,
        Self::LastPicture,
    ];

    /// Whether another source stands in for the one that is asked for.
    #[must_use]
    pub const fn stands_in(self) -> bool {
        !matches!(self, Self::Waiting | Self::Asked)
    }
}

/// The rungs that can be healthy, best first.
const RUNGS: [Rung; 5] = [
    Rung::Asked,
    Rung::Backup,
    Rung::ShowBackup,
    Rung::Fallback,
    Rung::Pattern,
];

/// What is known of the candidates at one frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidates {
    /// Whether each of [`RUNGS`] can be shown.
    pub(crate) healthy: [bool; RUNGS.len()],
    /// The asked source has delivered once and does so no more.
    pub(crate) lost: bool,
    /// There is something that was on program before.
    pub(crate) outgoing: bool,
    /// A loss of late was our own fault: a return neither waits for the last switch to be long ago nor
    /// for long health.
    pub(crate) excused: bool,
}

/// Waiting times in frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    arrival: u64,
    healthy: u64,
    excused: u64,
    guard: u64,
}

impl Times {
    /// How long an excuse counts.
    pub(crate) const fn excuse(&self) -> u64 {
        self.guard
    }

    /// 1 s for a source that has never delivered, 2 s of health (1 s where the loss is excused) and 10 s
    /// since the last switch before a return.
    pub(crate) fn at(rate: FrameRate) -> Self {
        Self {
            arrival: rate.frames_in(1.0),
            healthy: rate.frames_in(2.0),
            excused: rate.frames_in(1.0),
            guard: rate.frames_in(10.0),
        }
    }
}

/// The state for one asked source, from the frame at which it was asked for first.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ladder {
    times: Times,
    since: u64,
    switched: u64,
    rung: Rung,
    /// The asked source has delivered at some time: its absence is a loss.
    arrived: bool,
    healthy_since: [Option<u64>; RUNGS.len()],
}

impl Ladder {
    pub(crate) const fn new(times: Times, n: u64) -> Self {
        Self {
            times,
            since: n,
            switched: n,
            rung: Rung::Waiting,
            arrived: false,
            healthy_since: [None; RUNGS.len()],
        }
    }

    /// The frame at which the present rung was taken.
    pub(crate) const fn switched(&self) -> u64 {
        self.switched
    }

    pub(crate) const fn rung(&self) -> Rung {
        self.rung
    }

    /// The rung for frame `n`. Frames come in order.
    pub(crate) fn step(&mut self, n: u64, now: &Candidates) -> Rung {
        for (since, healthy) in self.healthy_since.iter_mut().zip(now.healthy) {
            *since = if healthy { since.or(Some(n)) } else { None };
        }
        let waited = n.saturating_sub(self.since) >= self.times.arrival;
        let arrives = !self.arrived && self.healthy_since[0].is_some();
        let stays = match self.rung {
            Rung::Waiting => now.outgoing && !now.lost && !waited,
            Rung::LastPicture => false,
            Rung::Asked | Rung::Backup | Rung::ShowBackup | Rung::Fallback | Rung::Pattern => {
                self.delivers(self.rung)
            }
        };
        let next = if arrives {
            Rung::Asked
        } else if stays {
            self.better(n, now.excused).unwrap_or(self.rung)
        } else {
            let best = RUNGS.into_iter().find(|rung| self.delivers(*rung));
            best.unwrap_or(Rung::LastPicture)
        };
        self.arrived |= now.lost || next == Rung::Asked;
        if next != self.rung {
            self.rung = next;
            self.switched = n;
        }
        next
    }

    fn delivers(&self, rung: Rung) -> bool {
        let known = RUNGS.into_iter().zip(self.healthy_since);
        { known }.any(|(known, since)| known == rung && since.is_some())
    }

    /// A better rung that may be taken again.
    fn better(&self, n: u64, excused: bool) -> Option<Rung> {
        let soon = n.saturating_sub(self.switched) < self.times.guard;
        if self.rung == Rung::Waiting || (soon && !excused) {
            return None;
        }
        let healthy = if excused {
            self.times.excused
        } else {
            self.times.healthy
        };
        let ready = |since: u64| n.saturating_sub(since) >= healthy;
        RUNGS
            .into_iter()
            .zip(self.healthy_since)
            .take_while(|(rung, _)| *rung != self.rung)
            .find(|(_, since)| since.is_some_and(ready))
            .map(|(rung, _)| rung)
    }
}
