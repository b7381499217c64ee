//! OVERLAY_UPDATE: loading, showing, changing and hiding graphics.

use super::Misfit;
use crate::time::Timestamp;
use crate::words::{Checksum, Id, Name, Scale, Seconds, Share, Text, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Loads a package of graphics, or changes one that is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverlayUpdate {
    /// Which.
    pub overlay_id: Id,
    /// Where the package is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ocl_package_uri: Option<Uri>,
    /// What the package is; required with its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<Checksum>,
    /// A change of one that is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edit: Option<OverlayEdit>,
    /// When; at once if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply_at: Option<Timestamp>,
    /// For `activate`: the scene of the package.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scene_id: Option<Id>,
    /// What to do besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<OverlayAction>,
    /// Goes over an operator's hold.
    #[serde(default)]
    pub override_hold: bool,
}

/// What to do with graphics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OverlayAction {
    /// Makes it ready.
    Load,
    /// Shows it.
    Activate,
    /// Hides it.
    Deactivate,
    /// Hides all of them.
    ClearAll,
}

/// A change of a graphic; what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverlayEdit {
    /// Its text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Text>,
    /// Values for the tokens of its text.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tokens: BTreeMap<String, Text>,
    /// Whether it is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible: Option<bool>,
    /// How much of it is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opacity: Option<Share>,
    /// `top_left`, `top_right`, `bottom_left`, `bottom_right` or `center`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Name>,
    /// Its size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scale: Option<Scale>,
    /// How long it is seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_s: Option<Seconds>,
    /// How long it takes to appear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fade_in: Option<Seconds>,
    /// How long it takes to go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fade_out: Option<Seconds>,
    /// Its layer; 1 is the lowest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layer: Option<u16>,
    /// Its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image_asset_id: Option<Id>,
}

/// The state after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OverlayUpdated {
    /// Which.
    pub overlay_id: Id,
    /// Whether it is seen.
    pub visible: bool,
    /// The program frame that first has it, where it was already drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame: Option<u64>,
}

pub(super) fn check(update: &OverlayUpdate) -> Result<(), Misfit> {
    if update.ocl_package_uri.is_some() != update.checksum.is_some() {
        return Err(Misfit {
            pointer: "/checksum",
            reason: "a package needs its checksum, and a checksum its package",
        });
    }
    if update.ocl_package_uri.is_none() && update.edit.is_none() && update.action.is_none() {
        return Err(Misfit {
            pointer: "",
            reason: "there is nothing to do",
        });
    }
    Ok(())
}
