//! One destination on air: a path of the media server with one forward, and the patience to keep it.
//!
//! Owns the handle of a destination and what is told of it. Each runs by itself and touches no other.
//! When to try again, where, and what counts as active is decided by the pure [`stream::step`]; the
//! driver feeds it and carries out its effects. Never shows a word that a destination's server has
//! said: it may repeat the stream key. Neighbours: `driver` owns the path, `count` the bytes, `dial`
//! asks whether anybody is there, `direct` sends without the media server while that is absent.

mod count;
mod dial;
mod direct;
mod driver;

use driver::Driver;
use engine::mediamtx::{MediaMtx, PathName};
use runtime::{CancellationToken, Clock, SystemClock, Task, spawn};
use stream::{EgressEvent, EgressState, Side, Target, step};
use tokio::sync::watch;

/// How a destination does.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Where it stands.
    pub state: EgressState,
    /// What it took over the last three seconds, in kilobits a second.
    pub kbps: u32,
    /// Bytes it took since it went on air, over all attempts.
    pub bytes: u64,
    /// Attempts in a row that failed.
    pub retries: u32,
    /// The address that is used, or tried next.
    pub using: Side,
    /// It takes less than is sent to it, so that pictures are lost there.
    pub slow: bool,
    /// The operator has to look after it: its key is refused, or it stayed away for long.
    pub needs_attention: bool,
    /// Why it is not well, for the operator.
    pub last_error: Option<String>,
    /// What the operator can do about it.
    pub remediation: Option<String>,
}

/// A destination on air. Dropping it takes it off.
#[derive(Debug)]
pub struct Egress {
    path: PathName,
    server: MediaMtx,
    stop: CancellationToken,
    status: watch::Receiver<Status>,
    task: Option<Task<()>>,
}

impl Egress {
    /// Sends what is on path `from` to a destination, by way of path `path`, until it is stopped.
    #[must_use]
    pub fn start(
        server: &MediaMtx,
        path: PathName,
        from: PathName,
        target: impl Into<Target>,
    ) -> Self {
        let target = target.into();
        let begun = EgressEvent::Start(target.plan());
        let (state, _) = step(EgressState::Idle, begun, SystemClock.monotonic());
        let (report, status) = watch::channel(Status {
            state,
            ..Status::default()
        });
        let stop = CancellationToken::new();
        let driver = Driver::new(server.clone(), path.clone(), from, target, report);
        Self {
            path,
            server: server.clone(),
            stop: stop.clone(),
            status,
            task: Some(spawn(driver.run(stop))),
        }
    }

    /// How it does now.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// How it does, at every change.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// Takes it off air and waits until its connection is closed.
    pub async fn stop(mut self) {
        self.stop.cancel();
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(path = %self.path, %error, "A destination's task did not end in order.");
        }
    }
}

impl Drop for Egress {
    fn drop(&mut self) {
        self.server.forget(&self.path);
    }
}
