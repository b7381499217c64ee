//! The preview and going live over HTTP.

use super::error::ErrorBody;
use super::extract::Sent;
use super::{Answer, AppState};
use crate::modules::command::{Command, PreviewCommand};
use crate::modules::view::{
    GoLive, GoLiveView, PlaybackView, PreviewHealthView, PreviewStart, PreviewStartedView,
    PreviewStatusView, PreviewStoppedView, SetDestinations,
};
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(start_preview))
        .routes(routes!(stop_preview))
        .routes(routes!(go_live))
        .routes(routes!(set_destinations))
        .routes(routes!(preview_status))
        .routes(routes!(preview_health))
        .routes(routes!(playback_position))
}

/// Starts the program of a timeline, seen on the device only.
#[utoipa::path(
    post,
    path = "/api/preview/start",
    tag = "preview",
    request_body = PreviewStart,
    responses(
        (status = 200, description = "The program runs", body = PreviewStartedView),
        (status = 404, description = "TIMELINE_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "PREVIEW_ACTIVE", body = ErrorBody),
        (status = 422, description = "TIMELINE_INVALID", body = ErrorBody),
        (status = 503, description = "PREVIEW_SERVER_DOWN for some seconds, or ENCODER_UNAVAILABLE", body = ErrorBody),
    ),
)]
async fn start_preview(State(app): State<AppState>, Sent(start): Sent<PreviewStart>) -> Answer {
    app.ask(Command::Preview(PreviewCommand::Start(start)))
        .await
}

/// Stops the program, live or not.
#[utoipa::path(
    post,
    path = "/api/preview/stop",
    tag = "preview",
    responses(
        (status = 200, description = "The program ended", body = PreviewStoppedView),
        (status = 400, description = "TIMELINE_NOT_RUNNING", body = ErrorBody),
    ),
)]
async fn stop_preview(State(app): State<AppState>) -> Answer {
    app.ask(Command::Preview(PreviewCommand::Stop)).await
}

/// Sends the running program to destinations. Neither timeline nor encoder is restarted.
#[utoipa::path(
    post,
    path = "/api/preview/go-live",
    tag = "preview",
    request_body = GoLive,
    responses(
        (status = 200, description = "The program is on its way", body = GoLiveView),
        (status = 400, description = "NOT_IN_PREVIEW or MALFORMED", body = ErrorBody),
        (status = 404, description = "DESTINATION_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "PREVIEW_ACTIVE", body = ErrorBody),
        (status = 422, description = "DESTINATION_INVALID", body = ErrorBody),
    ),
)]
async fn go_live(State(app): State<AppState>, Sent(go): Sent<GoLive>) -> Answer {
    app.ask(Command::Preview(PreviewCommand::GoLive(go))).await
}

/// Changes which destinations take the live program. Those that stay are not touched.
#[utoipa::path(
    put,
    path = "/api/preview/destinations",
    tag = "preview",
    request_body = SetDestinations,
    responses(
        (status = 200, description = "The destinations are wanted", body = GoLiveView),
        (status = 400, description = "TIMELINE_NOT_RUNNING or MALFORMED", body = ErrorBody),
        (status = 404, description = "DESTINATION_NOT_FOUND", body = ErrorBody),
        (status = 422, description = "DESTINATION_INVALID", body = ErrorBody),
    ),
)]
async fn set_destinations(State(app): State<AppState>, Sent(set): Sent<SetDestinations>) -> Answer {
    app.ask(Command::Preview(PreviewCommand::SetDestinations(set)))
        .await
}

/// Answers what runs.
#[utoipa::path(
    get,
    path = "/api/preview/status",
    tag = "preview",
    responses(
        (status = 200, description = "What runs", body = PreviewStatusView),
    ),
)]
async fn preview_status(State(app): State<AppState>) -> Answer {
    app.ask(Command::Preview(PreviewCommand::Status)).await
}

/// Answers how the media server is.
#[utoipa::path(
    get,
    path = "/api/preview/health",
    tag = "preview",
    responses(
        (status = 200, description = "It answers", body = PreviewHealthView),
        (status = 503, description = "PREVIEW_SERVER_DOWN", body = ErrorBody),
    ),
)]
async fn preview_health(State(app): State<AppState>) -> Answer {
    app.ask(Command::Preview(PreviewCommand::Health)).await
}

/// Answers where the timeline is.
#[utoipa::path(
    get,
    path = "/api/preview/playback-position",
    tag = "preview",
    responses(
        (status = 200, description = "Where it is", body = PlaybackView),
    ),
)]
async fn playback_position(State(app): State<AppState>) -> Answer {
    app.ask(Command::Preview(PreviewCommand::Position)).await
}
