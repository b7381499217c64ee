//! What the agent says to anyone outside it, as types.
//!
//! Owns the closed list of error [`Code`]s, the one [`Problem`] shape that every refusal takes, and the
//! closed list of [`Condition`]s that an operator is warned of.
//! Pure: no files, no clock, no sockets. Everyone may use it; it uses nobody.

mod condition;
mod error;

pub use condition::{Condition, Severity};
pub use error::{Code, HasCode, Problem};
