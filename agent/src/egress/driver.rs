//! Feeds one destination's state machine and does what it says.
//!
//! Owns the path `out/<id>`, made only while there is something to send, and made again when the media
//! server has lost its source. Decides nothing about retries. Neighbours: `count`, `dial`.

use super::Status;
use super::count::Count;
use super::{dial, direct};
use engine::mediamtx::{Forward, Local, MediaMtx, PathError, PathName, PathSpec, Snapshot};
use engine::relay::{Relay, RelayStats, Tap};
use runtime::{CancellationToken, Clock, SystemClock, Task, spawn};
use std::future::pending;
use std::time::Duration;
use stream::{
    Cause, EgressEffect, EgressEvent, EgressState, Side, Sound, Target, classify, preset,
    slow_message, step,
};
use tokio::sync::watch;
use tokio::time::sleep;

/// Time between two looks while nothing has arrived yet.
const EAGER: Duration = Duration::from_millis(200);
/// Time between two looks otherwise; the media server is looked at each second anyway.
const CALM: Duration = Duration::from_secs(1);
/// Bytes that RTMP needs to shake hands and be let in: they do not count as sent.
const HANDSHAKE: u64 = 8 * 1024;
/// How long the first attempt waits for an encoder that is just being started; then it begins with
/// the slate.
const SOURCE: Duration = Duration::from_secs(8);
/// A path whose source has not come after so long, although it is there, is made again.
const REMAKE: Duration = Duration::from_secs(6);
/// With nothing to send for so long, the operator is told.
const UNFED: Duration = Duration::from_secs(3);
/// What is told then, and what can be done.
const NOTHING: (&str, &str) = (
    "There is nothing to send: the program or the camera is away.",
    "It is sent as soon as it is back. Check that the camera sends and that the media server runs.",
);

/// The same where the media server is absent and nothing else speaks the protocol.
const UNSERVED: (&str, &str) = (
    "It cannot be sent to without the media server, which is away.",
    "Bring the media server back: see its alert. Meanwhile only RTMP and RTMPS destinations are sent to.",
);

/// How far the running attempt is.
#[derive(Debug)]
enum Attempt {
    /// There is none.
    None,
    /// It waits for something to send.
    Waiting { since: Duration },
    /// Its path was made.
    Made {
        at: Duration,
        /// The last snapshot that is older than it.
        after: u64,
        /// The start of the media server that it was made in.
        boot: u64,
    },
    /// It is sent to without the media server.
    Direct(Relay),
}

/// A question to a port.
#[derive(Debug)]
enum Dial {
    /// Beside an attempt: is anybody there at all?
    Attempt(Task<bool>),
    /// While waiting: who is there again?
    Wait(Task<Option<Side>>),
}

pub(super) struct Driver {
    server: MediaMtx,
    path: PathName,
    from: PathName,
    /// What is on `from`, without the media server.
    tap: Tap,
    target: Target,
    report: watch::Sender<Status>,
    state: EgressState,
    attempt: Attempt,
    /// Whether there was an attempt before.
    tried: bool,
    count: Count,
    /// When the snapshot was taken that was looked at last.
    looked_ns: u64,
    dial: Option<Dial>,
    /// Since when there is nothing to send.
    unfed: Option<Duration>,
}

impl Driver {
    pub(super) fn new(
        server: MediaMtx,
        path: PathName,
        from: PathName,
        target: Target,
        report: watch::Sender<Status>,
    ) -> Self {
        Self {
            tap: server.tap(&from),
            server,
            path,
            from,
            target,
            report,
            state: EgressState::Idle,
            attempt: Attempt::None,
            tried: false,
            count: Count::default(),
            looked_ns: 0,
            dial: None,
            unfed: None,
        }
    }

    pub(super) async fn run(mut self, stop: CancellationToken) {
        let mut snapshots = self.server.snapshots();
        let mut absent = self.server.absent();
        self.feed(EgressEvent::Start(self.target.plan())).await;
        self.server.refresh().await;
        loop {
            let snapshot = snapshots.borrow_and_update().clone();
            self.advance(&snapshot).await;
            let by_server = !matches!(self.attempt, Attempt::Direct(_)) && !self.server.is_absent();
            let silent =
                by_server && self.state.is_active() && is_silent(&snapshot, self.looked_ns);
            self.looked_ns = snapshot.at_ns;
            if !silent {
                if let Some(event) = self.look(&snapshot) {
                    self.unfed = match event {
                        EgressEvent::Unfed => self.unfed.or(Some(SystemClock.monotonic())),
                        _ => None,
                    };
                    self.feed(event).await;
                }
                self.feed(EgressEvent::Tick).await;
            }
            self.publish();
            let eager = matches!(self.state, EgressState::Connecting { .. });
            tokio::select! {
                () = stop.cancelled() => break,
                news = snapshots.changed() => {
                    if news.is_err() {
                        break; // the media server's keeper is gone: the agent ends
                    }
                }
                changed = absent.changed() => {
                    if changed.is_err() {
                        break; // as above
                    }
                }
                event = answer(&mut self.dial) => {
                    self.dial = None;
                    if let Some(event) = event {
                        self.feed(event).await;
                    }
                }
                () = sleep(if eager { EAGER } else { CALM }) => {
                    if eager {
                        self.server.refresh().await;
                    }
                }
            }
        }
        self.feed(EgressEvent::Stop).await;
        self.publish();
    }

