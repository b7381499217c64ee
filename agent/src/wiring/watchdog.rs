//! What the service manager is told: that the agent serves, and that it makes progress.
//!
//! Owns the look at the show's task, the mixer and the store. While one of them stands still, nothing is
//! told, and systemd ends the agent after `WatchdogSec` and starts it anew; the show is resumed then.
//! Without `NOTIFY_SOCKET` nobody is told anything.

use crate::show::{Show, ShowStatus};
use runtime::{CancellationToken, Task};
use std::convert::Infallible;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::sync::watch;
use tokio::time::timeout;

/// Where the service manager listens.
#[derive(Debug)]
pub(super) struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// How often it wants to hear of progress, where it does.
    watchdog: Option<Duration>,
}

impl Manager {
    /// The one that the environment names; `None` where there is none.
    pub(super) fn of(variable: impl Fn(&str) -> Option<String>) -> Option<Self> {
        let name = variable("NOTIFY_SOCKET").filter(|name| !name.is_empty())?;
        let address = match name.strip_prefix('@') {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(&name),
        };
        let made = address.and_then(|address| {
            let socket = UnixDatagram::unbound()?;
            // A manager that does not read is no reason to wait.
            socket.set_nonblocking(true)?;
            Ok((socket, address))
        });
        let (socket, address) = made
            .inspect_err(|error| tracing::warn!(%error, "The service manager cannot be told."))
            .ok()?;
        let meant =
            variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let micros = variable("WATCHDOG_USEC").and_then(|text| text.parse().ok());
        let watchdog = micros.filter(|micros| meant && *micros > 0);
        Some(Self {
            socket,
            address,
            watchdog: watchdog.map(Duration::from_micros),
        })
    }

    /// Tells it something in the words of `sd_notify(3)`.
    pub(super) fn tell(&self, words: &str) {
        if let Err(error) = self.socket.send_to_addr(words.as_bytes(), &self.address) {
            tracing::warn!(%error, words, "The service manager was not told.");
        }
    }
}

/// What stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Stall {
    #[error("the show's task does not answer")]
    Show,
    #[error("the mixer makes no frames")]
    Mixer,
    #[error("the store does not answer")]
    Store,
}

/// The looks so far.
struct Progress {
    show: watch::Receiver<Arc<ShowStatus>>,
    frames: Option<u64>,
    store: Store,
    /// A look at the store that has not ended yet.
    looking: Option<Task<()>>,
}

impl Progress {
    fn new(show: &Show, store: Store) -> Self {
        Self {
            show: show.watch(),
            frames: None,
            store,
            looking: None,
        }
    }

    /// Looks at each part, for at most `within`. Looks have to be some frames apart.
    async fn look(&mut self, within: Duration) -> Result<(), Stall> {
        let (show, looking) = tokio::join!(
            timeout(within, self.show.changed()),
            look_at(&self.store, self.looking.take(), within),
        );
        self.looking = looking;
        // A show whose task has ended does not answer either.
        if !matches!(show, Ok(Ok(()))) {
            return Err(Stall::Show);
        }
        let frames = self
            .show
            .borrow()
            .program
            .as_ref()
            .map(|program| program.frames);
        let before = std::mem::replace(&mut self.frames, frames);
        if frames.is_some() && frames == before {
            return Err(Stall::Mixer);
        }
        if self.looking.is_some() {
            return Err(Stall::Store);
        }
        Ok(())
    }
}

/// Reads and syncs the store on a thread that may wait. Gives the look back where it takes longer, so
/// that a disk that hangs costs one thread and not one each time. An error is an answer too.
async fn look_at(store: &Store, before: Option<Task<()>>, within: Duration) -> Option<Task<()>> {
    let store = store.clone();
    let mut look = before.unwrap_or_else(|| {
        runtime::spawn(async move {
            let look = move || store.batches().is_ok() && store.flush_durable().is_ok();
            if !matches!(tokio::task::spawn_blocking(look).await, Ok(true)) {
                tracing::warn!("The store answers with an error.");
            }
        })
    });
    let ended = timeout(within, &mut look).await.is_ok();
    (!ended).then_some(look)
}

