//! The samples that wait, and which PTS each of them has.
//!
//! Owns the ring and the joining of what arrives: gaps, steps of the PTS, lost packets. Never
//! decides what is heard; `Lane` does. Samples are counted without end, by index.

/// Samples that are kept: 1.4 s.
pub(super) const CAPACITY: usize = 65_536;
/// Ramps last 5 ms.
pub(super) const RAMP: usize = 240;
/// A difference up to this is the PTS's jitter, or a lost packet; beyond, a gap or a step.
pub(super) const STEP_NS: i64 = 40_000_000;
/// A chunk that is off by more than this, and by more than the one before, follows something lost.
const LOST_NS: i64 = 15_000_000;
/// Up to this a gap is filled with silence; beyond, the PTS have stepped.
pub(super) const FILL_NS: i64 = 500_000_000;

/// Samples of one source.
#[derive(Debug)]
pub(super) struct Ring {
    samples: Box<[[i16; 2]]>,
    /// Index of the sample that will come next.
    end: u64,
    /// How many before `end` are there.
    held: usize,
    /// PTS of index 0.
    origin: i64,
    /// By how much the last chunk was off.
    off: i64,
    /// What a ramp begins from, and how many samples of it are left.
    ramp: ([i16; 2], usize),
}

/// What a push did to the PTS of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// They go on.
    Joined,
    /// They jumped.
    Stepped,
}

impl Ring {
    pub(super) fn new() -> Self {
        Self {
            samples: vec![[0; 2]; CAPACITY].into_boxed_slice(),
            end: 0,
            held: 0,
            origin: 0,
            off: 0,
            ramp: ([0; 2], 0),
        }
    }

    /// Index after the newest sample.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// Index of the oldest sample.
    pub(super) fn oldest(&self) -> u64 {
        self.end - self.held as u64
    }

    /// A sample; silence where there is none.
    pub(super) fn at(&self, index: u64) -> [i16; 2] {
        if (self.oldest()..self.end).contains(&index) {
            self.samples[index as usize % CAPACITY]
        } else {
            [0; 2]
        }
    }

    /// PTS of a sample.
    pub(super) fn pts(&self, index: u64) -> i64 {
        self.origin + length_ns(index)
    }

    /// The index nearest to a PTS; negative before index 0.
    pub(super) fn index(&self, pts: i64) -> i64 {
        let after = (i128::from(pts) - i128::from(self.origin)) * 3 + 31_250;
        i64::try_from(after.div_euclid(62_500)).unwrap_or(i64::MAX)
    }

    /// By how much a chunk's PTS is after that of the newest sample's end.
    pub(super) fn off(&self, pts: i64) -> i64 {
        pts - self.pts(self.end)
    }

    /// Forgets all samples; the next begins at this PTS.
    pub(super) fn restart(&mut self, pts: i64) {
        self.origin += self.off(pts);
        self.held = 0;
        (self.off, self.ramp) = (0, ([0; 2], 0));
    }

    /// Adds a chunk to those before it.
    pub(super) fn push(&mut self, pts: i64, chunk: &[i16]) -> Pushed {
        let off = self.off(pts);
        let mut pushed = Pushed::Joined;
        if off.abs() <= STEP_NS {
            self.join(off);
        } else if (0..=FILL_NS).contains(&off) {
            self.ramp();
            for _ in 0..off * 48 / 1_000_000 {
                self.write([0; 2]);
            }
            self.ramp();
            self.off = 0;
        } else {
            self.origin += off;
            self.off = 0;
            self.ramp();
            pushed = Pushed::Stepped;
        }
        let pairs = chunk.as_chunks::<2>().0;
        let surplus = pairs.len().saturating_sub(CAPACITY);
        self.end += surplus as u64;
        for &pair in &pairs[surplus..] {
            self.write(pair);
        }
        pushed
    }

    /// A chunk that follows closely: its jitter is averaged; two that agree that something was lost
    /// are believed.
    fn join(&mut self, off: i64) {
        let change = (off - self.off).abs();
        if off.abs() > LOST_NS && change > LOST_NS {
            self.ramp();
        }
        if off.abs() > LOST_NS && change < LOST_NS / 3 {
            self.origin += off;
            self.off = 0;
        } else {
            self.origin += off / 64;
            self.off = off;
        }
    }

    /// From here on ramps from the newest sample to what will be written.
    fn ramp(&mut self) {
        self.ramp = (self.at(self.end.wrapping_sub(1)), RAMP);
    }

    fn write(&mut self, mut pair: [i16; 2]) {
        let (from, left) = &mut self.ramp;
        if *left > 0 {
            *left -= 1;
            let (old, all) = (*left as i32, RAMP as i32);
            for (new, from) in pair.iter_mut().zip(*from) {
                *new = ((i32::from(from) * old + i32::from(*new) * (all - old)) / all) as i16;
            }
        }
        self.samples[self.end as usize % CAPACITY] = pair;
        self.end += 1;
        self.held = (self.held + 1).min(CAPACITY);
    }
}

/// How long so many samples last.
pub(super) fn length_ns(samples: u64) -> i64 {
    i64::try_from(samples * 62_500 / 3).unwrap_or(i64::MAX)
}
