//! The bytes of a destination: how many over all attempts, how fast, and whether fast enough.
//!
//! Owns the samples of the last seconds. Knows no clock: each snapshot says when it was taken.

use std::collections::VecDeque;

/// The rates are taken over this long.
const WINDOW_NS: u64 = 3_000_000_000;
/// A destination that takes less than this share of what is meant for it, in percent, is slow.
const SHARE: u64 = 80;
/// What has to be meant for it in the window, in bytes, before that is judged.
const ENOUGH: u64 = 30_000;

/// One look.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at_ns: u64,
    /// Sent, over all attempts.
    sent: u64,
    /// Meant to be sent, over the running attempt.
    meant: u64,
}

/// Bytes over all attempts, and their rate.
#[derive(Debug, Default)]
pub(super) struct Count {
    total: u64,
    /// The last count of the running attempt.
    last: u64,
    samples: VecDeque<Sample>,
}

impl Count {
    /// A new attempt: its counts begin at zero.
    pub(super) fn begin(&mut self) {
        self.last = 0;
        self.samples.clear();
    }

    /// Takes the counts of the running attempt: what was `sent` to the destination and what its path
    /// received to be sent.
    pub(super) fn take(&mut self, at_ns: u64, sent: u64, meant: u64) {
        let back = self.samples.back();
        if sent < self.last || back.is_some_and(|sample| meant < sample.meant) {
            self.begin(); // the media server was started again
        }
        self.total += sent - self.last;
        self.last = sent;
        self.samples.push_back(Sample {
            at_ns,
            sent: self.total,
            meant,
        });
        let old = at_ns.saturating_sub(WINDOW_NS);
        while self.samples.len() > 2 && self.samples.get(1).is_some_and(|next| next.at_ns <= old) {
            self.samples.pop_front();
        }
    }

    /// Bytes sent over all attempts.
    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    fn window(&self) -> Option<(Sample, Sample)> {
        Some((*self.samples.front()?, *self.samples.back()?))
    }

    /// What was sent over the last seconds, in kilobits a second.
    pub(super) fn kbps(&self) -> u32 {
        let Some((from, to)) = self.window() else {
            return 0;
        };
        let ms = to.at_ns.saturating_sub(from.at_ns) / 1_000_000;
        // Bits per millisecond are kilobits per second.
        let kbps = ((to.sent - from.sent) * 8).checked_div(ms).unwrap_or(0);
        u32::try_from(kbps).unwrap_or(u32::MAX)
    }

    /// Whether the destination takes clearly less than is meant for it.
    pub(super) fn is_slow(&self) -> bool {
        self.window().is_some_and(|(from, to)| {
            let (sent, meant) = (to.sent - from.sent, to.meant - from.meant);
            to.at_ns.saturating_sub(from.at_ns) >= WINDOW_NS
                && meant >= ENOUGH
                && sent.saturating_mul(100) < meant.saturating_mul(SHARE)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn the_rate_is_that_of_the_last_seconds_and_the_total_that_of_all_attempts() {
        let mut count = Count::default();
        for second in 0..10 {
            count.take(second * 1000 * MS, second * 1000, second * 1000);
        }
        assert_eq!((count.kbps(), count.total()), (8, 9000));
        count.begin();
        assert_eq!(count.kbps(), 0);
        count.take(20_000 * MS, 500, 500);
        assert_eq!(count.total(), 9500);
        // A count that falls begins anew.
        count.take(21_000 * MS, 100, 100);
        assert_eq!(count.total(), 9600);
    }

    #[test]
    fn a_destination_is_slow_when_it_takes_clearly_less_than_is_meant_for_it() {
        for (share, slow) in [(100, false), (85, false), (60, true), (0, true)] {
            let mut count = Count::default();
            for second in 0..6 {
                count.take(second * 1000 * MS, second * 1000 * share, second * 100_000);
            }
            assert_eq!(count.is_slow(), slow, "{share} %");
        }
        let mut young = Count::default();
        young.take(0, 0, 0);
        young.take(1000 * MS, 10, 100_000);
        assert!(!young.is_slow(), "a second says nothing yet");
    }
}
