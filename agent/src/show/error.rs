//! Why the show refuses what it is asked. Owns the mapping to codes; no wording of HTTP here.

use crate::outage::Outage;
use model::{CameraId, CueId, DestinationId, StreamId};
use protocol::{Code, HasCode};
use serde_json::Value;
use std::borrow::Cow;
use stream::GoLiveError;

/// A refusal of the running show.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ShowError {
    /// A preview or a live show is running.
    #[error("a show is already running: {0}")]
    AlreadyRunning(String),
    /// Nothing is running.
    #[error("no show is running")]
    NotRunning,
    /// Going live is possible from a running preview only.
    #[error("the show is not in preview")]
    NotInPreview,
    /// The show is live already.
    #[error("the show is already live")]
    AlreadyLive,
    /// The media server does not answer.
    #[error(transparent)]
    MediaServerDown(#[from] Outage),
    /// No encoder works on this machine.
    #[error("no encoder could be started: {0}")]
    NoEncoder(String),
    /// FFmpeg is missing or unusable.
    #[error("FFmpeg cannot be run: {0}")]
    NoFfmpeg(String),
    /// The timeline cannot be run as it is.
    #[error("the timeline cannot be run: {0}")]
    Timeline(String),
    /// No such camera in this show.
    #[error("there is no camera {0}")]
    NoCamera(CameraId),
    /// The camera gives no picture.
    #[error("camera {0} gives no picture")]
    CameraOffline(CameraId),
    /// No such destination.
    #[error("there is no destination {0}")]
    NoDestination(DestinationId),
    /// The destination's address cannot be used.
    #[error("destination {id} cannot be used: {why}")]
    BadDestination {
        /// Which.
        id: DestinationId,
        /// Why, for the operator.
        why: String,
    },
    /// The chosen destinations cannot be used as they are.
    #[error(transparent)]
    Destinations(#[from] GoLiveError),
    /// No overlay cue of that name in the running timeline.
    #[error("the running timeline has no overlay cue {0}")]
    NoOverlay(CueId),
    /// The graphic cannot be drawn.
    #[error("the overlay cannot be drawn: {0}")]
    Overlay(String),
    /// A file that the show needs is not there.
    #[error("the file {0} is missing")]
    AssetMissing(String),
    /// Beyond the timeline's end.
    #[error("position {asked_s} s is outside the timeline of {duration_s} s")]
    SeekOutOfRange {
        /// The position that was asked for, in seconds.
        asked_s: f64,
        /// How long the timeline is, in seconds.
        duration_s: f64,
    },
    /// As many streams as this machine can carry are running.
    #[error("{running} streams are running, and this machine carries {limit}")]
    StreamLimit {
        /// How many run.
        running: usize,
        /// How many may.
        limit: usize,
    },
    /// The machine cannot carry more.
    #[error(
        "this machine cannot {what} now: it needs about {needs} % of the processor, and {free} % are free"
    )]
    Overload {
        /// What it cannot do.
        what: &'static str,
        /// What it would take, in percent of all cores.
        needs: u8,
        /// What is free, in percent of all cores.
        free: u8,
    },
    /// The stream is running.
    #[error("stream {0} is already running")]
    StreamRunning(StreamId),
    /// The stream is not running.
    #[error("stream {0} is not running")]
    StreamNotRunning(StreamId),
    /// This agent cannot do that.
    #[error("this agent cannot {0} yet")]
    NotSupported(&'static str),
    /// The show's task has ended: the agent is stopping.
    #[error("the show is shutting down")]
    Stopping,
    /// A fault of our own; the cause is in the log.
    #[error("the show met an internal fault while it tried to {0}")]
    Internal(&'static str),
}

impl HasCode for ShowError {
    fn code(&self) -> Code {
        match self {
            Self::AlreadyRunning(_) | Self::AlreadyLive => Code::PreviewActive,
            Self::NotRunning => Code::TimelineNotRunning,
            Self::NotInPreview => Code::NotInPreview,
            Self::MediaServerDown(outage) => outage.code(),
            Self::NoEncoder(_) => Code::EncoderUnavailable,
            Self::NoFfmpeg(_) => Code::FfmpegMissing,
            Self::Timeline(_) => Code::TimelineInvalid,
            Self::NoCamera(_) => Code::CameraNotFound,
            Self::CameraOffline(_) => Code::CameraOffline,
            Self::NoDestination(_) => Code::DestinationNotFound,
            Self::BadDestination { .. } => Code::DestinationInvalid,
            Self::Destinations(error) => error.code(),
            Self::NoOverlay(_) => Code::OverlayNotFound,
            Self::Overlay(_) => Code::OverlayInvalid,
            Self::AssetMissing(_) => Code::AssetMissing,
            Self::SeekOutOfRange { .. } => Code::SeekOutOfRange,
            Self::StreamLimit { .. } => Code::StreamLimit,
            Self::Overload { .. } => Code::EncoderOverload,
            Self::StreamRunning(_) => Code::StreamAlreadyRunning,
            Self::StreamNotRunning(_) => Code::StreamNotRunning,
            Self::NotSupported(_) => Code::FeatureDisabled,
            Self::Stopping => Code::Interrupted,
            Self::Internal(_) => Code::Internal,
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Destinations(error) => error.field(),
            _ => None,
        }
    }

    fn remediation(&self) -> Cow<'static, str> {
        match self {
            Self::MediaServerDown(outage) => outage.remediation(),
            Self::Overload { .. } => {
                "Stop a stream or end other programs on this machine, or choose a smaller profile; what \
                 is on air goes on."
                    .into()
            }
            _ => Cow::Borrowed(self.code().remediation()),
        }
    }

    fn details(&self) -> Option<Value> {
        match self {
            Self::Destinations(error) => error.details(),
            _ => None,
        }
    }
}
