//! The unit that looks at the show and keeps the account, in memory and on the disk.
//!
//! Owns one row of the store. It is written when another thing is wanted than before, and every
//! [`ROUTINE`] while anything is, else every [`IDLE`]; never waited for. What is wanted at the agent's
//! end is still wanted until the show is back, so that time counts too, and with it what was on air
//! since the last row.

use super::Uptime;
use super::account::{Account, Sight, Tally, Wanted};
use crate::show::{DestinationState, Mode, Moment, Show, ShowStatus, StreamState};
use crate::time::rfc3339;
use engine::mediamtx;
use runtime::{CancellationToken, Clock, SystemClock};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use store::{Store, Tree};
use tokio::sync::watch;
use tokio::task::JoinHandle;

const ROW: &str = "uptime";
/// Between two looks while nothing changes.
const PERIOD: Duration = Duration::from_secs(1);
/// Between two rows while nothing changes, and while nothing is wanted.
const ROUTINE: Duration = Duration::from_secs(15);
const IDLE: Duration = Duration::from_secs(600);

/// What the account is kept from.
#[derive(Clone)]
pub struct KeeperParts {
    /// The running show.
    pub show: Show,
    /// How the media server is.
    pub server: watch::Receiver<mediamtx::Health>,
    /// Where the row is.
    pub store: Store,
}

/// What survives a restart.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
struct Row {
    at: Moment,
    wanted: Wanted,
    account: Account,
}

/// Keeps the account.
#[derive(Clone)]
pub struct Keeper {
    parts: KeeperParts,
    row: Row,
    shown: watch::Sender<Arc<Account>>,
}

impl Keeper {
    /// Goes on from the row that was kept last. Blocks for a read.
    #[must_use]
    pub fn new(parts: KeeperParts) -> (Self, Uptime) {
        let read = parts.store.get::<Row>(Tree::State, ROW);
        let mut row = read
            .inspect_err(|error| tracing::warn!(%error, "What was counted before cannot be read."))
            .ok()
            .flatten()
            .unwrap_or_default();
        if row.account.since.is_empty() {
            row.account.since = rfc3339(SystemClock.wall());
        }
        let (shown, seen) = watch::channel(Arc::new(row.account.clone()));
        let keeper = Self { parts, row, shown };
        (keeper, Uptime::of(seen))
    }

    /// Looks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut shows = self.parts.show.watch();
        let mut server = self.parts.server.clone();
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut tally = self.begin();
        let mut disk = Disk::default();
        // The first state that counts is one that the show's task has made.
        tokio::select! {
            () = stop.cancelled() => return,
            changed = shows.changed() => if changed.is_err() { return },
        }
        loop {
            let up = matches!(*server.borrow_and_update(), mediamtx::Health::Up { .. });
            let sight = sight(&shows.borrow_and_update(), up);
            let now = SystemClock.monotonic();
            tally.take(now, sight);
            self.shown.send_replace(Arc::new(tally.account().clone()));
            if disk.is_due(now, &tally) {
                disk.write(&self.parts.store, now, &tally);
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                changed = shows.changed() => if changed.is_err() { break },
                changed = server.changed() => if changed.is_err() { break },
                _ = ticks.tick() => {}
            }
        }
        disk.written().await;
        disk.write(&self.parts.store, SystemClock.monotonic(), &tally);
        disk.written().await;
    }

    fn begin(&self) -> Tally {
        let account = Account::clone(&self.shown.borrow());
        if account != self.row.account {
            // The unit was started anew; the agent was not away.
            return Tally::new(account);
        }
        let mut tally = Tally::new(account);
        let gap = self.row.at.gap(&Moment::now(&SystemClock));
        tally.was_away(self.row.wanted.clone(), gap.unwrap_or_default());
        tally
    }
}

/// The row on its way to the disk.
#[derive(Debug, Default)]
struct Disk {
    /// When the last one was begun, and what was wanted then.
    last: Option<(Duration, Wanted)>,
    writing: Option<JoinHandle<()>>,
}

impl Disk {
    fn is_due(&self, now: Duration, tally: &Tally) -> bool {
        if self.writing.as_ref().is_some_and(|it| !it.is_finished()) {
            return false;
        }
        let wanted = tally.wanted();
        match &self.last {
            None => true,
            Some((_, before)) if *before != wanted => true,
            Some((at, _)) => {
                let pause = if wanted == Wanted::default() {
                    IDLE
                } else {
                    ROUTINE
                };
                now.saturating_sub(*at) >= pause
            }
        }
    }

    /// Begins to write; nothing may be being written. A disk that takes nothing is told of elsewhere.
    fn write(&mut self, store: &Store, now: Duration, tally: &Tally) {
        let wanted = tally.wanted();
        self.last = Some((now, wanted.clone()));
        let row = Row {
            at: Moment::now(&SystemClock),
            wanted,
            account: tally.account().clone(),
        };
        let store = store.clone();
        self.writing = Some(tokio::task::spawn_blocking(move || {
            if let Err(error) = store.put(Tree::State, ROW, &row) {
                tracing::debug!(%error, "What was counted is not kept this time.");
            }
        }));
    }

