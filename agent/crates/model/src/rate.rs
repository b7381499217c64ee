//! Frame rates as fractions, and the exact times that follow from them.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Samples a second of everything that is mixed or encoded.
pub const SAMPLE_RATE: u32 = 48_000;

const NANOS: u128 = 1_000_000_000;

/// Frames a second as a fraction, e.g. 30000/1001. Between 1 and 60.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawRate", into = "RawRate")]
pub struct FrameRate {
    num: u32,
    den: u32,
}

#[derive(Serialize, Deserialize)]
struct RawRate {
    num: u32,
    den: u32,
}

/// Why a number is no frame rate.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RateError {
    /// Outside 1..=60 frames a second.
    #[error("a frame rate is 1 to 60 frames a second, not {0}")]
    Range(String),
}

impl FrameRate {
    /// 30 frames a second.
    pub const THIRTY: Self = Self { num: 30, den: 1 };

    /// Checks and makes a rate of `num / den` frames a second.
    ///
    /// # Errors
    /// [`RateError`] outside 1..=60, or when `den` is 0 or above 100 000.
    pub fn new(num: u32, den: u32) -> Result<Self, RateError> {
        let ok = den > 0 && den <= 100_000 && num >= den && u64::from(num) <= 60 * u64::from(den);
        if ok {
            Ok(Self { num, den })
        } else {
            Err(RateError::Range(format!("{num}/{den}")))
        }
    }

    /// The rate a person means by a decimal: 29.97 is 30000/1001, 25 is 25/1.
    ///
    /// # Errors
    /// [`RateError`] outside 1..=60 or when not a number.
    pub fn from_decimal(fps: f64) -> Result<Self, RateError> {
        let range = || RateError::Range(fps.to_string());
        if !fps.is_finite() || !(1.0..=60.0).contains(&fps) {
            return Err(range());
        }
        // To thousandths first, so that what is written of a rate is read as the same rate.
        let fps = (fps * 1000.0).round() / 1000.0;
        for whole in [24_u32, 30, 48, 60] {
            if (fps - f64::from(whole) * 1000.0 / 1001.0).abs() < 0.005 {
                return Self::new(whole * 1000, 1001);
            }
        }
        let mut millis = 0;
        while f64::from(millis) < (fps * 1000.0).round() {
            millis += 1;
        }
        let divisor = gcd(millis, 1000);
        Self::new(millis / divisor, 1000 / divisor)
    }

    /// Numerator.
    #[must_use]
    pub const fn num(self) -> u32 {
        self.num
    }

    /// Denominator.
    #[must_use]
    pub const fn den(self) -> u32 {
        self.den
    }

    /// Frames a second, for show only: never for arithmetic on times.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// When frame `n` begins, counted from frame 0, to the nanosecond below.
    #[must_use]
    pub fn time_of(self, n: u64) -> Duration {
        let nanos = u128::from(n) * NANOS * u128::from(self.den) / u128::from(self.num);
        duration(nanos)
    }

    /// How long one frame lasts.
    #[must_use]
    pub fn interval(self) -> Duration {
        self.time_of(1)
    }

    /// The frame that is showing at `time`: the last one whose beginning is not after it.
    #[must_use]
    pub fn frame_at(self, time: Duration) -> u64 {
        // One nanosecond is added because `time_of` rounds down.
        let frames = (time.as_nanos() + 1) * u128::from(self.num) / (NANOS * u128::from(self.den));
        u64::try_from(frames).unwrap_or(u64::MAX)
    }

    /// How many frames a decimal number of seconds is, rounded to the nearest. Negative and absurd
    /// numbers give 0 and `u64::MAX`.
    #[must_use]
    pub fn frames_in(self, seconds: f64) -> u64 {
        let frames = (seconds * self.as_f64()).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, as documented"
        )]
        let whole = frames as u64;
        whole
    }

    /// How many samples of sound belong before frame `n`. The cumulative formula: at 30000/1001 it
    /// gives the 1601/1602 cadence without ever drifting.
    #[must_use]
    pub fn samples_before(self, n: u64) -> u64 {
        let samples =
            u128::from(n) * u128::from(SAMPLE_RATE) * u128::from(self.den) / u128::from(self.num);
        u64::try_from(samples).unwrap_or(u64::MAX)
    }
}

fn duration(nanos: u128) -> Duration {
    let seconds = u64::try_from(nanos / NANOS).unwrap_or(u64::MAX);
    let rest = u32::try_from(nanos % NANOS).unwrap_or(0);
    Duration::new(seconds, rest)
}

const fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

impl std::fmt::Display for FrameRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.num, self.den)
    }
}

impl From<FrameRate> for RawRate {
    fn from(rate: FrameRate) -> Self {
        Self {
            num: rate.num,
            den: rate.den,
        }
    }
}

impl TryFrom<RawRate> for FrameRate {
    type Error = RateError;

    fn try_from(raw: RawRate) -> Result<Self, RateError> {
        Self::new(raw.num, raw.den)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_as_the_rate_that_is_meant() {
        for (fps, num, den) in [
            (29.97, 30000, 1001),
            (25.0, 25, 1),
            (59.94, 60000, 1001),
            (12.5, 25, 2),
            (30.0, 30, 1),
            // Just beside one of them, before and after it is rounded to thousandths.
            (23.9812, 24000, 1001),
            (29.9752, 30000, 1001),
        ] {
            assert_eq!(
                FrameRate::from_decimal(fps),
                FrameRate::new(num, den),
                "{fps}"
            );
        }
        for bad in [0.0, -1.0, 61.0, f64::NAN, f64::INFINITY] {
            assert!(FrameRate::from_decimal(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn frame_and_time_agree_for_a_day_of_frames() {
        for rate in [
            FrameRate::THIRTY,
            FrameRate::new(30000, 1001).unwrap(),
            FrameRate::new(25, 1).unwrap(),
        ] {
            for n in (0..2_592_000_u64).step_by(997) {
                assert_eq!(rate.frame_at(rate.time_of(n)), n, "{rate} {n}");
            }
        }
    }

    #[test]
    fn the_samples_of_an_hour_at_29_97_are_exact() {
        let rate = FrameRate::new(30000, 1001).unwrap();
        assert_eq!(rate.samples_before(30000), 48_048_000);
        let steps: std::collections::HashSet<_> = (0..100)
            .map(|n| rate.samples_before(n + 1) - rate.samples_before(n))
            .collect();
        assert_eq!(steps, [1601, 1602].into());
    }
}
