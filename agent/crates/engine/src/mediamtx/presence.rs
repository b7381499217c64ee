//! Whether the media server is away for so long that the show has to do without it.
//!
//! Owns the patience: a server that ends and is back within seconds is waited for, one that keeps ending
//! or never answers is not. Decides nothing else.

use super::Health;
use runtime::CancellationToken;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

/// Away, or up only for moments, for so long: it is absent. A hang is found and mended in half of it.
const LIMIT: Duration = Duration::from_secs(8);
/// Up for so long, it has not only come up to end again.
const STEADY: Duration = Duration::from_secs(3);
/// An absent one has to be up for so long before it is relied on.
const BACK: Duration = Duration::from_secs(5);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
struct Presence {
    /// Since when it has not been steady.
    lost: Option<Instant>,
    /// Since when it is up.
    up: Option<Instant>,
    absent: bool,
}

impl Presence {
    fn look(&mut self, is_up: bool, now: Instant) -> bool {
        if is_up {
            let up = now - *self.up.get_or_insert(now);
            if up >= STEADY {
                self.lost = None;
            }
            if up >= BACK {
                self.absent = false;
            }
        } else {
            self.up = None;
            self.lost.get_or_insert(now);
        }
        self.absent |= self.lost.is_some_and(|lost| now - lost >= LIMIT);
        self.absent
    }
}

/// Looks at its health until `stop`.
pub(super) async fn watch(
    mut health: watch::Receiver<Health>,
    absent: watch::Sender<bool>,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let mut presence = Presence::default();
    loop {
        let is_up = health.borrow_and_update().is_up();
        let now = presence.look(is_up, Instant::now());
        let changed = absent.send_if_modified(|before| std::mem::replace(before, now) != now);
        match (changed, now) {
            (true, true) => tracing::error!(
                "The media server stays away: destinations are sent to and cameras are read without it."
            ),
            (true, false) => tracing::info!("The media server is back."),
            (false, _) => {}
        }
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            changed = health.changed() => if changed.is_err() { return Ok(()) },
            () = sleep(LOOK) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks twice a second, at a server that is up in these seconds; gives when it was absent.
    fn absent(seconds: u64, up: impl Fn(u64) -> bool) -> Vec<u64> {
        let (mut presence, begin) = (Presence::default(), Instant::now());
        let look =
            |half: &u64| presence.look(up(half / 2), begin + LOOK * u32::try_from(*half).unwrap());
        let halves = (0..seconds * 2).filter(look);
        let mut all: Vec<u64> = halves.map(|half| half / 2).collect();
        all.dedup();
        all
    }

    #[test]
    fn a_server_that_is_soon_back_is_waited_for() {
        assert!(absent(60, |s| s >= 2).is_empty());
        // A death or a hang each ten seconds, mended in two.
        assert!(absent(60, |s| s % 10 >= 2).is_empty());
    }

    #[test]
    fn one_that_never_answers_is_absent_after_eight_seconds() {
        assert_eq!(absent(12, |_| false), [8, 9, 10, 11]);
    }

    #[test]
    fn one_that_keeps_ending_is_absent_and_relied_on_after_five_good_seconds() {
        let seen = absent(60, |s| s > 30 || s % 4 >= 2);
        assert_eq!(seen, (8..35).collect::<Vec<_>>());
    }
}
