//! Graphics on air over HTTP: look and change.

use super::error::ErrorBody;
use super::extract::{Id, Sent};
use super::{Answer, AppState};
use crate::modules::command::{Command, OverlayCommand};
use crate::modules::view::OverlayView;
use crate::show::OverlayEdit;
use axum::extract::State;
use model::CueId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_overlays))
        .routes(routes!(edit_overlay))
}

/// Lists the graphics on air.
#[utoipa::path(
    get,
    path = "/api/overlays",
    tag = "overlays",
    responses(
        (status = 200, description = "The graphics", body = Vec<OverlayView>),
    ),
)]
async fn list_overlays(State(app): State<AppState>) -> Answer {
    app.ask(Command::Overlay(OverlayCommand::List)).await
}

/// Changes a graphic of the running timeline, on air within two frames; fields that are absent stay as they are.
#[utoipa::path(
    put,
    path = "/api/overlays/{cue_id}",
    tag = "overlays",
    params(("cue_id" = String, Path, description = "The cue's id")),
    request_body = OverlayEdit,
    responses(
        (status = 200, description = "The graphic as it is now", body = OverlayView),
        (status = 400, description = "TIMELINE_NOT_RUNNING", body = ErrorBody),
        (status = 404, description = "OVERLAY_NOT_FOUND", body = ErrorBody),
        (status = 422, description = "OVERLAY_INVALID or ASSET_MISSING", body = ErrorBody),
    ),
)]
async fn edit_overlay(
    State(app): State<AppState>,
    Id(cue_id): Id<CueId>,
    Sent(edit): Sent<OverlayEdit>,
) -> Answer {
    app.ask(Command::Overlay(OverlayCommand::Edit(
        cue_id,
        Box::new(edit),
    )))
    .await
}
