//! The program's encode: which encoder, where it publishes, and its bit rate.
//!
//! Owns no process: the engine runs them. Used by `session`, `solo` and `sending`.

use super::ShowError;
use super::parts::Parts;
use engine::mediamtx::PathName;
use engine::program::{AudioCodec, Output};
use engine::trial::Trial;
use model::Profile;
use std::path::Path;
use std::time::Duration;

/// An encoder without progress for so long is replaced.
pub(super) const STALL: Duration = Duration::from_secs(1);

/// The program's bit rate, from what the media server received of it.
#[derive(Debug, Default)]
pub(super) struct Meter {
    /// When the last count was made, and the count.
    last: Option<(u64, u64)>,
    pub(super) kbps: u32,
}

impl Meter {
    /// Takes the count of a snapshot; those of one moment count once.
    pub(super) fn take(&mut self, at_ns: u64, bytes: u64) {
        let Some((since, before)) = self.last else {
            self.last = Some((at_ns, bytes));
            return;
        };
        let ms = at_ns.saturating_sub(since) / 1_000_000;
        if ms >= 900 {
            // A new publisher counts from 0.
            let kbps = bytes.saturating_sub(before).saturating_mul(8) / ms;
            self.kbps = u32::try_from(kbps).unwrap_or(u32::MAX);
            self.last = Some((at_ns, bytes));
        }
    }
}
/// The paths that the main encode is published to.
pub(super) fn outputs(parts: &Parts) -> Vec<Output> {
    let to = |path: PathName, audio| parts.media.output(&path, audio);
    vec![
        to(PathName::program(), AudioCodec::Aac),
        to(PathName::program_rtc(), AudioCodec::Opus),
        to(PathName::preview(), AudioCodec::Aac),
        to(PathName::preview_stream(), AudioCodec::Aac),
    ]
}

/// Which encoder; tried out the first time, which takes some seconds.
///
/// # Errors
/// [`ShowError::NoEncoder`] when none works.
pub(super) async fn choose(
    parts: &Parts,
    ffmpeg: &Path,
    profile: Profile,
) -> Result<Trial, ShowError> {
    let (encoders, launcher, ffmpeg) = (
        parts.encoders.clone(),
        parts.launcher.clone(),
        ffmpeg.to_owned(),
    );
    let trial = tokio::task::spawn_blocking(move || encoders.choose(&launcher, &ffmpeg, &profile));
    let trial = trial
        .await
        .map_err(|_| ShowError::Internal("try the encoders"))?;
    trial.map_err(|error| ShowError::NoEncoder(error.to_string()))
}
