//! Chooses an encoder by encoding with it: device files and model names prove nothing.

use crate::process::{Cause, LaunchError, Launcher};
use model::{EncoderName, Profile, X264Preset};
use std::path::Path;
use std::time::Duration;

/// An encoder that has been seen to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Chosen {
    /// Which.
    pub name: EncoderName,
    /// For libx264: the preset. Ignored by the others.
    pub preset: X264Preset,
}

/// One candidate's result.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Tried {
    /// Which encoder and preset.
    pub candidate: Chosen,
    /// How many times faster than real time it was; `None` when it failed.
    pub speed: Option<f64>,
    /// Why it failed.
    pub cause: Option<Cause>,
}

/// What the trial found.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Trial {
    /// The choice.
    pub chosen: Chosen,
    /// False when even the fastest preset misses twice real time: the machine may not keep up.
    pub fast_enough: bool,
    /// Everything that was tried, in order.
    pub tried: Vec<Tried>,
}

/// Why no encoder could be chosen.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// FFmpeg could not be started.
    #[error("FFmpeg cannot be started")]
    Launch(#[from] LaunchError),
    /// Neither a hardware encoder nor libx264 works.
    #[error("no H.264 encoder of this FFmpeg works, libx264 included")]
    NoEncoder(Vec<Tried>),
}
