//! Encoding profiles.

use crate::{FrameRate, Size};
use serde::{Deserialize, Serialize};

/// The name of a shipped profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ProfileName {
    /// 1080p30 at 4500 kb/s, constant: the default.
    #[default]
    #[serde(rename = "reliability")]
    Reliability,
    /// 1080p30 at 6000 kb/s, variable.
    #[serde(rename = "quality")]
    Quality,
    /// 720p30 at 3000 kb/s.
    #[serde(rename = "720p", alias = "p720")]
    P720,
    /// 480p30 at 1500 kb/s.
    #[serde(rename = "480p", alias = "p480")]
    P480,
    /// 720p30 at 2500 kb/s with the cheapest encoder setting.
    #[serde(rename = "low_power")]
    LowPower,
}

/// How the bit rate is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateMode {
    /// Constant, filled where the picture needs less.
    Cbr,
    /// Variable under the same ceiling.
    Vbr,
}

/// x264's presets, fastest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "x264's own names")]
pub enum X264Preset {
    Ultrafast,
    Superfast,
    Veryfast,
    Faster,
    Fast,
    Medium,
}

impl X264Preset {
    /// x264's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ultrafast => "ultrafast",
            Self::Superfast => "superfast",
            Self::Veryfast => "veryfast",
            Self::Faster => "faster",
            Self::Fast => "fast",
            Self::Medium => "medium",
        }
    }
}

/// FFmpeg's name of an encoder that the agent may try.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "FFmpeg's own names")]
pub enum EncoderName {
    #[serde(rename = "h264_v4l2m2m")]
    V4l2m2m,
    #[serde(rename = "h264_videotoolbox")]
    Videotoolbox,
    #[serde(rename = "h264_qsv")]
    Qsv,
    #[serde(rename = "h264_vaapi")]
    Vaapi,
    #[serde(rename = "h264_nvenc")]
    Nvenc,
    #[serde(rename = "libx264")]
    X264,
}

impl EncoderName {
    /// In the order in which they are tried.
    pub const ALL: [Self; 6] = [
        Self::V4l2m2m,
        Self::Videotoolbox,
        Self::Qsv,
        Self::Vaapi,
        Self::Nvenc,
        Self::X264,
    ];

    /// FFmpeg's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4l2m2m => "h264_v4l2m2m",
            Self::Videotoolbox => "h264_videotoolbox",
            Self::Qsv => "h264_qsv",
            Self::Vaapi => "h264_vaapi",
            Self::Nvenc => "h264_nvenc",
            Self::X264 => "libx264",
        }
    }
}

/// Everything that an encoder is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Profile {
    /// Coded size.
    pub size: Size,
    /// Frames a second.
    pub rate: FrameRate,
    /// Video bit rate in kilobits a second.
    pub video_kbps: u32,
    /// How it is held.
    pub mode: RateMode,
    /// Buffer of the rate control in kilobits.
    pub buffer_kbit: u32,
    /// Time between key frames in milliseconds.
    pub gop_ms: u32,
    /// The slowest preset that the trial may choose.
    pub slowest: X264Preset,
    /// H.264 profile as FFmpeg spells it: `main` or `high`.
    pub h264_profile: H264Profile,
    /// H.264 level times ten, e.g. 41.
    pub level: u8,
    /// AAC bit rate in kilobits a second.
    pub audio_kbps: u32,
}

/// H.264 profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the standard's own names")]
pub enum H264Profile {
    Main,
    High,
}

impl H264Profile {
    /// FFmpeg's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::High => "high",
        }
    }
}

impl Profile {
    /// Frames from one key frame to the next, at least 1.
    #[must_use]
    pub fn gop_frames(&self) -> u32 {
        let frames = u64::from(self.gop_ms) * u64::from(self.rate.num())
            / (1000 * u64::from(self.rate.den()));
        u32::try_from(frames).unwrap_or(u32::MAX).max(1)
    }
}
