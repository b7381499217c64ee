//! Commands of Studio, carried out by the modules.
//!
//! What a family asks becomes commands of the one door, and their answers become its reply. What is not
//! carried out is refused with `FEATURE_DISABLED` and the place of what asked for it, never let pass.

mod device;
mod diagnostics;

use super::Credentials;
use super::map::{self, misfit, not_yet};
use crate::health::Status;
use crate::modules::Router;
use crate::modules::command::{
    CameraCommand, Command, EmergencyCommand, ExecutionCommand, Origin, OverlayCommand,
    PreviewCommand, Reply, StreamCommand, TimelineCommand,
};
use crate::modules::view::{CameraTestView, ExecutionStart, GoLive, PreviewStart, TakeRequest};
use crate::reporter;
use crate::show::{DestinationState, Mode, OverlayEdit, ShowStatus};
use crate::telemetry::System;
use control::{Outcome, TurnedAway};
use link::{About, Hands, Work};
use protocol::command::{
    CameraAction, CameraEntry, CameraReply, CameraWork, Command as Wire, CommandType,
    ExecutionMode, HealthReply, OnConflict, Output, OverlayAction, OverlayUpdate, OverlayUpdated,
    Stopped, StreamControl, StreamReply, StreamWork, TimelineExecute, TimelineExecuted,
    TimelineLoad, TimelineLoaded,
};
use protocol::{
    Capabilities, ClockSource, Code, DeviceState, Id, MessageId, Metrics, Problem, Seconds,
};
use runtime::CancellationToken;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Mutex;

/// The types that are carried out.
const COMMANDS: [CommandType; 12] = [
    CommandType::DeviceConfig,
    CommandType::CameraAction,
    CommandType::TimelineLoad,
    CommandType::TimelineExecute,
    CommandType::OverlayUpdate,
    CommandType::StreamControl,
    CommandType::HealthRequest,
    CommandType::CredentialRefresh,
    CommandType::CredentialRevoke,
    CommandType::EmergencyStop,
    CommandType::DiagnosticsRequest,
    CommandType::Cancel,
];

/// Carries out what Studio asks.
pub struct StudioHands {
    router: Router,
    system: System,
    credentials: Option<Credentials>,
    uploads: Arc<Mutex<()>>,
}

/// What this build can do.
pub(super) fn capabilities() -> Capabilities {
    let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Capabilities {
        encoders: Vec::new(),
        max_streams: BTreeMap::new(),
        resolutions: list(&["1920x1080", "1280x720", "854x480"]),
        transports: list(&["wss", "mqtt"]),
        commands: COMMANDS
            .iter()
            .map(|kind| kind.as_str().to_owned())
            .collect(),
        timeline_actions: list(&["show_camera", "show_media", "show_overlay"]),
        overlay_types: list(&["lower_third", "logo", "text", "image", "dynamic_text"]),
        transitions: list(&["cut", "fade", "dissolve", "wipe"]),
        recording: false,
        ptz: false,
        gpu: None,
    }
}

impl StudioHands {
    /// Hands on this door, and on the device's credentials where it has some.
    #[must_use]
    pub fn new(router: Router, system: System, credentials: Option<Credentials>) -> Self {
        Self {
            router,
            system,
            credentials,
            uploads: Arc::default(),
        }
    }
}

impl Hands for StudioHands {
    fn commands(&self) -> BTreeSet<CommandType> {
        COMMANDS.into_iter().collect()
    }

    fn about(&self) -> About {
        let status = self.router.show().status();
        let encoders = status.encoder.iter().map(|one| one.name.clone()).collect();
        About {
            capabilities: Capabilities {
                encoders,
                ..capabilities()
            },
            state: match status.mode {
                Mode::Idle => DeviceState::Idle,
                Mode::Preview => DeviceState::Preview,
                Mode::Live => DeviceState::Live,
            },
            clock: match self.system.sample().clock_synced {
                Some(true) => ClockSource::Ntp,
                _ => ClockSource::Unsynced,
            },
        }
    }