/// Tells the manager of progress, three times in the time after which it would end the agent.
pub(super) async fn watch(
    manager: Arc<Manager>,
    show: Show,
    store: Store,
    stop: CancellationToken,
) -> Result<(), Infallible> {
    let Some(limit) = manager.watchdog else {
        return Ok(());
    };
    let mut progress = Progress::new(&show, store);
    let mut ticks = tokio::time::interval(limit / 3);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        match progress.look(limit / 6).await {
            Ok(()) => manager.tell("WATCHDOG=1"),
            Err(stall) => tracing::error!(%stall, "No progress; the service manager is not told."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::show::{Inbox, ProgramStatus};
    use runtime::{Clock, SystemClock};

    struct Stage {
        folder: tempfile::TempDir,
        manager: UnixDatagram,
        show: Show,
        inbox: Inbox,
    }

    const LIMIT: Duration = Duration::from_millis(600);

    impl Stage {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let manager = UnixDatagram::bind(folder.path().join("notify")).unwrap();
            manager.set_nonblocking(true).unwrap();
            let (show, inbox) = Show::channel();
            Self {
                folder,
                manager,
                show,
                inbox,
            }
        }

        fn watch(&self, stop: &CancellationToken) -> Task<Result<(), Infallible>> {
            let socket = self.folder.path().join("notify");
            let variable = move |name: &str| match name {
                "NOTIFY_SOCKET" => Some(socket.display().to_string()),
                "WATCHDOG_USEC" => Some(LIMIT.as_micros().to_string()),
                _ => None,
            };
            let manager = Arc::new(Manager::of(variable).unwrap());
            let data = self.folder.path().join("data");
            let (store, _) = Store::open(&data, SystemClock.wall()).unwrap();
            runtime::spawn(watch(manager, self.show.clone(), store, stop.clone()))
        }

        fn pings(&self) -> usize {
            let mut words = [0; 64];
            let mut pings = 0;
            while let Ok(length) = self.manager.recv(&mut words) {
                assert_eq!(&words[..length], b"WATCHDOG=1");
                pings += 1;
            }
            pings
        }

        fn publish(&self, frames: Option<u64>) {
            let program = frames.map(|frames| ProgramStatus {
                frames,
                ..ProgramStatus::default()
            });
            self.inbox.status.send_replace(Arc::new(ShowStatus {
                program,
                ..ShowStatus::default()
            }));
        }

        /// Publishes every 20 ms for so many times the watchdog's limit.
        async fn run(&self, limits: u32, mut frames: impl FnMut(u64) -> Option<u64>) {
            for step in 0..u64::from(limits) * 30 {
                self.publish(frames(step));
                tokio::time::sleep(LIMIT / 30).await;
            }
        }
    }

    #[tokio::test]
    async fn a_show_that_moves_is_told_of_and_one_whose_mixer_stands_still_is_not() {
        let stage = Stage::new();
        let stop = CancellationToken::new();
        let watch = stage.watch(&stop);
        stage.run(2, |_| None).await;
        assert!(stage.pings() >= 4, "an idle agent is well");
        stage.run(2, Some).await;
        assert!(stage.pings() >= 4, "a show that moves is well");
        stage.run(1, |_| Some(77)).await;
        let _at_first = stage.pings();
        stage.run(2, |_| Some(77)).await;
        assert_eq!(stage.pings(), 0, "a mixer that makes no frames is not");
        stage.run(2, |step| Some(78 + step)).await;
        assert!(stage.pings() >= 3, "until it makes some again");
        stop.cancel();
        watch.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn a_show_whose_task_does_not_answer_is_not_told_of() {
        let stage = Stage::new();
        let stop = CancellationToken::new();
        let _watch = stage.watch(&stop);
        stage.run(2, |_| None).await;
        assert!(stage.pings() >= 4);
        // What it said last may be told a moment later, and later still where the machine stands still.
        for _ in 0..20 {
            tokio::time::sleep(LIMIT).await;
            if stage.pings() == 0 {
                break;
            }
        }
        tokio::time::sleep(LIMIT * 2).await;
        assert_eq!(stage.pings(), 0);
        stop.cancel();
    }

    #[test]
    fn without_a_manager_or_for_another_process_nobody_is_told() {
        assert!(Manager::of(|_| None).is_none());
        let variable = |name: &str| match name {
            "NOTIFY_SOCKET" => Some("@an-abstract-one".to_owned()),
            "WATCHDOG_USEC" => Some("1000".to_owned()),
            "WATCHDOG_PID" => Some("1".to_owned()),
            _ => None,
        };
        assert_eq!(Manager::of(variable).unwrap().watchdog, None);
    }
}
