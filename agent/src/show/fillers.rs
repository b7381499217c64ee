//! What destinations see while no encoder publishes: one film for each encode, so that their
//! connections outlive an encoder.
//!
//! Owns the films' folder and which films are made. They are made anew in each run of the agent: the
//! encoder may have been updated. Without a film the show runs all the same.

use super::parts::Parts;
use engine::filler::{self, FillerError};
use engine::mediamtx::{PathName, PathSpec};
use engine::process::Launcher;
use engine::trial::Chosen;
use model::{Pattern, Profile};
use overlay::Studio;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long the end of a show waits for its slate to go.
const UNWANTED: Duration = Duration::from_millis(500);

/// The films that were made. Clones share them.
#[derive(Debug, Clone)]
pub struct Fillers {
    folder: PathBuf,
    made: Arc<Mutex<HashMap<(Profile, Chosen), PathBuf>>>,
}

impl Fillers {
    /// None yet; they are kept in `folder`, which is made when it is needed.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            // The media server is told where they are, and may run in another folder.
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
            made: Arc::default(),
        }
    }

    /// The film of an encode; made the first time. Blocks for about a second then.
    ///
    /// # Errors
    /// [`FillerError`].
    pub fn get(
        &self,
        launcher: &Launcher,
        ffmpeg: &Path,
        studio: &Studio,
        profile: &Profile,
        encoder: Chosen,
    ) -> Result<PathBuf, FillerError> {
        // Held while it is made: whoever asks for the same one meanwhile gets it too.
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = made.get(&(*profile, encoder)) {
            return Ok(file.clone());
        }
        let file = self.folder.join(format!("filler-{}.mp4", made.len()));
        let picture = studio.pattern(Pattern::TechnicalDifficulties, profile.size);
        filler::make(launcher, ffmpeg, profile, encoder, &picture, &file)?;
        made.insert((*profile, encoder), file.clone());
        Ok(file)
    }
}

/// Wants a path that an encode publishes to, with its film where one can be made.
pub(super) async fn want(parts: &Parts, path: &PathName, profile: Profile, encoder: Chosen) {
    let filler = match parts.ffmpeg.clone() {
        Ok(ffmpeg) => {
            let (fillers, launcher) = (parts.fillers.clone(), parts.launcher.clone());
            let studio = Arc::clone(&parts.studio);
            let made = tokio::task::spawn_blocking(move || {
                fillers.get(&launcher, &ffmpeg, &studio, &profile, encoder)
            });
            made.await.ok().and_then(|made| {
                made.inspect_err(
                    |error| tracing::warn!(%error, "No film for the time without encoder."),
                )
                .ok()
            })
        }
        Err(_) => None,
    };
    let spec = PathSpec {
        filler,
        ..PathSpec::published()
    };
    put(parts, path, spec).await;
}

/// Wants the path as it is between shows: nothing is on it.
pub(super) async fn unwant(parts: &Parts, path: &PathName) {
    // Wanted at once; when the agent ends, the server is going away too and is not waited for.
    let made = put(parts, path, PathSpec::published());
    drop(tokio::time::timeout(UNWANTED, made).await);
}

async fn put(parts: &Parts, path: &PathName, spec: PathSpec) {
    if let Err(error) = parts.media.put(path, spec).await {
        tracing::warn!(%path, %error, "A path of the program is not there yet.");
    }
}
