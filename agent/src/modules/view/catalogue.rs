//! What the agent offers, and the emergency stop, as they are answered.

use model::{Profile, ProfileName};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An encoding profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"name": "reliability", "size": "1920x1080",
    "rate": {"num": 30, "den": 1}, "video_kbps": 4500, "mode": "cbr", "buffer_kbit": 9000,
    "gop_ms": 2000, "slowest": "fast", "h264_profile": "main", "level": 41, "audio_kbps": 128,
    "is_default": true}))]
pub struct ProfileView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: ProfileName,
    /// What it asks of the encoder.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub profile: Profile,
    /// Whether it is taken where none is named.
    pub is_default: bool,
}

/// A file in the assets folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"url": "/assets/logos/main.png", "filename": "main.png",
    "asset_type": "image", "file_size": 20481}))]
pub struct AssetView {
    /// How timelines name it.
    pub url: String,
    /// Its name without the folder.
    pub filename: String,
    /// `image`, `video`, `audio` or `other`, by its ending.
    pub asset_type: &'static str,
    /// Bytes.
    pub file_size: u64,
}

/// Everything was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"message": "All streams were stopped", "killed": 4}))]
pub struct KillView {
    /// For people.
    pub message: String,
    /// How many processes of the agent's own were ended.
    pub killed: u32,
}

/// What an emergency stop would end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"program_running": true, "live_destinations": 2, "running_streams": 1}))]
pub struct EmergencyStatusView {
    /// Whether a program runs.
    pub program_running: bool,
    /// How many destinations take it or are tried.
    pub live_destinations: usize,
    /// How many cameras are sent straight to a destination.
    pub running_streams: usize,
}

/// The test pattern is to be put on program, or the program given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(example = json!({"shown": true}))]
pub struct TestPatternRequest {
    /// `true` puts the pattern on program, whatever is due, until `false` gives the program back.
    pub shown: bool,
}
