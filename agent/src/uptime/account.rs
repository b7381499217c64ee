//! How long something was wanted on air, and how long it was there. Pure.
//!
//! Owns the sums, and what became of each try to go live. Knows no clock: each sight comes with its time.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// So long without a new frame of the encoder is no interruption: the show is looked at ten times a
/// second.
const STILL: Duration = Duration::from_millis(300);
/// A try to go live has succeeded when every destination takes the program within this time.
const IN_TIME: Duration = Duration::from_secs(10);
/// Most destinations, and most streams, that are remembered.
const NAMED: usize = 128;

/// For how long something was wanted, and for how long of it it was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Span {
    /// Microseconds in which it was wanted.
    pub wanted_us: u64,
    /// Microseconds of them in which it was there.
    pub there_us: u64,
}

impl Span {
    fn add(&mut self, elapsed: Duration, there: bool) {
        let us = micros(elapsed);
        self.wanted_us = self.wanted_us.saturating_add(us);
        if there {
            self.there_us = self.there_us.saturating_add(us);
        }
    }
}

/// What became of the tries to go live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Tries {
    /// Every destination took the program within ten seconds.
    pub succeeded: u64,
    /// One or more did not, or the machine could not carry it.
    pub failed: u64,
    /// Somebody stopped it, or tried anew, before either was known.
    pub called_off: u64,
    /// Those that succeeded and whose time was taken: an account of an earlier version has others.
    pub timed: u64,
    /// Microseconds that they took together: until the last destination took the program.
    pub took_us: u64,
    /// Microseconds that the last one of them took.
    pub last_us: Option<u64>,
}

/// Everything that is counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Account {
    /// Since when, RFC 3339 UTC.
    pub since: String,
    /// The program: there while its encoder makes frames.
    pub program: Span,
    /// Destinations by id: there while they take the program.
    pub destinations: BTreeMap<String, Span>,
    /// Cameras that are sent straight to a destination, by the stream's id.
    pub streams: BTreeMap<String, Span>,
    /// The media server, which serves the preview. It is wanted while the agent runs.
    pub preview_server: Span,
    /// Going live.
    pub go_live: Tries,
    /// Microseconds in which a program ran and no destination was wanted.
    pub previewed_us: u64,
}

/// What is wanted, and whether it is there, at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Sight {
    /// What ran before the agent ended is still to be brought back.
    pub(super) awaited: bool,
    /// A program runs.
    pub(super) running: bool,
    /// Frames that its encoder has made.
    pub(super) encoded: u64,
    /// The wanted destinations, and whether they take the program.
    pub(super) destinations: BTreeMap<String, bool>,
    /// The wanted streams, and whether they run.
    pub(super) streams: BTreeMap<String, bool>,
    /// Whether the media server is up.
    pub(super) server_up: bool,
    /// How often the show has gone live since the agent was started.
    pub(super) went_live: u64,
    /// How often it was refused, because the machine could not carry it.
    pub(super) turned_away: u64,
}

/// What was wanted when the agent ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Wanted {
    /// A program.
    pub(super) program: bool,
    /// These destinations.
    pub(super) destinations: BTreeSet<String>,
    /// These streams.
    pub(super) streams: BTreeSet<String>,
}

/// A try to go live of which nobody knows yet what becomes of it.
#[derive(Debug)]
struct Try {
    since: Duration,
    missing: BTreeSet<String>,
}

/// Adds up what is seen.
#[derive(Debug, Default)]
pub(super) struct Tally {
    account: Account,
    last: Option<(Duration, Sight)>,
    /// When the encoder's count last grew.
    grew: Option<Duration>,
    trying: Option<Try>,
    /// What was wanted before the agent ended.
    before: Wanted,
}

impl Tally {
    /// Goes on from an account.
    #[must_use]
    pub(super) fn new(account: Account) -> Self {
        Self {
            account,
            ..Self::default()
        }
    }

    /// Of `before`, nothing was there for the time that the agent was away.
    pub(super) fn was_away(&mut self, before: Wanted, gap: Duration) {
        if before.program {
            self.account.program.add(gap, false);
        }
        for id in &before.destinations {
            add(
                &mut self.account.destinations,
                id,
                (gap, false),
                &BTreeMap::new(),
            );
        }
        for id in &before.streams {
            add(
                &mut self.account.streams,
                id,
                (gap, false),
                &BTreeMap::new(),
            );
        }
        self.before = before;
    }

    /// What was counted so far.
    #[must_use]
    pub(super) const fn account(&self) -> &Account {
        &self.account
    }

