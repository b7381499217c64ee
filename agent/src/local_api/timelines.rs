//! Saved timelines over HTTP: save, check, change, remove.

use super::error::{ErrorBody, Refusal};
use super::extract::{Id, Sent};
use super::{Answer, AppState};
use crate::modules::command::{Command, Reply, TimelineCommand};
use crate::modules::view::{Done, TimelineSummary, TimelineView, ValidationView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::TimelineId;
use serde_json::Value;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_timelines, create_timeline))
        .routes(routes!(validate_timeline))
        .routes(routes!(get_timeline, update_timeline, delete_timeline))
}

/// Lists the timelines in short.
#[utoipa::path(
    get,
    path = "/api/timelines",
    tag = "timelines",
    responses(
        (status = 200, description = "The timelines", body = Vec<TimelineSummary>),
    ),
)]
async fn list_timelines(State(app): State<AppState>) -> Answer {
    app.ask(Command::Timeline(TimelineCommand::List)).await
}

/// Saves a new timeline. Both document shapes are taken, with or without the `timeline` wrapper.
#[utoipa::path(
    post,
    path = "/api/timelines",
    tag = "timelines",
    request_body(
        content = Object,
        description = "The document, with or without the `timeline` wrapper",
        example = json!({"name": "Daily Marina Stream", "duration": 120, "loop": true, "tracks": [
            {"track_id": "video_main", "type": "video", "cues": [
                {"id": "cue_v1", "start_time": 0, "duration": 60, "action": "show_camera",
                 "params": {"camera_id": "1"}},
                {"id": "cue_v2", "start_time": 60, "duration": 60, "action": "show_camera",
                 "params": {"camera_id": "2", "transition": "fade", "transition_duration": 1.0}}]}]}),
    ),
    responses(
        (status = 201, description = "The timeline in its normal shape", body = TimelineView),
        (status = 409, description = "CONFLICT", body = ErrorBody),
        (status = 422, description = "TIMELINE_INVALID", body = ErrorBody),
    ),
)]
async fn create_timeline(
    State(app): State<AppState>,
    Sent(document): Sent<Value>,
) -> Result<(StatusCode, Json<Reply>), Refusal> {
    Ok((
        StatusCode::CREATED,
        app.ask(Command::Timeline(TimelineCommand::Create(document)))
            .await?,
    ))
}

/// Checks a document without saving it.
#[utoipa::path(
    post,
    path = "/api/timelines/validate",
    tag = "timelines",
    request_body(
        content = Object,
        description = "The document, with or without the `timeline` wrapper",
        example = json!({"name": "Daily Marina Stream", "duration": 120, "loop": true, "tracks": [
            {"track_id": "video_main", "type": "video", "cues": [
                {"id": "cue_v1", "start_time": 0, "duration": 60, "action": "show_camera",
                 "params": {"camera_id": "1"}},
                {"id": "cue_v2", "start_time": 60, "duration": 60, "action": "show_camera",
                 "params": {"camera_id": "2", "transition": "fade", "transition_duration": 1.0}}]}]}),
    ),
    responses(
        (status = 200, description = "What was found", body = ValidationView),
    ),
)]
async fn validate_timeline(State(app): State<AppState>, Sent(document): Sent<Value>) -> Answer {
    app.ask(Command::Timeline(TimelineCommand::Validate(document)))
        .await
}

/// Answers one timeline, whole.
#[utoipa::path(
    get,
    path = "/api/timelines/{id}",
    tag = "timelines",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The timeline", body = TimelineView),
        (status = 404, description = "TIMELINE_NOT_FOUND", body = ErrorBody),
    ),
)]
async fn get_timeline(State(app): State<AppState>, Id(id): Id<TimelineId>) -> Answer {
    app.ask(Command::Timeline(TimelineCommand::Get(id))).await
}

/// Replaces a timeline. One that runs goes on as it was started.
#[utoipa::path(
    put,
    path = "/api/timelines/{id}",
    tag = "timelines",
    params(("id" = String, Path, description = "Its id")),
    request_body(
        content = Object,
        description = "The document, with or without the `timeline` wrapper",
        example = json!({"name": "Daily Marina Stream", "duration": 120, "loop": true, "tracks": [
            {"track_id": "video_main", "type": "video", "cues": [
                {"id": "cue_v1", "start_time": 0, "duration": 60, "action": "show_camera",
                 "params": {"camera_id": "1"}},
                {"id": "cue_v2", "start_time": 60, "duration": 60, "action": "show_camera",
                 "params": {"camera_id": "2", "transition": "fade", "transition_duration": 1.0}}]}]}),
    ),
    responses(
        (status = 200, description = "The timeline as it is now", body = TimelineView),
        (status = 404, description = "TIMELINE_NOT_FOUND", body = ErrorBody),
        (status = 422, description = "TIMELINE_INVALID", body = ErrorBody),
    ),
)]
async fn update_timeline(
    State(app): State<AppState>,
    Id(id): Id<TimelineId>,
    Sent(document): Sent<Value>,
) -> Answer {
    app.ask(Command::Timeline(TimelineCommand::Update(id, document)))
        .await
}

/// Removes a timeline that does not run.
#[utoipa::path(
    delete,
    path = "/api/timelines/{id}",
    tag = "timelines",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "It is gone", body = Done),
        (status = 404, description = "TIMELINE_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "TIMELINE_ALREADY_RUNNING", body = ErrorBody),
    ),
)]
async fn delete_timeline(State(app): State<AppState>, Id(id): Id<TimelineId>) -> Answer {
    app.ask(Command::Timeline(TimelineCommand::Delete(id)))
        .await
}
