//! Makes the server's paths those that are wanted, and watches it.
//!
//! Owns every call of the API. Holds nothing that cannot be made again: it may be started anew at any
//! time. Neighbours: `process` keeps the server running and is told here when it hangs.

use super::api::{Api, ApiError};
use super::log::Redactor;
use super::reconcile::{Change, Wanted, changes, ours};
use super::{Forwarding, Health, PathError, PathName, PathSpec, PathState, Snapshot};
use futures_util::future::join_all;
use runtime::{CancellationToken, Clock};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Time from one look at the server to the next.
const PERIOD: Duration = Duration::from_millis(500);
/// The same while it is starting.
const STARTING: Duration = Duration::from_millis(50);
/// How long it may take to answer for the first time.
const START_LIMIT: Duration = Duration::from_secs(15);
/// Looks in a row that may fail before it is taken to hang. After the first the next follows at once,
/// so that a hang is found two deadlines of the API after the look that meets it.
const MISSES: u32 = 2;
/// MediaMTX answers nothing while it takes leave of a WHIP server that does not answer: ten seconds for
/// the connection and ten for the farewell. What it sends goes on meanwhile.
const FAREWELL: Duration = Duration::from_secs(25);

/// What became of the wanted paths, up to a revision.
#[derive(Debug, Clone, Default)]
pub(super) struct Applied {
    pub(super) revision: u64,
    pub(super) failed: BTreeMap<PathName, PathError>,
}

/// The ends that the keeper shares with the handle and with the process.
#[derive(Debug, Clone)]
pub(super) struct Board {
    pub(super) wanted: watch::Sender<Wanted>,
    pub(super) applied: watch::Sender<Applied>,
    /// Requests for a snapshot now, counted.
    pub(super) asked: watch::Sender<u64>,
    /// The last request that a snapshot has answered.
    pub(super) answered: watch::Sender<u64>,
    pub(super) snapshot: watch::Sender<Arc<Snapshot>>,
    pub(super) health: watch::Sender<Health>,
    /// The start of the server that is meant.
    pub(super) boot: watch::Sender<Boot>,
    /// The start that hangs and has to be killed.
    pub(super) hung: watch::Sender<u64>,
    /// Until when its silence is a farewell, [`Clock::monotonic_ns`].
    pub(super) farewell_ns: watch::Sender<u64>,
}

/// One start of the server. Only one that runs is spoken to: on the port of one that does not run
/// somebody else may answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Boot {
    /// Counts starts of the process; 0 for somebody else's.
    pub(super) number: u64,
    pub(super) runs: bool,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            wanted: watch::Sender::default(),
            applied: watch::Sender::default(),
            asked: watch::Sender::default(),
            answered: watch::Sender::default(),
            snapshot: watch::Sender::default(),
            health: watch::Sender::new(Health::Starting),
            boot: watch::Sender::default(),
            hung: watch::Sender::default(),
            farewell_ns: watch::Sender::default(),
        }
    }
}

pub(super) struct Keeper {
    pub(super) api: Api,
    pub(super) board: Board,
    pub(super) redactor: Redactor,
    pub(super) clock: Arc<dyn Clock>,
    /// The server has to prove that it is the one that we started.
    pub(super) ours: bool,
    pub(super) state: State,
}

/// What the keeper knows of the server that runs now.
#[derive(Default)]
pub(super) struct State {
    boot: Boot,
    up: bool,
    misses: u32,
    started: Option<Instant>,
    applied: BTreeMap<PathName, Arc<PathSpec>>,
    /// Those whose forward is being ended, until the server has said so.
    parting: BTreeSet<PathName>,
    /// Refused as they are; not tried again until they change.
    refused: BTreeMap<PathName, (Arc<PathSpec>, PathError)>,
    snapshots: u64,
    /// Misses are not counted until then.
    patient: Option<Instant>,
}

