//! The link to Studio and pairing, as they are asked for and answered.

use crate::link::Link;
use crate::time::rfc3339;
use link::{LinkState, Validity};
use model::Secret;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};
use utoipa::ToSchema;

/// What pairs the device. It has no `Debug`.
#[derive(Clone, Deserialize, ToSchema)]
#[schema(example = json!({"studio": "https://studio.example", "token": "7K3M-Q2XR"}))]
pub struct PairDraft {
    /// Studio's address, `https://host[:port]`.
    pub studio: String,
    /// The token that Studio shows for this device's serial. It can be used once.
    #[schema(value_type = String, write_only)]
    pub token: Secret,
    /// Authorities to check Studio's certificate by, as PEM; those of the system where it is absent.
    #[serde(default)]
    pub ca: Option<String>,
}

/// What became of the pairing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"message": "The device is paired", "device_id": "dev-1"}))]
pub struct PairView {
    /// What was done, for people.
    pub message: String,
    /// The device's id in Studio, as it is or was.
    pub device_id: String,
}

/// How the link to Studio is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"serial": "VS-7K3M-Q2XR-9TBW", "device_id": "dev-1", "state": "online",
    "credentials_expire_at": "2027-11-22T12:00:00.000Z",
    "address": "wss://studio.example:443", "fallback": false, "sessions": 1, "failures": 0, "last_error": null,
    "next_try_ms": null, "open_commands": 0, "outbox": 0, "carried_out": 12,
    "refused": {"SIGNATURE_INVALID": 1}, "alerts": {}, "events_lost": 0, "figures_waiting": 0,
    "figures_lost": 0}))]
pub struct LinkView {
    /// The device's serial.
    serial: Option<String>,
    /// Its id in Studio, while it is paired.
    device_id: Option<String>,
    /// Until when its certificate is good, RFC 3339 UTC, while it is paired.
    credentials_expire_at: Option<String>,
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

impl LinkView {
    /// How it is now.
    #[must_use]
    pub fn of(link: &Link) -> Self {
        let status = link.status.borrow().clone();
        let device_id = link.device.borrow().clone();
        Self {
            serial: link.serial.clone(),
            device_id: device_id.filter(|_| status.state != LinkState::Revoked),
            credentials_expire_at: link.validity.borrow().as_ref().map(expires),
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
        }
    }
}

/// The last time that can be written, in milliseconds since 1970: 9999-12-30T22:00:00Z. A certificate without
/// an end (RFC 5280, 4.1.2.5) names a later one.
const LAST_MS: u64 = 253_402_207_200_000;

/// When it ends.
fn expires(validity: &Validity) -> String {
    let since = Duration::from_millis(validity.until_ms.min(LAST_MS));
    rfc3339(SystemTime::UNIX_EPOCH + since)
}
