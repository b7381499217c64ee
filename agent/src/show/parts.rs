//! What a running show is built from. Made once by `wiring`.

use super::admission::Admission;
use super::fillers::Fillers;
use super::gallery::Easel;
use crate::assets::Assets;
use crate::config::Live;
use crate::inventory::Shelf;
use crate::notice::Notices;
use crate::telemetry::System;
use engine::mediamtx::MediaMtx;
use engine::process::Launcher;
use engine::trial::{self, Trial, TrialError};
use model::{Camera, CameraId, Destination, DestinationId, Profile, Secret};
use overlay::Studio;
use runtime::SystemClock;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// Everything outside the show that it needs.
#[derive(Clone)]
pub struct Parts {
    /// Starts children.
    pub launcher: Launcher,
    /// FFmpeg, or why there is none.
    pub ffmpeg: Result<PathBuf, String>,
    /// The media server.
    pub media: MediaMtx,
    /// Draws graphics.
    pub studio: Arc<Studio>,
    /// Files for shows.
    pub assets: Assets,
    /// Cameras and destinations.
    pub shelf: Shelf,
    /// What the operator is told.
    pub notices: Notices,
    /// Time.
    pub clock: SystemClock,
    /// Encoders that were chosen already.
    pub encoders: Encoders,
    /// What is shown while no encoder publishes.
    pub fillers: Fillers,
    /// Who may start one more encode or decode.
    pub admission: Admission,
    /// How busy the machine is.
    pub system: System,
    /// The settings that can change: what is given up when something cannot keep up, and so on.
    pub live: Live,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

impl Parts {
    /// A camera as it is kept.
    pub(super) fn camera(&self, id: &CameraId) -> Option<Camera> {
        let shelf = self.shelf.borrow();
        shelf.camera(id).map(|(camera, _)| camera.clone())
    }

    /// A camera's password; empty where it has none.
    pub(super) fn password(&self, id: &CameraId) -> Secret {
        let shelf = self.shelf.borrow();
        let camera = shelf.camera(id);
        camera.map_or_else(Secret::default, |(_, password)| password.clone())
    }

    /// A destination as it is kept, with its key.
    pub(super) fn destination(&self, id: &DestinationId) -> Option<(Destination, Secret)> {
        self.shelf.borrow().destination(id).cloned()
    }

    pub(super) fn easel(&self, ffmpeg: PathBuf) -> Easel {
        Easel {
            studio: Arc::clone(&self.studio),
            assets: self.assets.clone(),
            launcher: self.launcher.clone(),
            ffmpeg,
        }
    }
}

/// The results of encoder trials, one for each profile, kept until the agent ends.
#[derive(Debug, Clone, Default)]
pub struct Encoders {
    known: Arc<Mutex<HashMap<Profile, Trial>>>,
}

impl Encoders {
    /// The encoder for a profile; tried out the first time. Blocks for some seconds then.
    ///
    /// # Errors
    /// [`TrialError`] when none works.
    pub fn choose(
        &self,
        launcher: &Launcher,
        ffmpeg: &std::path::Path,
        profile: &Profile,
    ) -> Result<Trial, TrialError> {
        // Held while trying: two trials at once would measure each other.
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trial) = known.get(profile) {
            return Ok(trial.clone());
        }
        let trial = trial::choose(launcher, ffmpeg, profile)?;
        known.insert(*profile, trial.clone());
        Ok(trial)
    }
}

#[cfg(test)]
pub(super) mod bare;
