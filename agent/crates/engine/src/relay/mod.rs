//! Sends an encode straight to an RTMP server, without a media server in between.
//!
//! Owns the taps, where coded packets can be had in this process, and one connection a [`Relay`]: RTMP,
//! over TLS where it is asked for. No child is started, so a stream key stands in no argument list. It
//! never encodes, never tries again (its owner does), and never repeats a word of the server, which may
//! hold the key. Neighbours: `program` fills the taps, `publish` brings the same packets to the media
//! server.

mod amf;
mod chunk;
mod flv;
mod session;
mod tap;
mod tls;

pub use tap::{Tap, Taps};

use model::Secret;
use runtime::{CancellationToken, Task, spawn};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Where an encode is sent.
#[derive(Debug, Clone)]
pub struct RelayTarget {
    /// RTMPS rather than RTMP.
    pub secure: bool,
    /// Host name or IP address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The application: the path of the address, without the slash before it.
    pub app: String,
    /// The address without the key, as the server is told it.
    pub url: String,
    /// The stream's name.
    pub key: Secret,
    /// SHA-256 of the one certificate that is trusted, in hexadecimal digits; the public authorities'
    /// where it is absent.
    pub fingerprint: Option<String>,
}

/// Why a relay ended or did not begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RelayError {
    /// Nobody answers at the address.
    #[error("the server cannot be reached")]
    Unreachable,
    /// The secure connection could not be made.
    #[error("the secure connection could not be made")]
    Tls,
    /// The server does not take this stream.
    #[error("the server does not take the stream")]
    Rejected,
    /// The server ended the connection.
    #[error("the server ended the connection")]
    Closed,
    /// The server takes nothing more.
    #[error("the server takes no data")]
    Stalled,
    /// What the server says is not RTMP.
    #[error("the server does not speak RTMP")]
    Protocol,
}

/// How a relay does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RelayStats {
    /// Bytes of pictures and sound that the connection has taken.
    pub sent: u64,
    /// Bytes of pictures and sound that were there to be sent since.
    pub offered: u64,
    /// Why it ended; `None` while it runs.
    pub error: Option<RelayError>,
}

#[derive(Debug, Default)]
struct Shared {
    sent: AtomicU64,
    /// What the tap had given when sending began.
    before: OnceLock<u64>,
    error: OnceLock<RelayError>,
}

/// One connection. Dropping it ends it.
#[derive(Debug)]
pub struct Relay {
    shared: Arc<Shared>,
    tap: Tap,
    stop: CancellationToken,
    task: Task<()>,
}

impl Relay {
    /// Connects, and sends what `tap` gives from its next key frame on. To be called in a tokio runtime.
    #[must_use]
    pub fn start(tap: &Tap, target: RelayTarget) -> Self {
        let (shared, stop) = (Arc::<Shared>::default(), CancellationToken::new());
        let (its, from, asked) = (shared.clone(), tap.clone(), stop.clone());
        let tap = tap.clone();
        let task = spawn(async move {
            tokio::select! {
                () = asked.cancelled() => {}
                error = session::run(&from, &target, &its) => {
                    // It ends once.
                    let _first = its.error.set(error);
                }
            }
        });
        Self {
            shared,
            tap,
            stop,
            task,
        }
    }

    /// How it does now.
    #[must_use]
    pub fn stats(&self) -> RelayStats {
        let shared = &self.shared;
        RelayStats {
            sent: shared.sent.load(Ordering::Relaxed),
            offered: shared
                .before
                .get()
                .map_or(0, |before| self.tap.bytes() - before),
            error: shared.error.get().copied(),
        }
    }

    /// Ends it, and waits until its connection is closed.
    pub async fn stop(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "A relay did not end in order.");
        }
    }
}
