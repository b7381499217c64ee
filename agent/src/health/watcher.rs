//! The unit that looks: at once when the show or the media server changes, and each second.
//!
//! Owns the rules' memory and the published [`Report`]. Reads the show's state, never asks it anything.

use super::finding::{Finding, Report};
use super::history::History;
use super::ledger::Ledger;
use super::rules::rules;
use super::seen::{
    CameraSeen, CredentialsSeen, DestinationSeen, LoweredSeen, MediaSeen, Seen, StreamSeen,
    is_refusal, unreadable,
};
use super::trend::Trend;
use crate::config::Live;
use crate::inventory::Shelf;
use crate::outage::Outage;
use crate::show::{DestinationStatus, Mode, Show, ShowStatus, StreamState, StreamStatus};
use crate::telemetry::System;
use crate::time::rfc3339;
use engine::mediamtx::{self, Snapshot};
use model::CameraId;
use protocol::HasCode;
use runtime::{CancellationToken, Clock, SystemClock};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use store::{Store, Tree};
use tokio::sync::watch;

/// Between two looks while nothing changes.
const PERIOD: Duration = Duration::from_secs(1);
/// Without a picture of its paths for so long, the media server counts as silent. It is asked each second.
const SILENT_NS: u64 = 2_500_000_000;

/// How the agent is, for anyone. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Health {
    report: watch::Receiver<Arc<Report>>,
}

impl Health {
    /// Reports that somebody else sends.
    #[must_use]
    pub const fn of(report: watch::Receiver<Arc<Report>>) -> Self {
        Self { report }
    }

    /// Everything that is wrong now.
    #[must_use]
    pub fn report(&self) -> Arc<Report> {
        Arc::clone(&self.report.borrow())
    }

    /// The reports as they come: one each second, and one at once when the show changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Arc<Report>> {
        self.report.clone()
    }
}

/// What the media server tells of itself.
#[derive(Debug, Clone)]
struct Server {
    health: watch::Receiver<mediamtx::Health>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    absent: watch::Receiver<bool>,
    farewell_ns: watch::Receiver<u64>,
}

/// Looks and reports.
#[derive(Clone)]
pub struct Watcher {
    show: Show,
    server: Server,
    system: System,
    shelf: Shelf,
    store: Store,
    history: History,
    live: Live,
    credentials: watch::Receiver<Option<link::Validity>>,
    report: watch::Sender<Arc<Report>>,
}

/// What of the show's state is worth a look at once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Signature {
    mode: Mode,
    inputs: Vec<String>,
    destinations: Vec<(String, Option<String>)>,
    restarts: u64,
}

impl Signature {
    fn of(show: &ShowStatus) -> Self {
        let destinations = show.destinations.iter();
        Self {
            mode: show.mode,
            inputs: show
                .inputs
                .iter()
                .map(|input| format!("{} {}", input.name, input.state))
                .collect(),
            destinations: destinations
                .map(|one| {
                    (
                        format!("{} {:?}", one.id, one.state),
                        one.last_error.clone(),
                    )
                })
                .collect(),
            restarts: show
                .program
                .as_ref()
                .map_or(0, |program| program.encoder_restarts),
        }
    }
}

impl Watcher {
    /// A watcher that has not looked yet, and what it will report. A condition ends when it was good for
    /// as long as the settings say; every ten seconds a line is written to `history`.
    #[must_use]
    pub fn new(
        show: Show,
        media: &mediamtx::MediaMtx,
        system: System,
        (shelf, store): (Shelf, Store),
        history: History,
        live: Live,
        credentials: watch::Receiver<Option<link::Validity>>,
    ) -> (Self, Health) {
        let (report, seen) = watch::channel(Arc::default());
        let server = Server {
            health: media.health(),
            snapshots: media.snapshots(),
            absent: media.absent(),
            farewell_ns: media.farewell(),
        };
        let watcher = Self {
            show,
            server,
            system,
            shelf,
            store,
            history,
            live,
            credentials,
            report,
        };
        (watcher, Health::of(seen))
    }

