//! From nothing to the first schema: an empty store needs no change but its version.

use crate::writes::Writes;

/// Writes nothing.
#[expect(clippy::unnecessary_wraps, reason = "every step has this shape")]
pub(super) fn step(_db: &sled::Tree) -> Result<Writes, String> {
    Ok(Writes::default())
}
