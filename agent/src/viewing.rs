//! Who may open one more preview: as many as the settings allow, and while the processor has room.
//!
//! Owns the limits and the places of those that are being opened just now; the media server counts those
//! that are open. The arithmetic is pure. Never ends a preview, and never says anything to the program.

use crate::outage::Outage;
use crate::telemetry::System;
use futures_util::future::BoxFuture;
use protocol::{Code, HasCode};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many are let in however busy the processor is: whoever runs the show has to see it, also right
/// after the page was loaded again, when the preview before is still open.
const ALWAYS: usize = 2;

/// How many previews are open now.
pub type Count = Arc<dyn Fn() -> BoxFuture<'static, Result<usize, Outage>> + Send + Sync>;

/// What the settings allow, as they are now.
pub type Allowed = Arc<dyn Fn() -> Limits + Send + Sync>;

/// How many previews there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most that are open at once.
    pub sessions: usize,
    /// The share of the processor, in percent, from which on only the first two are let in.
    pub processor: u16,
}

/// Why a preview is not opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ViewingError {
    /// There are as many as there may be.
    #[error("{open} previews are open, and more are not let in")]
    Full {
        /// So many.
        open: usize,
    },
    /// The machine has no room.
    #[error("the processor is {busy} % busy, and no further preview is let in")]
    Busy {
        /// Percent of all cores.
        busy: u8,
    },
}

impl HasCode for ViewingError {
    fn code(&self) -> Code {
        match self {
            Self::Full { .. } => Code::Busy,
            Self::Busy { .. } => Code::EncoderOverload,
        }
    }

    fn remediation(&self) -> Cow<'static, str> {
        match self {
            Self::Full { .. } => {
                "Close a preview that nobody watches and try again after half a minute, or raise \
                 preview.sessions in the settings."
            }
            Self::Busy { .. } => {
                "Try again when the machine has less to do, or choose a smaller profile for the next \
                 show."
            }
        }
        .into()
    }
}

/// Lets previews in, or refuses them. Cheap to clone.
#[derive(Clone)]
pub struct Viewing {
    allowed: Allowed,
    system: System,
    count: Count,
    opening: Arc<AtomicUsize>,
}

/// A preview that is being opened: to be kept until the media server has answered, and counts it.
#[derive(Debug)]
pub struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Viewing {
    /// By the count of the media server and the load of this machine.
    #[must_use]
    pub fn new(allowed: Allowed, system: System, count: Count) -> Self {
        Self {
            allowed,
            system,
            count,
            opening: Arc::default(),
        }
    }

    /// Lets one more preview in.
    ///
    /// # Errors
    /// [`ViewingError`]. Of several that come at once, one may be refused that would just have fitted.
    pub async fn enter(&self) -> Result<Place, ViewingError> {
        let before = self.opening.fetch_add(1, Ordering::SeqCst);
        let place = Place(Arc::clone(&self.opening));
        // A media server that does not answer says so to whoever asks it for the picture.
        let Ok(open) = (self.count)().await else {
            return Ok(place);
        };
        let sample = self.system.sample();
        let busy = (sample.at_ns > 0).then_some(sample.cpu.busy_5s);
        admit((self.allowed)(), open + before, busy)
            .inspect_err(|error| tracing::warn!(%error, "A preview is refused."))?;
        Ok(place)
    }
}

/// Whether one more fits beside those that are open, on a machine that is so busy, in percent.
fn admit(limits: Limits, open: usize, busy: Option<f32>) -> Result<(), ViewingError> {
    if open >= limits.sessions {
        return Err(ViewingError::Full { open });
    }
    match busy {
        Some(busy) if open >= ALWAYS && busy >= f32::from(limits.processor) => {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "0 to 100"
            )]
            let busy = busy.clamp(0.0, 100.0) as u8;
            Err(ViewingError::Busy { busy })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::SystemSample;
    use std::sync::Mutex;
    use tokio::sync::watch;

    const LIMITS: Limits = Limits {
        sessions: 20,
        processor: 95,
    };

    #[test]
    fn previews_are_let_in_up_to_their_number_and_while_the_processor_has_room() {
        for (open, busy, wanted) in [
            (0, None, Ok(())),
            (19, None, Ok(())),
            (19, Some(94.9), Ok(())),
            (20, None, Err(ViewingError::Full { open: 20 })),
            (40, Some(0.0), Err(ViewingError::Full { open: 40 })),
            (1, Some(100.0), Ok(())),
            (2, Some(95.0), Err(ViewingError::Busy { busy: 95 })),
            (19, Some(99.5), Err(ViewingError::Busy { busy: 99 })),
        ] {
            assert_eq!(admit(LIMITS, open, busy), wanted, "{open} {busy:?}");
        }
        let full = ViewingError::Full { open: 20 }.problem();
        assert_eq!((full.code, full.retryable), (Code::Busy, true));
        assert!(full.remediation.contains("preview.sessions"));
        let busy = ViewingError::Busy { busy: 99 }.problem();
        assert_eq!(busy.code, Code::EncoderOverload);
    }

    #[tokio::test]
    async fn those_that_are_being_opened_count_until_the_media_server_counts_them() {
        let open = Arc::new(Mutex::new(Ok(18)));
        let told = Arc::clone(&open);
        let count: Count = Arc::new(move || {
            let now: Result<usize, Outage> = told.lock().unwrap().clone();
            Box::pin(std::future::ready(now))
        });
        let (_sample, sample) = watch::channel(Arc::new(SystemSample::default()));
        let viewing = Viewing::new(Arc::new(|| LIMITS), System::of(sample), count);
        let first = viewing.enter().await.unwrap();
        let second = viewing.enter().await.unwrap();
        let third = viewing.enter().await;
        assert_eq!(third.unwrap_err(), ViewingError::Full { open: 20 });
        drop(first);
        *open.lock().unwrap() = Ok(19);
        assert!(viewing.enter().await.is_err(), "the second is not counted");
        drop(second);
        assert!(viewing.enter().await.is_ok());
        *open.lock().unwrap() = Err(Outage::unanswered("it is down"));
        assert!(viewing.enter().await.is_ok(), "it is refused elsewhere");
        assert_eq!(viewing.opening.load(Ordering::SeqCst), 0);
    }
}
