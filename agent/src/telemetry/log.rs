//! The log: one line an event, to standard error.

use crate::config::{LogConfig, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Why the log could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The level is no filter.
    #[error("the log level is no filter")]
    Filter(#[source] tracing_subscriber::filter::ParseError),
    /// Somebody set one up before.
    #[error("the log is set up already")]
    Twice(#[source] tracing_subscriber::util::TryInitError),
}

/// Sets up the log of the process. Call it once, before anything is logged.
///
/// # Errors
/// [`LogError`] when the level is no filter, or a log is set up already.
pub fn init(config: &LogConfig) -> Result<(), LogError> {
    let filter: EnvFilter = config.level.parse().map_err(LogError::Filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let base = tracing_subscriber::registry().with(filter);
    match config.format {
        LogFormat::Human => base.with(lines.with_target(false).compact()).try_init(),
        LogFormat::Json => base.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(LogError::Twice)
}
