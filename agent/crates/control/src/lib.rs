//! What happens to a signed command on its way: verified, kept, answered, done once, answered again.
//!
//! Owns the rules of dispatch as one state machine, [`Core`]: inputs in, [`Effect`]s out. It does no I/O,
//! reads no clock and starts nothing; whoever drives it carries the effects out and says how they went.
//! The `link` crate is that driver. Uses `protocol` and none of the crates of the domain.
//!
//! The order that everything here serves: verify → keep durably → ack `accepted` → effect → keep the
//! result → ack `completed` or `failed`. What has been answered, no power cut can undo.

mod claims;
mod core;
mod effect;
mod record;

pub use claims::{Claim, Claims, HOLD_MS, Origin, Preempted};
pub use core::{
    AGAIN_AFTER_MS, AGAIN_AT_MOST_MS, Config, Core, EVENT_LIMIT, OUTBOX_BYTES, OUTBOX_LIMIT,
    QUEUE_LIMIT, RECORD_LIMIT, REPLY_LIMIT, RESTART_GRACE_MS, RESULT_LIMIT,
};
pub use effect::{Alert, Answered, BatchId, Effect, Outcome, TurnedAway};
pub use record::{AuditRow, CommandRow, Memory, OutboxRow, Row, RowState, Stored};
