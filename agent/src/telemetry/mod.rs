//! What the agent tells about itself: its log and its counters.
//!
//! Owns the set-up of `tracing` and the Prometheus registry. Never decides on what it sees, and never
//! prints a secret: secrets have no printable form (`model::Secret`).

mod log;
mod metrics;

pub use log::{LogError, init};
pub use metrics::Metrics;
