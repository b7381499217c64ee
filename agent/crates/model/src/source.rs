//! Where pictures and sound come from.

use crate::{AssetPath, CameraId, Colour};
use serde::{Deserialize, Serialize};

/// A number for one running input of the mixer. The agent hands them out; the mixer only compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InputId(pub u32);

/// What an input shows.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// A camera, pulled once by the media server.
    Camera(CameraId),
    /// A still picture or a video below the assets folder.
    Media {
        /// Which file.
        asset: AssetPath,
        /// Starts again at its end; otherwise its last frame stays.
        looping: bool,
        /// How it fills the program.
        fit: Fit,
    },
    /// A shipped picture.
    Pattern(Pattern),
    /// One colour.
    Colour(Colour),
}

/// How a picture of another shape fills the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// All of it, with bars.
    #[default]
    Contain,
    /// Fills the program and is cropped.
    Cover,
}

/// A shipped picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pattern {
    /// "Technical difficulties".
    #[default]
    TechnicalDifficulties,
    /// "Please stand by".
    PleaseStandBy,
    /// Colour bars.
    ColorBars,
}

impl Pattern {
    /// Every shipped picture.
    pub const ALL: [Self; 3] = [
        Self::TechnicalDifficulties,
        Self::PleaseStandBy,
        Self::ColorBars,
    ];

    /// Its file name without ending.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::TechnicalDifficulties => "technical_difficulties",
            Self::PleaseStandBy => "please_stand_by",
            Self::ColorBars => "color_bars",
        }
    }
}
