//! Timelines as they are answered. How they are sent belongs to the `timeline` crate.

use model::TimelineId;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A timeline in short.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"id": "timeline_001", "name": "Daily Marina Stream", "duration": 3600.0,
    "loop": true, "cues": 6, "revision": 1, "created_at": "2026-11-20T09:00:00Z",
    "modified_at": "2026-11-20T09:00:00Z"}))]
pub struct TimelineSummary {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TimelineId,
    /// Its name.
    pub name: String,
    /// How long one round lasts, in seconds.
    pub duration: f64,
    /// Whether it begins again at its end.
    #[serde(rename = "loop")]
    pub looping: bool,
    /// How many cues it has on all tracks.
    pub cues: usize,
    /// Counts its changes, from 1.
    pub revision: u64,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC.
    pub modified_at: String,
}

/// A timeline, whole: its document in the one normal shape, with what the agent knows of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"id": "timeline_001", "name": "Daily Marina Stream", "duration": 120.0,
    "fps": 30, "resolution": "1920x1080", "loop": true, "revision": 1,
    "tracks": [{"track_id": "video_main", "type": "video", "cues": [{"id": "cue_v1",
    "start_time": 0.0, "duration": 60.0, "action": "show_camera", "params": {"camera_id": "1"}}]}],
    "created_at": "2026-11-20T09:00:00Z", "modified_at": "2026-11-20T09:00:00Z", "warnings": []}))]
pub struct TimelineView {
    /// The document's own fields.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub document: Map<String, Value>,
    /// Counts its changes, from 1.
    pub revision: u64,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC.
    pub modified_at: String,
    /// What was found that does not stop it from running.
    pub warnings: Vec<IssueView>,
}

/// What a check of a timeline found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"valid": false, "errors": [{"pointer": "/tracks/0/cues/1/params/camera_id",
    "message": "there is no camera 9"}], "warnings": []}))]
pub struct ValidationView {
    /// Whether it can be run.
    pub valid: bool,
    /// What stops it from running.
    pub errors: Vec<IssueView>,
    /// What does not.
    pub warnings: Vec<IssueView>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct IssueView {
    /// JSON pointer into the document.
    pub pointer: String,
    /// What is wrong there.
    pub message: String,
}
