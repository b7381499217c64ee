//! Cameras that are sent straight to a destination, as they are sent and answered.

use crate::show::StreamState;
use model::{CameraId, DestinationId, ProfileName, StreamId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A stream to be added.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Harbour, raw", "camera_id": "1", "destination_id": "2"}))]
pub struct StreamDraft {
    /// Its id, `[a-z0-9-]{1,40}`; the next number where there is none.
    #[schema(value_type = Option<String>)]
    pub id: Option<StreamId>,
    /// What people call it, 1 to 100 characters; made from the camera's name where it is absent.
    pub name: Option<String>,
    /// Which camera.
    #[schema(value_type = String)]
    pub camera_id: CameraId,
    /// Where to.
    #[schema(value_type = String)]
    pub destination_id: DestinationId,
    /// The profile to encode with, where the camera's own codecs do not do.
    #[schema(value_type = Option<String>, example = "720p")]
    pub profile: Option<ProfileName>,
}

/// What is changed of a stream; what is absent stays as it is.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({"destination_id": "3"}))]
pub struct StreamPatch {
    /// What people call it, 1 to 100 characters.
    pub name: Option<String>,
    /// Which camera.
    #[schema(value_type = Option<String>)]
    pub camera_id: Option<CameraId>,
    /// Where to.
    #[schema(value_type = Option<String>)]
    pub destination_id: Option<DestinationId>,
    /// The profile to encode with.
    #[schema(value_type = Option<String>)]
    pub profile: Option<ProfileName>,
}

/// A stream as it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": "1", "name": "Harbour, raw", "camera_id": "1",
    "destination_id": "2", "profile": "reliability", "status": "running", "how": "copy",
    "kbps": 4310, "bytes": 1203441, "uptime_s": 12, "restarts": 0, "last_error": null}))]
pub struct StreamView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: StreamId,
    /// What people call it.
    pub name: String,
    /// Which camera.
    #[schema(value_type = String)]
    pub camera_id: CameraId,
    /// Where to.
    #[schema(value_type = String)]
    pub destination_id: DestinationId,
    /// The profile to encode with, where the camera's own codecs do not do.
    #[schema(value_type = String)]
    pub profile: ProfileName,
    /// Where it stands.
    pub status: StreamState,
    /// `copy` or `transcode`, while it runs.
    pub how: Option<String>,
    /// Bit rate in kilobits a second.
    pub kbps: u32,
    /// Bytes sent since it was started.
    pub bytes: u64,
    /// How long it has run, in seconds.
    pub uptime_s: u64,
    /// How often it was started again.
    pub restarts: u64,
    /// What went wrong last; without keys.
    pub last_error: Option<String>,
}
