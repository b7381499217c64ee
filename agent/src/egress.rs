//! One destination on air: a path of the media server with one forward, and the patience to keep it.
//!
//! Owns the path `out/<id>` of one destination, its attempts and its count of bytes. Each runs by
//! itself and touches no other. When to try again, and what counts as active, is decided by the pure
//! [`stream::step`]; this module feeds it and carries out its effects. Never shows a word that a
//! destination's server has said: it may repeat the stream key.

use engine::mediamtx::{Forward, Local, MediaMtx, PathError, PathName, PathSpec, Snapshot};
use runtime::{CancellationToken, Clock, SystemClock, Task, spawn};
use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;
use stream::{Cause, EgressEffect, EgressEvent, EgressState, Ingest, Sound, classify, step};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// Time between two looks while nothing has arrived yet.
const EAGER: Duration = Duration::from_millis(200);
/// Time between two looks otherwise; the media server is looked at each second anyway.
const CALM: Duration = Duration::from_secs(1);
/// How long a try of the port may take.
const DIAL: Duration = Duration::from_secs(3);
/// Bytes that RTMP needs to shake hands and be let in: they do not count as sent.
const HANDSHAKE: u64 = 8 * 1024;
/// How long a destination waits for an encoder that is just being started.
const SOURCE: Duration = Duration::from_secs(8);
/// The bit rate is taken over this long.
const WINDOW_NS: u64 = 3_000_000_000;

/// How a destination does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// Where it stands.
    pub state: EgressState,
    /// What it took over the last three seconds, in kilobits a second.
    pub kbps: u32,
    /// Bytes it took since it went on air, over all attempts.
    pub bytes: u64,
    /// Attempts in a row that failed.
    pub retries: u32,
    /// Why it is not active, for the operator.
    pub last_error: Option<String>,
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
    pub fn start(server: &MediaMtx, path: PathName, from: PathName, ingest: Ingest) -> Self {
        let now = SystemClock.monotonic();
        let (state, _) = step(EgressState::Idle, EgressEvent::Start, now);
        let (report, status) = watch::channel(Status {
            state,
            kbps: 0,
            bytes: 0,
            retries: 0,
            last_error: None,
        });
        let stop = CancellationToken::new();
        let driver = Driver {
            server: server.clone(),
            path: path.clone(),
            from,
            ingest,
            report,
            state: EgressState::Idle,
            attached: None,
            count: Count::default(),
            dial: None,
        };
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

struct Driver {
    server: MediaMtx,
    path: PathName,
    from: PathName,
    ingest: Ingest,
    report: watch::Sender<Status>,
    state: EgressState,
    /// The last snapshot that is older than the running attempt.
    attached: Option<u64>,
    count: Count,
    dial: Option<Task<bool>>,
}

impl Driver {
    async fn run(mut self, stop: CancellationToken) {
        let mut snapshots = self.server.snapshots();
        tokio::select! {
            () = stop.cancelled() => return,
            () = self.source() => {}
        }
        self.feed(EgressEvent::Start).await;
        loop {
            let eager = matches!(self.state, EgressState::Connecting { .. });
            tokio::select! {
                () = stop.cancelled() => break,
                news = snapshots.changed() => {
                    if news.is_err() {
                        break; // the media server's keeper is gone: the agent ends
                    }
                }
                answered = answer(&mut self.dial) => {
                    self.dial = None;
                    if answered {
                        self.feed(EgressEvent::Answered).await;
                    }
                }
                () = sleep(if eager { EAGER } else { CALM }) => {
                    if eager {
                        self.server.refresh().await;
                    }
                }
            }
            let snapshot = snapshots.borrow_and_update().clone();
            if let Some(event) = self.look(&snapshot) {
                self.feed(event).await;
            }
            self.feed(EgressEvent::Tick).await;
            self.publish();
        }
        self.feed(EgressEvent::Stop).await;
        self.publish();
    }

    /// Waits until there is something to send: a pull that comes too early is tried again only after
    /// five seconds. A source that stays away is found out by the attempt itself.
    async fn source(&self) {
        let there = async {
            while !self
                .server
                .refresh()
                .await
                .path(&self.from)
                .is_some_and(|path| path.online)
            {
                sleep(EAGER).await;
            }
        };
        // Too late is an attempt like any other.
        let _there = timeout(SOURCE, there).await;
    }

    /// What a snapshot says about the running attempt.
    fn look(&mut self, snapshot: &Arc<Snapshot>) -> Option<EgressEvent> {
        let attached = self.attached?;
        if snapshot.number <= attached {
            return None;
        }
        let forwarding = snapshot.path(&self.path)?.forwarding.as_ref()?;
        self.count.take(snapshot, forwarding.outbound_bytes);
        if let Some(text) = &forwarding.error {
            let early = matches!(self.state, EgressState::Connecting { .. })
                && forwarding.outbound_bytes <= HANDSHAKE;
            return Some(EgressEvent::Lost(match classify(text) {
                // Servers hang up on a key that they do not know, most of them without a word.
                Cause::Closed if early => Cause::Rejected,
                cause => cause,
            }));
        }
        let media = forwarding.outbound_bytes.saturating_sub(HANDSHAKE);
        Some(EgressEvent::Bytes(media))
    }

    async fn feed(&mut self, event: EgressEvent) {
        let now = SystemClock.monotonic();
        let (state, effects) = step(self.state, event, now);
        self.state = state;
        for effect in effects {
            match effect {
                EgressEffect::Attach => {
                    if let Some(cause) = self.attach().await {
                        // The table answers a loss at once with its own effects.
                        Box::pin(self.feed(EgressEvent::Lost(cause))).await;
                    }
                }
                EgressEffect::Detach => self.detach().await,
                EgressEffect::Probe => self.dial(),
                EgressEffect::Report => self.tell(),
                EgressEffect::Alert => tracing::error!(
                    path = %self.path,
                    to = %self.ingest.label,
                    "A destination needs attention."
                ),
            }
        }
    }

    async fn attach(&mut self) -> Option<Cause> {
        self.dial = None;
        let over = match self.ingest.protocol.sound() {
            Sound::Aac => Local::Rtmp,
            Sound::Opus => Local::Rtsp,
        };
        let to = Forward {
            dest: self.ingest.dest.clone(),
            bearer: self.ingest.bearer.clone(),
        };
        let spec = PathSpec::forwarded(self.from.clone(), over, to);
        let made = self.server.put(&self.path, spec).await;
        self.attached = Some(self.server.snapshots().borrow().number);
        self.count.begin();
        match made {
            // A server that is away makes the path when it is back.
            Ok(()) | Err(PathError::Down) => None,
            Err(PathError::Refused { .. }) => Some(Cause::Rejected),
        }
    }

    async fn detach(&mut self) {
        self.attached = None;
        if let Err(error) = self.server.remove(&self.path).await {
            tracing::info!(path = %self.path, %error, "A destination's path is removed later.");
        }
    }

    /// Tries the port, so that a server that is back need not be waited for.
    fn dial(&mut self) {
        if self.dial.is_some() || !self.ingest.protocol.answers_tcp() {
            return;
        }
        let (host, port) = (self.ingest.host.clone(), self.ingest.port);
        self.dial = Some(spawn(async move {
            let connect = TcpStream::connect((host.as_str(), port));
            timeout(DIAL, connect).await.is_ok_and(|made| made.is_ok())
        }));
    }

    fn tell(&self) {
        let (path, to) = (&self.path, &self.ingest.label);
        let state = self.state.name();
        match self.state.cause() {
            None => tracing::info!(%path, %to, state, "Destination."),
            Some(cause) => {
                tracing::warn!(%path, %to, state, ?cause, retries = self.state.failures(), "Destination.");
            }
        }
        self.publish();
    }

    fn publish(&self) {
        let status = Status {
            state: self.state,
            kbps: if self.state.is_active() {
                self.count.kbps()
            } else {
                0
            },
            bytes: self.count.total,
            retries: self.state.failures(),
            last_error: self.state.cause().map(|cause| cause.message().to_owned()),
        };
        self.report.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        });
    }
}

