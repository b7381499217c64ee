//! The beginning of a connection: who the device is, what it can, and what time it is.

use crate::time::Timestamp;
use crate::words::{Flag, MessageId, Name, Nonce, Semver};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What this appliance can do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Capabilities {
    /// Encoders that passed their trial, by FFmpeg's names.
    pub encoders: Vec<String>,
    /// How many streams at once, by size and rate such as `1080p30`.
    pub max_streams: BTreeMap<String, u32>,
    /// Program sizes, e.g. `1920x1080`.
    pub resolutions: Vec<String>,
    /// Ways to reach Studio: `wss`, `mqtt`.
    pub transports: Vec<String>,
    /// Command types that are carried out; all others answer `FEATURE_DISABLED`.
    pub commands: Vec<String>,
    /// Actions that a timeline may have.
    pub timeline_actions: Vec<String>,
    /// Kinds of graphics.
    pub overlay_types: Vec<String>,
    /// Transitions.
    pub transitions: Vec<String>,
    /// Whether the program can be recorded.
    pub recording: bool,
    /// Whether cameras can be moved.
    pub ptz: bool,
    /// The graphics processor, where one is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<String>,
}

/// What the device's own clock says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ClockReport {
    /// Its time of day. Nothing is decided by it.
    pub now: Timestamp,
    /// What sets it.
    pub source: ClockSource,
}

/// What sets a device's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockSource {
    /// The network.
    Ntp,
    /// A battery.
    Rtc,
    /// Nothing.
    Unsynced,
}

/// What the device is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// No show.
    Idle,
    /// A show that nobody outside sees.
    Preview,
    /// A show on air.
    Live,
}

/// The device's first message on a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Hello {
    /// Made at random with each start of the agent.
    pub boot_id: MessageId,
    /// Made at random for this connection; the welcome has to repeat it.
    pub session_nonce: Nonce,
    /// The agent's version.
    pub agent_version: Name,
    /// The appliance's serial.
    pub serial: Name,
    /// Versions of these schemas that it speaks, best first.
    pub schema_versions: Vec<Semver>,
    /// Versions of the overlay language that it reads, best first.
    pub ocl_versions: Vec<Semver>,
    /// What it can do.
    pub capabilities: Capabilities,
    /// Flags that are on in it.
    pub feature_flags: Vec<Flag>,
    /// Version of the root record that it has pinned.
    pub root_version: u64,
    /// Version of the keyset that it uses; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keyset_version: Option<u64>,
    /// Highest ordinary `seq` it has accepted in this epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_command_seq: Option<u64>,
    /// Messages that wait for their receipt.
    pub pending_outbox: u32,
    /// What it is doing.
    pub state: DeviceState,
    /// Its own clock.
    pub clock: ClockReport,
}

/// The answer to [`Hello`], signed by a session key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Welcome {
    /// The connection's id.
    pub session_id: MessageId,
    /// The nonce of the hello that it answers.
    pub session_nonce: Nonce,
    /// The time, which the device goes by from here on.
    pub server_time: Timestamp,
    /// The version that both speak; one of the hello's.
    pub schema_version: Semver,
    /// The version of the overlay language, where both read one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocl_version: Option<Semver>,
    /// Flags as Studio wants them; it can only switch off.
    #[serde(default)]
    pub feature_flags: BTreeMap<Flag, bool>,
    /// Seconds between pings, 5 to 300.
    #[schemars(range(min = 5, max = 300))]
    pub heartbeat_interval_s: u32,
    /// Seconds between metrics, 5 to 3600.
    #[schemars(range(min = 5, max = 3600))]
    pub metrics_interval_s: u32,
    /// The first `seq` that Studio sends again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_from_seq: Option<u64>,
    /// Version of the configuration that Studio knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_version: Option<u64>,
}
