//! What changes, as it changes: server-sent events for the page.
//!
//! Sends the whole state first and again after each change, so that a client that missed something
//! needs nothing else. Never more than ten a second.

use super::AppState;
use crate::modules::command::{AlertCommand, Command, Origin, PreviewCommand};
use crate::modules::view::AlertQuery;
use axum::extract::State;
use axum::response::Sse;
use axum::response::sse::{Event, KeepAlive};
use futures_util::Stream;
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio_stream::StreamExt;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LEAST_GAP: Duration = Duration::from_millis(100);
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(events))
}

/// Sends `status` events, the body of `/api/preview/status`, and `alerts` events, the body of
/// `/api/alerts?open=true`: both at once and after each change.
#[utoipa::path(
    get,
    path = "/api/events",
    tag = "system",
    responses((status = 200, description = "Events of the names `status` and `alerts`", body = String,
        content_type = "text/event-stream")),
)]
async fn events(State(app): State<AppState>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    Sse::new(statuses(app.clone()).merge(alerts(app)))
        .keep_alive(KeepAlive::new().interval(KEEP_ALIVE))
}

fn statuses(app: AppState) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut watch = app.router.show().watch();
    watch.mark_changed();
    let status = || Command::Preview(PreviewCommand::Status);
    changes(app, watch, "status", status)
}

fn alerts(app: AppState) -> impl Stream<Item = Result<Event, Infallible>> {
    let mut watch = app.router.alerts().watch();
    watch.mark_changed();
    let open = || Command::Alert(AlertCommand::List(AlertQuery { open: true }));
    changes(app, watch, "alerts", open)
}

/// The answer to a question, at each change of what is watched.
fn changes<T: Send + Sync + 'static>(
    app: AppState,
    watch: watch::Receiver<T>,
    name: &'static str,
    question: impl Fn() -> Command + Send + 'static,
) -> impl Stream<Item = Result<Event, Infallible>> {
    let begun = (app, watch, question, true);
    futures_util::stream::unfold(begun, move |(app, mut watch, question, first)| async move {
        loop {
            watch.changed().await.ok()?;
            if !first {
                tokio::time::sleep(LEAST_GAP).await;
            }
            watch.mark_unchanged();
            match app.router.ask(Origin::Operator, question()).await {
                Ok(reply) => match Event::default().event(name).json_data(&reply) {
                    Ok(event) => return Some((Ok(event), (app, watch, question, false))),
                    Err(error) => tracing::error!(%error, "An event could not be written."),
                },
                Err(problem) => tracing::debug!(code = problem.code.as_str(), "No event."),
            }
        }
    })
}
