//! The link to Studio over HTTP: how it is, pairing and unpairing.

use super::error::ErrorBody;
use super::extract::Sent;
use super::{Answer, AppState};
use crate::modules::command::{Command, LinkCommand};
use crate::modules::view::{PairDraft, PairView};
use axum::Json;
use axum::extract::State;
use link::LinkState;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The routes of this resource.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(link_status))
        .routes(routes!(pair_device))
        .routes(routes!(unpair_device))
}

/// How the link to Studio is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"serial": "VS-7K3M-Q2XR-9TBW", "device_id": "dev-1", "state": "online",
    "address": "wss://studio.example:443", "fallback": false, "sessions": 1, "failures": 0, "last_error": null,
    "next_try_ms": null, "open_commands": 0, "outbox": 0, "carried_out": 12,
    "refused": {"SIGNATURE_INVALID": 1}, "alerts": {}, "events_lost": 0, "figures_waiting": 0,
    "figures_lost": 0}))]
struct LinkView {
    /// The device's serial.
    serial: Option<String>,
    /// Its id in Studio, while it is paired.
    device_id: Option<String>,
    /// `unpaired`, `connecting`, `online`, `backoff`, `auth_failed` or `revoked`.
    #[schema(value_type = String)]
    state: LinkState,
    /// Where the connection goes: `wss://` or, over MQTT, `mqtts://`.
    address: Option<String>,
    /// It is not the best of the ways that pairing gave; that one is tried meanwhile.
    fallback: bool,
    /// Sessions since the agent started.
    sessions: u64,
    /// Failures in a row.
    failures: u32,
    /// What went wrong last.
    last_error: Option<String>,
    /// Milliseconds to the next try, as it was chosen.
    next_try_ms: Option<u64>,
    /// Commands that are accepted and not at their end.
    open_commands: usize,
    /// Messages that wait for their receipt.
    outbox: usize,
    /// Commands that were handed to a module since the agent started.
    carried_out: u64,
    /// Refusals since the agent started, by code.
    #[schema(value_type = std::collections::HashMap<String, u64>)]
    refused: BTreeMap<&'static str, u64>,
    /// What only an attack or a grave fault explains.
    #[schema(value_type = std::collections::HashMap<String, u64>)]
    alerts: BTreeMap<&'static str, u64>,
    /// Events that were lost since too many waited.
    events_lost: u64,
    /// Figures that could not be sent yet: one a minute, of a day at most.
    figures_waiting: usize,
    /// Figures that were lost since a day of them waited.
    figures_lost: u64,
}

/// Answers how the link to Studio is.
#[utoipa::path(
    get,
    path = "/api/link",
    tag = "link",
    responses((status = 200, description = "How it is", body = LinkView)),
)]
async fn link_status(State(app): State<AppState>) -> Json<LinkView> {
    let link = app.router.link();
    let status = link.status.borrow().clone();
    let device_id = link.device.borrow().clone();
    Json(LinkView {
        serial: link.serial.clone(),
        device_id: device_id.filter(|_| status.state != LinkState::Revoked),
        state: status.state,
        address: status.address,
        fallback: status.fallback,
        sessions: status.sessions,
        failures: status.failures,
        last_error: status.last_error,
        next_try_ms: status.next_try_ms,
        open_commands: status.open_commands,
        outbox: status.outbox,
        carried_out: status.carried_out,
        refused: status.refused,
        alerts: status.alerts,
        events_lost: status.events_lost,
        figures_waiting: status.figures_waiting,
        figures_lost: status.figures_lost,
    })
}

/// Pairs the device with Studio by a token, and connects it. Up to twenty seconds; what runs goes on.
#[utoipa::path(
    post,
    path = "/api/pairing",
    tag = "link",
    request_body = PairDraft,
    responses(
        (status = 200, description = "It is paired, and is being connected", body = PairView),
        (status = 409, description = "PAIR_ALREADY_PAIRED", body = ErrorBody),
        (status = 422, description = "SCHEMA_INVALID, PAIR_TOKEN_INVALID, PAIR_TOKEN_EXPIRED or \
            PAIR_SERIAL_MISMATCH", body = ErrorBody),
        (status = 429, description = "RATE_LIMITED by Studio", body = ErrorBody),
        (status = 502, description = "STUDIO_UNREACHABLE, STUDIO_UNTRUSTED or STUDIO_REFUSED",
            body = ErrorBody),
        (status = 503, description = "BUSY: it is being paired or unpaired", body = ErrorBody),
    ),
)]
async fn pair_device(State(app): State<AppState>, Sent(draft): Sent<PairDraft>) -> Answer {
    app.ask(Command::Link(LinkCommand::Pair(draft))).await
}

/// Forgets Studio and ends the connection. The serial stays, the keys are made anew; what runs goes on.
#[utoipa::path(
    post,
    path = "/api/pairing/unpair",
    tag = "link",
    responses(
        (status = 200, description = "It is unpaired", body = PairView),
        (status = 409, description = "NOT_PAIRED", body = ErrorBody),
        (status = 503, description = "BUSY: it is being paired or unpaired", body = ErrorBody),
    ),
)]
async fn unpair_device(State(app): State<AppState>) -> Answer {
    app.ask(Command::Link(LinkCommand::Unpair)).await
}
