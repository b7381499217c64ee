//! Cameras that are sent straight to a destination, without a timeline.
//!
//! Owns one connection a stream. Where the camera's own codecs are what the destination takes (H.264
//! and AAC) its pictures are passed on as they are; otherwise a small program of that one camera is
//! encoded, with silence where it has no sound.

use super::admission::{Claim, Work};
use super::encoding::choose;
use super::parts::Parts;
use super::sending::state;
use super::solo::one_camera;
use super::{DestinationState, ShowError, StreamPlan, StreamState, StreamStatus};
use crate::egress::Egress;
use crate::outage::Outage;
use engine::mediamtx::{PathName, PathSpec};
use engine::program::Program;
use model::{FrameRate, StreamId};
use runtime::Clock;
use std::collections::BTreeMap;
use std::time::Duration;
use stream::target;

/// Streams at once; each may need an encode of its own.
const LIMIT: usize = 4;
/// How long the start waits to learn the camera's codecs.
const CODECS: Duration = Duration::from_secs(5);

#[derive(Debug)]
struct Running {
    plan: StreamPlan,
    egress: Egress,
    /// The encode, where the camera is not passed on as it is.
    encode: Option<(Program, engine::input::Input, PathName)>,
    since_ns: u64,
}

/// The streams that run.
#[derive(Debug)]
pub(super) struct Straight {
    parts: Parts,
    running: BTreeMap<StreamId, Running>,
}

impl Straight {
    pub(super) const fn new(parts: Parts) -> Self {
        Self {
            parts,
            running: BTreeMap::new(),
        }
    }

    /// Starts a stream.
    ///
    /// # Errors
    /// [`ShowError`]; nothing is left running then.
    pub(super) async fn start(&mut self, plan: StreamPlan, claim: Claim) -> Result<(), ShowError> {
        if self.running.contains_key(&plan.id) {
            return Err(ShowError::StreamRunning(plan.id));
        }
        if self.running.len() >= LIMIT {
            return Err(ShowError::StreamLimit {
                running: self.running.len(),
                limit: LIMIT,
            });
        }
        let camera = self.parts.camera(&plan.camera_id);
        camera.ok_or_else(|| ShowError::NoCamera(plan.camera_id.clone()))?;
        let id = &plan.destination_id;
        let bad = |why: String| ShowError::BadDestination {
            id: id.clone(),
            why,
        };
        let stored = self.parts.destination(id);
        let (destination, key) = stored.ok_or_else(|| ShowError::NoDestination(id.clone()))?;
        if !destination.is_active {
            return Err(bad("it is switched off".to_owned()));
        }
        if self
            .running
            .values()
            .any(|one| one.plan.destination_id == *id)
        {
            return Err(bad("another stream goes there".to_owned()));
        }
        let target = target(&destination, &key).map_err(|error| bad(error.to_string()))?;
        let path = PathName::stream(&plan.id);
        let camera = PathName::camera(&plan.camera_id);
        let (from, encode) = if self.is_ready_made(&camera).await {
            (camera, None)
        } else {
            let from = PathName::stream_encode(&plan.id);
            if let Err(error) = self.parts.media.put(&from, PathSpec::published()).await
                && !self.parts.media.is_absent()
            {
                return Err(Outage::unanswered(error).into());
            }
            let ffmpeg = self.parts.ffmpeg.clone().map_err(ShowError::NoFfmpeg)?;
            let profile = stream::program_profile(plan.profile, FrameRate::THIRTY);
            let trial = choose(&self.parts, &ffmpeg, profile).await?;
            if claim == Claim::New {
                let admitted = self.parts.admission.encode(Work::Stream, &trial, None);
                admitted.inspect_err(|_| self.parts.media.forget(&from))?;
            }
            let program = one_camera(&self.parts, &plan.camera_id, &trial, profile, &from).await;
            let (program, input) = program.inspect_err(|_| self.parts.media.forget(&from))?;
            (from.clone(), Some((program, input, from)))
        };
        let egress = Egress::start(&self.parts.media, path, from, target);
        let since_ns = self.parts.clock.monotonic_ns();
        self.running.insert(
            plan.id.clone(),
            Running {
                plan,
                egress,
                encode,
                since_ns,
            },
        );
        Ok(())
    }

    /// Whether a destination can take the camera's codecs as they are. Waits a little for a camera
    /// that is just being connected.
    async fn is_ready_made(&self, camera: &PathName) -> bool {
        if self.parts.media.is_absent() {
            return false;
        }
        let mut snapshots = self.parts.media.snapshots();
        let online = snapshots.wait_for(|now| now.path(camera).is_some_and(|path| path.online));
        let Ok(Ok(snapshot)) = tokio::time::timeout(CODECS, online).await else {
            return false;
        };
        let Some(path) = snapshot.path(camera) else {
            return false;
        };
        let has = |codec: &str| path.tracks.iter().any(|track| track.codec == codec);
        has("H264") && has("MPEG-4 Audio") && path.tracks.len() == 2
    }

    /// What is wanted to run.
    pub(super) fn plans(&self) -> Vec<StreamPlan> {
        self.running.values().map(|one| one.plan.clone()).collect()
    }

    /// Ends a stream.
    ///
    /// # Errors
    /// [`ShowError::StreamNotRunning`].
    pub(super) async fn stop(&mut self, id: &StreamId) -> Result<(), ShowError> {
        let running = self.running.remove(id);
        let running = running.ok_or_else(|| ShowError::StreamNotRunning(id.clone()))?;
        self.end(running).await;
        Ok(())
    }

    /// Ends every stream; gives how many processes were ended.
    pub(super) async fn stop_all(&mut self) -> u32 {
        let mut ended = 0;
        for (_, running) in std::mem::take(&mut self.running) {
            ended += if running.encode.is_some() { 2 } else { 0 };
            self.end(running).await;
        }
        ended
    }

    async fn end(&self, running: Running) {
        running.egress.stop().await;
        let Some((program, input, path)) = running.encode else {
            return;
        };
        let ended = tokio::task::spawn_blocking(move || {
            program.stop();
            drop(input);
        });
        if let Err(error) = ended.await {
            tracing::error!(%error, "A stream's encode did not end in order.");
        }
        self.parts.media.forget(&path);
    }

    pub(super) fn statuses(&self) -> Vec<StreamStatus> {
        let now_ns = self.parts.clock.monotonic_ns();
        let status = |one: &Running| {
            let now = one.egress.status();
            StreamStatus {
                id: one.plan.id.clone(),
                state: match state(&now.state) {
                    DestinationState::Idle => StreamState::Stopped,
                    DestinationState::Connecting => StreamState::Starting,
                    DestinationState::Active => StreamState::Running,
                    DestinationState::Retrying => StreamState::Restarting,
                    DestinationState::Failed => StreamState::Failed,
                },
                how: Some(
                    if one.encode.is_some() {
                        "transcode"
                    } else {
                        "copy"
                    }
                    .to_owned(),
                ),
                kbps: now.kbps,
                bytes: now.bytes,
                uptime_s: now_ns.saturating_sub(one.since_ns) / 1_000_000_000,
                restarts: u64::from(now.retries),
                last_error: now.last_error,
            }
        };
        self.running.values().map(status).collect()
    }
}
