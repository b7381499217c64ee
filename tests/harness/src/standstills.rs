//! What a machine that stood still explains of a program: the allowance that a judge makes for it.
//!
//! Pure: times at which processors stood still come in, frames and milliseconds come out. `still` notes
//! them; `form` says where they are allowed for at all.

use std::time::{Duration, Instant};

/// The mixer makes a frame as it should be up to so much after its tick, and the frame before again
/// after that: a shorter standstill has to be made up for and excuses nothing.
const HELD_UP: Duration = Duration::from_millis(100);
/// One frame at 30 frames a second, rounded down, so that a standstill is never short of one.
const FRAME: Duration = Duration::from_millis(33);
/// Sound that waits for the encoder has room for so much; only a longer standstill costs sound.
const SOUND: Duration = Duration::from_millis(1100);
/// A frame may wait for its picture after its tick, so that a standstill shows in a frame whose time was
/// a little before it.
const BEFORE: Duration = Duration::from_millis(100);
/// What came meanwhile has to be worked off first: it shows in a few frames afterwards, too.
const AFTER: Duration = Duration::from_millis(200);

/// A time in which one processor did nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standstill {
    /// Since when.
    pub from: Instant,
    /// Until when.
    pub to: Instant,
}

impl Standstill {
    fn length(&self) -> Duration {
        self.to - self.from
    }
}

/// The standstills of all processors that were noted, each for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standstills(pub Vec<Standstill>);

/// What standstills add to what a program may lack; nothing where there was none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Frames of a camera that may be repeated and lost: a picture that is held costs each twice.
    pub missed: u32,
    /// Frames of the program that may be missing: the encoder's queue is full.
    pub missing: u32,
    /// By how much a step from one frame to the next may be longer: by the longest standstill.
    pub step: Duration,
    /// How much of the sound may be missing.
    pub sound: Duration,
    /// How long the machine stood still each time that is allowed for, in milliseconds.
    pub stood_ms: Vec<u128>,
}

impl Allowance {
    /// Whether anything is allowed.
    #[must_use]
    pub fn any(&self) -> bool {
        self.missed > 0
    }

    /// By how much a step may be longer, in milliseconds.
    #[must_use]
    pub fn step_ms(&self) -> f64 {
        self.step.as_secs_f64() * 1000.0
    }
}

impl Standstills {
    /// How long each of them was in milliseconds, the longest first.
    #[must_use]
    pub fn ms(&self) -> Vec<u128> {
        let each = self.0.iter().map(|one| one.length().as_millis());
        let mut all: Vec<u128> = each.collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }

    /// How many were too short to be allowed for.
    #[must_use]
    pub fn short(&self) -> usize {
        let short = self.0.iter().filter(|one| one.length() < HELD_UP);
        short.count()
    }

    /// Those that may show in what was made from one moment to another.
    #[must_use]
    pub fn around(&self, from: Instant, to: Instant) -> Self {
        let shows = |one: &&Standstill| one.from <= to + BEFORE && from <= one.to + AFTER;
        Self(self.0.iter().filter(shows).copied().collect())
    }

    /// What they explain.
    #[must_use]
    pub fn allowance(&self) -> Allowance {
        let mut sum = Allowance::default();
        for one in self.united() {
            let length = one.length();
            let frames = length.as_nanos().div_ceil(FRAME.as_nanos());
            let frames = u32::try_from(frames).unwrap_or(u32::MAX / 2);
            sum.missed = sum.missed.saturating_add(2 * frames);
            sum.missing = sum.missing.saturating_add(frames);
            sum.step = sum.step.max(length);
            if length >= SOUND {
                sum.sound += length;
            }
            sum.stood_ms.push(length.as_millis());
        }
        sum
    }

    /// Those that are long enough, in order; where processors stood still at once, as one.
    fn united(&self) -> Vec<Standstill> {
        let long = self.0.iter().filter(|one| one.length() >= HELD_UP);
        let mut all: Vec<Standstill> = long.copied().collect();
        all.sort_unstable_by_key(|one| one.from);
        let mut united: Vec<Standstill> = Vec::new();
        for one in all {
            match united.last_mut() {
                Some(last) if one.from <= last.to => last.to = last.to.max(one.to),
                _ => united.push(one),
            }
        }
        united
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn stood(zero: Instant, times: &[(u64, u64)]) -> Standstills {
        let one = |(from, to): &(u64, u64)| Standstill {
            from: zero + ms(*from),
            to: zero + ms(*to),
        };
        Standstills(times.iter().map(one).collect())
    }

    fn allowed(times: &[(u64, u64)]) -> Allowance {
        stood(Instant::now(), times).allowance()
    }

    #[test]
    fn a_quiet_machine_and_one_that_stands_still_for_a_moment_are_allowed_nothing() {
        assert_eq!(allowed(&[]), Allowance::default());
        let short = allowed(&[(0, 99), (200, 299), (250, 340)]);
        assert_eq!(short, Allowance::default());
        assert!(!short.any());
    }

    #[test]
    fn a_standstill_is_allowed_its_frames_once_as_missing_and_twice_as_missed() {
        let one = allowed(&[(1000, 1100)]);
        assert_eq!((one.missing, one.missed, one.step), (4, 8, ms(100)));
        assert_eq!((one.sound, one.stood_ms), (Duration::ZERO, vec![100]));
        let exact = allowed(&[(0, 330)]);
        assert_eq!((exact.missing, exact.missed), (10, 20));
    }

    #[test]
    fn processors_that_stand_still_at_once_count_once() {
        let both = allowed(&[(0, 300), (10, 310), (310, 410), (20, 200)]);
        assert_eq!(both.stood_ms, [410]);
        assert_eq!((both.missing, both.step), (13, ms(410)));
    }

    #[test]
    fn standstills_apart_add_their_frames_and_not_their_lengths() {
        let two = allowed(&[(2000, 2200), (0, 330)]);
        assert_eq!(two.stood_ms, [330, 200]);
        assert_eq!((two.missing, two.missed, two.step), (17, 34, ms(330)));
    }

    #[test]
    fn short_ones_in_a_row_do_not_make_a_long_one() {
        let row = stood(Instant::now(), &[(0, 90), (80, 170), (160, 250)]);
        assert!(!row.allowance().any());
        assert_eq!(row.short(), 3);
        assert_eq!(row.ms(), [90, 90, 90]);
    }

    #[test]
    fn sound_is_allowed_for_where_its_queue_is_too_short() {
        assert_eq!(allowed(&[(0, 1099)]).sound, Duration::ZERO);
        assert_eq!(allowed(&[(0, 1500), (2000, 2500)]).sound, ms(1500));
    }

    #[test]
    fn a_standstill_shows_a_few_frames_around_it_and_nowhere_else() {
        let zero = Instant::now();
        let one = stood(zero, &[(1000, 1300)]);
        let shows = |from, to| one.around(zero + ms(from), zero + ms(to)).allowance().any();
        assert!(shows(1100, 1100) && shows(900, 900) && shows(1500, 1500) && shows(0, 5000));
        assert!(!shows(0, 899) && !shows(1501, 1501));
    }
}