impl State {
    /// A path is about to lose its forward, and the server may stand still while that says farewell.
    /// A second try for the same one buys no more time: a server that hangs would never be found out.
    fn part(&mut self, name: &PathName) -> bool {
        let applied = self.applied.get(name);
        let parts =
            applied.is_some_and(|spec| spec.says_farewell()) && self.parting.insert(name.clone());
        if parts {
            self.patient = Some(Instant::now() + FAREWELL);
        }
        parts
    }
}

impl Keeper {
    pub(super) async fn run(mut self, stop: CancellationToken) -> Result<(), ApiError> {
        let mut wanted = self.board.wanted.subscribe();
        let mut asked = self.board.asked.subscribe();
        let mut boot = self.board.boot.subscribe();
        let mut due = Instant::now();
        loop {
            let now_boot = *boot.borrow_and_update();
            if now_boot != self.state.boot || self.state.started.is_none() {
                self.state = State {
                    boot: now_boot,
                    snapshots: self.state.snapshots,
                    started: Some(Instant::now()),
                    ..State::default()
                };
                due = Instant::now();
            }
            let request = *asked.borrow_and_update();
            let want = wanted.borrow_and_update().clone();
            let began = Instant::now();
            let asks = request != *self.board.answered.borrow();
            let look = now_boot.runs && (began >= due || asks);
            let outcome = self.round(&want, look).await;
            self.report(&want, outcome.as_ref().err());
            if look {
                self.judge(outcome.err());
                let calm = self.state.up && self.state.misses == 0;
                due = began + if calm { PERIOD } else { STARTING };
            }
            if asks {
                self.board.answered.send_replace(request);
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                _ = wanted.changed() => {}
                _ = asked.changed() => {}
                _ = boot.changed() => {}
                () = sleep_until(due), if now_boot.runs => {}
            }
        }
    }

    /// One round: greet the server if it is new, apply, look.
    async fn round(&mut self, want: &Wanted, look: bool) -> Result<(), ApiError> {
        if !self.state.up {
            if !look {
                return Ok(());
            }
            self.greet(want).await?;
        }
        self.apply(want).await?;
        if look {
            self.look().await?;
        }
        Ok(())
    }

    /// The first answer of a server: who it is, and what is left in it from an earlier run.
    async fn greet(&mut self, want: &Wanted) -> Result<(), ApiError> {
        if self.ours && self.api.lets_anyone_in().await? {
            return Err(ApiError::Foreign);
        }
        let version = self.api.version().await?;
        for name in self.api.configured().await? {
            let kept =
                PathName::parse(name.as_str()).is_ok_and(|name| want.paths.contains_key(&name));
            if ours(&name) && !kept {
                self.api.delete(&name).await?;
            }
        }
        let still = self.board.health.send_if_modified(|health| {
            let still = *self.board.boot.borrow() == self.state.boot;
            if still {
                *health = Health::Up {
                    version: version.as_str().into(),
                };
            }
            still
        });
        if !still {
            return Err(ApiError::Ended);
        }
        self.state.up = true;
        tracing::info!(%version, "The media server answers.");
        Ok(())
    }

