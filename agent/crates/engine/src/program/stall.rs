//! How long an encoder has given nothing, as far as we were there to see it.
//!
//! Owns the count. Where the whole machine stands still for a second, the encoder did too, and the
//! first look after that may come before its pictures are read: so of the time between two looks no
//! more counts than a little.

use std::time::Duration;

/// Counts the time without a new picture. Pure: it is told what is seen and when.
#[derive(Debug, Default)]
pub(super) struct Stall {
    frames: u64,
    looked: Option<Duration>,
    without: Duration,
}

impl Stall {
    /// What a look at `now` sees: `frames` pictures so far. Of the time since the last look at most
    /// `share` counts. Gives the time without a new picture.
    pub(super) fn look(&mut self, frames: u64, now: Duration, share: Duration) -> Duration {
        let passed = self
            .looked
            .map_or(Duration::ZERO, |at| now.saturating_sub(at));
        self.looked = Some(now);
        if frames == self.frames {
            self.without = self.without.saturating_add(passed.min(share));
        } else {
            self.frames = frames;
            self.without = Duration::ZERO;
        }
        self.without
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARE: Duration = Duration::from_millis(60);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn an_encoder_that_hangs_is_seen_after_the_time_it_hangs() {
        let mut stall = Stall::default();
        let looks = (0..=50).map(|n| stall.look(7, ms(n * 20), SHARE)).max();
        // The first look saw it grow from nothing.
        assert_eq!(looks, Some(ms(1000)));
    }

    #[test]
    fn a_picture_ends_it() {
        let mut stall = Stall::default();
        stall.look(1, ms(0), SHARE);
        stall.look(1, ms(50), SHARE);
        assert_eq!(stall.look(2, ms(100), SHARE), Duration::ZERO);
        assert_eq!(stall.look(2, ms(120), SHARE), ms(20));
    }

    #[test]
    fn of_a_machine_that_stands_still_only_a_little_counts() {
        let mut stall = Stall::default();
        stall.look(1, ms(0), SHARE);
        assert_eq!(stall.look(1, ms(5_000), SHARE), SHARE);
        assert_eq!(stall.look(2, ms(5_020), SHARE), Duration::ZERO);
    }
}
