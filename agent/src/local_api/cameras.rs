//! Cameras over HTTP: add, try, change, remove, put on program.

use super::error::{ErrorBody, Refusal};
use super::extract::{Id, Perhaps, Sent};
use super::{Answer, AppState};
use crate::modules::command::{CameraCommand, Command, Reply};
use crate::modules::view::{
    CameraDraft, CameraPatch, CameraTestView, CameraView, Done, TakeRequest,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::CameraId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_cameras, create_camera))
        .routes(routes!(test_connection))
        .routes(routes!(get_camera, update_camera, delete_camera))
        .routes(routes!(test_camera))
        .routes(routes!(camera_to_program))
}

/// Lists the cameras.
#[utoipa::path(
    get,
    path = "/api/cameras",
    tag = "cameras",
    responses(
        (status = 200, description = "The cameras", body = Vec<CameraView>),
    ),
)]
async fn list_cameras(State(app): State<AppState>) -> Answer {
    app.ask(Command::Camera(CameraCommand::List)).await
}

/// Adds a camera. Its password is kept sealed and never answered.
#[utoipa::path(
    post,
    path = "/api/cameras",
    tag = "cameras",
    request_body = CameraDraft,
    responses(
        (status = 201, description = "The camera", body = CameraView),
        (status = 409, description = "CONFLICT", body = ErrorBody),
        (status = 422, description = "SCHEMA_INVALID", body = ErrorBody),
    ),
)]
async fn create_camera(
    State(app): State<AppState>,
    Sent(draft): Sent<CameraDraft>,
) -> Result<(StatusCode, Json<Reply>), Refusal> {
    Ok((
        StatusCode::CREATED,
        app.ask(Command::Camera(CameraCommand::Create(draft)))
            .await?,
    ))
}

/// Answers one camera.
#[utoipa::path(
    get,
    path = "/api/cameras/{id}",
    tag = "cameras",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The camera", body = CameraView),
        (status = 404, description = "CAMERA_NOT_FOUND", body = ErrorBody),
    ),
)]
async fn get_camera(State(app): State<AppState>, Id(id): Id<CameraId>) -> Answer {
    app.ask(Command::Camera(CameraCommand::Get(id))).await
}

/// Changes a camera; fields that are absent stay as they are.
#[utoipa::path(
    put,
    path = "/api/cameras/{id}",
    tag = "cameras",
    params(("id" = String, Path, description = "Its id")),
    request_body = CameraPatch,
    responses(
        (status = 200, description = "The camera as it is now", body = CameraView),
        (status = 404, description = "CAMERA_NOT_FOUND", body = ErrorBody),
        (status = 422, description = "SCHEMA_INVALID", body = ErrorBody),
    ),
)]
async fn update_camera(
    State(app): State<AppState>,
    Id(id): Id<CameraId>,
    Sent(patch): Sent<CameraPatch>,
) -> Answer {
    app.ask(Command::Camera(CameraCommand::Update(id, patch)))
        .await
}

/// Removes a camera that no timeline and no stream names.
#[utoipa::path(
    delete,
    path = "/api/cameras/{id}",
    tag = "cameras",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "It is gone", body = Done),
        (status = 404, description = "CAMERA_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "CAMERA_IN_USE", body = ErrorBody),
    ),
)]
async fn delete_camera(State(app): State<AppState>, Id(id): Id<CameraId>) -> Answer {
    app.ask(Command::Camera(CameraCommand::Delete(id))).await
}

/// Tries the connection of a saved camera. A camera that cannot be used is a finding, not an error.
#[utoipa::path(
    post,
    path = "/api/cameras/{id}/test",
    tag = "cameras",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "What was found", body = CameraTestView),
        (status = 404, description = "CAMERA_NOT_FOUND", body = ErrorBody),
        (status = 503, description = "PREVIEW_SERVER_DOWN", body = ErrorBody),
    ),
)]
async fn test_camera(State(app): State<AppState>, Id(id): Id<CameraId>) -> Answer {
    app.ask(Command::Camera(CameraCommand::Test(id))).await
}

/// Tries a connection before it is saved.
#[utoipa::path(
    post,
    path = "/api/cameras/test-connection",
    tag = "cameras",
    request_body = CameraDraft,
    responses(
        (status = 200, description = "What was found", body = CameraTestView),
        (status = 422, description = "SCHEMA_INVALID", body = ErrorBody),
        (status = 503, description = "PREVIEW_SERVER_DOWN", body = ErrorBody),
    ),
)]
async fn test_connection(State(app): State<AppState>, Sent(draft): Sent<CameraDraft>) -> Answer {
    app.ask(Command::Camera(CameraCommand::TestConnection(draft)))
        .await
}

/// Puts a camera on program until the next video cue.
#[utoipa::path(
    post,
    path = "/api/cameras/{id}/to-program",
    tag = "cameras",
    params(("id" = String, Path, description = "Its id")),
    request_body = TakeRequest,
    responses(
        (status = 200, description = "It is on program", body = Done),
        (status = 400, description = "TIMELINE_NOT_RUNNING", body = ErrorBody),
        (status = 404, description = "CAMERA_NOT_FOUND", body = ErrorBody),
        (status = 502, description = "CAMERA_OFFLINE", body = ErrorBody),
    ),
)]
async fn camera_to_program(
    State(app): State<AppState>,
    Id(id): Id<CameraId>,
    Perhaps(take): Perhaps<TakeRequest>,
) -> Answer {
    app.ask(Command::Camera(CameraCommand::ToProgram(id, take)))
        .await
}
