//! TIMELINE_LOAD and TIMELINE_EXECUTE.

use super::{Misfit, OnConflict};
use crate::time::Timestamp;
use crate::words::{Checksum, Id, Name, Seconds, Uri};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Gives the device a timeline. A running one is not disturbed: the new one counts from the next start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineLoad {
    /// Which.
    pub timeline_id: Id,
    /// The timeline's documents, as the timeline editor writes them.
    pub segments: Vec<Map<String, Value>>,
    /// Files that it needs.
    pub assets_manifest: AssetsManifest,
    /// Overlay documents.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ocl: Vec<Map<String, Value>>,
    /// Its version; a lower one than is there is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Whether it takes the place of one with the same id.
    #[serde(default = "yes")]
    pub replace: bool,
    /// When it is played.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub schedule: Vec<Map<String, Value>>,
    /// Whether its files are fetched now.
    #[serde(default = "yes")]
    pub preload: bool,
}

const fn yes() -> bool {
    true
}

/// Files that a document needs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AssetsManifest {
    /// The files.
    pub assets: Vec<AssetEntry>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AssetEntry {
    /// Its id in the documents.
    pub id: Id,
    /// Where it is.
    pub uri: Uri,
    /// What it is; nothing else is shown.
    pub checksum: Checksum,
    /// How long it is.
    pub bytes: u64,
    /// MIME type.
    pub media_type: Name,
    /// From then on it may not be shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Whether the load fails without it.
    #[serde(default = "yes")]
    pub required: bool,
}

/// What a load has done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineLoaded {
    /// Which.
    pub timeline_id: Id,
    /// Its version.
    pub revision: u64,
    /// What was let pass but should be corrected.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// Plays, pauses, moves or stops a timeline.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineExecute {
    /// Which.
    pub timeline_id: Id,
    /// For `seek` and `play`: the cue to begin with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cue_id: Option<Id>,
    /// What to do.
    pub execution_mode: ExecutionMode,
    /// For `seek` and `play`: the position.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_s: Option<Seconds>,
    /// For `play`: when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<Timestamp>,
    /// Where it is seen; `preview` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Output>,
    /// For `live`: where it is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub destination_ids: Vec<Id>,
    /// Whether it begins again at its end; as the timeline says if absent.
    #[serde(default, rename = "loop", skip_serializing_if = "Option::is_none")]
    pub looped: Option<bool>,
    /// What happens when something else has the program.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// Goes over an operator's hold.
    #[serde(default)]
    pub override_hold: bool,
}

/// What to do with a timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionMode {
    /// From the beginning, a cue or a position.
    Play,
    /// Holds its clock.
    Pause,
    /// Goes on.
    Resume,
    /// Ends it.
    Stop,
    /// To a cue or a position.
    Seek,
    /// To the next cue.
    Skip,
    /// From the beginning again.
    Restart,
    /// After what runs.
    Queue,
}

/// Where a timeline is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Output {
    /// On the program, which is what destinations and preview share.
    Program,
    /// By the operator only.
    Preview,
    /// At the destinations.
    Live,
}

/// The state after it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TimelineExecuted {
    /// Which.
    pub timeline_id: Id,
    /// `running`, `paused`, `stopped` or `queued`.
    pub status: Name,
    /// Where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position_s: Option<Seconds>,
}

pub(super) fn check_load(load: &TimelineLoad) -> Result<(), Misfit> {
    if load.segments.is_empty() {
        return Err(Misfit {
            pointer: "/segments",
            reason: "there is no document",
        });
    }
    Ok(())
}

pub(super) fn check_execute(execute: &TimelineExecute) -> Result<(), Misfit> {
    let nowhere = execute.position_s.is_none() && execute.cue_id.is_none();
    if execute.execution_mode == ExecutionMode::Seek && nowhere {
        return Err(Misfit {
            pointer: "/position_s",
            reason: "a seek needs a position or a cue",
        });
    }
    if execute.output == Some(Output::Live) && execute.destination_ids.is_empty() {
        return Err(Misfit {
            pointer: "/destination_ids",
            reason: "going live needs a destination",
        });
    }
    Ok(())
}
