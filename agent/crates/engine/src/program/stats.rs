//! The program's counters, read without disturbing the mixer.

use crate::process::Cause;
use crate::publish::PublisherStats;
use crate::trial::Chosen;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Counters of a running program.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct ProgramStats {
    /// Frames whose time has come since the start.
    pub frames: u64,
    /// Frames that repeat the one before because their tick came too late to be composed.
    pub late_repeats: u64,
    /// Frames that were left out on purpose, to spare the encoders work.
    pub spared: u64,
    /// Worst lateness of a tick so far, microseconds.
    pub worst_late_us: u32,
    /// Time to compose a frame, median of all, microseconds (steps of 1/8 of the value).
    pub mix_p50_us: u32,
    /// Time to compose a frame, 99th percentile of all, microseconds.
    pub mix_p99_us: u32,
    /// From a frame's due time until it is handed to the encoders, median of all, microseconds.
    pub hand_p50_us: u32,
    /// Pictures or graphics that were planned but not there.
    pub missing: u64,
    /// One for each encode, the main one first.
    pub encoders: Vec<EncoderStats>,
}

/// Counters of one encode.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct EncoderStats {
    /// Its number; the main encode is 0.
    pub id: u32,
    /// The encoder's process number; 0 while none runs.
    pub pid: u32,
    /// Whether it makes progress.
    pub running: bool,
    /// What encodes; another than was chosen when that one kept ending.
    pub encoder: Option<Chosen>,
    /// The video bit rate that it is asked for, kilobits a second.
    pub kbps: u32,
    /// Times that it was started again because it had ended or hung.
    pub restarts: u32,
    /// Times that another run took over for another bit rate.
    pub takeovers: u32,
    /// Frames that found its queue full.
    pub queue_drops: u64,
    /// Frames that it has encoded since it was started.
    pub frames: u64,
    /// Frames of the last second.
    pub fps: f32,
    /// Frames of the last second against the program's rate.
    pub speed: f32,
    /// Bits of picture and AAC over the last second.
    pub bits_per_second: u64,
    /// From a frame's handing over until it comes out coded, median of all, microseconds.
    pub encode_p50_us: u32,
    /// From a coded picture until the media server has it, median of all, microseconds.
    pub publish_p50_us: u32,
    /// Its connections to the media server.
    pub outputs: Vec<PublisherStats>,
    /// Why the last one ended.
    pub last_cause: Option<Cause>,
    /// Its last lines when it ended.
    pub last_lines: Vec<String>,
}

/// A histogram of times, written by one thread and read by any: eight steps to the octave.
#[derive(Debug)]
pub(crate) struct Times {
    buckets: [AtomicU32; Self::BUCKETS],
}

impl Default for Times {
    fn default() -> Self {
        Self {
            buckets: std::array::from_fn(|_| AtomicU32::new(0)),
        }
    }
}

impl Times {
    const BUCKETS: usize = 160;

    fn bucket(us: u32) -> usize {
        if us < 8 {
            return us as usize;
        }
        let octave = us.ilog2();
        let step = (us >> (octave - 3)) & 7;
        ((octave - 2) * 8 + step) as usize
    }

    fn floor_of(bucket: usize) -> u32 {
        let Ok(bucket) = u32::try_from(bucket) else {
            return u32::MAX;
        };
        if bucket < 8 {
            return bucket;
        }
        let octave = bucket / 8 + 2;
        (8 + bucket % 8) << (octave - 3)
    }

    pub(crate) fn add(&self, us: u32) {
        let last = Self::BUCKETS - 1;
        if let Some(bucket) = self.buckets.get(Self::bucket(us).min(last)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The value below which `share` (0.0..=1.0) of all lie, to the step below.
    pub(crate) fn quantile(&self, share: f64) -> u32 {
        let counts = || {
            self.buckets
                .iter()
                .map(|b| u64::from(b.load(Ordering::Relaxed)))
        };
        let total: u64 = counts().sum();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count, rounded"
        )]
        let wanted = (total as f64 * share) as u64;
        let mut seen = 0;
        for (bucket, count) in counts().enumerate() {
            seen += count;
            if count > 0 && seen > wanted {
                return Self::floor_of(bucket);
            }
        }
        0
    }
}

/// What the mixer writes and anyone reads.
#[derive(Debug, Default)]
pub(crate) struct Meter {
    /// Number of the last planned frame plus one.
    pub(crate) frames: AtomicU64,
    pub(crate) late_repeats: AtomicU64,
    pub(crate) spared: AtomicU64,
    pub(crate) worst_late_us: AtomicU32,
    pub(crate) missing: AtomicU64,
    pub(crate) mix: Times,
    /// From due to handed over.
    pub(crate) hand: Times,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_right_to_an_eighth() {
        let times = Times::default();
        for us in 1..=1000 {
            times.add(us);
        }
        for (share, want) in [(0.5, 500.0), (0.99, 990.0)] {
            let got = f64::from(times.quantile(share));
            assert!(got <= want + 1.0 && got > want * 0.86, "{share}: {got}");
        }
    }

    #[test]
    fn every_value_falls_into_the_step_that_begins_at_or_below_it() {
        for us in (0..100_000).step_by(7) {
            let floor = Times::floor_of(Times::bucket(us));
            assert!(floor <= us && us - floor <= us / 8, "{us} {floor}");
        }
    }
}
