//! The end of the program: asked for once politely, the second time at once.

use crate::{CancellationToken, Task, spawn};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of a forced exit, as shells give it for SIGINT.
const FORCED: i32 = 130;

/// Watches SIGINT and SIGTERM. The first cancels the token; the second ends the process at once
/// (children die with it by their parent-death signal).
#[derive(Debug)]
pub struct Shutdown {
    token: CancellationToken,
    _watch: Task<()>,
}

impl Shutdown {
    /// Starts to watch.
    ///
    /// # Errors
    /// When the process may not install signal handlers.
    pub fn listen() -> std::io::Result<Self> {
        let signals = (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
        );
        let token = CancellationToken::new();
        let watch = spawn(watch(signals, token.clone()));
        Ok(Self {
            token,
            _watch: watch,
        })
    }

    /// Cancelled when the program has to end.
    #[must_use]
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Asks for the end, as a signal would.
    pub fn request(&self) {
        self.token.cancel();
    }
}

async fn watch((mut interrupt, mut terminate): (Signal, Signal), token: CancellationToken) {
    let mut next = async || {
        tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        }
    };
    let name = next().await;
    tracing::info!(signal = name, "Stopping; the same again ends at once.");
    token.cancel();
    let name = next().await;
    tracing::warn!(signal = name, "Ending at once.");
    std::process::exit(FORCED);
}
