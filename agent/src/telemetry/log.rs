//! The log: one line an event, to standard error, and the last ones in memory. Its level can be changed
//! while the agent runs.

use super::LogTail;
use crate::config::{LogConfig, LogFormat};
use tracing::Subscriber;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload::{self, Handle};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

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
        let filter = filter(level).map_err(|error| format!("the log's level: {error}"))?;
        let set = self.filter.reload(filter);
        set.map_err(|error| format!("the log's level: {error}"))
    }
}

/// The log of the process.
pub struct Log {
    /// Its level.
    pub level: LogLevel,
    /// Its last lines.
    pub tail: LogTail,
}

/// A level as it is asked for, but for what would write the device's claims down: at `trace` the WebSocket's
/// library logs the head of its request.
fn filter(level: &str) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    let filter: EnvFilter = level.parse()?;
    if filter.max_level_hint() == Some(LevelFilter::TRACE) {
        return format!("{level},tungstenite=debug").parse();
    }
    Ok(filter)
}

/// Keeps what is logged, in words for people whatever is written elsewhere.
pub(super) fn tail_layer<S>(tail: LogTail) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fmt::layer().with_writer(tail).with_ansi(false).compact()
}

/// Sets up the log of the process. Call it once, before anything is logged.
///
/// # Errors
/// [`LogError`] when the level is no filter, or a log is set up already.
pub fn init(config: &LogConfig) -> Result<Log, LogError> {
    let filter = filter(&config.level).map_err(LogError::Filter)?;
    let (filter, level) = LogLevel::new(filter);
    let tail = LogTail::default();
    let lines = fmt::layer().with_writer(std::io::stderr);
    let base = tracing_subscriber::registry()
        .with(filter)
        .with(tail_layer(tail.clone()));
    match config.format {
        LogFormat::Human => base.with(lines.with_target(false).compact()).try_init(),
        LogFormat::Json => base.with(lines.json().flatten_event(true)).try_init(),
    }
    .map_err(LogError::Twice)?;
    Ok(Log { level, tail })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_level_writes_down_what_the_device_shows_to_studio() {
        for (asked, taken) in [
            ("trace", "tungstenite=debug,trace"),
            ("tungstenite=trace", "tungstenite=debug"),
            ("info", "info"),
        ] {
            assert_eq!(filter(asked).unwrap().to_string(), taken);
        }
        assert!(filter("no=level=at=all").is_err());
    }
}
