//! Who did what, over HTTP.

use super::error::ErrorBody;
use super::extract::Asked;
use super::{Answer, AppState};
use crate::modules::command::Command;
use crate::modules::view::{AuditList, AuditQuery};
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list_audit))
}

/// Lists who did what: Studio's signed commands and what became of them, what was changed by this API,
/// and what was refused. The newest comes first.
#[utoipa::path(
    get,
    path = "/api/audit",
    tag = "system",
    params(AuditQuery),
    responses(
        (status = 200, description = "The rows", body = AuditList),
        (status = 422, description = "SCHEMA_INVALID", body = ErrorBody),
    ),
)]
async fn list_audit(State(app): State<AppState>, Asked(query): Asked<AuditQuery>) -> Answer {
    app.ask(Command::Audit(query)).await
}