    fn carry_out(
        &self,
        command: Wire,
        correlation_id: &MessageId,
        stop: CancellationToken,
    ) -> Work {
        let desk = Desk {
            router: self.router.clone(),
            credentials: self.credentials.clone(),
            correlation_id: correlation_id.clone(),
            stop,
            uploads: Arc::clone(&self.uploads),
        };
        Box::pin(async move {
            match desk.carry_out(command).await {
                Ok(reply) => Outcome::Completed(reply),
                Err(Undone::Failed(problem)) => Outcome::Failed(problem),
                Err(Undone::GivenUp) => Outcome::Aborted,
            }
        })
    }

    fn turned_away(&self, refusal: &TurnedAway) {
        self.router.audit().turned_away(refusal);
    }

    fn figures(&self) -> Option<Metrics> {
        let figures = reporter::metrics(&self.router.figures());
        figures
            .inspect_err(|problem| tracing::warn!(problem = problem.message, "No figures."))
            .ok()
    }

    fn is_idle(&self) -> bool {
        self.router.show().status().mode == Mode::Idle
    }
}

/// One command at work.
struct Desk {
    router: Router,
    credentials: Option<Credentials>,
    /// What follows from it is told and written down under this.
    correlation_id: MessageId,
    /// Cancelled when it is to give up.
    stop: CancellationToken,
    /// Held by the one that sends a bundle.
    uploads: Arc<Mutex<()>>,
}

/// Why a command did not come true.
#[derive(Debug)]
enum Undone {
    /// It failed.
    Failed(Problem),
    /// It was asked to give up between two steps.
    GivenUp,
}

impl From<Problem> for Undone {
    fn from(problem: Problem) -> Self {
        Self::Failed(problem)
    }
}

fn told(reply: &impl serde::Serialize) -> Result<Value, Undone> {
    let none = |_| Code::Internal.with_message("the reply has no JSON form");
    Ok(serde_json::to_value(reply).map_err(none)?)
}

fn other() -> Undone {
    let problem = Code::Internal.with_message("a module answered something else");
    Undone::Failed(problem)
}

impl Desk {
    async fn carry_out(&self, command: Wire) -> Result<Value, Undone> {
        match command {
            Wire::DeviceConfig(config) => told(&self.config(config).await?),
            Wire::CameraAction(action) => told(&self.camera(action).await?),
            Wire::TimelineLoad(load) => told(&self.load(load).await?),
            Wire::TimelineExecute(execute) => told(&self.execute(execute).await?),
            Wire::OverlayUpdate(update) => told(&self.overlay(update).await?),
            Wire::StreamControl(control) => told(&self.stream(control).await?),
            Wire::HealthRequest(request) if request.sections.is_empty() => told(&self.health()?),
            Wire::HealthRequest(_) => Err(not_yet("/sections", "parts of the health").into()),
            Wire::CredentialRefresh(refresh) => told(&self.refresh(refresh).await?),
            Wire::CredentialRevoke(revoke) => told(&self.revoke(revoke).await?),
            Wire::EmergencyStop(_) => told(&self.emergency().await?),
            Wire::DiagnosticsRequest(asked) => told(&self.diagnostics(asked).await?),
            _ => {
                let problem =
                    Code::FeatureDisabled.with_message("this agent does not carry that out");
                Err(problem.into())
            }
        }
    }

    /// One step. It is not given up in its midst, so that nothing is left half done.
    async fn ask(&self, command: Command) -> Result<Reply, Undone> {
        if self.stop.is_cancelled() {
            return Err(Undone::GivenUp);
        }
        let correlation = &self.correlation_id;
        let asked = self.router.ask_for(Origin::Studio, correlation, command);
        Ok(asked.await?)
    }

    fn status(&self) -> Arc<ShowStatus> {
        self.router.show().status()
    }

