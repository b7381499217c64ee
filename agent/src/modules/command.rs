//! Everything anyone can ask of the agent, and everything it answers.
//!
//! Owns the one [`Command`] enum that Studio, the operator's page and timeline cues all send, and the
//! one [`Reply`] enum. Carries values only: how they are authenticated or coded belongs to the callers.

use super::view::{
    AlertList, AlertQuery, AssetView, AuditList, AuditQuery, CameraDraft, CameraPatch,
    CameraTestView, CameraView, DestinationDraft, DestinationPatch, DestinationView, Done,
    EmergencyStatusView, ExecutionList, ExecutionStart, ExecutionView, GoLive, GoLiveView,
    HistoryQuery, HistoryView, KillView, MetricsView, OverlayView, PairDraft, PairView,
    PlaybackView, PostNonceView, PostedView, PresetView, PreviewHealthView, PreviewStart,
    PreviewStartedView, PreviewStatusView, PreviewStoppedView, ProfileView, QualityHold,
    SetDestinations, SignedPost, StreamDraft, StreamPatch, StreamView, TakeRequest,
    TestPatternRequest, TimelineSummary, TimelineView, ValidationView,
};
use crate::alerts::{Alert, WebhookDraft, WebhookTest, WebhookView};
use crate::diagnostics::Bundle;
use crate::health::Report;
use crate::settings::{Change, Changed, SettingsView};
use crate::show::{OverlayEdit, QualityStatus};
use crate::telemetry::SystemSample;
use model::{AlertId, CameraId, CueId, DestinationId, StreamId, TimelineId};
use serde::Serialize;
use serde_json::Value;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Somebody at the device's own page or API.
    Operator,
    /// A signed command of Studio.
    Studio,
}

impl Origin {
    /// The word for logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Studio => "studio",
        }
    }
}

/// Everything that can be asked. It has no `Debug`: it may carry passwords and stream keys.
pub enum Command {
    /// About the preview and going live.
    Preview(PreviewCommand),
    /// About cameras.
    Camera(CameraCommand),
    /// About destinations.
    Destination(DestinationCommand),
    /// About saved timelines.
    Timeline(TimelineCommand),
    /// About the timeline that runs.
    Execution(ExecutionCommand),
    /// About graphics on air.
    Overlay(OverlayCommand),
    /// About the program's quality.
    Quality(QualityCommand),
    /// About settings that can change while the agent runs.
    Settings(SettingsCommand),
    /// About whom the device belongs to.
    Link(LinkCommand),
    /// About cameras that are sent straight to a destination.
    Stream(StreamCommand),
    /// Stop everything.
    Emergency(EmergencyCommand),
    /// About how the agent and its machine are.
    Health(HealthCommand),
    /// About alerts.
    Alert(AlertCommand),
    /// About who did what.
    Audit(AuditQuery),
    /// The bundle for support: the sections that are named, or all.
    Diagnostics(Vec<String>),
    /// About what the agent offers.
    Catalogue(CatalogueCommand),
}

/// About the preview and going live.
pub enum PreviewCommand {
    /// Start the program of a timeline.
    Start(PreviewStart),
    /// Stop the program.
    Stop,
    /// Send the program to destinations.
    GoLive(GoLive),
    /// Change which destinations take the live program.
    SetDestinations(SetDestinations),
    /// What runs.
    Status,
    /// How the media server is.
    Health,
    /// Where the timeline is.
    Position,
}

/// About cameras.
pub enum CameraCommand {
    /// All of them.
    List,
    /// Add one.
    Create(CameraDraft),
    /// One of them.
    Get(CameraId),
    /// Change one.
    Update(CameraId, CameraPatch),
    /// Remove one.
    Delete(CameraId),
    /// Try the connection of a saved one.
    Test(CameraId),
    /// Try a connection before it is saved.
    TestConnection(CameraDraft),
    /// Put one on program by hand.
    ToProgram(CameraId, TakeRequest),
}

