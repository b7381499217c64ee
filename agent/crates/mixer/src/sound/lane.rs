//! One source's sound, rendered at the PTS that the program asks for.
//!
//! Owns the decision between leaving the sound alone, stretching, squashing, filling and dropping.
//! Neighbours: `ring`, which knows the PTS of each sample; `timing`, which moves what is asked for.

mod ring;
mod sinc;

use ring::{FILL_NS, Pushed, RAMP, Ring, STEP_NS, length_ns};
use sinc::{REACH, Sinc};

/// Off by less than this the sound is left alone.
const CLOSE_NS: i64 = 500_000;
/// When what is asked for jumps by more than this, the sound jumps with it.
const JUMP_NS: i64 = 10_000_000;
/// At most this much faster or slower.
const MOST: f64 = 0.005;
/// From one call to the next the speed changes by no more than this.
const EASE: f64 = 0.0005;
/// Of a deviation so much is made good in a second, where [`MOST`] allows.
const HURRY: f64 = 2.0;
/// Steps of the PTS are waited out this many samples (0.5 s), because the offset will follow them.
const PATIENCE: usize = 24_000;
/// Values beyond this (30 years) are not times.
const ABSURD: i64 = 1_000_000_000_000_000_000;

/// Holds about a second of one source's sound and renders it at the asked time.
///
/// Five cases, by how far what is next is from what is asked for: less than 0.5 ms, left alone, sample
/// by sample as it came; up to 40 ms late or early, played up to 0.5 % faster or slower until it fits;
/// more (10 ms when what is asked for has jumped), dropped or filled with silence, with 5 ms ramps. Without sound it is silent, and begins
/// again in sync. No input makes it panic, and nothing but [`Lane::new`] allocates.
///
/// # Source
/// The cases are those of smelter's audio mixer (`smelter-core/src/audio_mixer/input/resampler.rs`).
#[derive(Debug)]
pub struct Lane {
    ring: Ring,
    sinc: Sinc,
    /// What is heard next; `None` while it is silent.
    place: Option<Place>,
    /// Index after the last sample that was heard.
    heard: u64,
    /// PTS after the last that was asked for.
    asked: Option<i64>,
    patience: usize,
    /// The last that was rendered.
    last: [f32; 2],
    /// What a sound that broke off ends from, and how many samples of its ramp are left.
    tail: ([f32; 2], usize),
    /// How many samples of the ramp at the beginning are left.
    rise: usize,
}

#[derive(Debug, Clone, Copy)]
struct Place {
    index: u64,
    /// 0.0..1.0 after `index`.
    fraction: f64,
    /// How much faster than real time, while it is being brought into sync.
    pull: Option<f64>,
}

impl Lane {
    /// An empty lane.
    #[must_use]
    pub fn new() -> Self {
        Self {
            ring: Ring::new(),
            sinc: Sinc::new(),
            place: None,
            heard: 0,
            asked: None,
            patience: 0,
            last: [0.0; 2],
            tail: ([0.0; 2], 0),
            rise: 0,
        }
    }

    /// Adds decoded sound: `samples` interleaved stereo, the first of them at `pts_ns` on the source's
    /// clock. Chunks come in order; PTS may jitter, jump and go back. The oldest is forgotten when
    /// more than 1.3 s wait.
    pub fn push(&mut self, pts_ns: i64, samples: &[i16]) {
        if samples.len() < 2 || !(-ABSURD..=ABSURD).contains(&pts_ns) {
            return;
        }
        if self.place.is_none() {
            let apart = !(-STEP_NS..=FILL_NS).contains(&self.ring.off(pts_ns));
            if apart || self.heard >= self.ring.end() {
                self.ring.restart(pts_ns);
            }
        }
        if self.ring.push(pts_ns, samples) == Pushed::Stepped {
            self.patience = PATIENCE;
        }
    }

    /// Renders the sound that begins at `want_pts_ns` on the source's clock into `out`, interleaved
    /// stereo, −1.0..1.0, `out.len() / 2` samples long. All of `out` is written. Ask for one program
    /// frame after the other; a jump is followed.
    pub fn render(&mut self, want_pts_ns: i64, out: &mut [f32]) {
        out.fill(0.0);
        let out = out.as_chunks_mut::<2>().0;
        let want = want_pts_ns.clamp(-ABSURD, ABSURD);
        let jumped = self
            .asked
            .is_some_and(|asked| (want - asked).abs() > JUMP_NS);
        self.asked = Some(want + length_ns(out.len() as u64));
        if self
            .place
            .is_some_and(|place| !self.keeps(place, want, jumped))
        {
            self.break_off();
        }
        self.patience = self.patience.saturating_sub(out.len());
        let start = if self.place.is_some() {
            Some(0)
        } else {
            self.begin(want, out.len())
        };
        let mut done = 0;
        if let (Some(start), Some(place)) = (start, self.place) {
            done = start + self.play(place, want + length_ns(start as u64), &mut out[start..]);
            self.fade_in(&mut out[start..done]);
        }
        self.ring_out(&mut out[..done]);
        if let Some(last) = out[..done].last() {
            self.last = *last;
        }
        if done < out.len() {
            if start.is_some() {
                self.break_off(); // it came too late
            }
            self.ring_out(&mut out[done..]);
            self.last = out.last().copied().unwrap_or(self.last);
        }
    }

