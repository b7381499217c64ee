//! Why a module refuses: the reasons that several of them share, and how any becomes a `Problem`.

use crate::assets::AssetError;
use crate::outage::Outage;
use model::{CameraId, DestinationId, IdError, StreamId, TimelineId};
use protocol::{Code, HasCode, Problem};
use runtime::chain;
use serde_json::{Value, json};
use std::borrow::Cow;

/// A reason to refuse that is about what is kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("there is no camera {0}")]
    NoCamera(CameraId),
    #[error("there is no destination {0}")]
    NoDestination(DestinationId),
    #[error("there is no timeline {0}")]
    NoTimeline(TimelineId),
    #[error("there is no stream {0}")]
    NoStream(StreamId),
    #[error("there is already one with the id {0}")]
    IdTaken(String),
    #[error("the id cannot be used")]
    Id(#[from] IdError),
    #[error("{message}")]
    Field {
        field: &'static str,
        message: String,
    },
    #[error("{message}")]
    Malformed {
        field: &'static str,
        message: String,
    },
    #[error("camera {id} is in use by {}", .by.join(", "))]
    CameraInUse { id: CameraId, by: Vec<String> },
    #[error("destination {id} is in use by {}", .by.join(", "))]
    DestinationInUse { id: DestinationId, by: Vec<String> },
    #[error("destination {0} is switched off")]
    DestinationInactive(DestinationId),
    #[error("timeline {0} is running")]
    TimelineRunning(TimelineId),
    #[error("timeline {0} is not running")]
    TimelineNotRunning(TimelineId),
    #[error("stream {0} is running")]
    StreamRunning(StreamId),
    #[error(transparent)]
    MediaServer(#[from] Outage),
    #[error(transparent)]
    Asset(#[from] AssetError),
    #[error("the overlay cannot be changed like this: {message}")]
    Overlay {
        field: &'static str,
        message: String,
    },
    #[error("position {asked} s is outside the timeline of {duration} s")]
    Seek { asked: f64, duration: f64 },
    #[error("the store could not be read")]
    Read(#[from] store::ReadError),
    #[error("the change could not be kept: {0}")]
    Write(#[from] store::WriteError),
    #[error("a secret in the store could not be opened")]
    Secret(#[from] store::SecretError),
    #[error("the store's thread ended")]
    Thread,
}

impl HasCode for Fault {
    fn code(&self) -> Code {
        match self {
            Self::NoCamera(_) => Code::CameraNotFound,
            Self::NoDestination(_) => Code::DestinationNotFound,
            Self::NoTimeline(_) => Code::TimelineNotFound,
            Self::NoStream(_) => Code::StreamNotFound,
            Self::IdTaken(_) => Code::Conflict,
            Self::Id(_) | Self::Field { .. } => Code::SchemaInvalid,
            Self::Malformed { .. } => Code::Malformed,
            Self::CameraInUse { .. } => Code::CameraInUse,
            Self::DestinationInUse { .. } => Code::DestinationInUse,
            Self::DestinationInactive(_) => Code::DestinationInactive,
            Self::TimelineRunning(_) => Code::TimelineAlreadyRunning,
            Self::TimelineNotRunning(_) => Code::TimelineNotRunning,
            Self::StreamRunning(_) => Code::StreamAlreadyRunning,
            Self::MediaServer(outage) => outage.code(),
            Self::Asset(AssetError::Missing(_) | AssetError::Outside(_)) => Code::AssetMissing,
            Self::Overlay { .. } => Code::OverlayInvalid,
            Self::Seek { .. } => Code::SeekOutOfRange,
            Self::Read(error) => error.code(),
            Self::Write(error) => error.code(),
            Self::Secret(error) => error.code(),
            Self::Thread => Code::Internal,
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Field { field, .. }
            | Self::Malformed { field, .. }
            | Self::Overlay { field, .. } => Some((*field).to_owned()),
            Self::IdTaken(_) | Self::Id(_) => Some("/id".to_owned()),
            Self::Seek { .. } => Some("/position".to_owned()),
            _ => None,
        }
    }

    fn remediation(&self) -> Cow<'static, str> {
        match self {
            Self::MediaServer(outage) => outage.remediation(),
            _ => Cow::Borrowed(self.code().remediation()),
        }
    }

    fn details(&self) -> Option<Value> {
        match self {
            Self::CameraInUse { by, .. } | Self::DestinationInUse { by, .. } => {
                Some(json!({ "used_by": by }))
            }
            _ => None,
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        refuse(&fault)
    }
}

/// The refusal of an error. One of our own faults is logged here, with its causes, and nowhere else.
pub(super) fn refuse(error: &impl HasCode) -> Problem {
    let problem = error.problem();
    if problem.code == Code::Internal {
        tracing::error!(error = chain(error), "A command met a fault of ours.");
    }
    problem
}

/// A field that is not as it should be.
pub(super) fn field(field: &'static str, message: impl Into<String>) -> Fault {
    Fault::Field {
        field,
        message: message.into(),
    }
}

/// A name for people: 1 to 100 characters, without the blanks around it and without control characters.
pub(super) fn name(text: &str) -> Result<String, Fault> {
    let text = text.trim();
    let length = text.chars().count();
    if length == 0 || length > 100 || text.chars().any(char::is_control) {
        return Err(field(
            "/name",
            "a name has 1 to 100 characters and no control characters",
        ));
    }
    Ok(text.to_owned())
}