/// About destinations.
pub enum DestinationCommand {
    /// All of them.
    List,
    /// What is known of the platforms.
    Presets,
    /// Add one.
    Create(DestinationDraft),
    /// One of them.
    Get(DestinationId),
    /// Change one.
    Update(DestinationId, DestinationPatch),
    /// Remove one.
    Delete(DestinationId),
}

/// About saved timelines.
pub enum TimelineCommand {
    /// All of them, in short.
    List,
    /// Save a new one; the document as it was sent.
    Create(Value),
    /// One of them, whole.
    Get(TimelineId),
    /// Replace one.
    Update(TimelineId, Value),
    /// Remove one.
    Delete(TimelineId),
    /// Check a document without saving it.
    Validate(Value),
}

/// About the timeline that runs.
pub enum ExecutionCommand {
    /// Run a timeline, with destinations at once where they are given.
    Start(ExecutionStart),
    /// Stop it.
    Stop(TimelineId),
    /// Hold its clock.
    Pause,
    /// Let its clock run.
    Resume,
    /// Go to a position in seconds.
    Seek(f64),
    /// How one timeline's run is.
    Status(TimelineId),
    /// What runs.
    Active,
}

/// About graphics on air.
pub enum OverlayCommand {
    /// Those on air now.
    List,
    /// Change one on air.
    Edit(CueId, Box<OverlayEdit>),
}

/// About the program's quality.
pub enum QualityCommand {
    /// What is given up, and why.
    Get,
    /// Hold full quality, or let go of it.
    Hold(QualityHold),
}

/// About settings that can change while the agent runs.
pub enum SettingsCommand {
    /// How they are.
    Get,
    /// Change some.
    Change(Change),
}

/// About whom the device belongs to.
pub enum LinkCommand {
    /// Redeem a pairing token of Studio.
    Pair(PairDraft),
    /// Forget Studio.
    Unpair,
    /// Take a command in that Studio signed.
    Post(SignedPost),
    /// What such a command can be bound to.
    PostNonce,
}

/// About cameras that are sent straight to a destination.
pub enum StreamCommand {
    /// All of them.
    List,
    /// Add one.
    Create(StreamDraft),
    /// One of them.
    Get(StreamId),
    /// Change one that is stopped.
    Update(StreamId, StreamPatch),
    /// Remove one.
    Delete(StreamId),
    /// Start it.
    Start(StreamId),
    /// Stop it.
    Stop(StreamId),
}

/// Stop everything.
pub enum EmergencyCommand {
    /// End the program and every stream.
    KillAllStreams,
    /// What would be ended.
    Status,
    /// Put the test pattern on program, or give the program back.
    TestPattern(TestPatternRequest),
}

/// About how the agent and its machine are.
#[derive(Clone, Copy)]
pub enum HealthCommand {
    /// What is wrong.
    Report,
    /// How the machine is.
    System,
    /// The figures of this moment.
    Metrics,
    /// The figures of the last day.
    History(HistoryQuery),
}

/// About alerts.
pub enum AlertCommand {
    /// Those that are kept.
    List(AlertQuery),
    /// An operator has seen one.
    Acknowledge(AlertId),
    /// How the webhook is.
    Webhook,
    /// Set the webhook.
    SetWebhook(WebhookDraft),
    /// Remove the webhook.
    RemoveWebhook,
    /// Send the webhook a test.
    TestWebhook,
}

/// About what the agent offers.
pub enum CatalogueCommand {
    /// The encoding profiles.
    Profiles,
    /// The files in the assets folder.
    Assets,
}

