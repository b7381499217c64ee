//! Alerts and their webhook over HTTP.

use super::error::ErrorBody;
use super::extract::{Asked, Id, Sent};
use super::{Answer, AppState};
use crate::alerts::{Alert, WebhookDraft, WebhookTest, WebhookView};
use crate::modules::command::{AlertCommand, Command};
use crate::modules::view::{AlertList, AlertQuery, Done};
use axum::extract::State;
use model::AlertId;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_alerts))
        .routes(routes!(acknowledge_alert))
        .routes(routes!(get_webhook, set_webhook, remove_webhook))
        .routes(routes!(test_webhook))
}

/// Lists the alerts: every open one, and the last 200 that are over.
#[utoipa::path(
    get,
    path = "/api/alerts",
    tag = "alerts",
    params(AlertQuery),
    responses(
        (status = 200, description = "The alerts", body = AlertList),
        (status = 422, description = "SCHEMA_INVALID", body = ErrorBody),
    ),
)]
async fn list_alerts(State(app): State<AppState>, Asked(query): Asked<AlertQuery>) -> Answer {
    app.ask(Command::Alert(AlertCommand::List(query))).await
}

/// Notes that an operator has seen an alert. It stays open until what it is about is good.
#[utoipa::path(
    post,
    path = "/api/alerts/{id}/acknowledge",
    tag = "alerts",
    params(("id" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The alert", body = Alert),
        (status = 404, description = "ALERT_NOT_FOUND", body = ErrorBody),
    ),
)]
async fn acknowledge_alert(State(app): State<AppState>, Id(id): Id<AlertId>) -> Answer {
    app.ask(Command::Alert(AlertCommand::Acknowledge(id))).await
}

/// Answers how the webhook is. Its address is masked after the host, its secret wholly.
#[utoipa::path(
    get,
    path = "/api/alerts/webhook",
    tag = "alerts",
    responses((status = 200, description = "The webhook", body = WebhookView)),
)]
async fn get_webhook(State(app): State<AppState>) -> Answer {
    app.ask(Command::Alert(AlertCommand::Webhook)).await
}

/// Sets the webhook. A secret that is made here is answered once and never again.
#[utoipa::path(
    put,
    path = "/api/alerts/webhook",
    tag = "alerts",
    request_body = WebhookDraft,
    responses(
        (status = 200, description = "The webhook as it is now", body = WebhookView),
        (status = 422, description = "WEBHOOK_INVALID", body = ErrorBody),
    ),
)]
async fn set_webhook(State(app): State<AppState>, Sent(draft): Sent<WebhookDraft>) -> Answer {
    app.ask(Command::Alert(AlertCommand::SetWebhook(draft)))
        .await
}

/// Removes the webhook and what waits for it.
#[utoipa::path(
    delete,
    path = "/api/alerts/webhook",
    tag = "alerts",
    responses(
        (status = 200, description = "It is gone", body = Done),
        (status = 404, description = "WEBHOOK_NOT_FOUND", body = ErrorBody),
    ),
)]
async fn remove_webhook(State(app): State<AppState>) -> Answer {
    app.ask(Command::Alert(AlertCommand::RemoveWebhook)).await
}

/// Sends the webhook a test, and answers when its server took it; ten seconds at most.
#[utoipa::path(
    post,
    path = "/api/alerts/webhook/test",
    tag = "alerts",
    responses(
        (status = 200, description = "It was taken", body = WebhookTest),
        (status = 404, description = "WEBHOOK_NOT_FOUND", body = ErrorBody),
        (status = 422, description = "WEBHOOK_INVALID", body = ErrorBody),
        (status = 502, description = "WEBHOOK_FAILED", body = ErrorBody),
        (status = 503, description = "BUSY", body = ErrorBody),
    ),
)]
async fn test_webhook(State(app): State<AppState>) -> Answer {
    app.ask(Command::Alert(AlertCommand::TestWebhook)).await
}
