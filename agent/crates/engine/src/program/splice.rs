//! Which packets of which run of an encoder are published, so that one run takes over from another
//! between two pictures.
//!
//! Owns the order of what goes out. A run that is to take over is fed the same frames; from its first
//! key frame on it is known where its next one is, the run on air is published up to there, and the
//! new one from there. Pure: packets are a type parameter, and nothing waits here.

use model::FrameRate;
use std::collections::VecDeque;

/// Packets of the next run that wait for the last ones of the run on air. When more have come, the
/// latter are given up.
const HELD: usize = 48;
/// Sound codecs of an encode at most.
pub(super) const SOUNDS: usize = 2;

/// What a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stamp {
    /// Program frame `n`.
    Picture { n: u64, key: bool },
    /// Sound of a codec, from one program sample to another.
    Sound { codec: usize, from: u64, to: u64 },
}

#[derive(Debug)]
struct Next<T> {
    run: u32,
    /// The key frame at which it takes over, once known.
    at: Option<u64>,
    /// The key frame is among those that are held.
    ready: bool,
    held: VecDeque<(Stamp, T)>,
}

/// The seam between the runs of one encode.
#[derive(Debug)]
pub(super) struct Splice<T> {
    rate: FrameRate,
    /// Frames from one key frame to the next.
    gop: u64,
    on_air: Option<u32>,
    next: Option<Next<T>>,
    /// The run before, and the sample up to which its sound is published.
    tail: Option<(u32, u64)>,
    /// Sound of the run on air that waits for that of the run before.
    waiting: VecDeque<(Stamp, T)>,
    last: Option<u64>,
    /// Pictures of the run on air were left out: it goes on with a key frame.
    broken: bool,
    heard: [u64; SOUNDS],
}

impl<T> Splice<T> {
    pub(super) const fn new(rate: FrameRate, gop: u64) -> Self {
        Self {
            rate,
            gop,
            on_air: None,
            next: None,
            tail: None,
            waiting: VecDeque::new(),
            last: None,
            broken: false,
            heard: [0; SOUNDS],
        }
    }

    /// The run whose pictures are published.
    pub(super) const fn on_air(&self) -> Option<u32> {
        self.on_air
    }

    /// A run that is to take over. One that was to do so before is forgotten.
    pub(super) fn follow(&mut self, run: u32) {
        self.next = Some(Next {
            run,
            at: None,
            ready: false,
            held: VecDeque::new(),
        });
    }

    /// A run has ended. What follows begins with a key frame of any other.
    pub(super) fn forget(&mut self, run: u32, out: &mut Vec<T>) {
        if self.on_air == Some(run) {
            self.on_air = None;
            // The one that was to take over is there already.
            self.switch(out);
        }
        if self.tail.is_some_and(|(old, _)| old == run) {
            self.finish(out);
        }
        if self.next.as_ref().is_some_and(|next| next.run == run) {
            self.next = None;
        }
    }

    /// Takes a packet; what can be published now is added to `out`, in order.
    pub(super) fn offer(&mut self, run: u32, stamp: Stamp, item: T, out: &mut Vec<T>) {
        match stamp {
            Stamp::Picture { n, key } => self.picture(run, n, key, item, out),
            Stamp::Sound { codec, from, to } => self.sound(run, (codec, from, to), item, out),
        }
    }

    fn later(&self, n: u64) -> bool {
        self.last.is_none_or(|last| n > last)
    }

    fn picture(&mut self, run: u32, n: u64, key: bool, item: T, out: &mut Vec<T>) {
        let later = self.later(n);
        let Some(on_air) = self.on_air else {
            if key && later {
                self.take(run, out);
                self.last = Some(n);
                out.push(item);
            }
            return;
        };
        let limit = self.next.as_ref().and_then(|next| next.at);
        if run == on_air {
            let beyond = limit.is_some_and(|at| n >= at);
            if beyond || !later || (self.broken && !key) {
                self.broken |= beyond;
                if beyond {
                    // Frames before the border that are left out for a busy machine never come.
                    self.switch(out);
                }
                return;
            }
            (self.last, self.broken) = (Some(n), false);
            out.push(item);
            if limit.is_some_and(|at| n + 1 >= at) {
                self.switch(out);
            }
            return;
        }
        let gop = self.gop;
        let Some(next) = self.next.as_mut().filter(|next| next.run == run) else {
            return;
        };
        match next.at {
            None if key => next.at = Some(n + gop),
            Some(at) if next.ready || (n >= at && key) => {
                // Later than expected where frames are left out.
                let at = if next.ready { at } else { n };
                (next.at, next.ready) = (Some(at), true);
                next.held.push_back((Stamp::Picture { n, key }, item));
                let full = next.held.len() >= HELD;
                if full || self.last.is_some_and(|last| last + 1 >= at) {
                    self.switch(out);
                }
            }
            // It has other key frames than expected: it is looked at anew.
            Some(at) if n >= at => (next.at, next.held) = (None, VecDeque::new()),
            _ => {}
        }
    }

