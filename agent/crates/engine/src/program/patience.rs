//! A picture that misses its tick by a little is waited for.
//!
//! Owns how long, and the wait. A machine that stands still for some milliseconds makes a picture late
//! at the end of its buffer; to show the one before twice and to leave it out would be seen, while
//! nobody sees when within its time a frame is made: its number is its time.

use super::slot::Slot;
use model::Picture;
use runtime::{Clock, SystemClock};
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(1);

/// For so long after its tick a frame waits at most. Ticks that come due meanwhile are made up for right
/// after it, long before one would be too late to be made.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);

/// A frame whose tick is found this late repeats the one before. To make it costs a small part of a
/// frame, so up to then what was missed is made up for: that is three frames at 30 a second and six at
/// 60, for which the encoders' queues have room.
pub(super) const LATEST: Duration = Duration::from_millis(100);

/// Waits for the pictures that a frame shows and that are on their way, until `end` on the system's
/// clock. `tick` is the frame's program time and `zero` that of frame 0 on the system's clock. Gives
/// how long it took. All in nanoseconds. Allocates nothing.
pub(super) fn wait(
    slots: &mut [Box<Slot>],
    picture: Picture,
    (tick, zero): (i64, i64),
    end: u64,
) -> u64 {
    let (one, other) = match picture {
        Picture::One(shot) => (shot.input, shot.input),
        Picture::Two { from, to, .. } => (from.input, to.input),
    };
    let began = SystemClock.monotonic_ns();
    let mut now = began;
    loop {
        let mut awaited = false;
        for slot in slots.iter_mut() {
            if (slot.id == one || slot.id == other) && slot.awaits(tick) {
                slot.poll(i64::try_from(now).unwrap_or(i64::MAX), zero);
                awaited |= slot.awaits(tick);
            }
        }
        let waited = now - began;
        if awaited && now >= end && waited > 0 {
            for slot in slots.iter_mut() {
                if (slot.id == one || slot.id == other) && slot.awaits(tick) {
                    slot.give_up(tick);
                }
            }
        }
        if !awaited || now >= end {
            return waited;
        }
        std::thread::sleep(LOOK);
        now = SystemClock.monotonic_ns();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Arrival, Feed, FrameBuf, Inlet, Kind, Shared};
    use crossbeam_queue::ArrayQueue;
    use model::{FrameRate, InputId, Shot, Size};
    use std::sync::Arc;

    const RATE: FrameRate = FrameRate::THIRTY;
    /// A camera at the program's rate whose pictures take so long.
    const DELAY: i64 = 20_000_000;
    const CAMERA: InputId = InputId(1);

    fn shot(input: InputId) -> Shot {
        Shot {
            input,
            origin: None,
        }
    }

    fn time(n: u64) -> i64 {
        i64::try_from(RATE.time_of(n).as_nanos()).unwrap()
    }

    /// Time of a camera's picture, at `rate`.
    fn pts(rate: FrameRate, n: u64) -> i64 {
        i64::try_from(rate.time_of(n).as_nanos()).unwrap()
    }

    struct Stage {
        slots: [Box<Slot>; 1],
        frames: Arc<ArrayQueue<Arrival>>,
        rate: FrameRate,
        /// The tick that is next, and the picture.
        n: u64,
        next: u64,
    }

    impl Stage {
        fn new(rate: FrameRate) -> Self {
            let frames = Arc::new(ArrayQueue::new(8));
            let (_, sound) = rtrb::RingBuffer::new(1);
            let feed = Feed {
                frames: frames.clone(),
                sound,
            };
            let inlet = Inlet {
                kind: Kind::Live(feed),
                shared: Arc::new(Shared::default()),
            };
            Self {
                slots: [Box::new(Slot::new(CAMERA, inlet, RATE))],
                frames,
                rate,
                n: 0,
                next: 0,
            }
        }

        /// One on air, whose buffer has settled.
        fn running(rate: FrameRate) -> Self {
            let mut stage = Self::new(rate);
            for _ in 0..200 {
                stage.come();
                let _shown = stage.tick(Duration::ZERO);
            }
            stage
        }

        fn deliver(&mut self) {
            // A PTS of 0 is no PTS to speak of.
            let pts_ns = pts(self.rate, self.next) + 1_000_000_000;
            assert!(self.frames.push(arrival(pts_ns)).is_ok());
            self.next += 1;
        }

        /// Delivers what comes until the next tick.
        fn come(&mut self) {
            while pts(self.rate, self.next) + DELAY <= time(self.n) {
                self.deliver();
            }
        }

        /// Plays the next tick, waiting until `patience` from now; gives how long it waited, and the PTS
        /// of the picture.
        fn tick(&mut self, patience: Duration) -> (u64, Option<i64>) {
            let tick = time(self.n);
            self.slots[0].poll(tick, 0);
            let end = SystemClock.monotonic_ns() + u64::try_from(patience.as_nanos()).unwrap();
            let waited = wait(&mut self.slots, Picture::One(shot(CAMERA)), (tick, 0), end);
            let shown = self.slots[0].picture(shot(CAMERA), tick, RATE);
            let shown = shown.map(|frame| frame.pts_ns);
            self.slots[0].idle(tick);
            self.n += 1;
            (waited, shown)
        }

        /// Plays ticks without waiting, and with no pictures any more, until one is missed.
        fn starve(&mut self) {
            loop {
                self.slots[0].poll(time(self.n), 0);
                if self.slots[0].awaits(time(self.n)) {
                    return;
                }
                let _shown = self.tick(Duration::ZERO);
            }
        }
    }

    fn arrival(pts_ns: i64) -> Arrival {
        let frame = FrameBuf {
            pts_ns,
            arrived_ns: pts_ns - 1_000_000_000 + DELAY,
            ..FrameBuf::black(Size::new(16, 16).unwrap())
        };
        let frame = Arc::new(frame);
        Arrival { frame, run: 0 }
    }

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(200);

    fn rates() -> [FrameRate; 6] {
        [(24, 1), (25, 1), (30_000, 1001), (30, 1), (50, 1), (60, 1)]
            .map(|(num, den)| FrameRate::new(num, den).unwrap())
    }

    #[test]
    fn what_comes_in_time_is_not_waited_for_at_any_rate() {
        for rate in rates() {
            let mut stage = Stage::new(rate);
            for _ in 0..600 {
                stage.come();
                let (waited, _) = stage.tick(LONG);
                // Until its delay has settled a camera may be taken to be sooner than it is.
                assert!(waited == 0 || stage.n < 120, "{rate:?} {}", stage.n);
            }
        }
    }

    #[test]
    fn a_picture_that_misses_its_tick_is_waited_for_and_shown_at_it() {
        for rate in rates() {
            let mut stage = Stage::running(rate);
            stage.starve();
            let late = pts(rate, stage.next) + 1_000_000_000;
            let frames = stage.frames.clone();
            let coming = std::thread::spawn(move || frames.push(arrival(late)).is_ok());
            let (waited, shown) = stage.tick(LONG);
            assert!(coming.join().unwrap());
            assert!(waited < LONG.as_nanos() as u64, "{rate:?}");
            assert_eq!(shown, Some(late), "{rate:?}");
        }
    }

    #[test]
    fn it_is_waited_for_once_in_a_second_and_by_the_frame_that_shows_it() {
        for rate in rates() {
            let mut stage = Stage::running(rate);
            stage.starve();
            let tick = (time(stage.n), 0);
            let elsewhere = Picture::One(shot(InputId(2)));
            assert_eq!(wait(&mut stage.slots, elsewhere, tick, u64::MAX), 0);
            let held = pts(rate, stage.next - 1) + 1_000_000_000;
            let (waited, shown) = stage.tick(SHORT);
            assert!(waited > 0, "{rate:?}");
            assert_eq!(shown, Some(held), "{rate:?}");
            for _ in 0..60 {
                let (waited, _) = stage.tick(SHORT);
                assert_eq!(waited, 0, "{rate:?} {}", stage.n);
            }
        }
    }

    #[test]
    fn a_tick_that_is_found_late_leaves_the_wait_to_the_next() {
        let mut stage = Stage::running(RATE);
        stage.starve();
        let (waited, _) = stage.tick(Duration::ZERO);
        assert_eq!(waited, 0);
        let (waited, _) = stage.tick(SHORT);
        assert!(waited > 0);
    }
}
