//! How the agent and its machine are, over HTTP: health, figures of now and of the last day.

use super::error::ErrorBody;
use super::extract::Asked;
use super::{Answer, AppState};
use crate::health::Report;
use crate::modules::command::{Command, HealthCommand};
use crate::modules::view::{HistoryQuery, HistoryView, MetricsView};
use crate::telemetry::SystemSample;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(system))
        .routes(routes!(current))
        .routes(routes!(history))
}

/// Answers what is wrong, why, and what to do. The status is the worst of everything.
#[utoipa::path(
    get,
    path = "/api/status/health",
    tag = "system",
    responses((status = 200, description = "The health", body = Report)),
)]
async fn health(State(app): State<AppState>) -> Answer {
    app.ask(Command::Health(HealthCommand::Report)).await
}

/// Answers how the machine is, as of the last second.
#[utoipa::path(
    get,
    path = "/api/status/system",
    tag = "system",
    responses((status = 200, description = "The machine", body = SystemSample)),
)]
async fn system(State(app): State<AppState>) -> Answer {
    app.ask(Command::Health(HealthCommand::System)).await
}

/// Answers the figures of this moment: the machine, the program, each stream.
#[utoipa::path(
    get,
    path = "/api/metrics/current",
    tag = "system",
    responses((status = 200, description = "The figures", body = MetricsView)),
)]
async fn current(State(app): State<AppState>) -> Answer {
    app.ask(Command::Health(HealthCommand::Metrics)).await
}

/// Answers the figures of the last day, ten seconds apart. They begin anew with the agent.
#[utoipa::path(
    get,
    path = "/api/metrics/history",
    tag = "system",
    params(HistoryQuery),
    responses(
        (status = 200, description = "The figures", body = HistoryView),
        (status = 422, description = "SCHEMA_INVALID", body = ErrorBody),
    ),
)]
async fn history(State(app): State<AppState>, Asked(query): Asked<HistoryQuery>) -> Answer {
    app.ask(Command::Health(HealthCommand::History(query)))
        .await
}
