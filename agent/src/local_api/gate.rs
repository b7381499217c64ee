//! The media server's question whether somebody may publish or read (`authMethod: http`).
//!
//! Owns the HTTP side only: whoever built the [`Gate`] decides. The question carries secrets; it is
//! never logged and never answered in detail.

use super::AppState;
use super::error::Refusal;
use super::extract::Sent;
use axum::extract::State;
use axum::http::StatusCode;
use engine::mediamtx::gate::Request;
use serde_json::Value;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Decides whether the media server may let somebody do something.
pub type Gate = Arc<dyn Fn(&Request) -> bool + Send + Sync>;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(media_gate))
}

/// Asked by the media server before anyone publishes or reads. Not for clients.
#[utoipa::path(
    post,
    path = "/internal/media-gate",
    tag = "media",
    request_body = Object,
    responses(
        (status = 204, description = "It may"),
        (status = 401, description = "It may not"),
    ),
)]
async fn media_gate(
    State(app): State<AppState>,
    Sent(question): Sent<Value>,
) -> Result<StatusCode, Refusal> {
    let allowed = serde_json::from_value::<Request>(question).is_ok_and(|asked| (app.gate)(&asked));
    Ok(if allowed {
        StatusCode::NO_CONTENT
    } else {
        StatusCode::UNAUTHORIZED
    })
}
