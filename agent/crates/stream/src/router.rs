//! IDLE, PREVIEW and LIVE: what the program is for at the moment.
//!
//! Owns which of the three may follow which, and which destinations may be chosen. Going live only adds
//! destinations to a program that runs already; leaving live only takes them away. Never starts or
//! stops anything itself.

use model::{DestinationId, TimelineId};
use protocol::{Code, HasCode};
use serde::Serialize;
use serde_json::{Value, json};

/// Most destinations at once.
const DESTINATION_LIMIT: usize = 32;

/// What the program is for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(tag = "mode", rename_all = "lowercase")]
pub enum Mode {
    /// No program.
    #[default]
    Idle,
    /// A program that only the operator sees.
    Preview {
        /// Its timeline.
        timeline_id: TimelineId,
    },
    /// A program that goes to destinations.
    Live {
        /// Its timeline.
        timeline_id: TimelineId,
        /// Where it goes, in the order chosen, none twice.
        destination_ids: Vec<DestinationId>,
    },
}

impl Mode {
    /// `idle`, `preview` or `live`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Preview { .. } => "preview",
            Self::Live { .. } => "live",
        }
    }

    /// The timeline of the program, where there is one.
    #[must_use]
    pub const fn timeline(&self) -> Option<&TimelineId> {
        match self {
            Self::Idle => None,
            Self::Preview { timeline_id } | Self::Live { timeline_id, .. } => Some(timeline_id),
        }
    }

    /// Where the program goes.
    #[must_use]
    pub fn destinations(&self) -> &[DestinationId] {
        match self {
            Self::Idle | Self::Preview { .. } => &[],
            Self::Live {
                destination_ids, ..
            } => destination_ids,
        }
    }
}

/// What a destination that was asked for is found to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidate {
    /// There is none of this id.
    Unknown,
    /// Switched off.
    Inactive,
    /// Its address or key is not usable.
    Unusable,
    /// Nothing speaks against it.
    Ready,
}

/// Why one destination cannot be chosen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DestinationFault {
    /// Which one.
    pub id: DestinationId,
    /// `DESTINATION_NOT_FOUND`, `DESTINATION_INACTIVE` or `DESTINATION_INVALID`.
    pub code: Code,
}

/// Why a preview cannot be started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartPreviewError {
    /// One runs already.
    #[error("timeline {0} is already running; stop it first")]
    Active(TimelineId),
}

impl HasCode for StartPreviewError {
    fn code(&self) -> Code {
        match self {
            Self::Active(_) => Code::PreviewActive,
        }
    }
}

/// Why there is nothing to stop.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StopError {
    /// No program runs.
    #[error("no preview is running")]
    Idle,
}

impl HasCode for StopError {
    fn code(&self) -> Code {
        match self {
            Self::Idle => Code::NotInPreview,
        }
    }
}

/// Why the program cannot leave live.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLiveError {
    /// It is not live.
    #[error("the program is not live")]
    NotLive,
}

impl HasCode for NotLiveError {
    fn code(&self) -> Code {
        match self {
            Self::NotLive => Code::StreamNotRunning,
        }
    }
}

/// Why the program cannot go live. The preview goes on as it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GoLiveError {
    /// No program runs.
    #[error("no preview is running; start one first")]
    NotInPreview,
    /// It is live already; destinations are added one by one then.
    #[error("the program is already live")]
    AlreadyLive,
    /// None was named.
    #[error("choose at least one destination")]
    NoneChosen,
    /// More than the limit.
    #[error("at most {DESTINATION_LIMIT} destinations at once, not {0}")]
    TooMany(usize),
    /// Not one of those named can be used.
    #[error("none of the chosen destinations can be used")]
    NoneValid(Vec<DestinationFault>),
    /// Some of those named cannot be used.
    #[error("some of the chosen destinations cannot be used")]
    SomeInvalid(Vec<DestinationFault>),
}

impl HasCode for GoLiveError {
    fn code(&self) -> Code {
        match self {
            Self::NotInPreview => Code::NotInPreview,
            Self::AlreadyLive => Code::StreamAlreadyRunning,
            Self::NoneChosen => Code::SchemaInvalid,
            Self::TooMany(_) => Code::StreamLimit,
            Self::NoneValid(_) => Code::DestinationNotFound,
            Self::SomeInvalid(_) => Code::DestinationInvalid,
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::NotInPreview | Self::AlreadyLive => None,
            Self::NoneChosen | Self::TooMany(_) | Self::NoneValid(_) | Self::SomeInvalid(_) => {
                Some("/destination_ids".to_owned())
            }
        }
    }

    fn details(&self) -> Option<Value> {
        match self {
            Self::NoneValid(faults) | Self::SomeInvalid(faults) => {
                Some(json!({ "destinations": faults }))
            }
            Self::NotInPreview | Self::AlreadyLive | Self::NoneChosen | Self::TooMany(_) => None,
        }
    }
}