impl Command {
    /// The command's name for logs and metrics, e.g. `camera.create`. Holds no value of it.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Preview(c) => match c {
                PreviewCommand::Start(_) => "preview.start",
                PreviewCommand::Stop => "preview.stop",
                PreviewCommand::GoLive(_) => "preview.go_live",
                PreviewCommand::SetDestinations(_) => "preview.set_destinations",
                PreviewCommand::Status => "preview.status",
                PreviewCommand::Health => "preview.health",
                PreviewCommand::Position => "preview.position",
            },
            Self::Camera(c) => match c {
                CameraCommand::List => "camera.list",
                CameraCommand::Create(_) => "camera.create",
                CameraCommand::Get(_) => "camera.get",
                CameraCommand::Update(..) => "camera.update",
                CameraCommand::Delete(_) => "camera.delete",
                CameraCommand::Test(_) => "camera.test",
                CameraCommand::TestConnection(_) => "camera.test_connection",
                CameraCommand::ToProgram(..) => "camera.to_program",
            },
            Self::Destination(c) => match c {
                DestinationCommand::List => "destination.list",
                DestinationCommand::Presets => "destination.presets",
                DestinationCommand::Create(_) => "destination.create",
                DestinationCommand::Get(_) => "destination.get",
                DestinationCommand::Update(..) => "destination.update",
                DestinationCommand::Delete(_) => "destination.delete",
            },
            Self::Timeline(c) => match c {
                TimelineCommand::List => "timeline.list",
                TimelineCommand::Create(_) => "timeline.create",
                TimelineCommand::Get(_) => "timeline.get",
                TimelineCommand::Update(..) => "timeline.update",
                TimelineCommand::Delete(_) => "timeline.delete",
                TimelineCommand::Validate(_) => "timeline.validate",
            },
            Self::Execution(c) => match c {
                ExecutionCommand::Start(_) => "execution.start",
                ExecutionCommand::Stop(_) => "execution.stop",
                ExecutionCommand::Pause => "execution.pause",
                ExecutionCommand::Resume => "execution.resume",
                ExecutionCommand::Seek(_) => "execution.seek",
                ExecutionCommand::Status(_) => "execution.status",
                ExecutionCommand::Active => "execution.active",
            },
            Self::Overlay(c) => match c {
                OverlayCommand::List => "overlay.list",
                OverlayCommand::Edit(..) => "overlay.edit",
            },
            Self::Quality(c) => match c {
                QualityCommand::Get => "quality.get",
                QualityCommand::Hold(_) => "quality.hold",
            },
            Self::Settings(c) => match c {
                SettingsCommand::Get => "settings.get",
                SettingsCommand::Change(_) => "settings.change",
            },
            Self::Link(c) => match c {
                LinkCommand::Pair(_) => "device.pair",
                LinkCommand::Unpair => "device.unpair",
                LinkCommand::Post(_) => "command.post",
                LinkCommand::PostNonce => "command.nonce",
            },
            Self::Stream(c) => match c {
                StreamCommand::List => "stream.list",
                StreamCommand::Create(_) => "stream.create",
                StreamCommand::Get(_) => "stream.get",
                StreamCommand::Update(..) => "stream.update",
                StreamCommand::Delete(_) => "stream.delete",
                StreamCommand::Start(_) => "stream.start",
                StreamCommand::Stop(_) => "stream.stop",
            },
            Self::Emergency(c) => match c {
                EmergencyCommand::KillAllStreams => "emergency.kill_all_streams",
                EmergencyCommand::Status => "emergency.status",
                EmergencyCommand::TestPattern(_) => "emergency.test_pattern",
            },
            Self::Health(c) => match c {
                HealthCommand::Report => "health.report",
                HealthCommand::System => "health.system",
                HealthCommand::Metrics => "health.metrics",
                HealthCommand::History(_) => "health.history",
            },
            Self::Alert(c) => match c {
                AlertCommand::List(_) => "alert.list",
                AlertCommand::Acknowledge(_) => "alert.acknowledge",
                AlertCommand::Webhook => "webhook.get",
                AlertCommand::SetWebhook(_) => "webhook.set",
                AlertCommand::RemoveWebhook => "webhook.remove",
                AlertCommand::TestWebhook => "webhook.test",
            },
            Self::Audit(_) => "audit.list",
            Self::Diagnostics(_) => "diagnostics.bundle",
            Self::Catalogue(c) => match c {
                CatalogueCommand::Profiles => "catalogue.profiles",
                CatalogueCommand::Assets => "catalogue.assets",
            },
        }
    }

    /// What it is about, as `camera/2`, for the audit. Holds nothing else of its arguments.
    #[must_use]
    pub fn target(&self) -> Option<String> {
        let one = |kind: &str, id: &dyn std::fmt::Display| Some(format!("{kind}/{id}"));
        match self {
            Self::Preview(PreviewCommand::Start(start)) => one("timeline", &start.timeline_id),
            Self::Preview(PreviewCommand::GoLive(GoLive {
                destination_ids, ..
            }))
            | Self::Preview(PreviewCommand::SetDestinations(SetDestinations {
                destination_ids,
                ..
            })) => {
                let named = destination_ids.iter().take(8);
                let named: Vec<String> = named.map(|id| format!("destination/{id}")).collect();
                (!named.is_empty()).then(|| named.join(" "))
            }
            Self::Preview(_) | Self::Emergency(_) | Self::Quality(_) => Some("program".to_owned()),
            Self::Camera(c) => match c {
                CameraCommand::Get(id)
                | CameraCommand::Update(id, _)
                | CameraCommand::Delete(id)
                | CameraCommand::Test(id)
                | CameraCommand::ToProgram(id, _) => one("camera", id),
                CameraCommand::List
                | CameraCommand::Create(_)
                | CameraCommand::TestConnection(_) => None,
            },
            Self::Destination(c) => match c {
                DestinationCommand::Get(id)
                | DestinationCommand::Update(id, _)
                | DestinationCommand::Delete(id) => one("destination", id),
                DestinationCommand::List
                | DestinationCommand::Presets
                | DestinationCommand::Create(_) => None,
            },
            Self::Timeline(c) => match c {
                TimelineCommand::Get(id)
                | TimelineCommand::Update(id, _)
                | TimelineCommand::Delete(id) => one("timeline", id),
                TimelineCommand::List
                | TimelineCommand::Create(_)
                | TimelineCommand::Validate(_) => None,
            },
            Self::Execution(c) => match c {
                ExecutionCommand::Start(start) => one("timeline", &start.timeline_id),
                ExecutionCommand::Stop(id) | ExecutionCommand::Status(id) => one("timeline", id),
                ExecutionCommand::Pause
                | ExecutionCommand::Resume
                | ExecutionCommand::Seek(_)
                | ExecutionCommand::Active => Some("program".to_owned()),
            },
            Self::Overlay(OverlayCommand::Edit(id, _)) => one("overlay", id),
            Self::Overlay(OverlayCommand::List) => None,
            Self::Settings(_) => Some("settings".to_owned()),
            Self::Link(_) => Some("device".to_owned()),
            Self::Stream(c) => match c {
                StreamCommand::Get(id)
                | StreamCommand::Update(id, _)
                | StreamCommand::Delete(id)
                | StreamCommand::Start(id)
                | StreamCommand::Stop(id) => one("stream", id),
                StreamCommand::List | StreamCommand::Create(_) => None,
            },
            Self::Alert(AlertCommand::Acknowledge(id)) => one("alert", id),
            Self::Alert(_) => Some("webhook".to_owned()),
            Self::Health(_) | Self::Audit(_) | Self::Diagnostics(_) | Self::Catalogue(_) => None,
        }
    }

    /// Whether the command only looks. Those that change something are logged.
    #[must_use]
    pub const fn only_looks(&self) -> bool {
        match self {
            Self::Preview(c) => matches!(
                c,
                PreviewCommand::Status | PreviewCommand::Health | PreviewCommand::Position
            ),
            Self::Camera(c) => matches!(c, CameraCommand::List | CameraCommand::Get(_)),
            Self::Destination(c) => matches!(
                c,
                DestinationCommand::List | DestinationCommand::Presets | DestinationCommand::Get(_)
            ),
            Self::Timeline(c) => matches!(
                c,
                TimelineCommand::List | TimelineCommand::Get(_) | TimelineCommand::Validate(_)
            ),
            Self::Execution(c) => {
                matches!(c, ExecutionCommand::Status(_) | ExecutionCommand::Active)
            }
            Self::Overlay(c) => matches!(c, OverlayCommand::List),
            Self::Quality(c) => matches!(c, QualityCommand::Get),
            Self::Settings(c) => match c {
                SettingsCommand::Get => true,
                SettingsCommand::Change(change) => change.dry_run,
            },
            Self::Stream(c) => matches!(c, StreamCommand::List | StreamCommand::Get(_)),
            Self::Emergency(c) => matches!(c, EmergencyCommand::Status),
            // The dispatcher writes down what becomes of what is posted, as of all that is signed.
            Self::Link(c) => matches!(c, LinkCommand::Post(_) | LinkCommand::PostNonce),
            Self::Alert(c) => matches!(c, AlertCommand::List(_) | AlertCommand::Webhook),
            Self::Health(_) | Self::Audit(_) | Self::Diagnostics(_) | Self::Catalogue(_) => true,
        }
    }
}

