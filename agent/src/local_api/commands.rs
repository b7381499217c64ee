//! Commands that Studio signed, over HTTP: for automation on the machine itself, and for when there is no
//! way to Studio.

use super::error::{ErrorBody, Refusal, RequestError};
use super::extract::{Asked, whole};
use super::{Answer, AppState};
use crate::modules::command::{Command, LinkCommand, Reply};
use crate::modules::view::{PostNonceView, PostQuery, PostedView, SignedPost};
use axum::Json;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use protocol::SIZE_LIMIT;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Longest time that the end of a command is waited for, in seconds.
const LONGEST_WAIT_S: u32 = 60;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(post_command))
        .routes(routes!(post_nonce))
}

/// Takes a command in that Studio signed for this device: the envelope, as it would come by the link. It is
/// verified, kept, done once and written down like every other, and Studio is answered too. The answer here
/// says how it stands; posting the same envelope again only asks for that.
#[utoipa::path(
    post,
    path = "/api/commands",
    tag = "link",
    params(PostQuery),
    request_body(content = Object, description = "A DSSE envelope of the kind `command`"),
    responses(
        (status = 200, description = "It is at its end: `status` says which", body = PostedView),
        (status = 202, description = "It is durable and goes on", body = PostedView),
        (status = 401, description = "SIGNATURE_INVALID: no command that the device believes. Why is \
            counted in `/api/link`, and not told", body = ErrorBody),
        (status = 409, description = "NOT_PAIRED", body = ErrorBody),
        (status = 413, description = "TOO_LARGE", body = ErrorBody),
        (status = 503, description = "BUSY: too many wait to be looked at", body = ErrorBody),
        (status = 504, description = "TIMEOUT: it could not be kept in time", body = ErrorBody),
    ),
)]
async fn post_command(
    State(app): State<AppState>,
    Asked(query): Asked<PostQuery>,
    request: Request,
) -> Result<Response, Refusal> {
    if query.wait_s > LONGEST_WAIT_S {
        let message = format!("wait_s is 0 to {LONGEST_WAIT_S}");
        let field = "/wait_s".to_owned();
        return Err(RequestError::Schema { message, field }.into());
    }
    let envelope = whole(request.into_body()).await?.to_vec();
    if envelope.len() > SIZE_LIMIT {
        return Err(RequestError::TooLarge { limit: SIZE_LIMIT }.into());
    }
    let post = SignedPost {
        envelope,
        patience: Duration::from_secs(query.wait_s.into()),
    };
    let Json(reply) = app.ask(Command::Link(LinkCommand::Post(post))).await?;
    let is_final = matches!(&reply, Reply::Posted(view) if view.status.is_final());
    let status = if is_final {
        StatusCode::OK
    } else {
        StatusCode::ACCEPTED
    };
    Ok((status, Json(reply)).into_response())
}

/// Answers what a command that is posted next can have as its `session_nonce`. Without a connection since
/// its start the device knows no time to judge others by.
#[utoipa::path(
    get,
    path = "/api/commands/nonce",
    tag = "link",
    responses(
        (status = 200, description = "The nonce", body = PostNonceView),
        (status = 409, description = "NOT_PAIRED", body = ErrorBody),
        (status = 503, description = "BUSY", body = ErrorBody),
        (status = 504, description = "TIMEOUT", body = ErrorBody),
    ),
)]
async fn post_nonce(State(app): State<AppState>) -> Answer {
    app.ask(Command::Link(LinkCommand::PostNonce)).await
}
