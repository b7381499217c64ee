//! What the device says besides answers: events, metrics, progress, and the other side's receipt.

use crate::condition::Severity;
use crate::error::Problem;
use crate::time::Timestamp;
use crate::words::{Id, MessageId, Name, Percent};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// What becomes of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AckStatus {
    /// It is valid, will be done, and no power cut makes the device forget it.
    Accepted,
    /// It waits: an operator holds what it wants.
    Deferred,
    /// It was done. Final.
    Completed,
    /// It was not begun. Final.
    Rejected,
    /// It was begun or accepted and did not come true. Final.
    Failed,
    /// It was taken back before its end. Final.
    Cancelled,
    /// Something more important took its place. Final.
    Superseded,
}

impl AckStatus {
    /// Whether nothing more comes.
    #[must_use]
    pub const fn is_final(self) -> bool {
        !matches!(self, Self::Accepted | Self::Deferred)
    }
}

/// What became of a command.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct Ack {
    /// The command's.
    pub message_id: MessageId,
    /// What became of it.
    pub status: AckStatus,
    /// Why not, with `rejected`, `failed`, `cancelled`, `superseded` and `deferred`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
    /// The reply, with `completed`; its form is that of the command's reply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// The command was received before; this is what was answered then.
    #[serde(default, skip_serializing_if = "is_false")]
    pub duplicate: bool,
}

const fn is_false(value: &bool) -> bool {
    !*value
}

/// How far a command is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// The command's.
    pub message_id: MessageId,
    /// How much of it is done.
    pub percent_complete: Percent,
    /// What is being done.
    pub state: ProgressState,
}

/// What is being done for a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum ProgressState {
    Queued,
    Validating,
    Downloading,
    Storing,
    Preparing,
    Running,
    Verifying,
    Ready,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[allow(missing_docs, reason = "the names say it")]
pub enum EventType {
    OperatorOverride,
    OperatorRelease,
    Emergency,
    CameraOffline,
    CameraOnline,
    CameraFailover,
    CameraRestored,
    StreamState,
    DestinationState,
    DestinationRetry,
    DestinationFailed,
    TimelineState,
    CueStarted,
    CueCompleted,
    CueLate,
    CueFallback,
    OverlayValidationFailed,
    SegmentImported,
    SegmentState,
    DegradedEnter,
    DegradedExit,
    HealthChanged,
    PreviewState,
    GoLive,
    RecordingState,
    ProgramState,
    OverlayState,
    StorageLow,
    CredentialsExpiring,
    ConfigChanged,
    ClockUnsynced,
    OutboxOverflow,
    UpdateState,
    LoginFailed,
    SecurityAlert,
}

/// Something happened on the device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// What happened.
    pub event_type: EventType,
    /// How much it matters.
    pub severity: Severity,
    /// To what, and how; no secrets and no personal data.
    pub context: Map<String, Value>,
}

/// The other side has kept a message, which may be forgotten now. Signed by a session key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Receipt {
    /// The messages, at most 256.
    #[schemars(length(max = 256))]
    pub message_ids: Vec<MessageId>,
}

/// A destination of a stream in metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DestinationMetrics {
    /// Its state's name.
    pub status: String,
    /// What goes there, in Mbit/s.
    pub bitrate: f64,
}

/// A stream in metrics. What is not measured of it is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamMetrics {
    /// Which.
    pub stream_id: Id,
    /// Mbit/s now.
    pub bitrate_current: f64,
    /// Mbit/s wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bitrate_target: Option<f64>,
    /// Pictures a second now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framerate_actual: Option<f64>,
    /// Pictures a second wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub framerate_target: Option<f64>,
    /// Pictures that were dropped or repeated since the start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dropped_frames: Option<u64>,
    /// CPU of the encoder, 0 to 100 of all cores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding_cpu: Option<f64>,
    /// Milliseconds of processor time that a picture takes to encode.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding_time_ms: Option<f64>,
    /// What is left of the time for which the picture on air may be held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buffer_fullness: Option<Percent>,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Bytes since the start.
    pub total_bytes_sent: u64,
    /// By the destination's name.
    pub destinations: BTreeMap<String, DestinationMetrics>,
}

/// Network traffic in bytes a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NetworkMetrics {
    /// Received.
    pub rx: f64,
    /// Sent.
    pub tx: f64,
}

/// How shows have gone since the device counts, over restarts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShowMetrics {
    /// Seconds in which a program ran and was sent to no destination.
    pub preview_s: f64,
    /// Of the time that a program was wanted, the share in which it was there. Absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<Percent>,
    /// Times of going live in which every destination took the program within ten seconds.
    pub live_succeeded: u64,
    /// Those in which one or more did not.
    pub live_failed: u64,
    /// Seconds until the last destination took the program, of those that succeeded: the mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_mean_s: Option<f64>,
    /// The same of the last one that succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live_last_s: Option<f64>,
}

/// Figures of the device. What is not measured is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Metrics {
    /// CPU of the whole machine.
    pub cpu: Percent,
    /// Graphics processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Percent>,
    /// Memory in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<Percent>,
    /// Disk in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<Percent>,
    /// °C of the processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// Whether the processor is slowed down by heat or a weak supply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<bool>,
    /// Whether the clock is set by the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_synced: Option<bool>,
    /// Traffic.
    pub network: NetworkMetrics,
    /// One entry a stream: the program, called `program`, and cameras that are sent straight to a
    /// destination.
    pub stream_bitrate: Vec<StreamMetrics>,
    /// Previews, going live, and the program's uptime.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shows: Option<ShowMetrics>,
    /// The device in one word: `healthy`, `degraded` or `unhealthy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Name>,
    /// When it was measured; long before the message's own time where it was kept meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_at: Option<Timestamp>,
}
