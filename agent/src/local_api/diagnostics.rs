//! The bundle for support over HTTP, as a file to be saved.

use super::AppState;
use super::error::{ErrorBody, Refusal};
use super::extract::Asked;
use crate::modules::command::{Command, Origin, Reply};
use crate::modules::view::DiagnosticsQuery;
use axum::extract::State;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use protocol::Code;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(diagnostics))
}

/// Answers how the agent is and the end of its log as one file for support, at most 8 MiB. There are no
/// passwords and no keys in it.
#[utoipa::path(
    get,
    path = "/api/diagnostics",
    tag = "system",
    params(DiagnosticsQuery),
    responses(
        (status = 200, description = "The bundle; each section is a field of it", body = Object),
        (status = 422, description = "SCHEMA_INVALID: there is no such section", body = ErrorBody),
    ),
)]
async fn diagnostics(
    State(app): State<AppState>,
    Asked(query): Asked<DiagnosticsQuery>,
) -> Result<impl IntoResponse, Refusal> {
    let command = Command::Diagnostics(query.names());
    let Reply::Diagnostics(bundle) = app.router.ask(Origin::Operator, command).await? else {
        let problem = Code::Internal.with_message("a module answered something else");
        return Err(problem.into());
    };
    let saved = format!("attachment; filename=\"{}\"", bundle.file_name);
    let headers = [
        (CONTENT_TYPE, "application/json".to_owned()),
        (CONTENT_DISPOSITION, saved),
    ];
    Ok((headers, bundle.text))
}