    async fn apply(&mut self, want: &Wanted) -> Result<(), ApiError> {
        self.state
            .refused
            .retain(|name, (spec, _)| want.paths.get(name) == Some(spec));
        for change in changes(&want.paths, &self.state.applied) {
            if *self.board.boot.borrow() != self.state.boot {
                return Err(ApiError::Ended);
            }
            match change {
                Change::Delete(name) => {
                    self.part(&name);
                    self.api.delete(name.as_str()).await?;
                    self.state.applied.remove(&name);
                    self.state.parting.remove(&name);
                }
                Change::Put(name, _) if self.state.refused.contains_key(&name) => {}
                Change::Put(name, spec) => {
                    self.redactor.learn(&spec);
                    self.part(&name);
                    match self.api.put(&name, &spec).await {
                        Ok(()) => {
                            self.state.parting.remove(&name);
                            self.state.applied.insert(name, spec);
                        }
                        Err(ApiError::Refused(reason)) => {
                            tracing::warn!(path = %name, %reason, "The media server refused a path.");
                            let error = PathError::Refused {
                                path: name.clone(),
                                reason,
                            };
                            self.state.applied.remove(&name);
                            self.state.refused.insert(name, (spec, error));
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
        }
        Ok(())
    }

    fn part(&mut self, name: &PathName) {
        if self.state.part(name) {
            let limit = u64::try_from(FAREWELL.as_nanos()).unwrap_or(u64::MAX);
            let until = self.clock.monotonic_ns().saturating_add(limit);
            self.board.farewell_ns.send_replace(until);
        }
    }

    async fn look(&mut self) -> Result<(), ApiError> {
        let forwards = self
            .state
            .applied
            .iter()
            .filter(|(_, spec)| spec.forward.is_some())
            .map(|(name, _)| async {
                let forwarding = self.api.forwarding(name).await?;
                Ok::<_, ApiError>((name.clone(), forwarding))
            });
        let (paths, forwards) = tokio::join!(self.api.paths(), join_all(forwards));
        let mut paths: BTreeMap<PathName, PathState> = paths?
            .into_iter()
            .filter_map(|(name, state)| Some((PathName::parse(name).ok()?, state)))
            .collect();
        for found in forwards {
            let (name, forwarding): (PathName, Option<Forwarding>) = found?;
            if let Some(path) = paths.get_mut(&name) {
                path.forwarding = forwarding;
            }
        }
        // Somebody else's server may have been started again behind our back.
        let before = self.state.applied.len();
        self.state
            .applied
            .retain(|name, _| paths.contains_key(name));
        if self.state.applied.len() < before {
            tracing::warn!("Paths are missing from the media server; they are added again.");
            self.board.wanted.send_modify(|wanted| wanted.revision += 1);
        }
        self.state.snapshots += 1;
        self.board.snapshot.send_replace(Arc::new(Snapshot {
            at_ns: self.clock.monotonic_ns(),
            boot: self.state.boot.number,
            number: self.state.snapshots,
            paths,
        }));
        Ok(())
    }

    /// Tells whoever waits for a path what became of it.
    fn report(&self, want: &Wanted, error: Option<&ApiError>) {
        let mut failed: BTreeMap<PathName, PathError> = self
            .state
            .refused
            .iter()
            .map(|(name, (_, error))| (name.clone(), error.clone()))
            .collect();
        if error.is_some() || !self.state.up {
            for change in changes(&want.paths, &self.state.applied) {
                let (Change::Put(name, _) | Change::Delete(name)) = change;
                failed.entry(name).or_insert(PathError::Down);
            }
        }
        self.board.applied.send_replace(Applied {
            revision: want.revision,
            failed,
        });
    }

    /// Decides from the last look whether the server is well, away, or hanging.
    fn judge(&mut self, error: Option<ApiError>) {
        let Some(error) = error else {
            self.state.misses = 0;
            return;
        };
        if self.state.up
            && self
                .state
                .patient
                .is_some_and(|until| Instant::now() < until)
        {
            return;
        }
        self.state.misses += 1;
        let patience = self
            .state
            .started
            .is_some_and(|started| started.elapsed() < START_LIMIT);
        if (!self.state.up && patience) || (self.state.up && self.state.misses < MISSES) {
            return;
        }
        if self.state.up || !matches!(*self.board.health.borrow(), Health::Down { .. }) {
            tracing::error!(%error, "The media server is lost.");
        }
        self.state.up = false;
        self.state.applied.clear();
        self.state.parting.clear();
        self.state.started = Some(Instant::now());
        let reason = error.to_string().into();
        let in_use = [].into();
        self.board
            .health
            .send_replace(Health::Down { reason, in_use });
        self.board.snapshot.send_replace(Arc::new(Snapshot {
            at_ns: self.clock.monotonic_ns(),
            boot: self.state.boot.number,
            number: self.state.snapshots,
            paths: BTreeMap::new(),
        }));
        self.board.hung.send_replace(self.state.boot.number);
    }
}
