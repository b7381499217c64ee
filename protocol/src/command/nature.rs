//! What a command's type and arguments say of it before anybody carries it out: what it touches,
//! whether it may be done twice, whether it ends the agent.

use super::{ApplyAfter, CameraWork, Command, ExecutionMode, OverlayAction, StreamWork};
use crate::words::Id;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A kind of thing that one command at a time can have.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// What is on program.
    Program,
    /// A graphic.
    Overlay,
    /// A destination, or what is sent to it.
    Destination,
    /// A stored timeline.
    Timeline,
    /// A camera's settings.
    Camera,
    /// A camera's head.
    Head,
    /// The recording.
    Recording,
    /// The settings.
    Config,
    /// The credentials.
    Credentials,
    /// The schedule.
    Schedule,
    /// The packages.
    Packages,
    /// The agent itself.
    Agent,
}

/// One thing, or all of a kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Target {
    /// The kind.
    pub kind: TargetKind,
    /// Which; all of them if absent.
    pub id: Option<Id>,
}

impl Target {
    /// One thing.
    #[must_use]
    pub const fn one(kind: TargetKind, id: Id) -> Self {
        Self { kind, id: Some(id) }
    }

    /// All of a kind.
    #[must_use]
    pub const fn all(kind: TargetKind) -> Self {
        Self { kind, id: None }
    }

    /// Whether two cannot be had at once.
    #[must_use]
    pub fn meets(&self, other: &Self) -> bool {
        self.kind == other.kind
            && match (&self.id, &other.id) {
                (Some(one), Some(two)) => one == two,
                _ => true,
            }
    }
}

/// How much an emergency stop stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// What is sent.
    Outputs,
    /// Everything.
    All,
}

impl Scope {
    /// Whether a command that touches this is stopped, and kept out meanwhile.
    #[must_use]
    pub const fn covers(self, target: &Target) -> bool {
        match self {
            Self::All => true,
            Self::Outputs => matches!(
                target.kind,
                TargetKind::Program | TargetKind::Destination | TargetKind::Recording
            ),
        }
    }
}

/// What happens when something else has what a command wants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// It gives way, and comes back afterwards if it is still wanted.
    #[default]
    Preempt,
    /// The command waits.
    Queue,
    /// The command is refused.
    Reject,
}

fn ids(kind: TargetKind, ids: &[Id]) -> impl Iterator<Item = Target> {
    ids.iter().map(move |id| Target::one(kind, id.clone()))
}

impl Command {
    /// What it touches. Two commands whose targets meet are done one after the other, in their order.
    #[must_use]
    pub fn targets(&self) -> Vec<Target> {
        use TargetKind as K;
        match self {
            Self::DeviceConfig(_) => vec![Target::all(K::Config)],
            Self::CameraAction(action) => {
                let one = |kind| match &action.camera_id {
                    Some(id) => vec![Target::one(kind, id.clone())],
                    None => vec![Target::all(kind)],
                };
                match &action.work {
                    CameraWork::Discover { .. }
                    | CameraWork::List {}
                    | CameraWork::Test {}
                    | CameraWork::Snapshot { .. }
                    | CameraWork::PtzPresetList {}
                    | CameraWork::PtzStatus {} => Vec::new(),
                    CameraWork::Create(_) => vec![Target::all(K::Camera)],
                    CameraWork::Update(_) | CameraWork::Delete { .. } => one(K::Camera),
                    CameraWork::PtzPresetGoto { .. }
                    | CameraWork::PtzPresetSave { .. }
                    | CameraWork::PtzPresetDelete { .. }
                    | CameraWork::PtzMove { .. }
                    | CameraWork::PtzStop {} => one(K::Head),
                    CameraWork::ToProgram { .. } => vec![Target::all(K::Program)],
                }
            }
            Self::TimelineLoad(load) => vec![Target::one(K::Timeline, load.timeline_id.clone())],
            Self::TimelineExecute(execute) => {
                let mut targets = vec![
                    Target::all(K::Program),
                    Target::one(K::Timeline, execute.timeline_id.clone()),
                ];
                targets.extend(ids(K::Destination, &execute.destination_ids));
                targets
            }
            Self::OverlayUpdate(update) => {
                if update.action == Some(OverlayAction::ClearAll) {
                    vec![Target::all(K::Overlay)]
                } else {
                    vec![Target::one(K::Overlay, update.overlay_id.clone())]
                }
            }
            Self::StreamControl(control) => match &control.work {
                StreamWork::Start {
                    destination_ids, ..
                }
                | StreamWork::GoLive {
                    destination_ids, ..
                } => ids(K::Destination, destination_ids).collect(),
                StreamWork::Stop { .. }
                | StreamWork::Restart {}
                | StreamWork::SetProfile { .. }
                | StreamWork::SetBitrate { .. } => {
                    let id = Id::parse(control.stream_id.as_str()).ok();
                    vec![Target {
                        kind: K::Destination,
                        id,
                    }]
                }
                StreamWork::PreviewStart { .. }
                | StreamWork::PreviewStop {}
                | StreamWork::TestPattern { .. }
                | StreamWork::Pin { .. }
                | StreamWork::Unpin {} => vec![Target::all(K::Program)],
                StreamWork::RecordStart { .. } | StreamWork::RecordStop {} => {
                    vec![Target::all(K::Recording)]
                }
                StreamWork::ClearOverlays {} => vec![Target::all(K::Overlay)],
                StreamWork::KillAll {} => {
                    vec![Target::all(K::Program), Target::all(K::Destination)]
                }
            },
            Self::HealthRequest(_) | Self::DiagnosticsRequest(_) | Self::Cancel(_) => Vec::new(),
            Self::CredentialRefresh(_) | Self::CredentialRevoke(_) => {
                vec![Target::all(K::Credentials)]
            }
            // It overtakes, so it waits for nothing.
            Self::EmergencyStop(_) => Vec::new(),
            Self::UpdateInstall(_) => vec![Target::all(K::Agent)],
            Self::ScheduleSet(_) => vec![Target::all(K::Schedule)],
            Self::SegmentSync(_) => vec![Target::all(K::Packages)],
        }
    }

