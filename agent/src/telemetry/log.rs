//! The log: one line an event, to standard error. Its level can be changed while the agent runs.

use crate::config::{LogConfig, LogFormat};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Registry};

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

/// The level of a log, to be changed. Cheap to clone.
#[derive(Clone)]
pub struct LogLevel {
    filter: Handle<EnvFilter, Registry>,
}

impl LogLevel {
    /// A filter for a log, and its level.
    #[must_use]
    pub fn new(filter: EnvFilter) -> (reload::Layer<EnvFilter, Registry>, Self) {
        let (layer, filter) = reload::Layer::new(filter);
        (layer, Self { filter })
    }

    /// Sets the level, from the next event on.
    ///
    /// # Errors
    /// In words, when it is no filter or the log is gone.
    pub fn set(&self, level: &str) -> Result<(), String> {
        let filter = level.parse::<EnvFilter>();
        let filter = filter.map_err(|error| format!("the log's level: {error}"))?;
        let set = self.filter.reload(filter);
        set.map_err(|error| format!("the log's level: {error}"))
    }
}

/// Sets up the log of the process. Call it once, before anything is logged.
///
/// # Errors
/// [`LogError`] when the level is no filter, or a log is set up already.
pub fn init(config: &LogConfig) -> Result<LogLevel, LogError> {
    let filter: EnvFilter = config.level.parse().map_err(LogError::Filter)?;
    let (filter, level) = LogLevel::new(filter);
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let base = tracing_subscriber::registry().with(filter);
    match config.format {
        LogFormat::Human => base.with(lines.with_target(false).compact()).try_init(),
        LogFormat::Json => base.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(LogError::Twice)?;
    Ok(level)
}