/// The one owner of the [`Mode`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Router {
    mode: Mode,
}

impl Router {
    /// What the program is for now.
    #[must_use]
    pub const fn mode(&self) -> &Mode {
        &self.mode
    }

    /// IDLE → PREVIEW.
    ///
    /// # Errors
    /// [`StartPreviewError`] unless idle.
    pub fn start_preview(&mut self, timeline_id: TimelineId) -> Result<(), StartPreviewError> {
        match self.mode.timeline() {
            Some(running) => Err(StartPreviewError::Active(running.clone())),
            None => {
                self.mode = Mode::Preview { timeline_id };
                Ok(())
            }
        }
    }

    /// PREVIEW or LIVE → IDLE. Returns what was.
    ///
    /// # Errors
    /// [`StopError`] when idle.
    pub fn stop(&mut self) -> Result<Mode, StopError> {
        match std::mem::take(&mut self.mode) {
            Mode::Idle => Err(StopError::Idle),
            was @ (Mode::Preview { .. } | Mode::Live { .. }) => Ok(was),
        }
    }

    /// PREVIEW → LIVE. All or nothing: `look` says what each destination is found to be, and returns
    /// those to attach, in the order chosen, none twice.
    ///
    /// # Errors
    /// [`GoLiveError`]; the mode is unchanged then.
    pub fn go_live(
        &mut self,
        ids: &[DestinationId],
        look: impl Fn(&DestinationId) -> Candidate,
    ) -> Result<Vec<DestinationId>, GoLiveError> {
        let timeline_id = match &self.mode {
            Mode::Idle => return Err(GoLiveError::NotInPreview),
            Mode::Live { .. } => return Err(GoLiveError::AlreadyLive),
            Mode::Preview { timeline_id } => timeline_id.clone(),
        };
        let chosen = choose(ids, look)?;
        self.mode = Mode::Live {
            timeline_id,
            destination_ids: chosen.clone(),
        };
        Ok(chosen)
    }

    /// LIVE → LIVE with other destinations. Returns those to attach and those to detach; the rest is
    /// not touched.
    ///
    /// # Errors
    /// [`GoLiveError`] when not live ([`GoLiveError::NotInPreview`]) or a choice cannot be used; the
    /// mode is unchanged then.
    pub fn change_destinations(
        &mut self,
        ids: &[DestinationId],
        look: impl Fn(&DestinationId) -> Candidate,
    ) -> Result<(Vec<DestinationId>, Vec<DestinationId>), GoLiveError> {
        let Mode::Live {
            destination_ids, ..
        } = &mut self.mode
        else {
            return Err(GoLiveError::NotInPreview);
        };
        let chosen = choose(ids, look)?;
        let without = |all: &[DestinationId], these: &[DestinationId]| {
            all.iter()
                .filter(|id| !these.contains(id))
                .cloned()
                .collect()
        };
        let attach = without(&chosen, destination_ids);
        let detach = without(destination_ids, &chosen);
        *destination_ids = chosen;
        Ok((attach, detach))
    }

    /// LIVE → PREVIEW. Returns the destinations to detach.
    ///
    /// # Errors
    /// [`NotLiveError`] unless live.
    pub fn leave_live(&mut self) -> Result<Vec<DestinationId>, NotLiveError> {
        match std::mem::take(&mut self.mode) {
            Mode::Live {
                timeline_id,
                destination_ids,
            } => {
                self.mode = Mode::Preview { timeline_id };
                Ok(destination_ids)
            }
            other @ (Mode::Idle | Mode::Preview { .. }) => {
                self.mode = other;
                Err(NotLiveError::NotLive)
            }
        }
    }
}

fn choose(
    ids: &[DestinationId],
    look: impl Fn(&DestinationId) -> Candidate,
) -> Result<Vec<DestinationId>, GoLiveError> {
    if ids.is_empty() {
        return Err(GoLiveError::NoneChosen);
    }
    if ids.len() > DESTINATION_LIMIT {
        return Err(GoLiveError::TooMany(ids.len()));
    }
    let mut chosen: Vec<DestinationId> = Vec::with_capacity(ids.len());
    let mut faults: Vec<DestinationFault> = Vec::new();
    for id in ids {
        let code = match look(id) {
            Candidate::Unknown => Code::DestinationNotFound,
            Candidate::Inactive => Code::DestinationInactive,
            Candidate::Unusable => Code::DestinationInvalid,
            Candidate::Ready => {
                if !chosen.contains(id) {
                    chosen.push(id.clone());
                }
                continue;
            }
        };
        faults.push(DestinationFault {
            id: id.clone(),
            code,
        });
    }
    match (chosen.is_empty(), faults.is_empty()) {
        (true, _) => Err(GoLiveError::NoneValid(faults)),
        (false, false) => Err(GoLiveError::SomeInvalid(faults)),
        (false, true) => Ok(chosen),
    }
}

#[cfg(test)]
mod tests;
