//! Sound between two samples: a windowed sinc.
//!
//! Owns the kernel. Neighbour: `Lane`, which says where.

use super::ring::Ring;

/// Samples on either side that a value is made of.
pub(super) const REACH: u64 = 8;
const TAPS: usize = 16;
const PHASES: usize = 128;

/// The kernel at each of 128 places between two samples, and at both.
///
/// # Source
/// Julius O. Smith, "Digital Audio Resampling", 2002; the window is Blackman's.
#[derive(Debug)]
pub(super) struct Sinc {
    phases: Box<[[f32; TAPS]]>,
}

impl Sinc {
    pub(super) fn new() -> Self {
        let phase = |p: usize| {
            let mut taps = [0.0; TAPS];
            for (n, tap) in taps.iter_mut().enumerate() {
                *tap = kernel(n as f64 - 7.0 - p as f64 / PHASES as f64);
            }
            let sum: f64 = taps.iter().sum();
            taps.map(|tap| (tap / sum) as f32)
        };
        Self {
            phases: (0..=PHASES).map(phase).collect(),
        }
    }

    /// The sound `fraction` (0.0..1.0) after a sample, −1.0..1.0.
    pub(super) fn at(&self, ring: &Ring, index: u64, fraction: f64) -> [f32; 2] {
        let place = fraction * PHASES as f64;
        let phase = (place as usize).min(PHASES - 1);
        let share = (place - phase as f64) as f32;
        let (low, high) = (&self.phases[phase], &self.phases[phase + 1]);
        let mut sum = [0.0; 2];
        for (n, (low, high)) in (0_u64..).zip(low.iter().zip(high)) {
            let tap = low + (high - low) * share;
            let [left, right] = ring.at((index + n).wrapping_sub(REACH - 1));
            sum[0] += tap * f32::from(left);
            sum[1] += tap * f32::from(right);
        }
        sum.map(|s| s / 32768.0)
    }
}

fn kernel(x: f64) -> f64 {
    use std::f64::consts::PI;
    let edge = REACH as f64;
    if x == 0.0 {
        1.0
    } else if x.abs() >= edge {
        0.0
    } else {
        let window = 0.42 + 0.5 * (PI * x / edge).cos() + 0.08 * (2.0 * PI * x / edge).cos();
        (PI * x).sin() / (PI * x) * window
    }
}
