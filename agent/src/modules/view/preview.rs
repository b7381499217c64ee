//! The preview and going live, as they are asked for and answered.

use crate::notice::Notice;
use crate::show::{
    DestinationStatus, EncoderStatus, InputStatus, Mode, OnAirStatus, Position, ProgramStatus,
    QualityStatus,
};
use model::{DestinationId, ProfileName, TimelineId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A preview to be started.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[schema(example = json!({"timeline_id": "1"}))]
pub struct PreviewStart {
    /// Which timeline.
    #[schema(value_type = String)]
    pub timeline_id: TimelineId,
    /// The program's profile: `reliability`, `quality`, `720p`, `480p` or `low_power`; the
    /// configured one where it is absent.
    #[schema(value_type = Option<String>, example = "reliability")]
    pub profile: Option<ProfileName>,
}

/// A preview was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"message": "Preview started", "timeline_id": "1",
    "timeline_name": "Daily Marina Stream", "hls_url": "/hls/preview/index.m3u8",
    "whep_url": "/whep/program_rtc/whep", "mode": "preview", "no_picture": null}))]
pub struct PreviewStartedView {
    /// For people.
    pub message: String,
    /// Which timeline.
    #[schema(value_type = String)]
    pub timeline_id: TimelineId,
    /// Its name.
    pub timeline_name: String,
    /// Where the picture is, under the page's own address.
    pub hls_url: &'static str,
    /// Where the picture is with the least delay.
    pub whep_url: &'static str,
    /// `preview`.
    pub mode: Mode,
    /// Why there is no picture to see, where the program has to do without the media server.
    pub no_picture: Option<NoPictureView>,
}

/// Why there is no picture to see.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"code": "MEDIAMTX_MISSING",
    "message": "There is no preview: the media server is not ready: there is no mediamtx. RTMP destinations are still sent to.",
    "remediation": "Run make setup, or set mediamtx.path to a MediaMTX of the pinned version."}))]
pub struct NoPictureView {
    /// A code of the closed list.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// What to do.
    pub remediation: String,
}

/// The program was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"message": "Preview stopped", "timeline_id": "1"}))]
pub struct PreviewStoppedView {
    /// For people.
    pub message: String,
    /// Which timeline ran.
    #[schema(value_type = String)]
    pub timeline_id: TimelineId,
}

/// Destinations to go live to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(example = json!({"destination_ids": ["1", "2"], "countdown_s": 5}))]
pub struct GoLive {
    /// Which destinations, 1 to 32.
    #[schema(value_type = Vec<String>)]
    pub destination_ids: Vec<DestinationId>,
    /// Seconds to wait before, 0 to 60.
    #[serde(default)]
    #[schema(minimum = 0, maximum = 60)]
    pub countdown_s: u32,
}

/// The destinations that shall take the live program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, ToSchema)]
#[schema(example = json!({"destination_ids": ["1", "3"]}))]
pub struct SetDestinations {
    /// Which destinations, 1 to 32. Those that stay are not touched.
    #[schema(value_type = Vec<String>)]
    pub destination_ids: Vec<DestinationId>,
}

/// The program is on its way to destinations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"message": "Live to 2 destinations", "timeline_id": "1",
    "destinations": ["Main channel", "Second channel"], "mode": "live", "warning": null}))]
pub struct GoLiveView {
    /// For people.
    pub message: String,
    /// Which timeline runs.
    #[schema(value_type = String)]
    pub timeline_id: TimelineId,
    /// The destinations' names.
    pub destinations: Vec<String>,
    /// `live`.
    pub mode: Mode,
    /// What the operator should know, such as a bit rate that is held down for a platform.
    pub warning: Option<String>,
}

/// What runs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"is_active": true, "mode": "preview", "timeline_id": "1",
    "timeline_name": "Daily Marina Stream", "hls_url": "/hls/preview/index.m3u8",
    "whep_url": "/whep/program_rtc/whep", "server_healthy": true, "no_picture": null, "paused": false,
    "destinations": [], "inputs": [], "notices": []}))]
pub struct PreviewStatusView {
    /// Whether a program runs.
    pub is_active: bool,
    /// What it is doing.
    pub mode: Mode,
    /// Which timeline.
    #[schema(value_type = Option<String>)]
    pub timeline_id: Option<TimelineId>,
    /// Its name.
    pub timeline_name: Option<String>,
    /// Where the picture is, while one is there.
    pub hls_url: Option<&'static str>,
    /// Where the picture is with the least delay.
    pub whep_url: Option<&'static str>,
    /// Whether the media server answers.
    pub server_healthy: bool,
    /// Why the program has no picture here, while it runs without the media server.
    pub no_picture: Option<NoPictureView>,
    /// Whether the timeline's clock is held.
    pub paused: bool,
    /// Where it is.
    pub position: Option<Position>,
    /// Each destination that is wanted.
    pub destinations: Vec<DestinationStatus>,
    /// Counters of the program.
    pub metrics: Option<ProgramStatus>,
    /// Which encoder was chosen, and why.
    pub encoder: Option<EncoderStatus>,
    /// What is on program, and why.
    pub on_air: Option<OnAirStatus>,
    /// What is given up because something cannot keep up.
    pub quality: QualityStatus,
    /// Each input that is open.
    pub inputs: Vec<InputStatus>,
    /// What the agent has to tell about itself, such as a show that was resumed.
    pub notices: Vec<Notice>,
}

/// How the media server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"status": "healthy", "total_streams": 1,
    "active_streams": [{"name": "preview", "ready": true, "num_readers": 1}]}))]
pub struct PreviewHealthView {
    /// `healthy`.
    pub status: &'static str,
    /// The paths that it has.
    pub active_streams: Vec<ActiveStreamView>,
    /// How many.
    pub total_streams: usize,
}

/// A path of the media server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActiveStreamView {
    /// Its name.
    pub name: String,
    /// Whether somebody sends to it.
    pub ready: bool,
    /// How many read from it.
    pub num_readers: usize,
}

/// Where the timeline is.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PlaybackView {
    /// Whether its clock runs.
    pub is_playing: bool,
    /// Which timeline.
    #[schema(value_type = Option<String>)]
    pub timeline_id: Option<TimelineId>,
    /// Where it is.
    pub position: Option<Position>,
}