/// Waits for a try of the port, for ever where there is none.
async fn answer(dial: &mut Option<Task<bool>>) -> bool {
    match dial {
        Some(task) => task.await.unwrap_or(false),
        None => pending().await,
    }
}

/// Bytes over all attempts, and their rate.
#[derive(Debug, Default)]
struct Count {
    total: u64,
    /// The last count of the running attempt.
    last: u64,
    samples: VecDeque<(u64, u64)>,
}

impl Count {
    fn begin(&mut self) {
        self.last = 0;
        self.samples.clear();
    }

    fn take(&mut self, snapshot: &Snapshot, bytes: u64) {
        if bytes < self.last {
            self.begin(); // the media server was started again
        }
        self.total += bytes - self.last;
        self.last = bytes;
        self.samples.push_back((snapshot.at_ns, self.total));
        let old = snapshot.at_ns.saturating_sub(WINDOW_NS);
        while self.samples.len() > 2 && self.samples.front().is_some_and(|(at, _)| *at < old) {
            self.samples.pop_front();
        }
    }

    fn kbps(&self) -> u32 {
        let (Some((from, low)), Some((to, high))) = (self.samples.front(), self.samples.back())
        else {
            return 0;
        };
        let ms = to.saturating_sub(*from) / 1_000_000;
        // Bits per millisecond are kilobits per second.
        let kbps = ((high - low) * 8).checked_div(ms).unwrap_or(0);
        u32::try_from(kbps).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Snapshot {
        Snapshot {
            at_ns: ms * 1_000_000,
            ..Snapshot::default()
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_the_total_that_of_all_attempts() {
        let mut count = Count::default();
        for second in 0..10 {
            count.take(&at(second * 1000), second * 1000);
        }
        assert_eq!((count.kbps(), count.total), (8, 9000));
        count.begin();
        assert_eq!(count.kbps(), 0);
        count.take(&at(20_000), 500);
        assert_eq!(count.total, 9500);
        // A count that falls begins anew.
        count.take(&at(21_000), 100);
        assert_eq!(count.total, 9600);
    }
}
