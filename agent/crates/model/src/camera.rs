//! Cameras as they are configured.

use crate::CameraId;
use serde::{Deserialize, Serialize};

/// Fixed or movable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum CameraKind {
    #[default]
    Stationary,
    Ptz,
}

/// How a camera is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the protocols' own names")]
pub enum CameraProtocol {
    #[default]
    Rtsp,
    Rtmp,
}

/// What becomes of a source's sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioPolicy {
    /// Heard while the source is on program.
    #[default]
    Passthrough,
    /// Never heard.
    Silence,
    /// Heard while on program, on top of the sound that was there before it.
    Mix,
}

/// A camera. Its password is not here: the store keeps it sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Camera {
    /// Its id.
    pub id: CameraId,
    /// What people call it, 1 to 100 characters.
    pub name: String,
    /// Fixed or movable.
    #[serde(rename = "type", default)]
    pub kind: CameraKind,
    /// How it is reached.
    #[serde(default)]
    pub protocol: CameraProtocol,
    /// Host name or address, without scheme or port.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// User name, where it asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Path and query of the stream, beginning with `/`.
    pub stream_path: String,
    /// What becomes of its sound.
    #[serde(default)]
    pub audio: AudioPolicy,
    /// Shown in its place when it is lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_camera_id: Option<CameraId>,
    /// Switched off cameras are not pulled.
    #[serde(default = "yes")]
    pub is_active: bool,
}

const fn yes() -> bool {
    true
}
