//! One source as the mixer holds it: which picture is due, and how it sounds.

use super::feed::BLOCK;
use crate::input::{Arrival, Feed, FrameBuf, Inlet, Kind, Shared, SourceState};
use mixer::sound::Lane;
use mixer::timing::SourceTiming;
use model::{FrameRate, InputId, InputState, Shot};
use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Shortest and longest time that a lost source's last picture counts as held, nanoseconds.
const HOLD: (i64, i64) = (200_000_000, 1_000_000_000);
/// A picture of at most this age is fresh, whatever the rate, nanoseconds.
const FRESH: i64 = 100_000_000;
/// Pictures that may wait for their time.
const WAITING: usize = 32;
/// Sound of a file is taken over so long before it is heard, nanoseconds.
const AHEAD: i64 = 150_000_000;
/// Neither seen nor heard for so long, a source is off air, nanoseconds.
const OFF_AIR: i64 = 100_000_000;

/// For so long after a wait in vain a source is not waited for again, nanoseconds.
const AGAIN: i64 = 1_000_000_000;
/// After its last new picture a source counts as running on for so long and its own interval.
const RUNS_ON: i64 = 100_000_000;

/// A source that the mixer holds.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) id: InputId,
    pub(super) state: InputState,
    shared: Arc<Shared>,
    matter: Matter,
    /// The picture that is shown while it is on air.
    current: Option<Arc<FrameBuf>>,
    /// When program frame 0 was due on the system's clock, nanoseconds.
    zero: i64,
    /// Sound of one block, and which.
    sound: Box<[f32; 2 * BLOCK]>,
    rendered: Option<u64>,
}

#[derive(Debug)]
enum Matter {
    Still,
    Live(Box<Live>),
    File(Box<File>),
}

impl Slot {
    pub(super) fn new(id: InputId, inlet: Inlet, rate: FrameRate) -> Self {
        let (matter, current) = match inlet.kind {
            Kind::Still(frame) => (Matter::Still, Some(frame)),
            Kind::Live(feed) => (Matter::Live(Box::new(Live::new(feed, rate))), None),
            Kind::File(feed) => (Matter::File(Box::new(File::new(feed, rate))), None),
        };
        Self {
            id,
            state: match current {
                Some(_) => InputState::Fresh,
                None => InputState::Absent,
            },
            shared: inlet.shared,
            matter,
            current,
            zero: 0,
            sound: Box::new([0.0; 2 * BLOCK]),
            rendered: None,
        }
    }

    /// Takes over what has arrived. `now` is the time of the tick and `zero` that of frame 0, both on
    /// the system's clock, nanoseconds.
    pub(super) fn poll(&mut self, now: i64, zero: i64) {
        let state = self.shared.state();
        self.zero = zero;
        match &mut self.matter {
            Matter::Still => {}
            Matter::Live(live) => {
                live.take_over(&self.shared, zero);
                self.state = live.state(now);
            }
            Matter::File(file) => {
                file.look_ahead();
                self.state = if self.current.is_none() && file.next.is_none() {
                    InputState::Absent
                } else if file.starved_ns <= FRESH || state == SourceState::Ended {
                    InputState::Fresh
                } else if file.starved_ns <= HOLD.0 && state != SourceState::Failed {
                    InputState::Held
                } else {
                    InputState::Lost
                };
            }
        }
    }

    /// The picture of program frame `n`; `tick` is its program time.
    pub(super) fn picture(
        &mut self,
        shot: Shot,
        tick: i64,
        rate: FrameRate,
    ) -> Option<&Arc<FrameBuf>> {
        let newer = match &mut self.matter {
            Matter::Still => None,
            Matter::Live(live) => {
                live.used = tick;
                live.pick(&self.shared, tick)
            }
            Matter::File(file) => file.pick(&self.shared, tick - start_of(shot.origin, rate)),
        };
        match newer {
            Some(frame) => {
                if matches!(self.matter, Matter::Live(_)) {
                    let waited = (self.zero + tick).saturating_sub(frame.arrived_ns) / 1000;
                    self.shared.wait.add(u32::try_from(waited).unwrap_or(0));
                }
                self.current = Some(frame);
            }
            None if !matches!(self.matter, Matter::Still) => {
                self.shared.duplicate.fetch_add(1, Ordering::Relaxed);
            }
            None => {}
        }
        self.current.as_ref()
    }

    /// Whether a picture that is due at a tick, by program time, should have come and is on its way.
    /// After a wait in vain none is waited for until a second later.
    pub(super) fn awaits(&self, tick: i64) -> bool {
        matches!(&self.matter, Matter::Live(live) if live.awaits(tick))
    }

    /// It was waited for until a tick's patience was over.
    pub(super) fn give_up(&mut self, tick: i64) {
        if let Matter::Live(live) = &mut self.matter {
            live.gave_up = tick;
        }
    }

    /// While it is off air its newest picture that is due still moves on, without being counted.
    pub(super) fn idle(&mut self, tick: i64) {
        if let Matter::Live(live) = &mut self.matter {
            live.timing.set_on_air(tick - live.used <= OFF_AIR);
            if let Some(frame) = live.pick(&self.shared, tick) {
                self.current = Some(frame);
            }
        }
    }

