//! What the agent says to anyone outside it, as types.
//!
//! Owns the closed list of error [`Code`]s and the one [`Problem`] shape that every refusal takes.
//! Pure: no files, no clock, no sockets. Everyone may use it; it uses nobody.

mod error;

pub use error::{Code, HasCode, Problem};
