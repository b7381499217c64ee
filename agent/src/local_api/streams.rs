//! Cameras sent straight to a destination, over HTTP.

use super::error::{ErrorBody, Refusal};
use super::extract::{Id, Sent};
use super::{Answer, AppState};
use crate::modules::command::{Command, Reply, StreamCommand};
use crate::modules::view::{Done, StreamDraft, StreamPatch, StreamView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::StreamId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_streams, create_stream))
        .routes(routes!(get_stream, update_stream, delete_stream))
        .routes(routes!(start_stream))
        .routes(routes!(stop_stream))
        .routes(routes!(stream_status))
}

/// Lists the streams.
#[utoipa::path(
    get,
    path = "/api/streams",
    tag = "streams",
    responses(
        (status = 200, description = "The streams", body = Vec<StreamView>),
    ),
)]
async fn list_streams(State(app): State<AppState>) -> Answer {
    app.ask(Command::Stream(StreamCommand::List)).await
}

/// Adds a stream; it is not started.
#[utoipa::path(
    post,
    path = "/api/streams",
    tag = "streams",
    request_body = StreamDraft,
    responses(
        (status = 201, description = "The stream", body = StreamView),
        (status = 404, description = "CAMERA_NOT_FOUND or DESTINATION_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "CONFLICT", body = ErrorBody),
    ),
)]
async fn create_stream(
    State(app): State<AppState>,
    Sent(draft): Sent<StreamDraft>,
) -> Result<(StatusCode, Json<Reply>), Refusal> {
    Ok((
        StatusCode::CREATED,
        app.ask(Command::Stream(StreamCommand::Create(draft)))
            .await?,
    ))
}

/// Answers one stream.
#[utoipa::path(
    get,
    path = "/api/streams/{id}",
    tag = "streams",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The stream", body = StreamView),
        (status = 404, description = "STREAM_NOT_FOUND", body = ErrorBody),
    ),
)]
async fn get_stream(State(app): State<AppState>, Id(id): Id<StreamId>) -> Answer {
    app.ask(Command::Stream(StreamCommand::Get(id))).await
}

/// Changes a stream that is stopped; fields that are absent stay as they are.
#[utoipa::path(
    put,
    path = "/api/streams/{id}",
    tag = "streams",
    params(("id" = String, Path, description = "Its id")),
    request_body = StreamPatch,
    responses(
        (status = 200, description = "The stream as it is now", body = StreamView),
        (status = 404, description = "STREAM_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "STREAM_ALREADY_RUNNING", body = ErrorBody),
    ),
)]
async fn update_stream(
    State(app): State<AppState>,
    Id(id): Id<StreamId>,
    Sent(patch): Sent<StreamPatch>,
) -> Answer {
    app.ask(Command::Stream(StreamCommand::Update(id, patch)))
        .await
}

/// Removes a stream that is stopped.
#[utoipa::path(
    delete,
    path = "/api/streams/{id}",
    tag = "streams",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "It is gone", body = Done),
        (status = 404, description = "STREAM_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "STREAM_ALREADY_RUNNING", body = ErrorBody),
    ),
)]
async fn delete_stream(State(app): State<AppState>, Id(id): Id<StreamId>) -> Answer {
    app.ask(Command::Stream(StreamCommand::Delete(id))).await
}

/// Starts a stream: passed on as it is where the codecs allow, encoded else.
#[utoipa::path(
    post,
    path = "/api/streams/{id}/start",
    tag = "streams",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The stream", body = StreamView),
        (status = 404, description = "STREAM_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "STREAM_ALREADY_RUNNING or STREAM_LIMIT or DESTINATION_INACTIVE", body = ErrorBody),
    ),
)]
async fn start_stream(State(app): State<AppState>, Id(id): Id<StreamId>) -> Answer {
    app.ask(Command::Stream(StreamCommand::Start(id))).await
}

/// Stops a stream.
#[utoipa::path(
    post,
    path = "/api/streams/{id}/stop",
    tag = "streams",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The stream", body = StreamView),
        (status = 404, description = "STREAM_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "STREAM_NOT_RUNNING", body = ErrorBody),
    ),
)]
async fn stop_stream(State(app): State<AppState>, Id(id): Id<StreamId>) -> Answer {
    app.ask(Command::Stream(StreamCommand::Stop(id))).await
}

/// Answers how a stream is.
#[utoipa::path(
    get,
    path = "/api/streams/{id}/status",
    tag = "streams",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The stream", body = StreamView),
        (status = 404, description = "STREAM_NOT_FOUND", body = ErrorBody),
    ),
)]
async fn stream_status(State(app): State<AppState>, Id(id): Id<StreamId>) -> Answer {
    app.ask(Command::Stream(StreamCommand::Get(id))).await
}
