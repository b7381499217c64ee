//! Pairing as it is asked for and answered.

use model::Secret;
use serde::{Deserialize, Serialize};
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