    /// Whether doing it twice is the same as doing it once. Only such a command is done again after the
    /// agent stopped in the midst of it; any other ends as `failed` with `INTERRUPTED`.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        match self {
            Self::CameraAction(action) => matches!(
                action.work,
                CameraWork::Discover { .. }
                    | CameraWork::List {}
                    | CameraWork::Test {}
                    | CameraWork::PtzPresetList {}
                    | CameraWork::PtzStatus {}
                    | CameraWork::PtzStop {}
            ),
            Self::TimelineExecute(execute) => {
                matches!(execute.execution_mode, ExecutionMode::Stop)
            }
            Self::StreamControl(control) => matches!(
                control.work,
                StreamWork::Stop { .. }
                    | StreamWork::PreviewStop {}
                    | StreamWork::RecordStop {}
                    | StreamWork::ClearOverlays {}
                    | StreamWork::KillAll {}
            ),
            Self::TimelineLoad(_)
            | Self::OverlayUpdate(_)
            | Self::HealthRequest(_)
            | Self::EmergencyStop(_)
            | Self::Cancel(_)
            | Self::ScheduleSet(_)
            | Self::SegmentSync(_) => true,
            Self::DeviceConfig(_)
            | Self::CredentialRefresh(_)
            | Self::CredentialRevoke(_)
            | Self::DiagnosticsRequest(_)
            | Self::UpdateInstall(_) => false,
        }
    }

    /// What it waits for before it may begin, where it says so. Until then it keeps nothing from others.
    #[must_use]
    pub const fn waits_for(&self) -> Option<&ApplyAfter> {
        match self {
            Self::DeviceConfig(config) if !config.dry_run => Some(&config.apply_after),
            _ => None,
        }
    }

    /// Whether carrying it out ends the agent, so that its beginning has to be on record before.
    #[must_use]
    pub const fn ends_agent(&self) -> bool {
        matches!(self, Self::UpdateInstall(_))
    }

    /// Whether it goes over an operator's hold.
    #[must_use]
    pub const fn overrides_hold(&self) -> bool {
        match self {
            Self::TimelineExecute(execute) => execute.override_hold,
            Self::OverlayUpdate(update) => update.override_hold,
            Self::EmergencyStop(_) => true,
            _ => false,
        }
    }

    /// What happens when something of the same rank has what it wants.
    #[must_use]
    pub const fn on_conflict(&self) -> OnConflict {
        match self {
            Self::TimelineExecute(execute) => execute.on_conflict,
            _ => OnConflict::Preempt,
        }
    }

    /// Whether it keeps what it touches after it is done, until it is released: a show keeps the
    /// program until it ends.
    #[must_use]
    pub const fn keeps_targets(&self) -> bool {
        match self {
            Self::TimelineExecute(execute) => matches!(
                execute.execution_mode,
                ExecutionMode::Play | ExecutionMode::Restart | ExecutionMode::Queue
            ),
            Self::StreamControl(control) => matches!(
                control.work,
                StreamWork::Start { .. }
                    | StreamWork::GoLive { .. }
                    | StreamWork::PreviewStart { .. }
                    | StreamWork::TestPattern { .. }
                    | StreamWork::Pin { .. }
                    | StreamWork::RecordStart { .. }
            ),
            Self::CameraAction(action) => {
                matches!(action.work, CameraWork::ToProgram { hold: true, .. })
            }
            _ => false,
        }
    }
}
