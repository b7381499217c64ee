//! The signed payloads: the fields that every message has, around what it says.

use crate::chain::Link;
use crate::command::CommandType;
use crate::time::Timestamp;
use crate::words::{DeviceId, Flag, MessageId, Nonce, Semver, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Longest life of a command, from its timestamp to its expiry, in milliseconds.
pub const LIFE_LIMIT_MS: u64 = 24 * 60 * 60 * 1000;

/// A command as Studio signs it. Fields that are not listed are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CommandMessage {
    /// Names the command for ever; a repeated id is answered again and not done again.
    pub message_id: MessageId,
    /// Groups a command with everything that it causes.
    pub correlation_id: MessageId,
    /// When it was signed. It is not valid before that.
    pub timestamp: Timestamp,
    /// The version of these schemas that it was written for.
    pub schema_version: Semver,
    /// The device that it is for.
    pub device_id: DeviceId,
    /// The customer that the device belongs to.
    pub tenant_id: TenantId,
    /// Which command; see the table of commands.
    #[serde(rename = "type")]
    pub kind: String,
    /// The command's arguments.
    #[schemars(with = "serde_json::Map<String, Value>")]
    pub payload: Value,
    /// Binds it to the connection whose hello had this nonce.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_nonce: Option<Nonce>,
    /// From then on it is void. At most 24 hours after `timestamp`.
    pub expires_at: Timestamp,
    /// 0 for EMERGENCY_STOP, 1 for everything else; may be left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1))]
    pub priority: Option<u8>,
    /// The epoch of the keyset under which `seq` counts.
    pub epoch: u64,
    /// Counts from 1 in each epoch; EMERGENCY_STOP has a count of its own.
    pub seq: u64,
    /// Flags that the arguments rely on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub feature_flags: Vec<Flag>,
}

impl CommandMessage {
    /// The stream in which its number counts.
    #[must_use]
    pub fn lane(&self) -> Lane {
        if self.kind == CommandType::EmergencyStop.as_str() {
            Lane::Emergency
        } else {
            Lane::Ordinary
        }
    }
}

/// Streams of commands with a count of their own each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// EMERGENCY_STOP; overtakes everything.
    Emergency,
    /// Everything else.
    Ordinary,
}

/// Any other message, with what it says as a type. Fields that are not listed are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Message<T> {
    /// Names the message for ever.
    pub message_id: MessageId,
    /// That of the command it belongs to, else its own `message_id`.
    pub correlation_id: MessageId,
    /// When it was signed.
    pub timestamp: Timestamp,
    /// The version of these schemas that it was written for.
    pub schema_version: Semver,
    /// The device that it is from or for.
    pub device_id: DeviceId,
    /// The customer that the device belongs to.
    pub tenant_id: TenantId,
    /// What it says.
    pub payload: T,
    /// Its place in the device's chain: on every ack, event and final progress.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Link>,
}