    fn sound(&mut self, run: u32, sound: (usize, u64, u64), item: T, out: &mut Vec<T>) {
        let (codec, from, to) = sound;
        let border = self.next.as_ref().and_then(|next| next.at);
        let border = border.map(|at| self.rate.samples_before(at));
        let stamp = Stamp::Sound { codec, from, to };
        if self.on_air == Some(run) {
            if border.is_some_and(|border| from >= border) {
                return;
            }
            let heard = self.heard.get(codec).copied().unwrap_or(0);
            if self.tail.is_some_and(|(_, end)| heard < end) {
                self.waiting.push_back((stamp, item));
                if self.waiting.len() >= HELD {
                    self.finish(out);
                }
                return;
            }
            self.hear(sound, item, out);
        } else if let Some((_, end)) = self.tail.filter(|(old, _)| *old == run) {
            if from < end {
                self.hear(sound, item, out);
                if self.heard.iter().all(|heard| *heard == 0 || *heard >= end) {
                    self.finish(out);
                }
            }
        } else if let Some(next) = self.next.as_mut().filter(|next| next.run == run)
            && border.is_some_and(|border| from >= border)
            && next.held.len() < 2 * HELD
        {
            next.held.push_back((stamp, item));
        }
    }

    fn hear(&mut self, (codec, from, to): (usize, u64, u64), item: T, out: &mut Vec<T>) {
        let Some(heard) = self.heard.get_mut(codec) else {
            return;
        };
        if from >= *heard {
            *heard = to;
            out.push(item);
        }
    }

    /// The run before has given all the sound that it had to give.
    fn finish(&mut self, out: &mut Vec<T>) {
        self.tail = None;
        for (stamp, item) in std::mem::take(&mut self.waiting) {
            if let Stamp::Sound { codec, from, to } = stamp {
                self.hear((codec, from, to), item, out);
            }
        }
    }

    /// The next run goes on air with what it has, if its key frame is there.
    fn switch(&mut self, out: &mut Vec<T>) {
        let Some(next) = self.next.take_if(|next| next.ready) else {
            return;
        };
        self.finish(out);
        let border = next.at.map_or(0, |at| self.rate.samples_before(at));
        self.tail = self.on_air.map(|old| (old, border));
        (self.on_air, self.broken) = (Some(next.run), false);
        for (stamp, item) in next.held {
            self.offer(next.run, stamp, item, out);
        }
    }

