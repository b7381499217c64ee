//! Figures of the running show and the machine, as they are answered.

use super::UptimeView;
use crate::health::{Row, Status};
use crate::show::DestinationState;
use crate::telemetry::SystemSample;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// The figures of this moment.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct MetricsView {
    /// When, RFC 3339 UTC.
    pub at: String,
    /// The agent in one word.
    pub health: Status,
    /// The machine.
    pub system: SystemSample,
    /// The program, called `program`, and the cameras that are sent straight to a destination.
    pub streams: Vec<StreamMetrics>,
    /// How much of the time that something was wanted it was there.
    pub uptime: UptimeView,
}

/// The figures of one stream. What is not measured of it is `null`.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(example = json!({"name": "program", "bitrate_current": 4.4, "bitrate_target": 4.63,
    "framerate_actual": 30.0, "framerate_target": 30.0, "dropped_frames": 0, "encoding_cpu": 18.5,
    "encoding_time_ms": 12.3, "buffer_fullness": 90.0, "uptime_seconds": 3600,
    "total_bytes_sent": 1980000000,
    "destinations": {"Main channel": {"status": "active", "bitrate": 4.4}}}))]
pub struct StreamMetrics {
    /// `program`, or the stream's id.
    pub name: String,
    /// Megabits a second.
    pub bitrate_current: f64,
    /// What is asked of the encoder, in megabits a second.
    pub bitrate_target: Option<f64>,
    /// Frames a second that the encoder makes.
    pub framerate_actual: Option<f64>,
    /// Frames a second that are asked of it.
    pub framerate_target: Option<f64>,
    /// Frames that were dropped or repeated since the start.
    pub dropped_frames: Option<u64>,
    /// The encoder's share of the processor, 0 to 100 of all cores.
    pub encoding_cpu: Option<f64>,
    /// Processor time that the encoder spends on a frame, in milliseconds.
    pub encoding_time_ms: Option<f64>,
    /// What is left of the time for which the picture on air may be held, 0 to 100 percent.
    pub buffer_fullness: Option<f64>,
    /// Seconds since the start.
    pub uptime_seconds: u64,
    /// Bytes that the destinations took.
    pub total_bytes_sent: u64,
    /// The destinations by name.
    pub destinations: BTreeMap<String, DestinationMetrics>,
}

/// The figures of one destination.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct DestinationMetrics {
    /// Where it stands.
    pub status: DestinationState,
    /// Megabits a second.
    pub bitrate: f64,
}

/// Which part of the last day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Minutes back from now, 1 to 1440.
    #[serde(default = "hour")]
    #[param(minimum = 1, maximum = 1440, default = 60)]
    pub minutes: u64,
    /// Most rows, 1 to 2000.
    #[serde(default = "points")]
    #[param(minimum = 1, maximum = 2000, default = 360)]
    pub points: usize,
}

const fn hour() -> u64 {
    60
}

const fn points() -> usize {
    360
}

/// Figures of the past.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HistoryView {
    /// The oldest first, ten seconds apart where no row is left out.
    pub rows: Vec<Row>,
}
