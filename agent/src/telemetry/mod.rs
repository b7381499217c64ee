//! What the agent tells about itself: its log, its counters and how its machine is.
//!
//! Owns the set-up of `tracing`, the log's last lines, the Prometheus registry and the sampler of the
//! machine. Never decides on what it sees, and never prints a secret: secrets have no printable form (`model::Secret`).

mod link;
mod log;
mod metrics;
pub mod system;
mod tail;
mod uptime;

pub use log::{Log, LogError, LogLevel, init};
pub use metrics::{Metrics, Watched};
pub use system::{System, SystemSample};
pub use tail::{LogLines, LogTail};