    fn take(&mut self, run: u32, out: &mut Vec<T>) {
        self.finish(out);
        (self.on_air, self.next, self.broken) = (Some(run), None, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What goes out: run and frame, or run and sample.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Out {
        Picture(u32, u64),
        Sound(u32, u64),
    }

    const GOP: u64 = 10;
    const BLOCK: u64 = 1600;

    struct World {
        splice: Splice<Out>,
        out: Vec<Out>,
    }

    impl World {
        fn new() -> Self {
            Self {
                splice: Splice::new(FrameRate::THIRTY, GOP),
                out: Vec::new(),
            }
        }

        /// A run that began at `origin` gives frame `n` and the sound of that frame.
        fn give(&mut self, run: u32, origin: u64, n: u64) {
            let key = (n - origin).is_multiple_of(GOP);
            let stamp = Stamp::Picture { n, key };
            let item = Out::Picture(run, n);
            self.splice.offer(run, stamp, item, &mut self.out);
            let from = n * BLOCK;
            let stamp = Stamp::Sound {
                codec: 0,
                from,
                to: from + BLOCK,
            };
            let item = Out::Sound(run, from);
            self.splice.offer(run, stamp, item, &mut self.out);
        }

        fn pictures(&self) -> Vec<(u32, u64)> {
            let picture = |out: &Out| match out {
                Out::Picture(run, n) => Some((*run, *n)),
                Out::Sound(..) => None,
            };
            self.out.iter().filter_map(picture).collect()
        }

        fn sounds(&self) -> Vec<u64> {
            let sound = |out: &Out| match out {
                Out::Sound(_, from) => Some(*from),
                Out::Picture(..) => None,
            };
            self.out.iter().filter_map(sound).collect()
        }
    }

    proptest! {
        #[test]
        fn a_run_takes_over_between_two_pictures_however_the_two_arrive(
            start in 5..40_u64,
            late in proptest::collection::vec(0..3_u64, 80),
        ) {
            let mut world = World::new();
            let (mut old, mut new) = (0, start);
            // Each of the two may be some frames behind the clock.
            for (clock, late) in (0_u64..80).zip(late) {
                if clock == start {
                    world.splice.follow(2);
                }
                while old + (late % 2) * 2 <= clock {
                    world.give(1, 0, old);
                    old += 1;
                }
                while new + late <= clock {
                    world.give(2, start, new);
                    new += 1;
                }
            }
            let pictures = world.pictures();
            let frames: Vec<u64> = pictures.iter().map(|(_, n)| *n).collect();
            prop_assert_eq!(&frames, &(0..frames.len() as u64).collect::<Vec<_>>());
            let first = pictures.iter().find(|(run, _)| *run == 2).unwrap();
            prop_assert_eq!(first.1, start + GOP);
            prop_assert!(pictures.iter().skip_while(|(run, _)| *run == 1).all(|(run, _)| *run == 2));
            let sounds = world.sounds();
            let whole: Vec<u64> = (0..sounds.len() as u64).map(|n| n * BLOCK).collect();
            prop_assert_eq!(sounds, whole);
        }
    }

    #[test]
    fn a_run_takes_over_where_frames_are_left_out_too() {
        for every in 2..5 {
            let mut world = World::new();
            let frames: Vec<u64> = (0..60).filter(|n| n % every == 0).collect();
            // The first of the frames that are there from ten on, and again, is a key frame.
            let key = |origin: u64, n: u64| {
                let mut at = origin;
                while at < n {
                    at = (at + GOP).next_multiple_of(every);
                }
                at == n
            };
            for n in &frames {
                if *n == 3 * every {
                    world.splice.follow(2);
                }
                for (run, origin) in [(1, 0), (2, 3 * every)] {
                    if *n >= origin {
                        let stamp = Stamp::Picture {
                            n: *n,
                            key: key(origin, *n),
                        };
                        world
                            .splice
                            .offer(run, stamp, Out::Picture(run, *n), &mut world.out);
                    }
                }
            }
            let pictures = world.pictures();
            let seen: Vec<u64> = pictures.iter().map(|(_, n)| *n).collect();
            assert_eq!(seen, frames, "one of {every}");
            let first = pictures.iter().find(|(run, _)| *run == 2).unwrap();
            assert_eq!(first.1, (3 * every + GOP).next_multiple_of(every));
        }
    }

    #[test]
    fn after_an_end_the_next_run_begins_with_a_key_frame_that_is_later() {
        let mut world = World::new();
        for n in 0..15 {
            world.give(1, 0, n);
        }
        world.splice.forget(1, &mut world.out);
        for n in 10..30 {
            world.give(2, 10, n);
        }
        let pictures = world.pictures();
        assert_eq!(pictures[14..16], [(1, 14), (2, 20)]);
        assert_eq!(pictures.last(), Some(&(2, 29)));
    }

    #[test]
    fn a_run_that_was_to_take_over_and_ends_leaves_the_old_one_on_air() {
        let mut world = World::new();
        for n in 0..5 {
            world.give(1, 0, n);
        }
        world.splice.follow(2);
        world.give(2, 5, 5);
        for n in 5..17 {
            world.give(1, 0, n);
        }
        world.splice.forget(2, &mut world.out);
        for n in 17..25 {
            world.give(1, 0, n);
        }
        // It was held back from frame 15 on, and goes on with its own key frame.
        let frames: Vec<u64> = world.pictures().iter().map(|(_, n)| *n).collect();
        let expected: Vec<u64> = (0..15).chain(20..25).collect();
        assert_eq!(frames, expected);
        assert_eq!(world.splice.on_air(), Some(1));
    }

    #[test]
    fn an_end_while_the_next_one_waits_puts_it_on_air_at_once() {
        let mut world = World::new();
        for n in 0..12 {
            world.give(1, 0, n);
        }
        world.splice.follow(2);
        for n in 3..15 {
            world.give(2, 3, n);
        }
        assert_eq!(world.pictures().last(), Some(&(1, 11)));
        world.splice.forget(1, &mut world.out);
        assert_eq!(world.splice.on_air(), Some(2));
        assert_eq!(world.pictures().last(), Some(&(2, 14)));
    }
}
