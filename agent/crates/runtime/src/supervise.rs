//! Units that are started again when they fail, each by itself.
//!
//! Owns the tasks of all units, their back-off and their end. Never knows what a unit does: a unit is
//! a factory of futures. A panic counts as a failure of its unit and touches no other.

use crate::{Backoff, CancellationToken, Task, chain, random, spawn};
use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::TaskTracker;

/// Any error of a unit.
pub(crate) type UnitError = Box<dyn std::error::Error + Send + Sync>;

/// How a unit is treated.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// How long to wait after a failure.
    pub backoff: Backoff,
    /// A unit that ran this long has forgotten its earlier failures.
    pub healthy_after: Duration,
    /// How long a unit may take to end after it was asked to; then it is aborted.
    pub drain: Duration,
}

impl Default for Policy {
    /// [`Backoff::LOCAL`], healthy after 60 s, 5 s to end.
    fn default() -> Self {
        Self {
            backoff: Backoff::LOCAL,
            healthy_after: Duration::from_secs(60),
            drain: Duration::from_secs(5),
        }
    }
}

/// How a unit ended for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It had nothing more to do.
    Finished,
    /// It was asked to end and did.
    Stopped,
    /// It was asked to end, did not in time, and was aborted.
    Aborted,
}

/// What a unit is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitState {
    /// It runs.
    Running,
    /// It failed and waits.
    BackingOff {
        /// Failures in a row.
        failures: u32,
        /// Why it failed last, for the log and the operator's diagnosis.
        error: Arc<str>,
    },
}

/// One line of the supervisor's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitStatus {
    /// What it is doing.
    pub state: UnitState,
    /// How often it was started again.
    pub restarts: u64,
}

type List = BTreeMap<Arc<str>, UnitStatus>;

/// Starts units and sees them end. Units that ended for good are not in its list any more.
#[derive(Debug, Clone)]
pub struct Supervisor {
    stop: CancellationToken,
    units: TaskTracker,
    list: watch::Sender<List>,
}

/// A running unit. Letting go of it leaves the unit running.
#[derive(Debug, Clone)]
pub struct Unit {
    stop: CancellationToken,
    exit: watch::Receiver<Option<Exit>>,
}

impl Unit {
    /// Asks it to end, without waiting.
    pub fn stop(&self) {
        self.stop.cancel();
    }

    /// Waits for its end. It does not ask for it: see [`Unit::stop`].
    pub async fn ended(&self) -> Exit {
        let mut exit = self.exit.clone();
        let ended = exit.wait_for(Option::is_some).await.map(|exit| *exit);
        // The sender lives as long as the unit's task; that ends without a value only with the runtime.
        ended.ok().flatten().unwrap_or(Exit::Aborted)
    }
}

impl Supervisor {
    /// Units end when `stop` is cancelled.
    #[must_use]
    pub fn new(stop: CancellationToken) -> Self {
        Self {
            stop,
            units: TaskTracker::new(),
            list: watch::Sender::new(List::new()),
        }
    }

    /// What all units do, now and at every change.
    #[must_use]
    pub fn statuses(&self) -> watch::Receiver<List> {
        self.list.subscribe()
    }

    /// Starts a unit. `make` is called for every start with a token that is cancelled when the unit
    /// has to end; `Ok` ends the unit for good, an error or a panic starts it again after a wait.
    ///
    /// Names are for people; two units of one name share a line of the list.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    pub fn start<M, F, E>(&self, name: &str, policy: Policy, mut make: M) -> Unit
    where
        M: FnMut(CancellationToken) -> F + Send + 'static,
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<UnitError> + 'static,
    {
        let stop = self.stop.child_token();
        let (exited, exit) = watch::channel(None);
        let name: Arc<str> = name.into();
        let list = self.list.clone();
        let unit = Unit {
            stop: stop.clone(),
            exit,
        };
        let seat = self.units.token();
        let boxed = move |stop| {
            let work = make(stop);
            spawn(async move { work.await.map_err(Into::into) })
        };
        // Never aborted: it ends by its token, and `drain` bounds how long that takes.
        detach(async move {
            let _seat = seat;
            let exit = run(&name, policy, boxed, &stop, &list).await;
            list.send_modify(|list| {
                list.remove(&name);
            });
            exited.send_replace(Some(exit));
        });
        unit
    }

    /// Waits until every unit has ended. Cancel the token first.
    pub async fn ended(&self) {
        self.units.close();
        self.units.wait().await;
    }
}

#[expect(clippy::disallowed_methods, reason = "the supervisor itself")]
fn detach(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}

async fn run<M>(
    name: &Arc<str>,
    policy: Policy,
    mut make: M,
    stop: &CancellationToken,
    list: &watch::Sender<List>,
) -> Exit
where
    M: FnMut(CancellationToken) -> Task<Result<(), UnitError>>,
{
    let mut failures = 0_u32;
    let mut restarts = 0_u64;
    let report = |state, restarts| {
        list.send_modify(|list| {
            list.insert(name.clone(), UnitStatus { state, restarts });
        });
    };
    loop {
        if stop.is_cancelled() {
            return Exit::Stopped;
        }
        let began = Instant::now();
        report(UnitState::Running, restarts);
        let own = stop.child_token();
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| make(own.clone())));
        let ended = match made {
            Ok(mut work) => tokio::select! {
                ended = &mut work => ended.map_err(UnitError::from).flatten(),
                () = stop.cancelled() => return drain(name, policy.drain, work).await,
            },
            Err(panic) => Err(crate::task::panic_text(panic.as_ref()).into()),
        };
        own.cancel(); // whatever it left behind ends too
        let error: Arc<str> = match ended {
            Ok(()) => return Exit::Finished,
            Err(error) => chain(error.as_ref()).into(),
        };
        failures = if began.elapsed() >= policy.healthy_after {
            1
        } else {
            failures.saturating_add(1)
        };
        let wait = policy.backoff.delay(failures, random());
        tracing::warn!(unit = %name, failures, ?wait, %error, "Unit failed; starting it again.");
        report(UnitState::BackingOff { failures, error }, restarts);
        tokio::select! {
            () = stop.cancelled() => return Exit::Stopped,
            () = sleep(wait) => restarts += 1,
        }
    }
}

async fn drain<T>(name: &str, limit: Duration, mut work: Task<T>) -> Exit {
    if timeout(limit, &mut work).await.is_ok() {
        return Exit::Stopped;
    }
    tracing::warn!(unit = name, ?limit, "Unit did not end in time; aborted.");
    work.abort();
    Exit::Aborted
}

#[cfg(test)]
mod tests;
