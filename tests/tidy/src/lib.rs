//! Rules of the code base as values, and the checks that hold them.
//!
//! Owns the import table, the bans, the licences and the shape of a source file. The checks are pure
//! functions over what `cargo metadata` and the file system say, so that each can be shown to fail;
//! `tests/` runs them on this workspace. Knows nothing of what the code does.

mod layers;
mod licences;
mod sources;

pub use layers::{BANS, Edge, MAY_USE, ban_faults, layer_faults};
pub use licences::{ALLOWED, licence_faults};
pub use sources::{FILE_CAP, shape_faults};
