//! The rhythm of a source's frames against the rhythm of the program.
//!
//! Owns the measured frame interval and the grid that follows from it. Never moves an offset;
//! `SourceTiming` does.

use model::FrameRate;

/// Before so many frames the interval is not known: PTS rounded to milliseconds are off by up to
/// 0.25 % of it then.
const KNOWN_AFTER: i64 = 24;
/// After so many it is known to 0.01 %.
const SURE_AFTER: i64 = 512;
/// A run of frames is measured anew after this many.
const RUN: i64 = 4096;

/// Measures the interval between frames by their PTS.
#[derive(Debug, Clone, Default)]
pub(super) struct Cadence {
    last: Option<i64>,
    first: i64,
    count: i64,
    interval: Option<i64>,
    weight: i64,
}

impl Cadence {
    /// Adds a frame and says whether it came at its time after the one before. Lost frames are
    /// recognised as multiples; anything else begins a new run.
    pub(super) fn note(&mut self, pts: i64) -> bool {
        let Some(last) = self.last.replace(pts) else {
            self.first = pts;
            return true;
        };
        let step = pts - last;
        let mean = if self.count > 0 {
            (last - self.first) / self.count
        } else {
            step
        };
        // In tenths of the mean: between 0.4 and 8.5 intervals.
        let regular = step > 0 && step / 17 <= mean / 2 && step > mean / 5 * 2;
        if !regular || self.count >= RUN {
            (self.first, self.count) = (pts, 0);
            return regular;
        }
        self.count += ((step + mean / 2) / mean.max(1)).max(1);
        let measured = (pts - self.first) / self.count;
        let other = self.interval.is_none_or(|i| (i - measured).abs() > i / 50);
        if self.count >= KNOWN_AFTER && (other || self.count >= self.weight.min(SURE_AFTER * 2)) {
            self.interval = Some(measured);
            self.weight = self.count;
        }
        true
    }

    /// The interval, once known, in nanoseconds.
    pub(super) fn interval(&self) -> Option<i64> {
        self.interval
    }

    /// The grid of a program of `rate` on which this source's frames fall, when the two rates stand in
    /// a simple ratio (30 or 29.97 in 30; 25, 50, 24 or 60 in 30; 30 in 25).
    pub(super) fn grid(&self, rate: FrameRate) -> Option<Grid> {
        let interval = i128::from(self.interval?);
        let second = i128::from(rate.den()) * 1_000_000_000;
        (1..=6_i128).find_map(|cells| {
            // In units of 1/(num · cells) of a nanosecond a program frame is `second · cells`.
            let length = interval * i128::from(rate.num()) * cells;
            let ratio = (length + second / 2) / second;
            let off = (length - ratio * second).abs();
            let apart = self.weight >= SURE_AFTER && off * 10_000 > ratio * second * 3;
            (ratio > 0 && off * 1000 <= ratio * second * 4).then_some(Grid {
                rate,
                cells,
                steady: !apart,
            })
        })
    }
}

/// Points in program time, `cells` to a program frame, that lie half a cell before a tick or before
/// a whole number of cells from it. Frames due there are farthest from being due at a tick, so that
/// jitter of the PTS neither repeats nor drops one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    rate: FrameRate,
    cells: i128,
    /// Whether the rates' ratio is exact, as far as is known, to 0.03 %: then the offset can rest on
    /// the grid; else frames slide along it.
    pub(super) steady: bool,
}

impl Grid {
    /// The length of a cell in nanoseconds.
    pub(super) fn cell(self) -> i64 {
        let cell = self.second() / (i128::from(self.rate.num()) * self.cells);
        i64::try_from(cell).unwrap_or(i64::MAX)
    }

    /// How far a time is after the nearest point of the grid, at most half a cell either way.
    pub(super) fn off(self, time: i64) -> i64 {
        let scale = i128::from(self.rate.num()) * self.cells;
        let after = (i128::from(time) * scale).rem_euclid(self.second()) - self.second() / 2;
        i64::try_from(after / scale).unwrap_or(0)
    }

    /// Whether it is the same but for the guess about steadiness.
    pub(super) fn same(self, other: Self) -> bool {
        self.cells == other.cells
    }

    fn second(self) -> i128 {
        i128::from(self.rate.den()) * 1_000_000_000
    }
}