    async fn camera(&self, action: CameraAction) -> Result<CameraReply, Undone> {
        let id = action.camera_id.as_ref().map(map::camera).transpose()?;
        let named = || {
            id.clone()
                .ok_or_else(|| misfit("/camera_id", "which camera?"))
        };
        let reply = match action.work {
            CameraWork::List {} => self.ask(Command::Camera(CameraCommand::List)).await?,
            CameraWork::Create(edit) => {
                let draft = map::draft(id.clone(), &edit)?;
                if edit.test {
                    self.tried(CameraCommand::TestConnection(draft.clone()))
                        .await?;
                }
                self.ask(Command::Camera(CameraCommand::Create(draft)))
                    .await?
            }
            CameraWork::Update(edit) => {
                let patch = map::patch(&edit)?;
                if edit.test {
                    return Err(not_yet("/payload/test", "a trial of a changed camera").into());
                }
                self.ask(Command::Camera(CameraCommand::Update(named()?, patch)))
                    .await?
            }
            CameraWork::Delete { force: false } => {
                self.ask(Command::Camera(CameraCommand::Delete(named()?)))
                    .await?
            }
            CameraWork::Test {} => {
                let view = self.tried(CameraCommand::Test(named()?)).await?;
                return Ok(CameraReply {
                    detail: Some(view.message),
                    ..CameraReply::default()
                });
            }
            CameraWork::ToProgram { hold: true, .. } => {
                return Err(not_yet("/payload/hold", "holding a camera on program").into());
            }
            CameraWork::ToProgram {
                transition,
                transition_duration,
                ..
            } => {
                let take = TakeRequest {
                    transition: transition
                        .map(|name| map::word(&name, "/payload/transition"))
                        .transpose()?
                        .unwrap_or_default(),
                    transition_duration: transition_duration.map(Seconds::get),
                };
                self.ask(Command::Camera(CameraCommand::ToProgram(named()?, take)))
                    .await?
            }
            CameraWork::Delete { force: true } => {
                return Err(not_yet("/payload/force", "removing a camera that is in use").into());
            }
            _ => return Err(not_yet("/action", "this action of cameras").into()),
        };
        let camera_id = match &reply {
            Reply::Camera(view) => Some(map::id(view.id.as_str())?),
            _ => action.camera_id,
        };
        let cameras = match reply {
            Reply::Cameras(views) => {
                let entry = |view: crate::modules::view::CameraView| {
                    Ok(CameraEntry {
                        camera_id: map::id(view.id.as_str())?,
                        name: map::name(&view.name),
                        status: map::name(&word_of(&view.status)),
                    })
                };
                Some(
                    views
                        .into_iter()
                        .map(entry)
                        .collect::<Result<_, Problem>>()?,
                )
            }
            _ => None,
        };
        Ok(CameraReply {
            camera_id,
            cameras,
            ..CameraReply::default()
        })
    }

    /// A trial of a camera that came out well.
    async fn tried(&self, command: CameraCommand) -> Result<CameraTestView, Undone> {
        let Reply::CameraTest(view) = self.ask(Command::Camera(command)).await? else {
            return Err(other());
        };
        if view.success {
            return Ok(view);
        }
        let code = view.code.and_then(Code::from_text);
        let problem = code.unwrap_or(Code::CameraOffline);
        Err(problem.with_message(view.message).into())
    }

    async fn load(&self, load: TimelineLoad) -> Result<TimelineLoaded, Undone> {
        let id = map::timeline(&load.timeline_id)?;
        let unsupported = [
            (
                load.segments.len() > 1,
                "/segments",
                "more than one document",
            ),
            (
                !load.assets_manifest.assets.is_empty(),
                "/assets_manifest",
                "fetching files",
            ),
            (!load.ocl.is_empty(), "/ocl", "overlay documents"),
            (!load.schedule.is_empty(), "/schedule", "schedules"),
            (
                load.revision.is_some(),
                "/revision",
                "revisions of Studio's own",
            ),
        ];
        if let Some((_, field, what)) = unsupported.into_iter().find(|(given, _, _)| *given) {
            return Err(not_yet(field, what).into());
        }
        let Some(mut document) = load.segments.into_iter().next() else {
            return Err(misfit("/segments", "there is no document").into());
        };
        document.insert("id".to_owned(), Value::String(id.to_string()));
        let document = Value::Object(document);
        let known = self
            .ask(Command::Timeline(TimelineCommand::Get(id.clone())))
            .await;
        let command = match known {
            Ok(_) if load.replace => TimelineCommand::Update(id, document),
            Ok(_) => {
                let mut problem = Code::Conflict.with_message("there is a timeline of that id");
                problem.field = Some("/payload/replace".to_owned());
                return Err(problem.into());
            }
            Err(Undone::Failed(problem)) if problem.code == Code::TimelineNotFound => {
                TimelineCommand::Create(document)
            }
            Err(undone) => return Err(undone),
        };
        let Reply::Timeline(view) = self.ask(Command::Timeline(command)).await? else {
            return Err(other());
        };
        let line = |issue: &crate::modules::view::IssueView| {
            format!("{}: {}", issue.pointer, issue.message)
        };
        Ok(TimelineLoaded {
            timeline_id: load.timeline_id,
            revision: view.revision,
            warnings: view.warnings.iter().map(line).collect(),
        })
    }

