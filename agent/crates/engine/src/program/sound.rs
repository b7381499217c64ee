//! The sound of the program: blocks of 1024 samples, each with the gains of the frames it covers.

use super::feed::BLOCK;
use super::slot::Slot;
use mixer::sound::Mixdown;
use model::{AudioFeed, FramePlan, FrameRate, MAX_FEEDS, SAMPLE_RATE};

/// A block of sound is handed to the encoders so long after the time of its last sample.
pub(super) const DELAY_NS: u64 = 0;

/// Frames whose gains are remembered: a block never reaches further back.
const FRAMES: usize = 8;
/// A step of gain by more than this is a cut, done within [`RAMP`] samples.
const CUT: f32 = 0.5;
/// 10 ms.
const RAMP: u64 = 480;

/// One sound over one frame.
#[derive(Debug, Clone, Copy)]
struct Part {
    feed: AudioFeed,
    from: f32,
}

/// All sounds of one frame.
#[derive(Debug, Clone, Copy, Default)]
struct FrameSound {
    n: u64,
    parts: [Option<Part>; 2 * MAX_FEEDS],
}

/// Mixes the program's sound.
pub(super) struct Sound {
    rate: FrameRate,
    frames: [FrameSound; FRAMES],
    newest: u64,
    mixdown: Mixdown,
    out: Box<[i16; 2 * BLOCK]>,
}

impl Sound {
    pub(super) fn new(rate: FrameRate) -> Self {
        Self {
            rate,
            frames: [FrameSound::default(); FRAMES],
            newest: 0,
            mixdown: Mixdown::new(BLOCK),
            out: Box::new([0; 2 * BLOCK]),
        }
    }

    /// Takes over the sounds of frame `n`, which follows the one before.
    pub(super) fn plan(&mut self, n: u64, plan: &FramePlan) {
        let before = self.frame(n.wrapping_sub(1)).copied().unwrap_or_default();
        let mut now = FrameSound {
            n,
            ..FrameSound::default()
        };
        let same = |a: &AudioFeed, b: &AudioFeed| a.input == b.input && a.origin == b.origin;
        let sounding = || before.parts.iter().flatten().filter(|p| p.feed.gain > 0.0);
        let mut places = now.parts.iter_mut();
        for feed in plan.feeds() {
            let from = sounding()
                .find(|p| same(&p.feed, feed))
                .map_or(0.0, |p| p.feed.gain);
            if let Some(place) = places.next() {
                *place = Some(Part { feed: *feed, from });
            }
        }
        for part in sounding() {
            if !plan.feeds().iter().any(|feed| same(&part.feed, feed))
                && let Some(place) = places.next()
            {
                let feed = AudioFeed {
                    gain: 0.0,
                    ..part.feed
                };
                let from = part.feed.gain;
                *place = Some(Part { feed, from });
            }
        }
        if let Some(place) = self.frames.get_mut(index(n)) {
            *place = now;
        }
        self.newest = n;
    }

    fn frame(&self, n: u64) -> Option<&FrameSound> {
        self.frames.get(index(n)).filter(|f| f.n == n)
    }

    /// Mixes block `k`: samples `1024·k` to `1024·(k + 1)` of the program.
    pub(super) fn block(&mut self, k: u64, slots: &mut [Box<Slot>]) -> &[i16; 2 * BLOCK] {
        let first = k * BLOCK as u64;
        let end = first + BLOCK as u64;
        let begin_ns = u128::from(first) * 1_000_000_000 / u128::from(SAMPLE_RATE);
        let begin_ns = i64::try_from(begin_ns).unwrap_or(i64::MAX);
        self.out.fill(0);
        let mut at = first;
        let mut n = self.frame_of(first);
        while at < end {
            let (begin, next) = (self.rate.samples_before(n), self.rate.samples_before(n + 1));
            // Within a frame the gains are straight lines up to the end of a cut's ramp, and after it.
            let ramp_end = (begin + RAMP).min(next);
            let stop = if at < ramp_end { ramp_end } else { next }.min(end);
            self.stretch(n, (at, stop), (k, first, begin_ns), slots);
            at = stop;
            if at >= next {
                n += 1;
            }
        }
        &self.out
    }

