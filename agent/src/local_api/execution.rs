//! The run of a timeline over HTTP: start, stop, hold, go on, go to.

use super::error::ErrorBody;
use super::extract::{Id, Sent};
use super::{Answer, AppState};
use crate::modules::command::{Command, ExecutionCommand};
use crate::modules::view::{ExecutionList, ExecutionStart, ExecutionView, SeekRequest};
use axum::extract::State;
use model::TimelineId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(start_execution))
        .routes(routes!(stop_execution))
        .routes(routes!(pause_execution))
        .routes(routes!(resume_execution))
        .routes(routes!(seek_execution))
        .routes(routes!(execution_status))
        .routes(routes!(active_executions))
}

/// Runs a timeline: as a preview, or live at once where destinations are given.
#[utoipa::path(
    post,
    path = "/api/timeline-execution/start",
    tag = "timeline execution",
    request_body = ExecutionStart,
    responses(
        (status = 200, description = "The run", body = ExecutionView),
        (status = 404, description = "TIMELINE_NOT_FOUND or DESTINATION_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "PREVIEW_ACTIVE", body = ErrorBody),
        (status = 422, description = "TIMELINE_INVALID or SEEK_OUT_OF_RANGE", body = ErrorBody),
        (status = 503, description = "PREVIEW_SERVER_DOWN", body = ErrorBody),
    ),
)]
async fn start_execution(State(app): State<AppState>, Sent(start): Sent<ExecutionStart>) -> Answer {
    app.ask(Command::Execution(ExecutionCommand::Start(start)))
        .await
}

/// Stops the run of a timeline.
#[utoipa::path(
    post,
    path = "/api/timeline-execution/stop/{id}",
    tag = "timeline execution",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The run that ended", body = ExecutionView),
        (status = 400, description = "TIMELINE_NOT_RUNNING", body = ErrorBody),
    ),
)]
async fn stop_execution(State(app): State<AppState>, Id(id): Id<TimelineId>) -> Answer {
    app.ask(Command::Execution(ExecutionCommand::Stop(id)))
        .await
}

/// Holds the timeline's clock and picture source; a live camera goes on.
#[utoipa::path(
    post,
    path = "/api/timeline-execution/pause",
    tag = "timeline execution",
    responses(
        (status = 200, description = "The run", body = ExecutionView),
        (status = 400, description = "TIMELINE_NOT_RUNNING", body = ErrorBody),
    ),
)]
async fn pause_execution(State(app): State<AppState>) -> Answer {
    app.ask(Command::Execution(ExecutionCommand::Pause)).await
}

/// Lets the timeline's clock run again.
#[utoipa::path(
    post,
    path = "/api/timeline-execution/resume",
    tag = "timeline execution",
    responses(
        (status = 200, description = "The run", body = ExecutionView),
        (status = 400, description = "TIMELINE_NOT_RUNNING", body = ErrorBody),
    ),
)]
async fn resume_execution(State(app): State<AppState>) -> Answer {
    app.ask(Command::Execution(ExecutionCommand::Resume)).await
}

/// Goes to a position.
#[utoipa::path(
    post,
    path = "/api/timeline-execution/seek",
    tag = "timeline execution",
    request_body = SeekRequest,
    responses(
        (status = 200, description = "The run", body = ExecutionView),
        (status = 400, description = "TIMELINE_NOT_RUNNING", body = ErrorBody),
        (status = 422, description = "SEEK_OUT_OF_RANGE", body = ErrorBody),
    ),
)]
async fn seek_execution(State(app): State<AppState>, Sent(seek): Sent<SeekRequest>) -> Answer {
    app.ask(Command::Execution(ExecutionCommand::Seek(seek.position)))
        .await
}

/// Answers how the run of a timeline is.
#[utoipa::path(
    get,
    path = "/api/timeline-execution/status/{id}",
    tag = "timeline execution",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The run, `stopped` where it does not run", body = ExecutionView),
        (status = 404, description = "TIMELINE_NOT_FOUND", body = ErrorBody),
    ),
)]
async fn execution_status(State(app): State<AppState>, Id(id): Id<TimelineId>) -> Answer {
    app.ask(Command::Execution(ExecutionCommand::Status(id)))
        .await
}

/// Lists what runs: nothing or one timeline.
#[utoipa::path(
    get,
    path = "/api/timeline-execution/active",
    tag = "timeline execution",
    responses(
        (status = 200, description = "The runs", body = ExecutionList),
    ),
)]
async fn active_executions(State(app): State<AppState>) -> Answer {
    app.ask(Command::Execution(ExecutionCommand::Active)).await
}
