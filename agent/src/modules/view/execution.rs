//! The run of a timeline as it is asked for and answered.

use crate::show::{ActiveOverlay, DestinationStatus, Mode, Position};
use model::{DestinationId, ProfileName, TimelineId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A timeline to be run.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[schema(example = json!({"timeline_id": "1", "destination_ids": ["1", "2"]}))]
pub struct ExecutionStart {
    /// Which timeline.
    #[schema(value_type = String)]
    pub timeline_id: TimelineId,
    /// Destinations to go live to at once; none for a preview.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub destination_ids: Vec<DestinationId>,
    /// Where to begin, in seconds.
    pub position: Option<f64>,
    /// The program's profile; the configured one where it is absent.
    #[schema(value_type = Option<String>, example = "reliability")]
    pub profile: Option<ProfileName>,
}

/// A position to go to.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, ToSchema)]
#[schema(example = json!({"position": 12.5}))]
pub struct SeekRequest {
    /// Seconds from the beginning.
    #[schema(minimum = 0.0, maximum = 86400.0)]
    pub position: f64,
}

/// How a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum ExecutionState {
    Running,
    Paused,
    Stopped,
}

/// The run of one timeline.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExecutionView {
    /// Which timeline.
    #[schema(value_type = String)]
    pub timeline_id: TimelineId,
    /// Its name.
    pub timeline_name: String,
    /// How the run is.
    pub status: ExecutionState,
    /// Whether it is seen outside.
    pub mode: Mode,
    /// When it was started, RFC 3339 UTC.
    pub started_at: Option<String>,
    /// Where it is.
    pub position: Option<Position>,
    /// Each destination that is wanted.
    pub destinations: Vec<DestinationStatus>,
    /// The graphics on air.
    pub overlays: Vec<ActiveOverlay>,
}

/// What runs: nothing or one timeline.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ExecutionList {
    /// The runs.
    pub active: Vec<ExecutionView>,
    /// How many.
    pub count: usize,
}
