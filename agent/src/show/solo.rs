//! A program of one camera alone, for a stream whose destination does not take the camera's codecs.
//!
//! Owns its building; `straight` keeps it. Lost pictures are stood in for as in a show.

use super::ShowError;
use super::encoding::STALL;
use super::opening::{open, sound, source_of, still};
use super::parts::Parts;
use ::program::{Ask, Bus, Take};
use engine::input::{Input, InputSource, InputSpec};
use engine::mediamtx::PathName;
use engine::program::{AudioCodec, EncoderSpec, Program, ProgramSpec};
use engine::trial::Trial;
use model::{CameraId, Director, FramePlan, InputHealth, InputId, Pattern, Profile, Shot, Source};
use runtime::chain;
use std::sync::Arc;

/// The camera's input.
const CAMERA: InputId = InputId(0);
/// The input that always has a picture.
const PATTERN: InputId = InputId(1);

/// A program of one camera alone, published to `path` with AAC.
///
/// # Errors
/// [`ShowError`]; nothing is left running then.
pub(super) async fn one_camera(
    parts: &Parts,
    camera: &CameraId,
    trial: &Trial,
    profile: Profile,
    path: &PathName,
) -> Result<(Program, Input), ShowError> {
    let ffmpeg = parts.ffmpeg.clone().map_err(ShowError::NoFfmpeg)?;
    let (size, rate) = (profile.size, profile.rate);
    let fallback = still(parts, Pattern::TechnicalDifficulties, size).await?;
    let spec = |source| InputSpec {
        ffmpeg: ffmpeg.clone(),
        size,
        rate,
        source,
    };
    let source = Source::Camera(camera.clone());
    let live = source_of(parts, &source, size).await?;
    let (inlet, input) = open(parts, spec(live)).await?;
    let (pattern, _shown_for_ever) =
        open(parts, spec(InputSource::Still(Arc::clone(&fallback)))).await?;
    let ask = Ask::only(Take {
        shot: Shot {
            input: CAMERA,
            origin: None,
        },
        audio: sound(parts, &source),
        live: true,
    });
    let director = OneSource {
        bus: Bus::new(rate, PATTERN),
        ask,
    };
    let encoder = EncoderSpec {
        profile,
        encoder: trial.chosen,
        outputs: vec![parts.media.output(path, AudioCodec::Aac)],
        stall: STALL,
    };
    let spec = ProgramSpec {
        ffmpeg,
        size,
        rate,
        fallback,
        encoder,
    };
    let inlets = vec![(CAMERA, inlet), (PATTERN, pattern)];
    let program = Program::start(&parts.launcher, spec, inlets, Box::new(director));
    let program = program.map_err(|error| ShowError::NoEncoder(chain(&error)))?;
    Ok((program, input))
}

/// Directs a program of one source.
struct OneSource {
    bus: Bus,
    ask: Ask,
}

impl Director for OneSource {
    fn plan(&mut self, n: u64, inputs: &dyn InputHealth) -> FramePlan {
        self.bus.plan(n, &self.ask, inputs)
    }
}
