//! What new settings have to stand before they are committed.
//!
//! The show's task answers while the agent goes by them; and for another profile, an encoder of this
//! machine encodes a second of real pictures with it. Keeps nothing and changes nothing.

use crate::config::LiveConfig;
use crate::settings::Probe;
use crate::show::{Parts, Show};
use model::FrameRate;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The show's task tells how it is ten times a second; on a machine that is very busy, less often.
const SHOW: Duration = Duration::from_secs(10);

/// How long an encoder may be tried.
const ENCODER: Duration = Duration::from_secs(60);

/// A probe of this show.
pub(super) fn probe(parts: Parts, show: Show) -> Probe {
    Arc::new(move |was, next| {
        let (parts, show) = (parts.clone(), show.clone());
        Box::pin(async move {
            let mut status = show.watch();
            status.mark_unchanged();
            if !matches!(timeout(SHOW, status.changed()).await, Ok(Ok(()))) {
                return Err("the show does not answer".to_owned());
            }
            encoder(parts, was, next).await
        })
    })
}

async fn encoder(parts: Parts, was: LiveConfig, next: LiveConfig) -> Result<(), String> {
    if was.program.profile == next.program.profile {
        return Ok(());
    }
    let ffmpeg = parts.ffmpeg.clone()?;
    let profile = stream::program_profile(next.program.profile, FrameRate::THIRTY);
    let trial = tokio::task::spawn_blocking(move || {
        let trial = parts.encoders.choose(&parts.launcher, &ffmpeg, &profile);
        trial.map(drop).map_err(|error| error.to_string())
    });
    match timeout(ENCODER, trial).await {
        Ok(tried) => tried.unwrap_or_else(|_ended| Err("the trial met a fault".to_owned())),
        Err(_) => Err("the encoder's trial takes too long".to_owned()),
    }
}
