//! Settings that can change while the agent runs, over HTTP.

use super::error::ErrorBody;
use super::extract::Sent;
use super::{Answer, AppState};
use crate::modules::command::{Command, SettingsCommand};
use crate::settings::{Change, Changed, SettingsView};
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(settings, change_settings))
}

/// Answers the settings in force, which of them were changed since, and how the last change ended.
#[utoipa::path(
    get,
    path = "/api/settings",
    tag = "settings",
    responses((status = 200, description = "How they are", body = SettingsView)),
)]
async fn settings(State(app): State<AppState>) -> Answer {
    app.ask(Command::Settings(SettingsCommand::Get)).await
}

/// Changes settings: tried at once, and taken back where the agent does not do well with them.
#[utoipa::path(
    patch,
    path = "/api/settings",
    tag = "settings",
    request_body = Change,
    responses(
        (status = 200, description = "In force, or what would change in a dry run", body = Changed),
        (status = 409, description = "CONFIG_CONFLICT, PREVIEW_ACTIVE", body = ErrorBody),
        (status = 422, description = "CONFIG_INVALID", body = ErrorBody),
        (status = 501, description = "FEATURE_DISABLED: it counts from the next start only", body = ErrorBody),
        (status = 503, description = "CONFIG_APPLY_FAILED: the old ones are in force", body = ErrorBody),
    ),
)]
async fn change_settings(State(app): State<AppState>, Sent(change): Sent<Change>) -> Answer {
    let change = Command::Settings(SettingsCommand::Change(change));
    app.ask(change).await
}