impl Reply {
    /// What came into being, as `camera/2`, and the revision of a timeline.
    #[must_use]
    pub fn made(&self) -> (Option<String>, Option<u64>) {
        match self {
            Self::Camera(view) => (Some(format!("camera/{}", view.id)), None),
            Self::Destination(view) => (Some(format!("destination/{}", view.id)), None),
            Self::Stream(view) => (Some(format!("stream/{}", view.id)), None),
            Self::Pairing(view) => (Some(format!("device/{}", view.device_id)), None),
            Self::Timeline(view) => {
                let id = view.document.get("id").and_then(Value::as_str);
                let made = id.map(|id| format!("timeline/{id}"));
                (made, Some(view.revision))
            }
            _ => (None, None),
        }
    }
}

/// Everything that is answered. Written as the value inside, without a tag.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "each variant is the view of its name")]
pub enum Reply {
    Done(Done),
    PreviewStarted(PreviewStartedView),
    PreviewStopped(PreviewStoppedView),
    GoneLive(GoLiveView),
    PreviewStatus(Box<PreviewStatusView>),
    PreviewHealth(PreviewHealthView),
    Playback(PlaybackView),
    Camera(CameraView),
    Cameras(Vec<CameraView>),
    CameraTest(CameraTestView),
    Destination(DestinationView),
    Destinations(Vec<DestinationView>),
    Presets(Vec<PresetView>),
    Timeline(Box<TimelineView>),
    Timelines(Vec<TimelineSummary>),
    Validation(ValidationView),
    Execution(Box<ExecutionView>),
    Executions(ExecutionList),
    Overlay(Box<OverlayView>),
    Overlays(Vec<OverlayView>),
    Quality(Box<QualityStatus>),
    Settings(Box<SettingsView>),
    SettingsChanged(Changed),
    Pairing(PairView),
    Posted(Box<PostedView>),
    PostNonce(PostNonceView),
    Stream(StreamView),
    Streams(Vec<StreamView>),
    Killed(KillView),
    EmergencyStatus(EmergencyStatusView),
    Health(Box<Report>),
    System(Box<SystemSample>),
    Metrics(Box<MetricsView>),
    History(HistoryView),
    Alert(Box<Alert>),
    Alerts(AlertList),
    Audit(AuditList),
    Diagnostics(Box<Bundle>),
    Webhook(WebhookView),
    WebhookTest(WebhookTest),
    Profiles(Vec<ProfileView>),
    Assets(Vec<AssetView>),
}
