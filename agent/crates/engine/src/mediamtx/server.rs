//! The handle that the rest of the agent holds.

use super::api::Api;
use super::keeper::{Board, Keeper, State};
use super::log::{Log, Redactor};
use super::probe::{self, Probe, ProbeError};
use super::{
    Addresses, Credentials, Door, Health, PathName, PathSpec, Ports, Snapshot, presence, process,
};
use crate::process::Launcher;
use crate::program::{AudioCodec, Output};
use crate::relay::{Tap, Taps};
use model::Secret;
use runtime::{Backoff, Clock, Policy, Supervisor};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long a change or a look may take before its caller is told that the server is away.
const PATIENCE: Duration = Duration::from_secs(5);

/// A MediaMTX that we start and keep.
#[derive(Debug, Clone)]
pub struct Managed {
    /// The program.
    pub binary: PathBuf,
    /// A folder of its own for the generated configuration; made private (0700).
    pub directory: PathBuf,
    /// Its ports on loopback.
    pub ports: Ports,
    /// Address of the agent's gate, e.g. `http://127.0.0.1:40001/gate`.
    pub gate: String,
}

/// Ours, somebody else's, or none.
#[derive(Debug, Clone)]
pub enum Choice {
    /// Started and kept by us.
    Managed(Managed),
    /// Given; never started or stopped by us.
    External(Addresses),
    /// Ours, but there is no program to start. Nobody else's is used in its place.
    Missing {
        /// Where it would have answered.
        ports: Ports,
        /// Why, for an operator.
        reason: String,
    },
}

/// Why the media server cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// No HTTP client could be made.
    #[error("no client for the media server's API could be made")]
    Client(#[source] reqwest::Error),
}

/// Why a path is not as it is wanted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// The server is away. The path stays wanted and is made as soon as the server is back.
    #[error("the media server does not answer; the path is made when it is back")]
    Down,
    /// The server does not accept the path as it is.
    #[error("the media server refused path {path}: {reason}")]
    Refused {
        /// Which.
        path: PathName,
        /// In MediaMTX's words, cleaned of secrets.
        reason: String,
    },
}

/// The media server. Cheap to clone; the server lives as long as its supervisor.
#[derive(Debug, Clone)]
pub struct MediaMtx {
    board: Board,
    log: Log,
    redactor: Redactor,
    addresses: Addresses,
    probes: Arc<AtomicU64>,
    taps: Taps,
    absent: watch::Sender<bool>,
}

impl MediaMtx {
    /// Starts to keep the server: its process where it is ours, its paths, and a look twice a second.
    ///
    /// The gate must answer before anything works; it needs the same `credentials`.
    ///
    /// # Errors
    /// [`StartError`] when no HTTP client can be made. Everything else is told by [`Self::health`].
    pub fn start(
        supervisor: &Supervisor,
        launcher: &Launcher,
        clock: Arc<dyn Clock>,
        choice: Choice,
        credentials: &Credentials,
    ) -> Result<Self, StartError> {
        let redactor = Redactor::default();
        let log = Log::new(redactor.clone());
        let board = Board::new();
        let addresses = match &choice {
            Choice::Managed(managed) => Addresses::from(managed.ports),
            Choice::External(addresses) => addresses.clone(),
            Choice::Missing { ports, .. } => Addresses::from(*ports),
        };
        let ours = !matches!(choice, Choice::External(_));
        let api = Api::new(addresses.clone(), credentials.clone(), redactor.clone())
            .map_err(StartError::Client)?;
        let absent = watch::Sender::new(matches!(choice, Choice::Missing { .. }));
        let policy = Policy {
            backoff: Backoff::RESTART,
            // It has answered and done its work by then; one that cannot begin ends sooner.
            healthy_after: Duration::from_secs(3),
            drain: Duration::from_secs(5),
        };
        match choice {
            Choice::Managed(managed) => {
                let (health, absent) = (board.health.clone(), absent.clone());
                supervisor.start("media server presence", policy, move |stop| {
                    presence::watch(health.subscribe(), absent.clone(), stop)
                });
                let (launcher, board, log) = (launcher.clone(), board.clone(), log.clone());
                supervisor.start("media server", policy, move |stop| {
                    let (launcher, managed) = (launcher.clone(), managed.clone());
                    process::run(stop, launcher, managed, board.clone(), log.clone())
                });
            }
            Choice::External(_) => {
                board.boot.send_modify(|boot| boot.runs = true);
            }
            Choice::Missing { reason, .. } => {
                let reason = reason.into();
                board.health.send_replace(Health::Missing { reason });
            }
        }
        let (shared, cleaner) = (board.clone(), redactor.clone());
        supervisor.start("media server paths", policy, move |stop| {
            let keeper = Keeper {
                api: api.clone(),
                board: shared.clone(),
                redactor: cleaner.clone(),
                clock: clock.clone(),
                ours,
                state: State::default(),
            };
            keeper.run(stop)
        });
        Ok(Self {
            board,
            log,
            redactor,
            addresses,
            probes: Arc::default(),
            taps: Taps::default(),
            absent,
        })
    }

    /// Whether it is away for so long that destinations and cameras have to do without it. Never for
    /// somebody else's, which may go on sending when it does not answer.
    #[must_use]
    pub fn is_absent(&self) -> bool {
        *self.absent.borrow()
    }

    /// [`Self::is_absent`], now and at every change.
    #[must_use]
    pub fn absent(&self) -> watch::Receiver<bool> {
        self.absent.subscribe()
    }

    /// Until when its silence says nothing, in nanoseconds of the monotonic clock: it takes leave of a
    /// server that does not answer, and goes on with everything else.
    #[must_use]
    pub fn farewell(&self) -> watch::Receiver<u64> {
        self.board.farewell_ns.subscribe()
    }

