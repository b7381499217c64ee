//! Whether the agent lives, whether it is ready, its counters, and the API document.

use super::error::{ErrorBody, Refusal};
use super::{AppState, document};
use crate::modules::command::{Command, Origin, PreviewCommand};
use axum::Json;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
        .routes(routes!(metrics))
        .routes(routes!(openapi))
}

/// How the agent is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "ok", "version": "0.1.0"}))]
struct HealthView {
    /// `ok`.
    status: &'static str,
    /// The agent's version.
    version: &'static str,
}

const OK: HealthView = HealthView {
    status: "ok",
    version: env!("CARGO_PKG_VERSION"),
};

/// Answers while the agent lives.
#[utoipa::path(
    get,
    path = "/healthz",
    tag = "system",
    responses((status = 200, description = "It lives", body = HealthView)),
)]
async fn healthz() -> Json<HealthView> {
    Json(OK)
}

/// Answers whether a show could be started: the media server is up.
#[utoipa::path(
    get,
    path = "/readyz",
    tag = "system",
    responses(
        (status = 200, description = "It is ready", body = HealthView),
        (status = 503, description = "PREVIEW_SERVER_DOWN", body = ErrorBody),
    ),
)]
async fn readyz(State(app): State<AppState>) -> Result<Json<HealthView>, Refusal> {
    let health = Command::Preview(PreviewCommand::Health);
    app.router.ask(Origin::Operator, health).await?;
    Ok(Json(OK))
}

/// The counters, as Prometheus reads them.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "system",
    responses((status = 200, description = "The counters", body = String,
        content_type = "application/openmetrics-text")),
)]
async fn metrics(State(app): State<AppState>) -> impl IntoResponse {
    ([(CONTENT_TYPE, OPEN_METRICS)], app.metrics.encode())
}

/// This document.
#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "system",
    responses((status = 200, description = "The document", body = Object)),
)]
async fn openapi() -> impl IntoResponse {
    Json(document())
}
