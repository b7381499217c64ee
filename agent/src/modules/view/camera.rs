//! Cameras as they are sent and answered.

use super::present;
use crate::show::TakeTransition;
use model::{AudioPolicy, CameraId, CameraKind, CameraProtocol, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A camera to be added or tried.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Harbour", "address": "192.168.1.20", "port": 554,
    "username": "viewer", "password": "secret", "stream_path": "/h264Preview_01_main"}))]
pub struct CameraDraft {
    /// Its id, `[a-z0-9-]{1,40}`; the next number where there is none.
    #[schema(value_type = Option<String>)]
    pub id: Option<CameraId>,
    /// What people call it, 1 to 100 characters.
    #[serde(default)]
    pub name: String,
    /// `stationary` or `ptz`.
    #[serde(rename = "type", default)]
    #[schema(value_type = String, example = "stationary")]
    pub kind: CameraKind,
    /// `rtsp` or `rtmp`.
    #[serde(default)]
    #[schema(value_type = String, example = "rtsp")]
    pub protocol: CameraProtocol,
    /// Host name or IP address, without scheme or port.
    pub address: String,
    /// TCP port; 554 for RTSP and 1935 for RTMP where it is absent.
    pub port: Option<u16>,
    /// User name, where it asks for one.
    pub username: Option<String>,
    /// Password. Never answered.
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<Secret>,
    /// Path and query of the stream; `/` where it is absent.
    pub stream_path: Option<String>,
    /// `passthrough`, `silence` or `mix`.
    #[serde(default)]
    #[schema(value_type = String, example = "passthrough")]
    pub audio: AudioPolicy,
    /// Shown in its place when it is lost.
    #[schema(value_type = Option<String>)]
    pub backup_camera_id: Option<CameraId>,
    /// Switched off cameras are not pulled; on where it is absent.
    pub is_active: Option<bool>,
}

/// What is changed of a camera; what is absent stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({"address": "192.168.1.21", "audio": "silence"}))]
pub struct CameraPatch {
    /// What people call it, 1 to 100 characters.
    pub name: Option<String>,
    /// `stationary` or `ptz`.
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<CameraKind>,
    /// `rtsp` or `rtmp`.
    #[schema(value_type = Option<String>)]
    pub protocol: Option<CameraProtocol>,
    /// Host name or IP address.
    pub address: Option<String>,
    /// TCP port.
    pub port: Option<u16>,
    /// User name; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub username: Option<Option<String>>,
    /// Password; the mask means unchanged, `null` or an empty text take it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, write_only)]
    pub password: Option<Option<Secret>>,
    /// Path and query of the stream.
    pub stream_path: Option<String>,
    /// `passthrough`, `silence` or `mix`.
    #[schema(value_type = Option<String>)]
    pub audio: Option<AudioPolicy>,
    /// Shown in its place when it is lost; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub backup_camera_id: Option<Option<CameraId>>,
    /// Switched off cameras are not pulled.
    pub is_active: Option<bool>,
}

/// How a camera is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// Gives pictures.
    Online,
    /// Gives none.
    Offline,
    /// Nobody looks at it now.
    Unknown,
}

/// A camera as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"id": "1", "name": "Harbour", "type": "stationary", "protocol": "rtsp",
    "address": "192.168.1.20", "port": 554, "username": "viewer", "password": "********",
    "stream_path": "/h264Preview_01_main", "audio": "passthrough", "backup_camera_id": null,
    "is_active": true, "status": "unknown"}))]
pub struct CameraView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: CameraId,
    /// What people call it.
    pub name: String,
    /// `stationary` or `ptz`.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: CameraKind,
    /// `rtsp` or `rtmp`.
    #[schema(value_type = String)]
    pub protocol: CameraProtocol,
    /// Host name or IP address.
    pub address: String,
    /// TCP port.
    pub port: u16,
    /// User name.
    pub username: Option<String>,
    /// `********` where one is kept, else `null`.
    pub password: Option<&'static str>,
    /// Path and query of the stream.
    pub stream_path: String,
    /// `passthrough`, `silence` or `mix`.
    #[schema(value_type = String)]
    pub audio: AudioPolicy,
    /// Shown in its place when it is lost.
    #[schema(value_type = Option<String>)]
    pub backup_camera_id: Option<CameraId>,
    /// Switched off cameras are not pulled.
    pub is_active: bool,
    /// How it is.
    pub status: CameraState,
}

/// What a try of a camera's connection found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"success": true, "message": "The camera answers and gives H.264 video.",
    "reachable": true, "authenticated": true, "video": "H264", "size": "1920x1080",
    "has_audio": true, "elapsed_ms": 480}))]
pub struct CameraTestView {
    /// Whether the camera can be used as it is.
    pub success: bool,
    /// What was found, for people.
    pub message: String,
    /// The reason as a code, where it cannot be used.
    pub code: Option<&'static str>,
    /// What to do, where it cannot be used.
    pub remediation: Option<&'static str>,
    /// Whether something answers at its address.
    pub reachable: bool,
    /// Whether it took the user name and password; unknown where it was not asked.
    pub authenticated: Option<bool>,
    /// The video codec.
    pub video: Option<String>,
    /// Size of the picture, `1920x1080`, where it was seen in time.
    pub size: Option<String>,
    /// Whether it has sound.
    pub has_audio: Option<bool>,
    /// How long the try took, in milliseconds.
    pub elapsed_ms: u64,
}

/// How a camera is put on program by hand.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[schema(example = json!({"transition": "fade", "transition_duration": 1.0}))]
pub struct TakeRequest {
    /// `cut`, `fade` or `wipe`.
    #[serde(default)]
    pub transition: TakeTransition,
    /// Seconds, 0.0 to 10.0; 1.0 where it is absent and the transition is no cut.
    pub transition_duration: Option<f64>,
}
