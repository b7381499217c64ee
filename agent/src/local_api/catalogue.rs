//! What the agent offers, and the emergency stop, over HTTP.

use super::error::ErrorBody;
use super::extract::Sent;
use super::{Answer, AppState};
use crate::modules::command::{CatalogueCommand, Command, EmergencyCommand};
use crate::modules::view::{
    AssetView, Done, EmergencyStatusView, KillView, ProfileView, TestPatternRequest,
};
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_profiles))
        .routes(routes!(list_assets))
        .routes(routes!(kill_all_streams))
        .routes(routes!(emergency_status))
        .routes(routes!(test_pattern))
}

/// Lists the encoding profiles.
#[utoipa::path(
    get,
    path = "/api/profiles",
    tag = "catalogue",
    responses(
        (status = 200, description = "The profiles", body = Vec<ProfileView>),
    ),
)]
async fn list_profiles(State(app): State<AppState>) -> Answer {
    app.ask(Command::Catalogue(CatalogueCommand::Profiles))
        .await
}

/// Lists the files in the assets folder, at most 10000.
#[utoipa::path(
    get,
    path = "/api/assets",
    tag = "catalogue",
    responses(
        (status = 200, description = "The files", body = Vec<AssetView>),
    ),
)]
async fn list_assets(State(app): State<AppState>) -> Answer {
    app.ask(Command::Catalogue(CatalogueCommand::Assets)).await
}

/// Ends the program and every stream at once: the agent's own processes only.
#[utoipa::path(
    post,
    path = "/api/emergency/kill-all-streams",
    tag = "emergency",
    responses(
        (status = 200, description = "Everything ended", body = KillView),
    ),
)]
async fn kill_all_streams(State(app): State<AppState>) -> Answer {
    app.ask(Command::Emergency(EmergencyCommand::KillAllStreams))
        .await
}

/// Answers what an emergency stop would end.
#[utoipa::path(
    get,
    path = "/api/emergency/status",
    tag = "emergency",
    responses(
        (status = 200, description = "What runs", body = EmergencyStatusView),
    ),
)]
async fn emergency_status(State(app): State<AppState>) -> Answer {
    app.ask(Command::Emergency(EmergencyCommand::Status)).await
}

/// Puts the test pattern on program, whatever is due, or gives the program back. Neither timeline nor
/// encoder is touched.
#[utoipa::path(
    post,
    path = "/api/emergency/test-pattern",
    tag = "emergency",
    request_body = TestPatternRequest,
    responses(
        (status = 200, description = "It is on program, or no longer", body = Done),
        (status = 400, description = "TIMELINE_NOT_RUNNING", body = ErrorBody),
    ),
)]
async fn test_pattern(
    State(app): State<AppState>,
    Sent(asked): Sent<TestPatternRequest>,
) -> Answer {
    app.ask(Command::Emergency(EmergencyCommand::TestPattern(asked)))
        .await
}