    /// The frame that sample `s` belongs to.
    fn frame_of(&self, s: u64) -> u64 {
        let nanos = u128::from(s) * 1_000_000_000 / u128::from(SAMPLE_RATE);
        let time = std::time::Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        let mut n = self.rate.frame_at(time);
        while n > 0 && self.rate.samples_before(n) > s {
            n -= 1;
        }
        while self.rate.samples_before(n + 1) <= s {
            n += 1;
        }
        n
    }

    /// Mixes the samples from `span.0` to `span.1`, which lie in frame `n`.
    fn stretch(
        &mut self,
        n: u64,
        span: (u64, u64),
        block: (u64, u64, i64),
        slots: &mut [Box<Slot>],
    ) {
        let (k, first, begin_ns) = block;
        let offset = |s: u64| 2 * usize::try_from(s - first).unwrap_or(0);
        let (from, to) = (offset(span.0), offset(span.1));
        let Some(frame) = self.frame(n.min(self.newest)).copied() else {
            return;
        };
        let begin = self.rate.samples_before(n);
        let length = self.rate.samples_before(n + 1) - begin;
        self.mixdown.begin((to - from) / 2);
        for part in frame.parts.iter().flatten() {
            let input = part.feed.input;
            let Some(slot) = slots.iter_mut().find(|s| s.id == input && !s.is_mute()) else {
                continue;
            };
            slot.render(k, begin_ns, part.feed.origin, self.rate);
            let sound = slot.sound().get(from..to).unwrap_or_default();
            let gain = |s: u64| part.gain(s - begin, length);
            self.mixdown.add(sound, gain(span.0), gain(span.1));
        }
        if let Some(out) = self.out.get_mut(from..to) {
            self.mixdown.finish(out);
        }
    }
}

impl Part {
    /// Gain `sample` samples into a frame of `length`.
    fn gain(&self, sample: u64, length: u64) -> f32 {
        let step = self.feed.gain - self.from;
        let ramp = if step.abs() > CUT {
            RAMP.min(length)
        } else {
            length
        };
        #[expect(clippy::cast_precision_loss, reason = "at most 48 000, exact in f32")]
        let share = sample.min(ramp) as f32 / ramp.max(1) as f32;
        self.from + step * share
    }
}

fn index(n: u64) -> usize {
    usize::try_from(n % FRAMES as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{InputId, Picture, Shot};

    fn plan(gain: Option<f32>) -> FramePlan {
        let input = InputId(1);
        let mut plan = FramePlan::new(Picture::One(Shot {
            input,
            origin: None,
        }));
        if let Some(gain) = gain {
            plan.push_feed(AudioFeed {
                input,
                origin: None,
                gain,
            });
        }
        plan
    }

    #[test]
    fn a_cut_is_a_ramp_of_10_ms_and_a_fade_lasts_the_frame() {
        let mut sound = Sound::new(FrameRate::THIRTY);
        for (n, gain) in [None, Some(1.0), Some(0.75), None].into_iter().enumerate() {
            sound.plan(n as u64, &plan(gain));
        }
        let gains = |n: u64| {
            let part = sound.frame(n).unwrap().parts[0].unwrap();
            [0, 240, 480, 800, 1600].map(|s| part.gain(s, 1600))
        };
        assert_eq!(gains(1), [0.0, 0.5, 1.0, 1.0, 1.0]);
        assert_eq!(gains(2), [1.0, 0.9625, 0.925, 0.875, 0.75]);
        assert_eq!(gains(3), [0.75, 0.375, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn every_sample_belongs_to_the_frame_that_the_rate_says() {
        let rate = FrameRate::new(30000, 1001).unwrap();
        let sound = Sound::new(rate);
        for s in (0..20_000_000_u64).step_by(977) {
            let n = sound.frame_of(s);
            assert!(rate.samples_before(n) <= s && s < rate.samples_before(n + 1));
        }
    }
}
