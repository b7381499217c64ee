//! Who did what, and what came of it: signed commands, actions at the device, refusals.
//!
//! Owns the rows and their limits: the last [`LIMIT`] of the last 90 days. A row about a signed command is
//! in the batch that makes the command durable; one about a local action is written a moment later by a
//! task of its own. No argument of anything is kept, so no secret is. Knows neither HTTP nor the link.

mod book;
mod keeper;
mod record;

pub use book::{Audit, LIMIT, OpenError};
pub use keeper::AuditKeeper;
pub use record::{AuditOrigin, AuditOutcome, AuditRow, Entry};
