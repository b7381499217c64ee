//! STREAM_CONTROL: starting, stopping and tuning what is sent.

use super::Misfit;
use crate::words::{Id, Name, StreamRef, Text};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Something to do with what is sent.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct StreamControl {
    /// Which stream; `*` for every one.
    pub stream_id: StreamRef,
    /// What.
    #[serde(flatten)]
    pub work: StreamWork,
}

impl<'de> Deserialize<'de> for StreamControl {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            stream_id: StreamRef,
            command: String,
            #[serde(default)]
            parameters: Option<serde_json::Value>,
        }
        let wire = Wire::deserialize(from)?;
        Ok(Self {
            stream_id: wire.stream_id,
            work: super::tagged("command", &wire.command, "parameters", wire.parameters)?,
        })
    }
}

/// What can be done with what is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "command", content = "parameters", rename_all = "snake_case")]
pub enum StreamWork {
    /// Sends a timeline or a camera somewhere.
    Start {
        /// The timeline.
        #[serde(default)]
        timeline_id: Option<Id>,
        /// The camera.
        #[serde(default)]
        camera_id: Option<Id>,
        /// Where to.
        destination_ids: Vec<Id>,
        /// The encoder's profile.
        #[serde(default)]
        profile: Option<Name>,
    },
    /// Ends it.
    Stop {
        /// Time for the destinations to take their leave, in seconds.
        #[serde(default = "five")]
        graceful_s: u32,
    },
    /// Ends it and begins again.
    Restart {},
    /// Takes another profile.
    SetProfile {
        /// The profile.
        profile: Name,
    },
    /// Takes another bit rate.
    SetBitrate {
        /// In kbit/s.
        #[schemars(range(min = 100, max = 50000))]
        kbps: u32,
    },
    /// Starts the preview of a timeline.
    PreviewStart {
        /// The timeline.
        timeline_id: Id,
    },
    /// Ends the preview.
    PreviewStop {},
    /// Sends what is in preview.
    GoLive {
        /// Where to.
        destination_ids: Vec<Id>,
        /// Seconds to wait.
        #[serde(default)]
        countdown_s: u32,
    },
    /// Records the program.
    RecordStart {
        /// Seconds at most.
        #[serde(default)]
        max_s: Option<u32>,
    },
    /// Ends the recording.
    RecordStop {},
    /// Shows a pattern.
    TestPattern {
        /// Its name.
        pattern: Name,
        /// A text on it.
        #[serde(default)]
        message: Option<Text>,
    },
    /// Hides all graphics.
    ClearOverlays {},
    /// Holds a camera, or what is on program.
    Pin {
        /// The camera.
        #[serde(default)]
        camera_id: Option<Id>,
    },
    /// Ends that.
    Unpin {},
    /// Ends everything that is sent.
    KillAll {},
}

const fn five() -> u32 {
    5
}

/// The state after it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StreamReply {
    /// The stream's state.
    pub status: Name,
    /// Destinations that it goes to.
    #[serde(default)]
    pub destination_ids: Vec<Id>,
}

pub(super) fn check(control: &StreamControl) -> Result<(), Misfit> {
    match &control.work {
        StreamWork::Start {
            destination_ids, ..
        }
        | StreamWork::GoLive {
            destination_ids, ..
        } if destination_ids.is_empty() => Err(Misfit {
            pointer: "/parameters/destination_ids",
            reason: "there is no destination",
        }),
        StreamWork::Start {
            timeline_id,
            camera_id,
            ..
        } if timeline_id.is_some() == camera_id.is_some() => Err(Misfit {
            pointer: "/parameters",
            reason: "either a timeline or a camera",
        }),
        StreamWork::SetBitrate { kbps } if !(100..=50_000).contains(kbps) => Err(Misfit {
            pointer: "/parameters/kbps",
            reason: "a bit rate from 100 to 50000 kbit/s",
        }),
        _ => Ok(()),
    }
}