    async fn execute(&self, execute: TimelineExecute) -> Result<TimelineExecuted, Undone> {
        let id = map::timeline(&execute.timeline_id)?;
        let unsupported = [
            (execute.cue_id.is_some(), "/cue_id", "beginning at a cue"),
            (
                execute.start_at.is_some(),
                "/start_at",
                "beginning at a time",
            ),
            (
                execute.looped.is_some(),
                "/loop",
                "another loop than the timeline's",
            ),
        ];
        if let Some((_, field, what)) = unsupported.into_iter().find(|(given, _, _)| *given) {
            return Err(not_yet(field, what).into());
        }
        let status = self.status();
        let running = status.timeline.as_ref().map(|shown| shown.id.clone());
        if execute.execution_mode != ExecutionMode::Play && running.as_ref() != Some(&id) {
            let message = format!("timeline {id} is not running");
            return Err(Code::TimelineNotRunning.with_message(message).into());
        }
        let command = match execute.execution_mode {
            ExecutionMode::Play => {
                if let Some(other) = running {
                    if execute.on_conflict != OnConflict::Preempt {
                        let message = format!("timeline {other} is running");
                        return Err(Code::PriorityConflict.with_message(message).into());
                    }
                    self.ask(Command::Execution(ExecutionCommand::Stop(other)))
                        .await?;
                }
                let live = execute.output == Some(Output::Live);
                ExecutionCommand::Start(ExecutionStart {
                    timeline_id: id,
                    destination_ids: if live {
                        map::destinations(&execute.destination_ids)?
                    } else {
                        Vec::new()
                    },
                    position: execute.position_s.map(Seconds::get),
                    profile: None,
                })
            }
            ExecutionMode::Pause => ExecutionCommand::Pause,
            ExecutionMode::Resume => ExecutionCommand::Resume,
            ExecutionMode::Stop => ExecutionCommand::Stop(id),
            ExecutionMode::Seek => match execute.position_s {
                Some(position) => ExecutionCommand::Seek(position.get()),
                None => return Err(misfit("/position_s", "a seek needs a position").into()),
            },
            ExecutionMode::Skip | ExecutionMode::Restart | ExecutionMode::Queue => {
                return Err(not_yet("/execution_mode", "this way of running").into());
            }
        };
        let Reply::Execution(view) = self.ask(Command::Execution(command)).await? else {
            return Err(other());
        };
        let position = view.position.as_ref().map(|at| at.current_time);
        Ok(TimelineExecuted {
            timeline_id: execute.timeline_id,
            status: map::name(&word_of(&view.status)),
            position_s: position.and_then(|at| Seconds::new(at).ok()),
        })
    }