    /// Looks until `stop`.
    pub async fn run(self, stop: CancellationToken) {
        let mut shows = self.show.watch();
        let mut health = self.server.health.clone();
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut ledger = Ledger::new(self.live.borrow().clear_after);
        let mut trend = Trend::default();
        let mut last = Signature::default();
        let mut delivered = BTreeSet::new();
        let mut names = BTreeMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
                changed = health.changed() => if changed.is_err() { return },
                changed = shows.changed() => {
                    if changed.is_err() {
                        return; // the show's task is gone: the agent ends
                    }
                    let now = Signature::of(&shows.borrow_and_update());
                    if now == last {
                        continue;
                    }
                    last = now;
                }
            }
            let now = SystemClock.monotonic();
            let show = self.show.status();
            let machine = self.system.sample();
            let seen = Seen {
                media: self.media(),
                running: show.mode != Mode::Idle,
                live: show.mode == Mode::Live,
                cameras: self.cameras(&show, &mut delivered),
                unreadable: unreadable(&show),
                destinations: show
                    .destinations
                    .iter()
                    .map(|one| self.destination(one))
                    .collect(),
                streams: self.streams(&show, &mut names),
                program: trend.take(now, show.program.as_ref(), &machine),
                lowered: LoweredSeen::of(&show.quality),
                credentials: self.credentials(),
                machine: (*machine).clone(),
            };
            self.history.take(
                now,
                SystemClock.wall(),
                &show,
                seen.program.as_ref(),
                &machine,
            );
            ledger.clear_after(self.live.borrow().clear_after);
            let findings = ledger.take(now, rules(&seen));
            self.publish(findings);
        }
    }

    fn credentials(&self) -> Option<CredentialsSeen> {
        let validity = (*self.credentials.borrow())?;
        let now = SystemClock.wall().duration_since(SystemTime::UNIX_EPOCH);
        Some(CredentialsSeen::at(now.unwrap_or_default(), validity))
    }

    fn publish(&self, findings: Vec<Finding>) {
        let report = Report::of(findings, rfc3339(SystemClock.wall()));
        let before = self.report.borrow().status;
        if before != report.status {
            tracing::info!(from = ?before, to = ?report.status, "Health.");
        }
        self.report.send_replace(Arc::new(report));
    }

    fn media(&self) -> MediaSeen {
        let health = self.server.health.borrow().clone();
        let done_without = *self.server.absent.borrow();
        if health == mediamtx::Health::Starting && !done_without {
            return MediaSeen::Up;
        }
        if let Some(outage) = Outage::of(&health) {
            let reason = match &health {
                mediamtx::Health::Down { reason, .. } | mediamtx::Health::Missing { reason } => {
                    reason.to_string()
                }
                mediamtx::Health::Up { .. } | mediamtx::Health::Starting => outage.to_string(),
            };
            let remediation = outage.remediation();
            return MediaSeen::Down {
                reason,
                remediation,
                done_without,
            };
        }
        let at_ns = self.server.snapshots.borrow().at_ns;
        let now_ns = SystemClock.monotonic_ns();
        let leaves = now_ns < *self.server.farewell_ns.borrow();
        if at_ns > 0 && now_ns.saturating_sub(at_ns) > SILENT_NS && !leaves {
            MediaSeen::Silent
        } else {
            MediaSeen::Up
        }
    }

    /// The cameras of the show; those that deliver are added to those that have in this show.
    fn cameras(&self, show: &ShowStatus, delivered: &mut BTreeSet<String>) -> Vec<CameraSeen> {
        if show.mode == Mode::Idle {
            delivered.clear();
        }
        let shelf = self.shelf.borrow();
        let name = |id: &str| {
            let id = CameraId::parse(id).ok();
            let camera = id.as_ref().and_then(|id| shelf.camera(id));
            camera.map(|(camera, _)| camera.name.clone())
        };
        let name = |id: &str| name(id).unwrap_or_else(|| format!("Camera {id}"));
        let mut cameras = Vec::new();
        for input in &show.inputs {
            let Some(mut camera) = CameraSeen::of(input, show.on_air.as_ref(), name) else {
                continue;
            };
            if camera.delivers {
                delivered.insert(camera.id.clone());
            }
            camera.known = delivered.contains(&camera.id);
            cameras.push(camera);
        }
        cameras
    }

    fn destination(&self, status: &DestinationStatus) -> DestinationSeen {
        let id = status.id.as_str();
        let shelf = self.shelf.borrow();
        let platform = shelf.destination(&status.id).map(|(stored, _)| {
            let preset = stream::preset(stored.platform);
            (preset.name.clone(), preset.help_url.clone())
        });
        DestinationSeen {
            id: id.to_owned(),
            name: status.name.clone(),
            platform,
            state: status.state,
            cause: status.last_error.clone(),
            advice: status.remediation.clone(),
            rejected: status.last_error.as_deref().is_some_and(is_refusal),
            retries: status.retries,
        }
    }

    /// The streams that run. The name of one is looked up when it is new in `names`.
    fn streams(&self, show: &ShowStatus, names: &mut BTreeMap<String, String>) -> Vec<StreamSeen> {
        #[derive(Deserialize)]
        struct Named {
            name: String,
        }
        let streams = show.streams.iter();
        let running: Vec<_> = streams
            .filter(|one| one.state != StreamState::Stopped)
            .collect();
        names.retain(|id, _| running.iter().any(|one| one.id.as_str() == id));
        let seen = |one: &&StreamStatus| {
            let id = one.id.as_str();
            let name = names.entry(id.to_owned()).or_insert_with(|| {
                // From the database's cache; what cannot be read has no name.
                let stored: Option<Named> = self.store.get(Tree::Streams, id).ok().flatten();
                stored.map_or_else(|| id.to_owned(), |stored| stored.name)
            });
            StreamSeen::of(one, name.clone())
        };
        running.iter().map(seen).collect()
    }
}