    /// Where what is published to a path can be had without the server.
    #[must_use]
    pub fn tap(&self, path: &PathName) -> Tap {
        self.taps.of(path)
    }

    /// A path as an encoder publishes to it.
    #[must_use]
    pub fn output(&self, path: &PathName, audio: AudioCodec) -> Output {
        Output {
            url: self.rtsp_url(path),
            audio,
            tap: self.tap(path),
            door: Door::of(self.board.boot.subscribe()),
        }
    }

    /// Where it answers.
    #[must_use]
    pub const fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Where a path is read or published by RTSP.
    #[must_use]
    pub fn rtsp_url(&self, path: &PathName) -> String {
        format!("rtsp://{}/{path}", self.addresses.rtsp)
    }

    /// Where a path is read or published by RTMP.
    #[must_use]
    pub fn rtmp_url(&self, path: &PathName) -> String {
        format!("rtmp://{}/{path}", self.addresses.rtmp)
    }

    /// The list of a path's HLS.
    #[must_use]
    pub fn hls_url(&self, path: &PathName) -> String {
        format!("http://{}/{path}/index.m3u8", self.addresses.hls)
    }

    /// Where a path is read by WHEP.
    #[must_use]
    pub fn whep_url(&self, path: &PathName) -> String {
        format!("http://{}/{path}/whep", self.addresses.webrtc)
    }

    /// How it is, now and at every change.
    #[must_use]
    pub fn health(&self) -> watch::Receiver<Health> {
        self.board.health.subscribe()
    }

    /// What its paths do: a new one twice a second and after each [`Self::refresh`].
    #[must_use]
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.board.snapshot.subscribe()
    }

    /// Looks now. Gives the newest snapshot there is if the server does not answer.
    pub async fn refresh(&self) -> Arc<Snapshot> {
        let mut number = 0;
        self.board.asked.send_modify(|asked| {
            *asked += 1;
            number = *asked;
        });
        let mut answered = self.board.answered.subscribe();
        let look = answered.wait_for(|answered| *answered >= number);
        // Late or never: the caller gets what is known.
        let _known = timeout(PATIENCE, look).await;
        self.board.snapshot.borrow().clone()
    }

    /// Wants a path from now on, or wants it changed; others are not touched. Waits until it is made.
    ///
    /// # Errors
    /// [`PathError`]; the path stays wanted either way, until [`Self::remove`].
    pub async fn put(&self, path: &PathName, spec: PathSpec) -> Result<(), PathError> {
        self.redactor.learn(&spec);
        self.change(path, |wanted| {
            wanted.insert(path.clone(), Arc::new(spec));
        })
        .await
    }

    /// Wants a path no more; others are not touched. Waits until it is gone.
    ///
    /// # Errors
    /// [`PathError::Down`]; it is gone when the server is back.
    pub async fn remove(&self, path: &PathName) -> Result<(), PathError> {
        self.change(path, |wanted| {
            wanted.remove(path);
        })
        .await
    }

    /// As [`Self::put`], without waiting.
    pub fn want(&self, path: &PathName, spec: PathSpec) {
        self.redactor.learn(&spec);
        self.board.wanted.send_modify(|wanted| {
            wanted.revision += 1;
            wanted.paths.insert(path.clone(), Arc::new(spec));
        });
    }

    /// As [`Self::remove`], without waiting: for the end of an owner.
    pub fn forget(&self, path: &PathName) {
        self.board.wanted.send_modify(|wanted| {
            wanted.revision += 1;
            wanted.paths.remove(path);
        });
    }

    async fn change(
        &self,
        path: &PathName,
        change: impl FnOnce(&mut std::collections::BTreeMap<PathName, Arc<PathSpec>>),
    ) -> Result<(), PathError> {
        let mut revision = 0;
        self.board.wanted.send_modify(|wanted| {
            wanted.revision += 1;
            revision = wanted.revision;
            change(&mut wanted.paths);
        });
        let mut applied = self.board.applied.subscribe();
        let done = applied.wait_for(|applied| applied.revision >= revision);
        match timeout(PATIENCE, done).await {
            Ok(Ok(applied)) => applied.failed.get(path).cloned().map_or(Ok(()), Err),
            Ok(Err(_)) | Err(_) => Err(PathError::Down),
        }
    }

    /// Tries an address through a path of its own, which is gone afterwards. The password in it reaches
    /// nobody but MediaMTX.
    ///
    /// # Errors
    /// [`ProbeError`] says why there is no picture.
    pub async fn probe(&self, address: Secret, limit: Duration) -> Result<Probe, ProbeError> {
        let number = self.probes.fetch_add(1, Ordering::Relaxed);
        probe::run(self, &self.log, PathName::probe(number), address, limit).await
    }

    /// Why a pulled path has no picture, by the last complaint about it; `None` where there is none.
    #[must_use]
    pub fn source_error(&self, path: &PathName) -> Option<ProbeError> {
        self.source_error_since(path, 0)
    }

    /// How many lines it has said so far.
    #[must_use]
    pub fn lines_said(&self) -> u64 {
        self.log.watch().borrow().taken()
    }

    /// As [`Self::source_error`], of the lines said after so many.
    #[must_use]
    pub fn source_error_since(&self, path: &PathName, lines: u64) -> Option<ProbeError> {
        let watch = self.log.watch();
        let said = watch.borrow();
        said.since(lines)
            .filter_map(|line| probe::complaint(line, path))
            .last()
            .map(probe::classify)
    }

    /// The last lines that it said, oldest first, cleaned of secrets. Empty for somebody else's.
    #[must_use]
    pub fn log(&self) -> Vec<String> {
        self.log.last()
    }
}