    async fn overlay(&self, update: OverlayUpdate) -> Result<OverlayUpdated, Undone> {
        let asked = update.edit.unwrap_or_default();
        let unsupported = [
            (
                update.ocl_package_uri.is_some(),
                "/ocl_package_uri",
                "overlay packages",
            ),
            (update.apply_at.is_some(), "/apply_at", "changes at a time"),
            (update.scene_id.is_some(), "/scene_id", "scenes"),
            (
                asked.duration_s.is_some(),
                "/edit/duration_s",
                "another duration",
            ),
            (asked.fade_in.is_some(), "/edit/fade_in", "another fade"),
            (asked.fade_out.is_some(), "/edit/fade_out", "another fade"),
            (asked.layer.is_some(), "/edit/layer", "another layer"),
            (
                asked.image_asset_id.is_some(),
                "/edit/image_asset_id",
                "assets by id",
            ),
        ];
        if let Some((_, field, what)) = unsupported.into_iter().find(|(given, _, _)| *given) {
            return Err(not_yet(field, what).into());
        }
        let visible = match update.action {
            None => asked.visible,
            Some(OverlayAction::Activate) => Some(true),
            Some(OverlayAction::Deactivate) => Some(false),
            Some(OverlayAction::Load | OverlayAction::ClearAll) => {
                return Err(not_yet("/action", "this action of graphics").into());
            }
        };
        let tokens = |tokens: BTreeMap<String, protocol::Text>| {
            let text = |(key, value): (String, protocol::Text)| (key, value.to_string());
            tokens.into_iter().map(text).collect()
        };
        let edit = OverlayEdit {
            text: asked.text.map(|text| text.to_string()),
            tokens: (!asked.tokens.is_empty()).then(|| tokens(asked.tokens)),
            visible,
            opacity: asked.opacity.map(protocol::Share::get),
            position: asked
                .position
                .map(|name| map::word(&name, "/edit/position"))
                .transpose()?,
            scale: asked.scale.map(protocol::Scale::get),
            ..OverlayEdit::default()
        };
        let cue = map::cue(&update.overlay_id)?;
        let command = Command::Overlay(OverlayCommand::Edit(cue, Box::new(edit)));
        let Reply::Overlay(view) = self.ask(command).await? else {
            return Err(other());
        };
        Ok(OverlayUpdated {
            overlay_id: update.overlay_id,
            visible: view.visible,
            frame: None,
        })
    }

    async fn stream(&self, control: StreamControl) -> Result<StreamReply, Undone> {
        let whole = ["*", "program"].contains(&control.stream_id.as_str());
        match control.work {
            StreamWork::PreviewStart { timeline_id } => {
                let start = PreviewStart {
                    timeline_id: map::timeline(&timeline_id)?,
                    profile: None,
                };
                self.ask(Command::Preview(PreviewCommand::Start(start)))
                    .await?;
            }
            StreamWork::GoLive {
                destination_ids,
                countdown_s,
            } => {
                let go = GoLive {
                    destination_ids: map::destinations(&destination_ids)?,
                    countdown_s,
                };
                self.ask(Command::Preview(PreviewCommand::GoLive(go)))
                    .await?;
            }
            StreamWork::PreviewStop {} => self.end_program().await?,
            StreamWork::Stop { .. } if whole => self.end_program().await?,
            StreamWork::Stop { .. } => {
                let id = Id::parse(control.stream_id.as_str());
                let id = id.map_err(|error| misfit("/stream_id", error.to_string()))?;
                let stop = StreamCommand::Stop(map::stream(&id)?);
                self.ask(Command::Stream(stop)).await?;
            }
            StreamWork::KillAll {} => {
                let kill = EmergencyCommand::KillAllStreams;
                self.ask(Command::Emergency(kill)).await?;
            }
            _ => return Err(not_yet("/command", "this command of streams").into()),
        }
        let status = self.status();
        Ok(StreamReply {
            status: map::name(&word_of(&status.mode)),
            destination_ids: on_air(&status)?,
        })
    }

    /// Ends the program; one that has ended is as good.
    async fn end_program(&self) -> Result<(), Undone> {
        if self.status().mode != Mode::Idle {
            self.ask(Command::Preview(PreviewCommand::Stop)).await?;
        }
        Ok(())
    }

    /// Both scopes end everything that is sent, and the program with it.
    async fn emergency(&self) -> Result<Stopped, Undone> {
        let destination_ids = on_air(&self.status())?;
        let kill = EmergencyCommand::KillAllStreams;
        self.ask(Command::Emergency(kill)).await?;
        Ok(Stopped { destination_ids })
    }

    fn health(&self) -> Result<HealthReply, Problem> {
        Ok(HealthReply {
            status: map::name(match self.router.health().status {
                Status::Healthy => "healthy",
                Status::Degraded => "degraded",
                Status::Unhealthy => "unhealthy",
            }),
            metrics: reporter::metrics(&self.router.figures())?,
        })
    }
}

fn on_air(status: &ShowStatus) -> Result<Vec<Id>, Problem> {
    let wanted = status
        .destinations
        .iter()
        .filter(|one| one.state != DestinationState::Idle);
    wanted.map(|one| map::id(one.id.as_str())).collect()
}

/// The word of a value of a closed list, as its JSON form has it.
fn word_of(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => "unknown".to_owned(),
    }
}
