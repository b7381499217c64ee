//! Graphics on air as they are answered. How they are changed is `show::OverlayEdit`.

use model::{CueId, Graphic};
use serde::Serialize;
use utoipa::ToSchema;

/// A graphic of the running timeline.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"cue_id": "o1", "layer": 1, "visible": true, "opacity": 1.0,
    "remaining_s": 8.2, "graphic": {"type": "lower_third", "text": "Marina Cam", "scale": 1.0,
    "opacity": 1.0, "position": "bottom_left"}}))]
pub struct OverlayView {
    /// Its cue.
    #[schema(value_type = String)]
    pub cue_id: CueId,
    /// What is drawn.
    #[schema(value_type = Object)]
    pub graphic: Graphic,
    /// Height in the stack; greater is on top. Absent when it is not on air at this moment.
    pub layer: Option<u16>,
    /// Whether it is shown when its time comes.
    pub visible: bool,
    /// Opacity at this moment, with fades, 0.0 to 1.0; 0 when it is not on air.
    pub opacity: f64,
    /// How long it stays on air, in seconds; 0 when it is not on air.
    pub remaining_s: f64,
}