    /// What is wanted, as it was last seen.
    #[must_use]
    pub(super) fn wanted(&self) -> Wanted {
        let Some((_, sight)) = &self.last else {
            return self.before.clone();
        };
        if sight.awaited {
            return self.before.clone();
        }
        Wanted {
            program: sight.running,
            destinations: sight.destinations.keys().cloned().collect(),
            streams: sight.streams.keys().cloned().collect(),
        }
    }

    /// Takes what is seen at `now`: the time since the last sight counts for what was seen then.
    pub(super) fn take(&mut self, now: Duration, sight: Sight) {
        let last = self.last.take();
        if let Some((at, last)) = &last {
            if sight.running && sight.encoded != last.encoded {
                self.grew = Some(now);
            }
            self.add_up(now, now.saturating_sub(*at), last);
        }
        let (lives, refusals) = last
            .as_ref()
            .map_or((0, 0), |(_, last)| (last.went_live, last.turned_away));
        self.account.go_live.failed += sight.turned_away.saturating_sub(refusals);
        self.follow(now, &sight, sight.went_live.saturating_sub(lives));
        self.last = Some((now, sight));
    }

    fn add_up(&mut self, now: Duration, elapsed: Duration, last: &Sight) {
        let account = &mut self.account;
        account.preview_server.add(elapsed, last.server_up);
        let before = Some(&self.before).filter(|_| last.awaited);
        if last.running || before.is_some_and(|before| before.program) {
            let moves = self
                .grew
                .is_some_and(|grew| now.saturating_sub(grew) < STILL);
            account.program.add(elapsed, last.running && moves);
        }
        if last.running && !last.awaited && last.destinations.is_empty() {
            account.previewed_us = account.previewed_us.saturating_add(micros(elapsed));
        }
        if let Some(before) = before {
            let away = |id: &&String| !last.destinations.contains_key(*id);
            for id in before.destinations.iter().filter(away) {
                add(
                    &mut account.destinations,
                    id,
                    (elapsed, false),
                    &last.destinations,
                );
            }
            let away = |id: &&String| !last.streams.contains_key(*id);
            for id in before.streams.iter().filter(away) {
                add(&mut account.streams, id, (elapsed, false), &last.streams);
            }
        }
        for (id, there) in &last.destinations {
            add(
                &mut account.destinations,
                id,
                (elapsed, *there),
                &last.destinations,
            );
        }
        for (id, there) in &last.streams {
            add(&mut account.streams, id, (elapsed, *there), &last.streams);
        }
    }

    /// Follows the tries to go live, of which `more` are new.
    fn follow(&mut self, now: Duration, sight: &Sight, more: u64) {
        let tries = &mut self.account.go_live;
        if more > 0 {
            // Of several between two sights only the last one may still become something.
            tries.called_off += more - 1 + u64::from(self.trying.is_some());
            self.trying = Some(Try {
                since: now,
                missing: sight.destinations.keys().cloned().collect(),
            });
        }
        let Some(trying) = &mut self.trying else {
            return;
        };
        // One that was taken off meanwhile is not waited for.
        trying
            .missing
            .retain(|id| sight.destinations.get(id) == Some(&false));
        let over = if sight.destinations.is_empty() {
            &mut tries.called_off
        } else if trying.missing.is_empty() {
            let took_us = micros(now.saturating_sub(trying.since));
            tries.took_us = tries.took_us.saturating_add(took_us);
            tries.last_us = Some(took_us);
            tries.timed += 1;
            &mut tries.succeeded
        } else if now.saturating_sub(trying.since) >= IN_TIME {
            &mut tries.failed
        } else {
            return;
        };
        *over += 1;
        self.trying = None;
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Adds to one of those that have names. Where there are too many, the one that was wanted least goes.
fn add(
    all: &mut BTreeMap<String, Span>,
    id: &str,
    (elapsed, there): (Duration, bool),
    now: &BTreeMap<String, bool>,
) {
    if let Some(span) = all.get_mut(id) {
        span.add(elapsed, there);
        return;
    }
    if all.len() >= NAMED {
        // What is wanted now stays, or two new ones would take each other's place at every look.
        let others = all.iter().filter(|(id, _)| !now.contains_key(*id));
        let least = others.min_by_key(|(_, span)| span.wanted_us);
        let Some(id) = least.map(|(id, _)| id.clone()) else {
            return;
        };
        all.remove(&id);
    }
    let mut span = Span::default();
    span.add(elapsed, there);
    all.insert(id.to_owned(), span);
}

#[cfg(test)]
mod tests;