    /// Renders block `k` of its sound, which begins at program time `at`, nanoseconds.
    pub(super) fn render(&mut self, k: u64, at: i64, origin: Option<i64>, rate: FrameRate) {
        if self.rendered == Some(k) {
            return;
        }
        self.rendered = Some(k);
        match &mut self.matter {
            Matter::Still => {}
            Matter::Live(live) => {
                live.used = live.used.max(at);
                match live.timing.sound_offset() {
                    Some(offset) => live.lane.render(at - offset, &mut *self.sound),
                    None => self.sound.fill(0.0),
                }
            }
            Matter::File(file) => {
                let want = at - start_of(origin, rate);
                file.listen(want);
                file.lane.render(want, &mut *self.sound);
            }
        }
    }

    /// The sound that was rendered last, interleaved stereo.
    pub(super) fn sound(&self) -> &[f32] {
        &*self.sound
    }

    /// Whether pictures are expected of it all the time.
    pub(super) const fn is_live(&self) -> bool {
        matches!(self.matter, Matter::Live(_))
    }

    /// Whether it has no sound by nature.
    pub(super) const fn is_mute(&self) -> bool {
        matches!(self.matter, Matter::Still)
    }

    /// Tells the statistics what the timing found.
    pub(super) fn report(&self) {
        if let Matter::Live(live) = &self.matter {
            let store = |to: &std::sync::atomic::AtomicI64, v| to.store(v, Ordering::Relaxed);
            if let Some(offset) = live.timing.offset() {
                store(&self.shared.offset_ns, offset);
                self.shared.offset_known.store(true, Ordering::Relaxed);
            }
            store(&self.shared.buffer_ns, live.timing.buffer());
            store(&self.shared.interval_ns, live.interval());
            store(&self.shared.jitter_ns, live.jitter_ns);
            let reanchored = live.reanchored + u64::from(live.timing.reanchors());
            self.shared.reanchored.store(reanchored, Ordering::Relaxed);
        }
    }
}

/// Program time at which a file's time 0 is due, nanoseconds.
fn start_of(origin: Option<i64>, rate: FrameRate) -> i64 {
    let origin = origin.unwrap_or(0);
    let time = i64::try_from(rate.time_of(origin.unsigned_abs()).as_nanos()).unwrap_or(i64::MAX);
    if origin < 0 { -time } else { time }
}

#[derive(Debug)]
struct Live {
    feed: Feed,
    rate: FrameRate,
    run: u32,
    timing: SourceTiming,
    lane: Lane,
    waiting: VecDeque<Arrival>,
    newest_arrival: Option<i64>,
    newest_pts: i64,
    /// Program time at which it was last seen or heard.
    used: i64,
    /// Times between the last pictures, by their own clock.
    intervals: [i64; 9],
    at: usize,
    /// Longest pause between two arrivals of late, nanoseconds; shrinks slowly.
    gap_ns: i64,
    jitter_ns: i64,
    /// Of the runs before this one.
    reanchored: u64,
    /// Program time of the last tick that had a new picture.
    picked: i64,
    /// Program time of the last tick at which it was waited for in vain.
    gave_up: i64,
}

impl Live {
    fn new(feed: Feed, rate: FrameRate) -> Self {
        Self {
            feed,
            rate,
            run: 0,
            timing: SourceTiming::new(rate),
            lane: Lane::new(),
            waiting: VecDeque::with_capacity(WAITING),
            newest_arrival: None,
            newest_pts: 0,
            used: -OFF_AIR,
            intervals: [0; 9],
            at: 0,
            gap_ns: 0,
            jitter_ns: 0,
            reanchored: 0,
            picked: -OFF_AIR,
            gave_up: -AGAIN,
        }
    }

