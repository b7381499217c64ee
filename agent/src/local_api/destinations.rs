//! Destinations over HTTP: add, change, remove, and what is known of the platforms.

use super::error::{ErrorBody, Refusal};
use super::extract::{Id, Sent};
use super::{Answer, AppState};
use crate::modules::command::{Command, DestinationCommand, Reply};
use crate::modules::view::{DestinationDraft, DestinationPatch, DestinationView, Done, PresetView};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use model::DestinationId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_destinations, create_destination))
        .routes(routes!(list_presets))
        .routes(routes!(
            get_destination,
            update_destination,
            delete_destination
        ))
}

/// Lists the destinations. Stream keys are masked.
#[utoipa::path(
    get,
    path = "/api/destinations",
    tag = "destinations",
    responses(
        (status = 200, description = "The destinations", body = Vec<DestinationView>),
    ),
)]
async fn list_destinations(State(app): State<AppState>) -> Answer {
    app.ask(Command::Destination(DestinationCommand::List))
        .await
}

/// Answers what is known of the platforms: addresses and limits.
#[utoipa::path(
    get,
    path = "/api/destinations/presets",
    tag = "destinations",
    responses(
        (status = 200, description = "The platforms", body = Vec<PresetView>),
    ),
)]
async fn list_presets(State(app): State<AppState>) -> Answer {
    app.ask(Command::Destination(DestinationCommand::Presets))
        .await
}

/// Adds a destination. Its stream key is kept sealed and answered as a mask.
#[utoipa::path(
    post,
    path = "/api/destinations",
    tag = "destinations",
    request_body = DestinationDraft,
    responses(
        (status = 201, description = "The destination", body = DestinationView),
        (status = 409, description = "CONFLICT", body = ErrorBody),
        (status = 422, description = "DESTINATION_INVALID", body = ErrorBody),
    ),
)]
async fn create_destination(
    State(app): State<AppState>,
    Sent(draft): Sent<DestinationDraft>,
) -> Result<(StatusCode, Json<Reply>), Refusal> {
    Ok((
        StatusCode::CREATED,
        app.ask(Command::Destination(DestinationCommand::Create(draft)))
            .await?,
    ))
}

/// Answers one destination.
#[utoipa::path(
    get,
    path = "/api/destinations/{id}",
    tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The destination", body = DestinationView),
        (status = 404, description = "DESTINATION_NOT_FOUND", body = ErrorBody),
    ),
)]
async fn get_destination(State(app): State<AppState>, Id(id): Id<DestinationId>) -> Answer {
    app.ask(Command::Destination(DestinationCommand::Get(id)))
        .await
}

/// Changes a destination; fields that are absent stay as they are, and so does the key when its mask is sent.
#[utoipa::path(
    put,
    path = "/api/destinations/{id}",
    tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    request_body = DestinationPatch,
    responses(
        (status = 200, description = "The destination as it is now", body = DestinationView),
        (status = 404, description = "DESTINATION_NOT_FOUND", body = ErrorBody),
        (status = 422, description = "DESTINATION_INVALID", body = ErrorBody),
    ),
)]
async fn update_destination(
    State(app): State<AppState>,
    Id(id): Id<DestinationId>,
    Sent(patch): Sent<DestinationPatch>,
) -> Answer {
    app.ask(Command::Destination(DestinationCommand::Update(id, patch)))
        .await
}

/// Removes a destination that is not in use.
#[utoipa::path(
    delete,
    path = "/api/destinations/{id}",
    tag = "destinations",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "It is gone", body = Done),
        (status = 404, description = "DESTINATION_NOT_FOUND", body = ErrorBody),
        (status = 409, description = "DESTINATION_IN_USE", body = ErrorBody),
    ),
)]
async fn delete_destination(State(app): State<AppState>, Id(id): Id<DestinationId>) -> Answer {
    app.ask(Command::Destination(DestinationCommand::Delete(id)))
        .await
}
