//! CAMERA_ACTION: finding, changing, moving and showing cameras.

use super::Misfit;
use crate::time::Timestamp;
use crate::words::{Axis, Checksum, Cidr, Hidden, Id, Name, Seconds, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

/// Something to do with a camera.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct CameraAction {
    /// Which; absent for `discover`, `list` and `create` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera_id: Option<Id>,
    /// What.
    #[serde(flatten)]
    pub work: CameraWork,
}

impl<'de> Deserialize<'de> for CameraAction {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct Wire {
            #[serde(default)]
            camera_id: Option<Id>,
            action: String,
            #[serde(default)]
            payload: Option<serde_json::Value>,
        }
        let wire = Wire::deserialize(from)?;
        Ok(Self {
            camera_id: wire.camera_id,
            work: super::tagged("action", &wire.action, "payload", wire.payload)?,
        })
    }
}

/// What can be done with a camera.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", content = "payload", rename_all = "snake_case")]
pub enum CameraWork {
    /// Looks for cameras in the network. Reply: `discovered`.
    Discover {
        /// How long, in milliseconds.
        #[serde(default = "five_seconds")]
        timeout_ms: u32,
        /// Where; the device's own networks if empty.
        #[serde(default)]
        subnets: Vec<Cidr>,
    },
    /// Lists the cameras. Reply: `cameras`.
    List {},
    /// Adds a camera. Reply: `camera_id`.
    Create(CameraEdit),
    /// Changes a camera's settings; what is absent stays. Reply: `camera_id`.
    Update(CameraEdit),
    /// Removes a camera; refused with `CAMERA_IN_USE` unless forced.
    Delete {
        /// Also while a show uses it.
        #[serde(default)]
        force: bool,
    },
    /// Tries whether it can be read. Reply: `detail`.
    Test {},
    /// Takes a picture. Reply: `snapshot_id`, `sha256`, `taken_at`.
    Snapshot {
        /// Where to send it.
        #[serde(default)]
        upload_url: Option<Uri>,
        /// Width in pixels at most.
        #[serde(default)]
        max_width: Option<u32>,
    },
    /// Moves to a stored position. Reply: `position`.
    PtzPresetGoto {
        /// The position.
        preset_id: Id,
        /// Time it is given to come to rest, in milliseconds.
        #[serde(default = "three_seconds")]
        settle_ms: u32,
    },
    /// Stores the position it has. Reply: `preset_id`.
    PtzPresetSave {
        /// The position's name.
        name: Name,
        /// The shot in Studio that it is for.
        #[serde(default)]
        shot_id: Option<Id>,
    },
    /// Forgets a stored position.
    PtzPresetDelete {
        /// The position.
        preset_id: Id,
    },
    /// Lists the stored positions. Reply: `presets`.
    PtzPresetList {},
    /// Moves.
    PtzMove {
        /// What the axes mean.
        mode: MoveMode,
        /// The axes.
        #[serde(flatten)]
        axes: Axes,
        /// It stops by itself after so many milliseconds.
        #[serde(default = "one_second")]
        timeout_ms: u32,
    },
    /// Stops moving.
    PtzStop {},
    /// Says where it looks. Reply: `position`, `moving`.
    PtzStatus {},
    /// Puts it on program.
    ToProgram {
        /// Keeps it there against the timeline.
        #[serde(default)]
        hold: bool,
        /// `cut`, `fade`, `dissolve` or `wipe`.
        #[serde(default)]
        transition: Option<Name>,
        /// How long the transition takes.
        #[serde(default)]
        transition_duration: Option<Seconds>,
    },
}

const fn one_second() -> u32 {
    1_000
}

const fn three_seconds() -> u32 {
    3_000
}

const fn five_seconds() -> u32 {
    5_000
}

/// What the axes of a movement mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum MoveMode {
    /// Speeds.
    Continuous,
    /// Places.
    Absolute,
    /// Distances.
    Relative,
}

/// Three axes; an absent one stays as it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Axes {
    /// Left is −1, right 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pan: Option<Axis>,
    /// Down is −1, up 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tilt: Option<Axis>,
    /// Wide is −1, near 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zoom: Option<Axis>,
}

/// A camera's settings as they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CameraEdit {
    /// Its name.
    pub name: Name,
    /// Host name or address.
    pub address: Name,
    /// The port of its stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// `rtsp` or `rtmp`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub protocol: Option<Name>,
    /// The path of its stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_path: Option<String>,
    /// User name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<Name>,
    /// Password. Written only: no answer has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Hidden>,
    /// The camera that stands in for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_camera_id: Option<Id>,
    /// Tries it before it is stored.
    #[serde(default = "yes")]
    pub test: bool,
}

const fn yes() -> bool {
    true
}

/// A camera in an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CameraEntry {
    /// Its id.
    pub camera_id: Id,
    /// Its name.
    pub name: Name,
    /// `online`, `offline`, `error` or `unknown`.
    pub status: Name,
}

/// A camera that was found in the network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Discovered {
    /// Its address.
    pub address: Name,
    /// The port that answered.
    pub port: u16,
    /// Its name, where it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its maker, where it says one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
}

/// A stored position in an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PresetEntry {
    /// Its id.
    pub preset_id: Id,
    /// Its name.
    pub name: Name,
}

/// The answer to a camera action; which fields it has is told at the action.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[allow(missing_docs, reason = "the actions describe them")]
pub struct CameraReply {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera_id: Option<Id>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preset_id: Option<Id>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cameras: Option<Vec<CameraEntry>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discovered: Option<Vec<Discovered>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub presets: Option<Vec<PresetEntry>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<Axes>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub moving: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot_id: Option<Id>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Checksum>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

pub(super) fn check(action: &CameraAction) -> Result<(), Misfit> {
    let needs_none = matches!(
        action.work,
        CameraWork::Discover { .. } | CameraWork::List {} | CameraWork::Create(_)
    );
    if action.camera_id.is_none() && !needs_none {
        return Err(Misfit {
            pointer: "/camera_id",
            reason: "this action needs a camera",
        });
    }
    if let CameraWork::PtzMove { axes, .. } = &action.work
        && *axes == Axes::default()
    {
        return Err(Misfit {
            pointer: "/payload",
            reason: "a movement needs at least one of pan, tilt and zoom",
        });
    }
    Ok(())
}
