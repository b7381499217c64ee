//! Figures that could not be sent, for a day: what was measured while there was no connection.
//!
//! Pure: times come in as milliseconds since boot. It thins them out, forgets the oldest, and gives them
//! back a few at a time.

use protocol::Metrics;
use std::collections::VecDeque;

/// Figures that are kept are at least so far apart.
const APART_MS: u64 = 60_000;

/// A day of them.
const LIMIT: usize = 24 * 60;

/// What could not be sent, the oldest first, with the time at which it was measured.
#[derive(Debug, Default)]
pub(crate) struct Ring {
    kept: VecDeque<(u64, Metrics)>,
}

impl Ring {
    /// Keeps figures, unless there are some of the same minute. Says how many were forgotten for it.
    pub(crate) fn keep(&mut self, measured_ms: u64, metrics: Metrics) -> u64 {
        let too_soon = self
            .kept
            .back()
            .is_some_and(|(last, _)| measured_ms.saturating_sub(*last) < APART_MS);
        if too_soon {
            return 0;
        }
        let mut forgotten = 0;
        while self.kept.len() >= LIMIT {
            self.kept.pop_front();
            forgotten += 1;
        }
        self.kept.push_back((measured_ms, metrics));
        forgotten
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Takes the oldest out.
    pub(crate) fn take(&mut self) -> Option<(u64, Metrics)> {
        self.kept.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{NetworkMetrics, Percent};

    fn metrics() -> Metrics {
        Metrics {
            cpu: Percent::new(1.0).unwrap(),
            gpu: None,
            memory: None,
            disk: None,
            temperature: None,
            throttled: None,
            clock_synced: None,
            network: NetworkMetrics { rx: 0.0, tx: 0.0 },
            stream_bitrate: Vec::new(),
            shows: None,
            health: None,
            measured_at: None,
        }
    }

    #[test]
    fn one_a_minute_is_kept_for_a_day_and_the_oldest_are_forgotten() {
        let mut ring = Ring::default();
        let day = 24 * 60 * 60_000;
        let mut forgotten = 0;
        for at in (0..day + 10 * 60_000).step_by(30_000) {
            forgotten += ring.keep(at, metrics());
        }
        assert_eq!(forgotten, 10);
        let times: Vec<u64> = std::iter::from_fn(|| ring.take().map(|(at, _)| at)).collect();
        assert_eq!(times.len(), LIMIT);
        assert_eq!(times.first(), Some(&600_000));
        assert_eq!(times.last(), Some(&(day + 9 * 60_000)));
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == APART_MS));
    }
}
