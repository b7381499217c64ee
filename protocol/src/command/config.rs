//! DEVICE_CONFIG: a change of settings.

use super::Misfit;
use crate::time::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Changes settings by a merge patch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeviceConfig {
    /// A merge patch (RFC 7396) on the configuration document.
    pub config_patch: Map<String, Value>,
    /// When it is applied.
    pub apply_after: ApplyAfter,
    /// The version it was made for; with another one in force it is refused with `CONFIG_CONFLICT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_version: Option<u64>,
    /// Only checks it and says what it would change.
    #[serde(default)]
    pub dry_run: bool,
}

/// When a change is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ApplyAfter {
    /// At an occasion.
    When(Occasion),
    /// At a moment.
    At(Timestamp),
}

/// An occasion to apply a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// At once.
    Now,
    /// When no show runs.
    Idle,
    /// At the next start.
    Reboot,
}

/// What a change has changed, or would.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigChanged {
    /// The version in force now.
    pub config_version: u64,
    /// JSON pointers of what changed.
    pub changed: Vec<String>,
    /// Whether some of it waits for a restart.
    pub restart_required: bool,
}

pub(super) fn check(config: &DeviceConfig) -> Result<(), Misfit> {
    if config.config_patch.is_empty() {
        return Err(Misfit {
            pointer: "/config_patch",
            reason: "the patch changes nothing",
        });
    }
    Ok(())
}
