//! What the agent tells about itself: its log, its counters and how its machine is.
//!
//! Owns the set-up of `tracing`, the Prometheus registry and the sampler of the machine. Never decides on what it sees, and never
//! prints a secret: secrets have no printable form (`model::Secret`).

mod log;
mod metrics;
pub mod system;
mod uptime;

pub use log::{LogError, LogLevel, init};
pub use metrics::{Metrics, Watched};
pub use system::{System, SystemSample};
