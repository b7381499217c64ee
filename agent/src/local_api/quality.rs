//! The program's quality over HTTP.

use super::error::ErrorBody;
use super::extract::Sent;
use super::{Answer, AppState};
use crate::modules::command::{Command, QualityCommand};
use crate::modules::view::QualityHold;
use crate::show::QualityStatus;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(quality, hold_quality))
}

/// Answers what is given up because something cannot keep up, and why.
#[utoipa::path(
    get,
    path = "/api/quality",
    tag = "preview",
    responses((status = 200, description = "How it is", body = QualityStatus)),
)]
async fn quality(State(app): State<AppState>) -> Answer {
    app.ask(Command::Quality(QualityCommand::Get)).await
}

/// Holds full quality whatever happens, or lets go of it. It is held until the agent ends.
#[utoipa::path(
    put,
    path = "/api/quality",
    tag = "preview",
    request_body = QualityHold,
    responses(
        (status = 200, description = "How it is now", body = QualityStatus),
        (status = 503, description = "INTERRUPTED", body = ErrorBody),
    ),
)]
async fn hold_quality(State(app): State<AppState>, Sent(hold): Sent<QualityHold>) -> Answer {
    app.ask(Command::Quality(QualityCommand::Hold(hold))).await
}
