//! What callers send and what they are answered, as plain values with their place in the API document.
//!
//! Owns shapes only: field names, limits in words, examples, masks. Never checks and never decides:
//! the modules do. `command` carries these values, `local_api` codes them as JSON.

mod alert;
mod audit;
mod camera;
mod catalogue;
mod destination;
mod diagnostics;
mod execution;
mod link;
mod metrics;
mod overlay;
mod post;
mod preview;
mod quality;
mod stream;
mod timeline;
mod uptime;

pub use alert::{AlertList, AlertQuery};
pub use audit::{AuditList, AuditQuery};
pub use camera::{CameraDraft, CameraPatch, CameraState, CameraTestView, CameraView, TakeRequest};
pub use catalogue::{AssetView, EmergencyStatusView, KillView, ProfileView, TestPatternRequest};
pub use destination::{DestinationDraft, DestinationPatch, DestinationView, PresetView};
pub use diagnostics::DiagnosticsQuery;
pub use execution::{ExecutionList, ExecutionStart, ExecutionState, ExecutionView, SeekRequest};
pub use link::{LinkView, PairDraft, PairView};
pub use metrics::{DestinationMetrics, HistoryQuery, HistoryView, MetricsView, StreamMetrics};
pub use overlay::OverlayView;
pub use post::{PostNonceView, PostQuery, PostedView, SignedPost};
pub use preview::{
    ActiveStreamView, GoLive, GoLiveView, NoPictureView, PlaybackView, PreviewHealthView,
    PreviewStart, PreviewStartedView, PreviewStatusView, PreviewStoppedView, SetDestinations,
};
pub use quality::QualityHold;
pub use stream::{StreamDraft, StreamPatch, StreamView};
pub use timeline::{IssueView, TimelineSummary, TimelineView, ValidationView};
pub use uptime::{SpanView, TriesView, UptimeView};

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Stands for a secret in every answer; sent back, it means "unchanged".
pub const MASK: &str = "********";

/// It was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Done {
    /// What was done, for people.
    pub message: String,
}

/// Tells an absent field (`None`) from one that is `null` (`Some(None)`).
fn present<'de, T, D>(from: D) -> Result<Option<Option<T>>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Option::<T>::deserialize(from).map(Some)
}