    /// Makes the path as soon as there is something to send, and again where its source was lost.
    async fn advance(&mut self, snapshot: &Snapshot) {
        if self.server.is_absent() {
            return self.do_without().await;
        }
        let now = SystemClock.monotonic();
        let source = snapshot.path(&self.from);
        let there = source.is_some_and(|source| source.available || source.online);
        match self.attempt {
            // A connection that is good is left alone: the next one goes through the media server again.
            Attempt::None | Attempt::Direct(_) => {}
            Attempt::Waiting { since } => {
                let encoded = source.is_some_and(|source| source.online);
                if encoded || (there && (self.tried || now >= since + SOURCE)) {
                    self.make(snapshot).await;
                }
            }
            Attempt::Made { at, after, boot } => {
                let fed = snapshot.path(&self.path).is_some_and(|path| path.available);
                if snapshot.number <= after || !there {
                    return;
                }
                if fed {
                    let boot = snapshot.boot;
                    self.attempt = Attempt::Made { at, after, boot };
                } else if snapshot.boot != boot || now >= at + REMAKE {
                    tracing::info!(path = %self.path, "A destination's path lost its source; it is made again.");
                    self.remove().await;
                    self.make(snapshot).await;
                }
            }
        }
    }

    /// Sends without the media server, as soon as there is something to send.
    async fn do_without(&mut self) {
        match self.attempt {
            Attempt::None | Attempt::Direct(_) => {}
            Attempt::Made { .. } => {
                // The path is gone with the server, and must not come back with it beside a relay.
                self.remove().await;
                let since = SystemClock.monotonic();
                self.attempt = Attempt::Waiting { since };
            }
            Attempt::Waiting { .. } if self.tap.flows() => {
                if let Some(target) = direct::target(self.target.at(self.state.side())) {
                    // Nothing of it may be left for the server to find when it comes back.
                    self.remove().await;
                    self.tried = true;
                    self.count.begin();
                    self.attempt = Attempt::Direct(Relay::start(&self.tap, target));
                }
            }
            Attempt::Waiting { .. } => {}
        }
    }

    /// What a relay says about the running attempt.
    fn look_at(&mut self, relay: RelayStats) -> EgressEvent {
        self.count
            .take(SystemClock.monotonic_ns(), relay.sent, relay.offered);
        match relay.error {
            Some(error) => EgressEvent::Lost(direct::cause(error)),
            None if !self.tap.flows() => EgressEvent::Unfed,
            None => EgressEvent::Bytes(relay.sent),
        }
    }

    /// What a snapshot says about the running attempt.
    fn look(&mut self, snapshot: &Snapshot) -> Option<EgressEvent> {
        let after = match &self.attempt {
            Attempt::None => return None,
            Attempt::Waiting { .. } => return Some(EgressEvent::Unfed),
            Attempt::Made { after, .. } => *after,
            Attempt::Direct(relay) => {
                let relay = relay.stats();
                return Some(self.look_at(relay));
            }
        };
        if snapshot.number <= after {
            return None;
        }
        let path = snapshot.path(&self.path);
        let Some((path, forwarding)) =
            path.and_then(|path| Some((path, path.forwarding.as_ref()?)))
        else {
            return Some(EgressEvent::Unfed);
        };
        let sent = forwarding.outbound_bytes;
        self.count.take(snapshot.at_ns, sent, path.inbound_bytes);
        Some(match &forwarding.error {
            Some(text) => EgressEvent::Lost(classify(text)),
            None if !path.available => EgressEvent::Unfed,
            None => EgressEvent::Bytes(sent.saturating_sub(HANDSHAKE)),
        })
    }

    async fn feed(&mut self, event: EgressEvent) {
        let (state, effects) = step(self.state, event, SystemClock.monotonic());
        self.state = state;
        for effect in effects {
            match effect {
                EgressEffect::Attach(side) => self.attach(side).await,
                EgressEffect::Detach => self.detach().await,
                EgressEffect::Probe => self.probe(),
                EgressEffect::Report => self.tell(),
                EgressEffect::Alert => tracing::error!(
                    path = %self.path,
                    to = %self.target.at(self.state.side()).label,
                    cause = ?self.state.cause(),
                    "A destination needs attention."
                ),
            }
        }
    }

