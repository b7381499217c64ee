//! Commands about the device itself: health, credentials, stopping, diagnostics, updates, schedules.

use super::{ApplyAfter, Misfit, Scope};
use crate::report::Metrics;
use crate::words::{Base64, Checksum, Id, MessageId, Name, Semver, Text, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The reply of a command that has nothing to say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nothing {}

/// Asks how the device is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HealthRequest {
    /// What of it; everything if empty.
    #[serde(default)]
    pub sections: Vec<Name>,
}

/// How the device is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HealthReply {
    /// `healthy`, `degraded` or `unhealthy`.
    pub status: Name,
    /// Its figures.
    pub metrics: Metrics,
}

/// Gives the device a new key and certificate, in two steps. Private keys never cross the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CredentialRefresh {
    /// Which of the two.
    pub step: RefreshStep,
    /// For `install`: the certificate and its chain, PEM, at most 16,384 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16384))]
    pub client_cert_pem: Option<String>,
    /// For `install`: SHA-256 of the servers' keys, at least the one in use and the next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    pub spki_pins: Vec<Base64>,
}

/// A step of new credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RefreshStep {
    /// The device makes a new key, beside the one in force, and answers a request for a certificate.
    Request,
    /// The device proves the new certificate by a connection, and goes by it from then on.
    Install,
}

/// What came of a step.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CredentialRefreshed {
    /// Of `request`: the request for a certificate, PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub csr_pem: Option<String>,
}

/// Takes the device's credentials away; local operation goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CredentialRevoke {
    /// Why.
    pub reason: Text,
}

/// Stops at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EmergencyStop {
    /// How much.
    pub scope: Scope,
    /// Why.
    pub reason: Text,
}

/// What was stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stopped {
    /// Destinations that were on air.
    pub destination_ids: Vec<Id>,
}

/// Asks for a bundle of logs and figures, without secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DiagnosticsRequest {
    /// Where to send it.
    pub upload_url: Uri,
    /// What goes in; everything if empty.
    #[serde(default)]
    pub include: Vec<Name>,
}

/// What was sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Uploaded {
    /// How much.
    pub bytes: u64,
    /// What.
    pub checksum: Checksum,
}

/// Takes a command back that is not at its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cancel {
    /// The command.
    pub message_id: MessageId,
}

/// What a cancellation met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Cancelled {
    /// Whether there was something to take back: false when the command was unknown or at its end.
    pub found: bool,
}

/// Installs another version of the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct UpdateInstall {
    /// Which.
    pub version: Semver,
    /// Where it is.
    pub uri: Uri,
    /// What it is.
    pub sha256: Checksum,
    /// The envelope of its manifest, signed by an update key.
    pub manifest: Base64,
    /// When.
    pub apply_after: ApplyAfter,
}

/// Replaces the schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScheduleSet {
    /// All of it.
    pub schedules: Vec<Map<String, Value>>,
}

/// Says which packages the device should have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentSync {
    /// The packages.
    pub segments: Vec<SegmentRef>,
}

/// A package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SegmentRef {
    /// Its id.
    pub id: Id,
    /// Its version.
    pub revision: u64,
    /// Where it is.
    pub uri: Uri,
    /// What it is.
    pub checksum: Checksum,
}

pub(super) fn check_refresh(refresh: &CredentialRefresh) -> Result<(), Misfit> {
    let misfit = |pointer, reason| Err(Misfit { pointer, reason });
    let (certificate, pins) = (&refresh.client_cert_pem, &refresh.spki_pins);
    match refresh.step {
        RefreshStep::Request if certificate.is_some() => {
            misfit("/client_cert_pem", "it belongs to the other step")
        }
        RefreshStep::Request if !pins.is_empty() => {
            misfit("/spki_pins", "they belong to the other step")
        }
        RefreshStep::Request => Ok(()),
        RefreshStep::Install
            if certificate
                .as_ref()
                .is_none_or(|pem| pem.is_empty() || pem.len() > 16_384) =>
        {
            misfit("/client_cert_pem", "1 to 16384 bytes")
        }
        RefreshStep::Install
            if !(2..=8).contains(&pins.len()) || pins.iter().any(|pin| pin.bytes().len() != 32) =>
        {
            misfit("/spki_pins", "two to eight pins of 32 bytes")
        }
        RefreshStep::Install => Ok(()),
    }
}