    async fn written(&mut self) {
        if let Some(writing) = self.writing.take() {
            // It cannot fail but by a panic, which is logged where it happens.
            drop(writing.await);
        }
    }
}

fn sight(show: &ShowStatus, server_up: bool) -> Sight {
    let destinations = show.destinations.iter().map(|one| {
        let there = one.state == DestinationState::Active;
        (one.id.as_str().to_owned(), there)
    });
    let streams = show
        .streams
        .iter()
        .filter(|one| one.state != StreamState::Stopped);
    let streams = streams.map(|one| {
        let there = matches!(one.state, StreamState::Running | StreamState::Degraded);
        (one.id.as_str().to_owned(), there)
    });
    Sight {
        awaited: show.awaited,
        running: show.mode != Mode::Idle,
        encoded: show.program.as_ref().map_or(0, |program| program.encoded),
        destinations: destinations.collect(),
        streams: streams.collect(),
        server_up,
        went_live: show.went_live,
        turned_away: show.turned_away,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::{DestinationStatus, Inbox, ProgramStatus};
    use model::DestinationId;

    fn live(encoded: u64) -> Arc<ShowStatus> {
        Arc::new(ShowStatus {
            mode: Mode::Live,
            went_live: 1,
            program: Some(ProgramStatus {
                encoded,
                ..ProgramStatus::default()
            }),
            destinations: vec![DestinationStatus {
                id: DestinationId::parse("main").unwrap(),
                name: "Main".to_owned(),
                state: DestinationState::Active,
                kbps: 0,
                bytes: 0,
                retries: 0,
                last_error: None,
                remediation: None,
                address: crate::show::DestinationAddress::Primary,
                slow: false,
                needs_attention: false,
            }],
            ..ShowStatus::default()
        })
    }

    struct Stage {
        inbox: Inbox,
        uptime: Uptime,
        task: runtime::Task<()>,
        stop: CancellationToken,
        _server: watch::Sender<mediamtx::Health>,
    }

    async fn stage(folder: &tempfile::TempDir) -> Stage {
        let now = SystemClock.wall();
        // A store that was just closed lets go of its folder a moment later.
        let opened = async {
            loop {
                match Store::open(&folder.path().join("data"), now) {
                    Ok((store, _)) => break store,
                    Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
                }
            }
        };
        let store = tokio::time::timeout(Duration::from_secs(60), opened)
            .await
            .unwrap();
        let (show, inbox) = Show::channel();
        let (sender, server) = watch::channel(mediamtx::Health::Starting);
        let (keeper, uptime) = Keeper::new(KeeperParts {
            show,
            server,
            store,
        });
        let stop = CancellationToken::new();
        Stage {
            inbox,
            uptime,
            task: runtime::spawn(keeper.run(stop.clone())),
            stop,
            _server: sender,
        }
    }

    /// Waits until the account says so.
    async fn until(uptime: &Uptime, is: impl Fn(&Account) -> bool) -> Arc<Account> {
        let mut account = uptime.account.clone();
        let found = account.wait_for(|account| is(account)).await.unwrap();
        Arc::clone(&found)
    }

    fn main(account: &Account) -> super::super::Span {
        account.destinations["main"]
    }

    #[tokio::test]
    async fn what_was_counted_and_what_was_wanted_survive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let first = stage(&folder).await;
        let mut counting = first.uptime.account.clone();
        for encoded in 1..=20 {
            first.inbox.status.send_replace(live(encoded));
            counting.changed().await.unwrap();
        }
        let counted = until(&first.uptime, |account| {
            account.program.there_us > 0 && account.destinations.contains_key("main")
        })
        .await;
        assert_eq!(counted.go_live.succeeded, 1);
        assert_eq!(counted.preview_server.there_us, 0);
        // As at an orderly end: what the show does afterwards is not what was wanted.
        first.stop.cancel();
        first.inbox.status.send_replace(Arc::default());
        first.task.await.unwrap();

        let second = stage(&folder).await;
        let kept = second.uptime.account();
        assert_eq!((&kept.since, kept.go_live.succeeded), (&counted.since, 1));
        let awaited = ShowStatus {
            awaited: true,
            ..ShowStatus::default()
        };
        second.inbox.status.send_replace(Arc::new(awaited));
        let after = until(&second.uptime, |account| {
            main(account).wanted_us > main(&kept).wanted_us + 1000
                && account.program.wanted_us > kept.program.wanted_us
        })
        .await;
        assert_eq!(main(&after).there_us, main(&kept).there_us);
        // A stop by an operator ends what is wanted.
        let idle = ShowStatus {
            turned_away: 1,
            ..ShowStatus::default()
        };
        second.inbox.status.send_replace(Arc::new(idle));
        until(&second.uptime, |account| account.go_live.failed == 1).await;
        second.stop.cancel();
        second.task.await.unwrap();
        let last = second.uptime.account();

        let third = stage(&folder).await;
        third.inbox.status.send_replace(Arc::default());
        let third = until(&third.uptime, |account| {
            account.preview_server.wanted_us > last.preview_server.wanted_us
        })
        .await;
        assert_eq!(main(&third), main(&last));
        assert_eq!(third.program, last.program);
    }
}