    fn take_over(&mut self, shared: &Shared, zero: i64) {
        while let Ok(piece) = self.feed.sound.pop() {
            if self.enter(piece.run) {
                self.timing
                    .audio_arrived(piece.pts_ns, piece.arrived_ns - zero);
                self.lane.push(piece.pts_ns, piece.samples());
            }
        }
        while let Some(arrival) = self.feed.frames.pop() {
            if !self.enter(arrival.run) {
                continue;
            }
            let (pts, arrived) = (arrival.frame.pts_ns, arrival.frame.arrived_ns);
            self.note(pts, arrived);
            self.timing.frame_arrived(pts, arrived - zero);
            if self.waiting.len() == WAITING {
                self.waiting.pop_front();
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            let late = self.timing.due(pts).is_some_and(|due| due < arrived - zero);
            if late {
                shared.late.fetch_add(1, Ordering::Relaxed);
            }
            self.waiting.push_back(arrival);
        }
    }

    /// Whether something of this run of the decoder is still of use; begins anew with a new run.
    fn enter(&mut self, run: u32) -> bool {
        let ahead = run.wrapping_sub(self.run);
        if ahead != 0 && ahead < u32::MAX / 2 {
            self.run = run;
            self.reanchored += u64::from(self.timing.reanchors());
            self.timing = SourceTiming::new(self.rate);
            self.waiting.clear();
            self.newest_pts = 0;
        }
        run == self.run
    }

    fn note(&mut self, pts: i64, arrived: i64) {
        if let Some(before) = self.newest_arrival {
            let pause = arrived - before;
            let step = pts - self.newest_pts;
            if self.newest_pts != 0 && (1..1_000_000_000).contains(&step) {
                if let Some(place) = self.intervals.get_mut(self.at % 9) {
                    *place = step;
                }
                self.at += 1;
                // As in RFC 3550, section 6.4.1.
                self.jitter_ns += ((pause - step).abs() - self.jitter_ns) / 16;
            }
            if pause < HOLD.1 {
                self.gap_ns = pause.max(self.gap_ns - self.gap_ns / 256);
            }
        }
        self.newest_arrival = Some(arrived);
        self.newest_pts = pts;
    }

    /// Median time between pictures, 0 while unknown.
    fn interval(&self) -> i64 {
        if self.at < 9 {
            return 0;
        }
        let mut sorted = self.intervals;
        sorted.sort_unstable();
        sorted[4]
    }

    fn state(&self, now: i64) -> InputState {
        let Some(arrived) = self.newest_arrival else {
            return InputState::Absent;
        };
        let age = now - arrived;
        let interval = self.interval();
        let hold = (4 * interval)
            .max(self.gap_ns * 3 / 2)
            .clamp(HOLD.0, HOLD.1);
        if age <= (interval * 5 / 2).clamp(FRESH, hold) {
            InputState::Fresh
        } else if age <= hold {
            InputState::Held
        } else {
            InputState::Lost
        }
    }

    /// The newest picture that is due at a program time, if it is newer than the one before.
    fn pick(&mut self, shared: &Shared, tick: i64) -> Option<Arc<FrameBuf>> {
        let mut newest: Option<Arc<FrameBuf>> = None;
        while let Some(front) = self.waiting.front() {
            let due = self.timing.due(front.frame.pts_ns);
            if due.is_none_or(|due| due > tick) {
                break;
            }
            let frame = self.waiting.pop_front().map(|a| a.frame);
            if newest.is_some() {
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            newest = frame;
        }
        if newest.is_some() {
            self.picked = tick;
        }
        newest
    }

    /// See [`Slot::awaits`].
    fn awaits(&self, tick: i64) -> bool {
        let due = |pts| self.timing.due(pts).is_some_and(|due| due <= tick);
        let interval = self.interval();
        let next = self.newest_pts.saturating_add(interval);
        let here = self.waiting.front().map(|arrival| arrival.frame.pts_ns);
        let runs = self.newest_pts != 0 && tick - self.picked < interval + RUNS_ON;
        let may = runs && interval > 0 && tick - self.gave_up >= AGAIN;
        may && !here.is_some_and(due) && due(next)
    }
}

#[derive(Debug)]
struct File {
    feed: Feed,
    half: i64,
    lane: Lane,
    next: Option<Arrival>,
    piece: Option<crate::input::SoundPiece>,
    /// Whether any picture has been shown.
    shown: bool,
    /// How far the shown picture is behind the wanted one, nanoseconds.
    starved_ns: i64,
}

impl File {
    fn new(feed: Feed, rate: FrameRate) -> Self {
        Self {
            feed,
            half: i64::try_from(rate.interval().as_nanos() / 2).unwrap_or(0),
            lane: Lane::new(),
            next: None,
            piece: None,
            shown: false,
            starved_ns: 0,
        }
    }

    fn look_ahead(&mut self) {
        if self.next.is_none() {
            self.next = self.feed.frames.pop();
        }
    }

    /// The picture nearest to a time in the file, if it is another than before. The first one is
    /// shown early rather than nothing.
    fn pick(&mut self, shared: &Shared, want: i64) -> Option<Arc<FrameBuf>> {
        shared.wanted_ns.store(want, Ordering::Relaxed);
        let mut newest: Option<Arc<FrameBuf>> = None;
        loop {
            self.look_ahead();
            let Some(pts) = self.next.as_ref().map(|a| a.frame.pts_ns) else {
                if newest.is_none() {
                    self.starved_ns = self.starved_ns.saturating_add(2 * self.half);
                }
                return newest;
            };
            if self.shown && pts >= want + self.half {
                self.starved_ns = 0;
                return newest;
            }
            self.shown = true;
            self.starved_ns = (want - pts).max(0);
            if newest.is_some() {
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            newest = self.next.take().map(|a| a.frame);
        }
    }

    /// Takes over the sound that is heard soon.
    fn listen(&mut self, want: i64) {
        loop {
            if self.piece.is_none() {
                self.piece = self.feed.sound.pop().ok();
            }
            match &self.piece {
                Some(piece) if piece.pts_ns <= want + AHEAD => {
                    self.lane.push(piece.pts_ns, piece.samples());
                    self.piece = None;
                }
                _ => return,
            }
        }
    }
}