    async fn attach(&mut self, side: Side) {
        if let Attempt::Direct(relay) = std::mem::replace(&mut self.attempt, Attempt::None) {
            relay.stop().await;
        }
        let since = SystemClock.monotonic();
        self.attempt = Attempt::Waiting { since };
        let ingest = self.target.at(side).clone();
        // SRT's own handshake gives up after three seconds.
        self.dial = ingest
            .protocol
            .answers_tcp()
            .then(|| Dial::Attempt(spawn(async move { dial::answers(&ingest).await })));
    }

    async fn make(&mut self, snapshot: &Snapshot) {
        let ingest = self.target.at(self.state.side());
        let over = match ingest.protocol.sound() {
            Sound::Aac => Local::Rtmp,
            Sound::Opus => Local::Rtsp,
        };
        let to = Forward {
            dest: ingest.dest.clone(),
            bearer: ingest.bearer.clone(),
            fingerprint: ingest.fingerprint.clone(),
        };
        let spec = PathSpec::forwarded(self.from.clone(), over, to);
        let made = self.server.put(&self.path, spec).await;
        self.tried = true;
        self.count.begin();
        self.attempt = Attempt::Made {
            at: SystemClock.monotonic(),
            after: self.server.snapshots().borrow().number,
            boot: snapshot.boot,
        };
        match made {
            // A server that is away makes the path when it is back.
            Ok(()) | Err(PathError::Down) => {}
            Err(PathError::Refused { .. }) => {
                // The table answers a loss at once with its own effects.
                Box::pin(self.feed(EgressEvent::Lost(Cause::Rejected))).await;
            }
        }
    }

    async fn detach(&mut self) {
        // The old connection is closed before the same key dials again.
        if let Attempt::Direct(relay) = std::mem::replace(&mut self.attempt, Attempt::None) {
            relay.stop().await;
        }
        self.unfed = None;
        self.dial = None;
        self.remove().await;
    }

    async fn remove(&self) {
        if let Err(error) = self.server.remove(&self.path).await {
            tracing::info!(path = %self.path, %error, "A destination's path is removed later.");
        }
    }

    /// Tries the ports, so that a server that is back need not be waited for.
    fn probe(&mut self) {
        if self.dial.is_some() {
            return;
        }
        let (target, first) = (self.target.clone(), self.state.side());
        let dial = spawn(async move { dial::any(&target, first).await });
        self.dial = Some(Dial::Wait(dial));
    }

    fn tell(&self) {
        let (path, to) = (&self.path, &self.target.at(self.state.side()).label);
        let state = self.state.name();
        let waits = matches!(
            self.state,
            EgressState::Retrying { .. } | EgressState::Failed { .. }
        );
        match self.state.cause().filter(|_| waits) {
            None => tracing::info!(%path, %to, state, "Destination."),
            Some(cause) => {
                tracing::warn!(%path, %to, state, ?cause, retries = self.state.failures(), "Destination.");
            }
        }
        self.publish();
    }

    fn publish(&self) {
        let active = self.state.is_active();
        let slow = active && self.count.is_slow();
        let preset = preset(self.target.primary.platform);
        let cause = self.state.cause();
        let told = if slow { Some(Cause::Stalled) } else { cause };
        let unfed = self
            .unfed
            .is_some_and(|since| SystemClock.monotonic() >= since + UNFED);
        let served =
            !self.server.is_absent() || direct::target(self.target.at(self.state.side())).is_some();
        let nothing = if served { NOTHING } else { UNSERVED };
        let nothing = (unfed && !slow).then_some(nothing);
        let status = Status {
            state: self.state,
            kbps: if active { self.count.kbps() } else { 0 },
            bytes: self.count.total(),
            retries: self.state.failures(),
            using: self.state.side(),
            slow,
            needs_attention: self.state.needs_attention(),
            last_error: match nothing {
                Some((message, _)) => Some(message.to_owned()),
                None if slow => Some(slow_message(preset)),
                None => cause.map(|cause| cause.message(preset)),
            },
            remediation: match nothing {
                Some((_, remediation)) => Some(remediation.to_owned()),
                None => told.map(|cause| cause.remediation(preset)),
            },
        };
        self.report.send_if_modified(|old| {
            let changed = *old != status;
            *old = status;
            changed
        });
    }
}

/// Whether the media server has said nothing since the last look. One that waits for another
/// destination's server says nothing for a while, and sends on: what is on air is judged by what was
/// seen, and not by its silence. One that is away has no path at all.
fn is_silent(snapshot: &Snapshot, looked_ns: u64) -> bool {
    snapshot.at_ns == looked_ns && !snapshot.paths.is_empty()
}

/// Waits for the answer to a question, for ever where there is none.
async fn answer(dial: &mut Option<Dial>) -> Option<EgressEvent> {
    match dial {
        Some(Dial::Attempt(task)) => {
            (!task.await.unwrap_or(true)).then_some(EgressEvent::Unanswered)
        }
        Some(Dial::Wait(task)) => task.await.unwrap_or(None).map(EgressEvent::Answered),
        None => pending().await,
    }
}
