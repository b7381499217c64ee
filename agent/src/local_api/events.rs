//! What changes, as it changes: server-sent events for the page.
//!
//! Sends the whole state first and again after each change, so that a client that missed something
//! needs nothing else. Never more than ten a second.

use super::AppState;
use crate::modules::command::{Command, Origin, PreviewCommand};
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use std::convert::Infallible;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LEAST_GAP: Duration = Duration::from_millis(100);
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Sends `status` events: the body of `/api/preview/status`, at once and after each change.
#[utoipa::path(
    get,
    path = "/api/events",
    tag = "system",
    responses((status = 200, description = "Events of the name `status`", body = String,
        content_type = "text/event-stream")),
)]
async fn events(State(app): State<AppState>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut watch = app.router.show().watch();
    watch.mark_changed();
    let stream =
        futures_util::stream::unfold((app, watch, true), |(app, mut watch, first)| async move {
            loop {
                watch.changed().await.ok()?;
                if !first {
                    tokio::time::sleep(LEAST_GAP).await;
                }
                watch.mark_unchanged();
                let status = Command::Preview(PreviewCommand::Status);
                match app.router.ask(Origin::Operator, status).await {
                    Ok(reply) => match Event::default().event("status").json_data(&reply) {
                        Ok(event) => return Some((Ok(event), (app, watch, false))),
                        Err(error) => tracing::error!(%error, "A status could not be written."),
                    },
                    Err(problem) => tracing::debug!(code = problem.code.as_str(), "No status."),
                }
            }
        });
    Sse::new(stream).keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}
