//! What every long-running part stands on: supervision, shutdown, time and waiting.
//!
//! Owns the start, restart and end of tasks, the reading of clocks, and the reaction to signals.
//! Never knows a word of the domain, never spawns a process. Uses none of our crates.

mod backoff;
mod boot;
mod chain;
mod clock;
mod random;
mod shutdown;
mod supervise;
mod task;

pub use backoff::{Backoff, BackoffError};
pub use boot::Boot;
pub use chain::chain;
pub use clock::{Clock, ManualClock, SystemClock};
pub use random::random;
pub use shutdown::Shutdown;
pub use supervise::{Exit, Policy, Supervisor, Unit, UnitState, UnitStatus};
pub use task::{Ended, Task, guarded, spawn};

/// Cancelled when a part has to end; children of it end with it.
pub use tokio_util::sync::CancellationToken;

// A panic has to stay inside its unit, which an aborting program cannot do.
const _: () = assert!(cfg!(panic = "unwind"), "build with panic = \"unwind\"");
