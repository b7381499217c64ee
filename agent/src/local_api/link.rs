//! The link to Studio over HTTP: how it is, pairing and unpairing.

use super::error::ErrorBody;
use super::extract::Sent;
use super::{Answer, AppState};
use crate::modules::command::{Command, LinkCommand};
use crate::modules::view::{LinkView, PairDraft, PairView};
use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(link_status))
        .routes(routes!(pair_device))
        .routes(routes!(unpair_device))
}

/// Answers how the link to Studio is.
#[utoipa::path(
    get,
    path = "/api/link",
    tag = "link",
    responses((status = 200, description = "How it is", body = LinkView)),
)]
async fn link_status(State(app): State<AppState>) -> Json<LinkView> {
    Json(LinkView::of(app.router.link()))
}

/// Pairs the device with Studio by a token, and connects it. Up to twenty seconds; what runs goes on.
#[utoipa::path(
    post,
    path = "/api/pairing",
    tag = "link",
    request_body = PairDraft,
    responses(
        (status = 200, description = "It is paired, and is being connected", body = PairView),
        (status = 409, description = "PAIR_ALREADY_PAIRED", body = ErrorBody),
        (status = 422, description = "SCHEMA_INVALID, PAIR_TOKEN_INVALID, PAIR_TOKEN_EXPIRED, \
            PAIR_SERIAL_MISMATCH or VERSION_UNSUPPORTED", body = ErrorBody),
        (status = 429, description = "RATE_LIMITED by Studio", body = ErrorBody),
        (status = 502, description = "STUDIO_UNREACHABLE, STUDIO_UNTRUSTED or STUDIO_REFUSED",
            body = ErrorBody),
        (status = 503, description = "BUSY: it is being paired or unpaired", body = ErrorBody),
    ),
)]
async fn pair_device(State(app): State<AppState>, Sent(draft): Sent<PairDraft>) -> Answer {
    app.ask(Command::Link(LinkCommand::Pair(draft))).await
}

/// Forgets Studio and ends the connection. The serial stays, the keys are made anew; what runs goes on.
#[utoipa::path(
    post,
    path = "/api/pairing/unpair",
    tag = "link",
    responses(
        (status = 200, description = "It is unpaired", body = PairView),
        (status = 409, description = "NOT_PAIRED", body = ErrorBody),
        (status = 503, description = "BUSY: it is being paired or unpaired", body = ErrorBody),
    ),
)]
async fn unpair_device(State(app): State<AppState>) -> Answer {
    app.ask(Command::Link(LinkCommand::Unpair)).await
}
