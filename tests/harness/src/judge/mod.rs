//! The judge: decodes a recording once and says what a viewer got.
//!
//! Owns the reading of frames, sound and their times, and the figures made of them. Never talks to
//! the agent, and knows nothing of how the recording was made.

mod cuts;
mod decode;
mod live;
mod sound;

pub use cuts::Cut;
pub use decode::{Region, RegionReading, Window, judge, judge_in, record};
pub use live::{Clock, Counts, Incident, Live, Wrong, spread};

use crate::code::Code;

/// One decoded frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Presentation time in nanoseconds, as recorded.
    pub pts_ns: i64,
    /// What its barcode says.
    pub code: Option<Code>,
    /// Mean luma, 0..=255.
    pub mean: f32,
    /// Mean luma of the flash patch.
    pub flash: f32,
    /// What was asked about regions, in the order in which they were given.
    pub regions: Vec<RegionReading>,
}

/// What a recording holds.
#[derive(Debug, Clone, Default)]
pub struct Judged {
    /// Every frame in order.
    pub frames: Vec<Frame>,
    /// Start of each beep, in nanoseconds on the same clock.
    pub beeps: Vec<i64>,
    /// Steps in the sound's own times larger than a millisecond and a half, in nanoseconds; positive
    /// is a hole.
    pub sound_steps: Vec<i64>,
    /// Length of the sound in seconds.
    pub sound_seconds: f64,
    /// Loudest sample, 0.0..=1.0.
    pub peak: f32,
}

impl Judged {
    /// Frames that are black: nothing in the picture is lighter than a dark grey.
    #[must_use]
    pub fn black(&self) -> usize {
        self.frames.iter().filter(|frame| frame.mean < 24.0).count()
    }

    /// Steps between presentation times that are not one frame long within 1.5 ms, as `(index of the
    /// later frame, step in nanoseconds)`.
    #[must_use]
    pub fn time_faults(&self, interval_ns: i64) -> Vec<(usize, i64)> {
        self.frames
            .windows(2)
            .enumerate()
            .map(|(at, pair)| (at + 1, pair[1].pts_ns - pair[0].pts_ns))
            .filter(|(_, step)| (step - interval_ns).abs() > 1_500_000)
            .collect()
    }

    /// Offset of each beep from the frame in which its flash is, in milliseconds; positive is sound
    /// that comes late. Flashes within 400 ms of a change of camera are passed over, since there one
    /// of the two can be missing.
    #[must_use]
    pub fn av_offsets(&self) -> Vec<f64> {
        let cuts: Vec<i64> = self
            .cuts()
            .iter()
            .filter_map(|cut| self.frames.get(cut.at))
            .map(|frame| frame.pts_ns)
            .collect();
        let mut offsets = Vec::new();
        for pair in self.frames.windows(2) {
            let starts = pair[0].flash < 140.0 && pair[1].flash >= 180.0;
            let at = pair[1].pts_ns;
            if !starts || cuts.iter().any(|cut| (cut - at).abs() < 400_000_000) {
                continue;
            }
            let nearest = self
                .beeps
                .iter()
                .map(|beep| beep - at)
                .min_by_key(|gap| gap.abs());
            if let Some(gap) = nearest.filter(|gap| gap.abs() < 400_000_000) {
                offsets.push(gap as f64 / 1e6);
            }
        }
        offsets
    }
}

/// The value below which the share `p` (0..=1) of the values lies; 0 of none.
#[must_use]
pub fn percentile(values: &[f64], p: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = (p * sorted.len() as f64).ceil() as usize;
    sorted.get(at.saturating_sub(1)).copied().unwrap_or(0.0)
}
