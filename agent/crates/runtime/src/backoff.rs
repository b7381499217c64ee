//! How long to wait before the next try. Pure arithmetic; the randomness is an argument.

use std::time::Duration;

/// A wait that doubles with every failure up to a cap, less a random share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    jitter_percent: u32,
}

/// Why three numbers make no back-off.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackoffError {
    /// The first wait is zero, which would spin.
    #[error("the first wait may not be zero")]
    Zero,
    /// The cap is below the first wait.
    #[error("the longest wait ({cap:?}) is shorter than the first ({first:?})")]
    Cap {
        /// The first wait.
        first: Duration,
        /// The longest wait.
        cap: Duration,
    },
    /// More than all of it cannot be random.
    #[error("at most 100 % of a wait can be random, not {0} %")]
    Jitter(u32),
}

impl Backoff {
    /// 0.5 s, 1 s, 2 s … 30 s, a tenth of it random: for parts of this machine.
    pub const LOCAL: Self = Self {
        first: Duration::from_millis(500),
        cap: Duration::from_secs(30),
        jitter_percent: 10,
    };

    /// 50 ms, 0.1 s, 0.2 s … 10 s, a tenth of it random: for parts that are missed at once.
    pub const RESTART: Self = Self {
        first: Duration::from_millis(50),
        cap: Duration::from_secs(10),
        jitter_percent: 10,
    };

    /// Checks and makes a back-off; `jitter_percent` of each wait may be taken off it at random.
    ///
    /// # Errors
    /// [`BackoffError`] when it would spin, shrink, or be negative.
    pub fn new(first: Duration, cap: Duration, jitter_percent: u32) -> Result<Self, BackoffError> {
        if first.is_zero() {
            return Err(BackoffError::Zero);
        }
        if cap < first {
            return Err(BackoffError::Cap { first, cap });
        }
        if jitter_percent > 100 {
            return Err(BackoffError::Jitter(jitter_percent));
        }
        Ok(Self {
            first,
            cap,
            jitter_percent,
        })
    }

    /// The wait after the given number of failures in a row (1 = the first), without jitter.
    #[must_use]
    pub fn base(&self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.cap)
    }

    /// The wait after the given number of failures in a row; `random` is any 64 random bits.
    #[must_use]
    pub fn delay(&self, failures: u32, random: u64) -> Duration {
        let base = self.base(failures);
        let spread = base / 100 * self.jitter_percent;
        // The top 32 bits as a share of 2^32: at most `spread`, evenly.
        let off = (u128::from(random >> 32) * spread.as_nanos()) >> 32;
        base - Duration::from_nanos(u64::try_from(off).unwrap_or(u64::MAX)).min(base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_doubles_to_the_cap() {
        let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(8), 0).unwrap();
        let waits: Vec<u64> = (0..7).map(|n| backoff.base(n).as_secs()).collect();
        assert_eq!(waits, [1, 1, 2, 4, 8, 8, 8]);
    }

    #[test]
    fn absurd_numbers_are_refused() {
        let second = Duration::from_secs(1);
        assert_eq!(
            Backoff::new(Duration::ZERO, second, 0),
            Err(BackoffError::Zero)
        );
        assert!(Backoff::new(second, Duration::from_millis(1), 0).is_err());
        assert!(Backoff::new(second, second, 101).is_err());
    }

    proptest! {
        #[test]
        fn jitter_only_shortens_and_never_by_more_than_its_share(
            failures: u32, random: u64, first in 1_u64..100_000, more in 0_u64..1_000_000, jitter in 0_u32..=100,
        ) {
            let first = Duration::from_millis(first);
            let backoff = Backoff::new(first, first + Duration::from_millis(more), jitter).unwrap();
            let base = backoff.base(failures);
            let delay = backoff.delay(failures, random);
            prop_assert!(delay <= base);
            prop_assert!(delay >= base - base / 100 * jitter);
        }
    }
}
