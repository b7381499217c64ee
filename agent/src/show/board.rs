//! What the director tells everyone else, without ever waiting for them: numbers in atomics.
//!
//! Owns the joint between the mixer's thread and the show's task. One writer, any readers.

use ::program::Rung;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use timeline::Position;

/// No cue, no frame.
const NONE: u64 = u64::MAX;

/// Where the show stands, as of the last planned frame.
#[derive(Debug, Default)]
pub(super) struct Board {
    /// Even while at rest, odd while it is being written.
    version: AtomicU64,
    frame: AtomicU64,
    loops: AtomicU64,
    ended: AtomicBool,
    paused: AtomicBool,
    jumps: AtomicU64,
    cue: AtomicU64,
    asked: AtomicU64,
    on_air: AtomicU64,
    rung: AtomicU64,
    since: AtomicU64,
    forced: AtomicBool,
    pattern: AtomicBool,
    overloaded: AtomicBool,
    obeyed: AtomicU64,
}

/// One reading of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Standing {
    /// Where on the timeline.
    pub(super) at: Position,
    /// Whether the clock is held.
    pub(super) paused: bool,
    /// How often it was sought: a film that is shown after a jump is another film.
    pub(super) jumps: u64,
    /// Index of the video cue that is due.
    pub(super) cue: Option<usize>,
    /// Number of the input that is to be on program.
    pub(super) asked: Option<u32>,
    /// Number of the input whose picture is on program.
    pub(super) on_air: Option<u32>,
    /// Why that one; `None` before the first frame.
    pub(super) rung: Option<Rung>,
    /// The program frame at which it was taken.
    pub(super) since: u64,
    /// An operator's take stands over the timeline.
    pub(super) forced: bool,
    /// An operator has put the pattern on program.
    pub(super) pattern: bool,
    /// Sources are missing because this machine was late.
    pub(super) overloaded: bool,
    /// How many orders the director has carried out.
    pub(super) obeyed: u64,
}

impl Board {
    /// Writes a reading. For the director alone.
    pub(super) fn write(&self, now: &Standing) {
        let version = self.version.load(Ordering::Relaxed);
        self.version.store(version | 1, Ordering::Release);
        std::sync::atomic::fence(Ordering::Release);
        let number = |of: Option<u64>| of.unwrap_or(NONE);
        self.frame.store(now.at.frame, Ordering::Relaxed);
        self.loops.store(now.at.loops, Ordering::Relaxed);
        self.ended.store(now.at.ended, Ordering::Relaxed);
        self.paused.store(now.paused, Ordering::Relaxed);
        self.jumps.store(now.jumps, Ordering::Relaxed);
        let cue = now.cue.and_then(|cue| u64::try_from(cue).ok());
        self.cue.store(number(cue), Ordering::Relaxed);
        self.asked
            .store(number(now.asked.map(u64::from)), Ordering::Relaxed);
        self.on_air
            .store(number(now.on_air.map(u64::from)), Ordering::Relaxed);
        let rung = now
            .rung
            .and_then(|rung| Rung::ALL.iter().position(|known| *known == rung));
        let rung = rung.and_then(|rung| u64::try_from(rung).ok());
        self.rung.store(number(rung), Ordering::Relaxed);
        self.since.store(now.since, Ordering::Relaxed);
        self.forced.store(now.forced, Ordering::Relaxed);
        self.pattern.store(now.pattern, Ordering::Relaxed);
        self.overloaded.store(now.overloaded, Ordering::Relaxed);
        self.obeyed.store(now.obeyed, Ordering::Relaxed);
        self.version
            .store((version | 1).wrapping_add(1), Ordering::Release);
    }

    /// The last whole reading; waits out a write, which takes nanoseconds.
    pub(super) fn read(&self) -> Standing {
        loop {
            let before = self.version.load(Ordering::Acquire);
            let some = |number: u64| (number != NONE).then_some(number);
            let cue = some(self.cue.load(Ordering::Relaxed));
            let asked = some(self.asked.load(Ordering::Relaxed));
            let on_air = some(self.on_air.load(Ordering::Relaxed));
            let rung = some(self.rung.load(Ordering::Relaxed));
            let reading = Standing {
                at: Position {
                    frame: self.frame.load(Ordering::Relaxed),
                    loops: self.loops.load(Ordering::Relaxed),
                    ended: self.ended.load(Ordering::Relaxed),
                },
                paused: self.paused.load(Ordering::Relaxed),
                jumps: self.jumps.load(Ordering::Relaxed),
                cue: cue.and_then(|cue| usize::try_from(cue).ok()),
                asked: asked.and_then(|input| u32::try_from(input).ok()),
                on_air: on_air.and_then(|input| u32::try_from(input).ok()),
                rung: rung.and_then(|rung| Rung::ALL.get(usize::try_from(rung).ok()?).copied()),
                since: self.since.load(Ordering::Relaxed),
                forced: self.forced.load(Ordering::Relaxed),
                pattern: self.pattern.load(Ordering::Relaxed),
                overloaded: self.overloaded.load(Ordering::Relaxed),
                obeyed: self.obeyed.load(Ordering::Relaxed),
            };
            std::sync::atomic::fence(Ordering::Acquire);
            if before.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == before {
                return reading;
            }
            std::hint::spin_loop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rung_is_read_as_it_was_written() {
        let board = Board::default();
        for rung in Rung::ALL {
            let now = Standing {
                rung: Some(rung),
                asked: Some(4),
                pattern: true,
                ..Standing::default()
            };
            board.write(&now);
            assert_eq!(board.read(), now);
        }
    }

    #[test]
    fn a_reader_never_sees_half_a_write() {
        let board = std::sync::Arc::new(Board::default());
        let reading = |n: u64| Standing {
            at: Position {
                frame: n,
                loops: n,
                ended: false,
            },
            jumps: n,
            cue: usize::try_from(n).ok(),
            since: n,
            obeyed: n,
            ..Standing::default()
        };
        board.write(&reading(0));
        let writer = std::sync::Arc::clone(&board);
        let thread =
            std::thread::spawn(move || (0..200_000).for_each(|n| writer.write(&reading(n))));
        while !thread.is_finished() {
            let now = board.read();
            assert_eq!(now, reading(now.at.frame));
        }
        thread.join().unwrap();
    }
}
