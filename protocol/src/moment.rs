//! What time it is when no clock can be trusted.
//!
//! A device may start in 1970 and its operator may set any date, so the time of day is never asked.
//! Time is what a server signed for this very connection, carried on by the clock that counts from
//! boot; before that it is only known that it is not earlier than something.

use crate::time::Timestamp;
use serde::{Deserialize, Serialize};

/// Difference between two honest clocks that is let pass, in milliseconds.
pub const SKEW_MS: u64 = 120_000;

/// A moment, and whether it is the time or only a bound below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Not later than the time now.
    pub at: Timestamp,
    /// Whether it is the time now, as a server signed it, give or take [`SKEW_MS`].
    pub is_time: bool,
}

impl Moment {
    /// Whether a thing that ends at `end` is over. Never says so wrongly; with a bound only, it may
    /// say so late.
    #[must_use]
    pub fn is_past(self, end: Timestamp) -> bool {
        self.at >= end
    }

    /// Whether a thing that begins at `start` has not begun. A bound cannot tell, and says no.
    #[must_use]
    pub fn is_before(self, start: Timestamp) -> bool {
        self.is_time && self.at.plus(SKEW_MS) < start
    }
}

/// The clock: state in, state out. `boot_ms` is what a clock says that counts from boot, also in sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrustedTime {
    floor: Timestamp,
    signed: Option<(Timestamp, u64)>,
}

/// What of it survives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floor {
    /// The time is not earlier than this.
    pub not_before: Timestamp,
}

impl TrustedTime {
    /// The clock at boot: not earlier than the build and than what was stored.
    #[must_use]
    pub fn at_boot(built: Timestamp, stored: Option<Floor>) -> Self {
        let stored = stored.map_or(Timestamp::EPOCH, |floor| floor.not_before);
        Self {
            floor: built.max(stored),
            signed: None,
        }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self, boot_ms: u64) -> Moment {
        match self.signed {
            Some((signed, at)) => Moment {
                at: self.floor.max(signed.plus(boot_ms.saturating_sub(at))),
                is_time: true,
            },
            None => Moment {
                at: self.floor,
                is_time: false,
            },
        }
    }

    /// Takes over a time that was signed for this connection. It never goes back: an earlier time than
    /// what is known is let pass and changes nothing but that time is now known.
    #[must_use]
    pub fn with_signed(self, time: Timestamp, boot_ms: u64) -> Self {
        let at = self.now(boot_ms).at.max(time);
        Self {
            floor: self.floor,
            signed: Some((at, boot_ms)),
        }
    }

    /// What to store, so that a restart does not go back.
    #[must_use]
    pub fn floor(&self, boot_ms: u64) -> Floor {
        Floor {
            not_before: self.now(boot_ms).at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ts(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn before_anybody_signed_a_time_there_is_only_a_bound() {
        let clock = TrustedTime::at_boot(
            ts(500),
            Some(Floor {
                not_before: ts(900),
            }),
        );
        let now = clock.now(10_000);
        assert_eq!((now.at, now.is_time), (ts(900), false));
        assert!(now.is_past(ts(900)));
        assert!(!now.is_before(ts(u64::MAX)));
    }

    #[test]
    fn a_signed_time_runs_on_and_never_back() {
        let clock = TrustedTime::at_boot(ts(500), None).with_signed(ts(10_000), 50);
        assert_eq!(clock.now(150).at, ts(10_100));
        let replayed = clock.with_signed(ts(2_000), 150);
        assert_eq!(replayed.now(150).at, ts(10_100));
        assert_eq!(replayed.now(40).at, ts(10_100), "the boot clock went back");
        assert_eq!(clock.floor(150).not_before, ts(10_100));
    }
}
