//! The run of a timeline: start, stop, hold, go on, go to.

use super::command::{ExecutionCommand, Reply};
use super::fault::{Fault, refuse};
use super::view::{ExecutionList, ExecutionStart, ExecutionState, ExecutionView};
use super::{Parts, preview};
use crate::show::{Mode, ShowError, ShowStatus};
use model::TimelineId;
use protocol::Problem;

pub(super) async fn carry_out(parts: &Parts, command: ExecutionCommand) -> Result<Reply, Problem> {
    let show = &parts.show;
    match command {
        ExecutionCommand::Start(asked) => start(parts, asked).await,
        ExecutionCommand::Stop(id) => {
            let was = show.status();
            let Some(mut view) = view(&was).filter(|run| run.timeline_id == id) else {
                return Err(Fault::TimelineNotRunning(id).into());
            };
            show.preview_stop().await.map_err(|error| refuse(&error))?;
            view.status = ExecutionState::Stopped;
            view.mode = Mode::Idle;
            view.destinations.clear();
            view.overlays.clear();
            Ok(Reply::Execution(Box::new(view)))
        }
        ExecutionCommand::Pause => {
            show.pause().await.map_err(|error| refuse(&error))?;
            running(parts)
        }
        ExecutionCommand::Resume => {
            show.resume().await.map_err(|error| refuse(&error))?;
            running(parts)
        }
        ExecutionCommand::Seek(asked) => {
            let status = show.status();
            let Some(timeline) = &status.timeline else {
                return Err(refuse(&ShowError::NotRunning));
            };
            within(asked, timeline.duration_s)?;
            show.seek(asked).await.map_err(|error| refuse(&error))?;
            running(parts)
        }
        ExecutionCommand::Status(id) => status_of(parts, id).await,
        ExecutionCommand::Active => {
            let active: Vec<_> = view(&show.status()).into_iter().collect();
            let count = active.len();
            Ok(Reply::Executions(ExecutionList { active, count }))
        }
    }
}

fn within(asked: f64, duration: f64) -> Result<(), Fault> {
    if asked.is_finite() && asked >= 0.0 && asked < duration {
        Ok(())
    } else {
        Err(Fault::Seek { asked, duration })
    }
}

async fn start(parts: &Parts, asked: ExecutionStart) -> Result<Reply, Problem> {
    let timeline = preview::load(parts, asked.timeline_id).await?;
    if let Some(position) = asked.position {
        within(position, timeline.duration)?;
    }
    let live = if asked.destination_ids.is_empty() {
        Vec::new()
    } else {
        let chosen = preview::choose(parts, asked.destination_ids).await?;
        chosen.into_iter().map(|one| one.id).collect()
    };
    preview::run(parts, timeline, asked.profile).await?;
    if let Some(position) = asked.position {
        parts
            .show
            .seek(position)
            .await
            .map_err(|error| refuse(&error))?;
    }
    if !live.is_empty() {
        parts
            .show
            .go_live(live.clone(), 0)
            .await
            .map_err(|error| refuse(&error))?;
        preview::note_use(parts, live).await;
    }
    running(parts)
}

fn running(parts: &Parts) -> Result<Reply, Problem> {
    let run = view(&parts.show.status()).ok_or_else(|| refuse(&ShowError::NotRunning))?;
    Ok(Reply::Execution(Box::new(run)))
}

async fn status_of(parts: &Parts, id: TimelineId) -> Result<Reply, Problem> {
    if let Some(run) = view(&parts.show.status()).filter(|run| run.timeline_id == id) {
        return Ok(Reply::Execution(Box::new(run)));
    }
    let wanted = id.clone();
    let timeline_name = parts
        .records
        .read(move |store| super::timelines::name_of(store, &wanted))
        .await?;
    Ok(Reply::Execution(Box::new(ExecutionView {
        timeline_id: id,
        timeline_name,
        status: ExecutionState::Stopped,
        mode: Mode::Idle,
        started_at: None,
        position: None,
        destinations: Vec::new(),
        overlays: Vec::new(),
    })))
}

fn view(status: &ShowStatus) -> Option<ExecutionView> {
    let timeline = status.timeline.as_ref()?;
    Some(ExecutionView {
        timeline_id: timeline.id.clone(),
        timeline_name: timeline.name.clone(),
        status: if status.paused {
            ExecutionState::Paused
        } else {
            ExecutionState::Running
        },
        mode: status.mode,
        started_at: Some(timeline.started_at.clone()),
        position: status.position.clone(),
        destinations: status.destinations.clone(),
        overlays: status.overlays.clone(),
    })
}