    /// Whether what is being played is near enough to what is asked for.
    fn keeps(&self, place: Place, want: i64, jumped: bool) -> bool {
        let off = want - self.ring.pts(place.index);
        let limit = if jumped { JUMP_NS } else { STEP_NS };
        let patient = self.patience > 0 && !jumped;
        place.index >= self.ring.oldest() && (off.abs() <= limit || patient)
    }

    /// Stops, with a ramp from the last that was heard.
    fn break_off(&mut self) {
        self.place = None;
        self.tail = (self.last, RAMP);
    }

    /// Finds where to begin; gives the sample of the frame at which it does. It waits for enough to
    /// fill the frame, so that late chunks do not become a stutter.
    fn begin(&mut self, want: i64, length: usize) -> Option<usize> {
        let from = i64::try_from(self.ring.oldest().max(self.heard)).ok()?;
        let wanted = self.ring.index(want);
        let start = usize::try_from((from.saturating_sub(wanted)).max(0)).ok()?;
        let index = u64::try_from(wanted.max(from)).ok()?;
        let length = length.checked_sub(start).filter(|&l| l > 0)?;
        if index.checked_add(length as u64)? > self.ring.end() {
            return None;
        }
        self.place = Some(Place {
            index,
            fraction: 0.0,
            pull: None,
        });
        self.rise = RAMP;
        Some(start)
    }

    /// Plays on; gives how many samples there were.
    fn play(&mut self, mut place: Place, want: i64, out: &mut [[f32; 2]]) -> usize {
        let fraction_ns = (place.fraction * 1e9 / 48_000.0) as i64;
        let off = want - self.ring.pts(place.index) - fraction_ns;
        if place.pull.is_none() && off.abs() > CLOSE_NS {
            place.pull = Some(0.0);
        }
        let done = match place.pull {
            None => self.copy(&mut place, out),
            Some(pull) => self.resample(&mut place, pull, off as f64 / 1e9, out),
        };
        self.heard = self.heard.max(place.index);
        self.place = Some(place);
        done
    }

    /// In sync: as it came.
    fn copy(&self, place: &mut Place, out: &mut [[f32; 2]]) -> usize {
        let left = self.ring.end().saturating_sub(place.index);
        let count = out.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        for (n, out) in (0_u64..).zip(&mut out[..count]) {
            *out = self
                .ring
                .at(place.index + n)
                .map(|s| f32::from(s) / 32768.0);
        }
        place.index += count as u64;
        count
    }

    /// Out of sync by `off` seconds (positive: it must hurry): a little faster or slower, until it ends
    /// on a whole sample in sync.
    fn resample(&self, place: &mut Place, pull: f64, off: f64, out: &mut [[f32; 2]]) -> usize {
        let length = out.len() as f64;
        let target = (off * HURRY).clamp(-MOST, MOST);
        let pull = pull + (target - pull).clamp(-EASE, EASE);
        let exact = place.fraction + length + off * 48_000.0;
        let arrives = (off * 48_000.0).abs() <= EASE * length && pull.abs() <= 2.0 * EASE;
        let end = if arrives {
            exact.round()
        } else {
            place.fraction + length * (1.0 + pull)
        };
        let step = (end - place.fraction) / length;
        let left = self.ring.end() as f64 - (place.index + REACH) as f64 - place.fraction;
        let count = out.len().min((left / step).ceil().max(0.0) as usize);
        for (n, out) in out[..count].iter_mut().enumerate() {
            let at = place.fraction + n as f64 * step;
            *out = self
                .sinc
                .at(&self.ring, place.index + at as u64, at.fract());
        }
        let end = if count == out.len() {
            end
        } else {
            place.fraction + count as f64 * step
        };
        place.index += end as u64;
        place.fraction = end.fract();
        place.pull = (!arrives).then_some(pull);
        count
    }

    /// The ramp at the beginning.
    fn fade_in(&mut self, out: &mut [[f32; 2]]) {
        for pair in out {
            if self.rise == 0 {
                return;
            }
            let gain = (RAMP - self.rise) as f32 / RAMP as f32;
            *pair = pair.map(|s| s * gain);
            self.rise -= 1;
        }
    }

    /// The ramp at the end of what broke off, under what may have begun since.
    fn ring_out(&mut self, out: &mut [[f32; 2]]) {
        let (from, left) = &mut self.tail;
        for pair in out {
            if *left == 0 {
                return;
            }
            *left -= 1;
            let gain = *left as f32 / RAMP as f32;
            pair[0] += from[0] * gain;
            pair[1] += from[1] * gain;
        }
    }
}

impl Default for Lane {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests;
