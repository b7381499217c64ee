//! The judge while the program runs: decodes it once, for hours, and can be asked at any time.
//!
//! Owns the decoder and its pipes; `tally` counts. A stream that ends is read again as soon as there
//! is one. What is kept grows with minutes and incidents, never with frames.

mod pipes;
mod tally;
#[cfg(test)]
mod tests;

pub use tally::{Clock, Counts, Incident, Wrong, spread};

use pipes::Session;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tally::Tally;

/// What the reading threads share.
#[derive(Debug)]
struct Shared {
    began: Instant,
    tally: Mutex<Tally>,
    stop: AtomicBool,
}

impl Shared {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// A judge on a live address.
#[derive(Debug)]
pub struct Live {
    shared: Arc<Shared>,
    keeper: Option<JoinHandle<()>>,
}

impl Live {
    /// Begins to read an RTSP or RTMP address. The program runs at `interval_ns`, its cameras too, and
    /// their clips have `length` frames.
    #[must_use]
    pub fn on(url: &str, interval_ns: i64, length: u16) -> Self {
        let shared = Arc::new(Shared {
            began: Instant::now(),
            tally: Mutex::new(Tally::new(interval_ns, length)),
            stop: AtomicBool::new(false),
        });
        let (its, url) = (Arc::clone(&shared), url.to_owned());
        let keeper = std::thread::spawn(move || {
            while !its.stop.load(Ordering::Relaxed) {
                its.tally.lock().unwrap().session();
                Session::read(&url, &its);
                // Nobody sends: an FFmpeg a moment is enough.
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        Self {
            shared,
            keeper: Some(keeper),
        }
    }

    /// Nanoseconds since the reading began: the clock of every incident.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.shared.now_ns()
    }

    /// When that was, on the machine's clock.
    #[must_use]
    pub fn moment(&self, at_ns: u64) -> Instant {
        self.shared.began + Duration::from_nanos(at_ns)
    }

    /// Everything so far.
    ///
    /// # Panics
    /// Never in practice: the lock is not held while anything can fail. The same holds below.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.shared.tally.lock().unwrap().counts()
    }

    /// The same by the minute.
    #[must_use]
    pub fn minutes(&self) -> Vec<Counts> {
        self.shared.tally.lock().unwrap().minutes()
    }

    /// Incidents from a place in the list on.
    #[must_use]
    pub fn incidents(&self, from: usize) -> Vec<Incident> {
        self.shared.tally.lock().unwrap().incidents(from)
    }

    /// How many incidents there are, and how many more were only counted.
    #[must_use]
    pub fn incident_count(&self) -> (usize, u64) {
        self.shared.tally.lock().unwrap().incident_count()
    }

    /// Offsets of sound against picture between two times, in milliseconds; positive is late sound.
    #[must_use]
    pub fn offsets(&self, from_ns: u64, to_ns: u64) -> Vec<f64> {
        self.shared.tally.lock().unwrap().offsets(from_ns, to_ns)
    }

    /// How long ago a frame came that shows a camera moving.
    #[must_use]
    pub fn stale(&self) -> Duration {
        let fresh = self.shared.tally.lock().unwrap().fresh_at();
        Duration::from_nanos(self.now_ns().saturating_sub(fresh))
    }

    /// The program's clock against ours, one value for each time the stream was there.
    #[must_use]
    pub fn clocks(&self) -> Vec<Clock> {
        self.shared.tally.lock().unwrap().clocks()
    }

    /// Forgets at which frame each camera is: one that was away may come back at any.
    pub fn excuse(&self) {
        self.shared.tally.lock().unwrap().excuse();
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}
