//! The mixer's thread: one program frame after the other, one block of sound after the other.
//!
//! Nothing here waits for anything but time, and a moment for a picture that is late. Buffers are taken
//! before the first frame; what is no longer needed goes to the graveyard of the [`Line`] and is dropped
//! by another thread.

use super::economy::Economy;
use super::feed::{BLOCK, Feed, QUEUE};
use super::patience;
use super::slot::Slot;
use super::sound::Sound;
use super::stats::Meter;
use super::{CommandError, MAX_ENCODERS, MAX_INPUTS, MAX_RASTERS, ProgramSpec};
use crate::input::{FrameBuf, Pool};
use crossbeam_queue::ArrayQueue;
use mixer::picture::{crossfade, key, wipe};
use model::{
    Director, FramePlan, FrameRate, InputHealth, InputId, InputState, Layer, Picture, Raster,
    RasterId, SAMPLE_RATE, Shot, Size, Strain, Transition,
};
use runtime::{Clock, SystemClock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Commands that may wait.
const COMMANDS: usize = 512;
/// From the start to frame 0, so that the first tick is not late.
const LEAD: Duration = Duration::from_millis(20);
/// A block of sound is handed on so long after its last sample is due. See `sound.rs`.
const SOUND_DELAY_NS: u64 = super::sound::DELAY_NS;

/// What the mixer is told.
#[derive(Debug)]
pub(super) enum Command {
    Attach(Box<Slot>),
    Detach(InputId),
    PutRaster(RasterId, Arc<Raster>),
    DropRaster(RasterId),
    AddFeed(Arc<Feed>),
    DropFeed(u32),
    /// One of so many frames goes to the encoders.
    Spare(u32),
}

/// What the mixer no longer needs.
#[derive(Debug)]
#[expect(dead_code, reason = "held only to be dropped by another thread")]
pub(super) enum Dead {
    Slot(Box<Slot>),
    Raster(Arc<Raster>),
    Feed(Arc<Feed>),
    Frame(Arc<FrameBuf>),
}

/// What the mixer shares with the rest: commands in, what is dead out, counters.
#[derive(Debug)]
pub(super) struct Line {
    commands: ArrayQueue<Command>,
    graveyard: ArrayQueue<Dead>,
    pub(super) meter: Meter,
    pub(super) stop: AtomicBool,
    /// When frame 0 is due on the system's clock; 0 before the mixer has begun.
    pub(super) zero_ns: AtomicU64,
    /// Runs of encoders are numbered through.
    runs: AtomicU32,
}

impl Default for Line {
    fn default() -> Self {
        Self {
            commands: ArrayQueue::new(COMMANDS),
            graveyard: ArrayQueue::new(2 * COMMANDS),
            meter: Meter::default(),
            stop: AtomicBool::new(false),
            zero_ns: AtomicU64::new(0),
            runs: AtomicU32::new(0),
        }
    }
}

impl Line {
    /// Queues a command, waiting a little when the queue is full.
    pub(super) fn send(&self, command: Command) -> Result<(), CommandError> {
        let mut command = command;
        for _ in 0..50 {
            match self.commands.push(command) {
                Ok(()) => return Ok(()),
                Err(refused) => command = refused,
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Err(CommandError::Busy)
    }

    /// A number that no run of an encoder has had.
    pub(super) fn next_run(&self) -> u32 {
        self.runs.fetch_add(1, Ordering::Relaxed)
    }

    /// Drops what the mixer no longer needs. For any thread but the mixer's.
    pub(super) fn bury(&self) {
        while self.graveyard.pop().is_some() {}
    }

    fn retire(&self, dead: Dead) {
        // A full graveyard means that nobody has buried for seconds: then it is dropped here.
        let _full = self.graveyard.push(dead);
    }
}

/// The mixer, before and while it runs.
pub(super) struct Mixer {
    line: Arc<Line>,
    director: Box<dyn Director>,
    size: Size,
    rate: FrameRate,
    #[expect(
        clippy::vec_box,
        reason = "a slot comes and goes as its box, so that the mixer copies and frees nothing"
    )]
    slots: Vec<Box<Slot>>,
    rasters: Vec<(RasterId, Arc<Raster>)>,
    feeds: Vec<Arc<Feed>>,
    pool: Pool,
    fallback: Arc<FrameBuf>,
    /// What was shown last.
    last: Arc<FrameBuf>,
    economy: Economy,
    sound: Sound,
}

/// The mixer's inputs and how it keeps up, as the director sees them.
struct View<'a>(&'a [Box<Slot>], Strain);

impl InputHealth for View<'_> {
    fn state(&self, input: InputId) -> InputState {
        let slot = self.0.iter().find(|s| s.id == input);
        slot.map_or(InputState::Absent, |s| s.state)
    }

    fn strain(&self) -> Strain {
        self.1
    }
}

impl Mixer {
    pub(super) fn new(spec: &ProgramSpec, line: Arc<Line>, director: Box<dyn Director>) -> Self {
        let fallback = Arc::new(FrameBuf {
            size: spec.size,
            pts_ns: 0,
            arrived_ns: 0,
            data: spec.fallback.data.clone(),
        });
        Self {
            line,
            director,
            size: spec.size,
            rate: spec.rate,
            slots: Vec::with_capacity(MAX_INPUTS + 1),
            rasters: Vec::with_capacity(MAX_RASTERS + 1),
            feeds: Vec::with_capacity(3 * MAX_ENCODERS),
            pool: Pool::filled(spec.size, QUEUE + 4),
            last: fallback.clone(),
            fallback,
            economy: Economy::default(),
            sound: Sound::new(spec.rate),
        }
    }

    pub(super) fn run(mut self) {
        super::priority::raise();
        let clock = SystemClock;
        let zero = clock.monotonic_ns() + nanos(LEAD);
        self.line.zero_ns.store(zero, Ordering::Release);
        let (mut n, mut block) = (0_u64, 0_u64);
        while !self.line.stop.load(Ordering::Acquire) {
            let picture_due = zero + nanos(self.rate.time_of(n));
            let sound_due = zero + block_end_ns(block) + SOUND_DELAY_NS;
            let due = picture_due.min(sound_due);
            let now = clock.monotonic_ns();
            if due > now {
                std::thread::sleep(Duration::from_nanos(due - now));
            }
            if picture_due <= sound_due {
                self.tick(n, zero, picture_due);
                n += 1;
            } else {
                self.block(block);
                block += 1;
            }
        }
    }

    fn tick(&mut self, n: u64, zero: u64, due: u64) {
        let began = SystemClock.monotonic_ns();
        let late = began.saturating_sub(due);
        self.obey();
        let (zero, tick) = (signed(zero), signed(due - zero));
        for slot in &mut self.slots {
            slot.poll(signed(began), zero);
        }
        let strain = self.strain(late);
        let plan = self.director.plan(n, &View(&self.slots, strain));
        self.sound.plan(n, &plan);
        let meter = &self.line.meter;
        let micros = u32::try_from(late / 1000).unwrap_or(u32::MAX);
        meter.worst_late_us.fetch_max(micros, Ordering::Relaxed);
        let mut waited = 0;
        if self.economy.wants(n, plan.picture) {
            let end = due + nanos(patience::PATIENCE);
            waited = patience::wait(&mut self.slots, plan.picture, (tick, zero), end);
            self.hand_on(n, &plan, due, (tick, late));
        } else {
            meter.spared.fetch_add(1, Ordering::Relaxed);
        }
        self.line.meter.frames.store(n + 1, Ordering::Release);
        for slot in &mut self.slots {
            slot.idle(tick);
            slot.report();
        }
        let spent = SystemClock.monotonic_ns() - began - waited;
        let micros = u32::try_from(spent / 1000).unwrap_or(u32::MAX);
        self.line.meter.mix.add(micros);
    }

    fn strain(&self, late: u64) -> Strain {
        let mut strain = Strain {
            late_us: u32::try_from(late / 1000).unwrap_or(u32::MAX),
            encoder_full: self.feeds.iter().any(|feed| feed.is_full()),
            ..Strain::default()
        };
        let live = self.slots.iter().filter(|slot| slot.is_live());
        for slot in live.filter(|slot| slot.state != InputState::Absent) {
            strain.live += 1;
            strain.lost += u16::from(slot.state == InputState::Lost);
        }
        strain
    }

    /// Composes frame `n`, unless it is too late for that, and hands it on to the encoders.
    fn hand_on(&mut self, n: u64, plan: &FramePlan, due: u64, (tick, late): (i64, u64)) {
        if Duration::from_nanos(late) < patience::LATEST {
            let frame = self.compose(plan, tick);
            let before = std::mem::replace(&mut self.last, frame);
            if Arc::strong_count(&before) == 1 {
                self.line.retire(Dead::Frame(before));
            }
        } else {
            self.line.meter.late_repeats.fetch_add(1, Ordering::Relaxed);
        }
        let handed = SystemClock.monotonic_ns();
        for feed in &self.feeds {
            feed.picture(n, &self.last, handed);
        }
        let spent = handed.saturating_sub(due) / 1000;
        let micros = u32::try_from(spent).unwrap_or(u32::MAX);
        self.line.meter.hand.add(micros);
    }

    fn block(&mut self, k: u64) {
        let samples = self.sound.block(k, &mut self.slots);
        for feed in &self.feeds {
            feed.sound(k * BLOCK as u64, samples);
        }
    }

    /// Takes the commands that are waiting.
    fn obey(&mut self) {
        while let Some(command) = self.line.commands.pop() {
            match command {
                Command::Attach(slot) => {
                    self.remove_slot(slot.id);
                    self.slots.push(slot);
                }
                Command::Detach(id) => self.remove_slot(id),
                Command::PutRaster(id, raster) => {
                    self.remove_raster(id);
                    self.rasters.push((id, raster));
                }
                Command::DropRaster(id) => self.remove_raster(id),
                Command::AddFeed(feed) => self.feeds.push(feed),
                Command::DropFeed(id) => {
                    if let Some(place) = self.feeds.iter().position(|f| f.run == id) {
                        self.line.retire(Dead::Feed(self.feeds.swap_remove(place)));
                    }
                }
                Command::Spare(every) => self.economy.set(every),
            }
        }
    }

    fn remove_slot(&mut self, id: InputId) {
        if let Some(place) = self.slots.iter().position(|s| s.id == id) {
            self.line.retire(Dead::Slot(self.slots.swap_remove(place)));
        }
    }

    fn remove_raster(&mut self, id: RasterId) {
        if let Some(place) = self.rasters.iter().position(|r| r.0 == id) {
            self.line
                .retire(Dead::Raster(self.rasters.swap_remove(place).1));
        }
    }

    /// Makes a frame. A cut without graphics copies nothing: the source's own buffer is passed on.
    fn compose(&mut self, plan: &FramePlan, tick: i64) -> Arc<FrameBuf> {
        let base = match plan.picture {
            Picture::One(shot) => self.shot(shot, tick),
            Picture::Two {
                from,
                to,
                kind,
                progress,
            } => {
                let (a, b) = (self.shot(from, tick), self.shot(to, tick));
                self.blend(&a, &b, kind, progress)
            }
        };
        let drawn = |layer: &&Layer| layer.opacity > 0;
        if plan.layers().iter().filter(drawn).count() == 0 {
            return base;
        }
        // A blend is ours alone and can be drawn on; anything else is copied first.
        let Some(mut canvas) = self.canvas(base) else {
            return self.last.clone();
        };
        if let Some(out) = Arc::get_mut(&mut canvas.0) {
            for layer in plan.layers().iter().filter(drawn) {
                let raster = self.rasters.iter().find(|r| r.0 == layer.raster);
                let keyed = raster.map(|(_, raster)| {
                    key(self.size, &mut out.data, raster, layer.opacity, layer.shift)
                });
                if !matches!(keyed, Some(Ok(()))) {
                    self.line.meter.missing.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
        self.pool.give_back(canvas)
    }

    /// The picture of a shot, or the fallback where there is none.
    fn shot(&mut self, shot: Shot, tick: i64) -> Arc<FrameBuf> {
        let slot = self.slots.iter_mut().find(|s| s.id == shot.input);
        let frame = slot.and_then(|s| s.picture(shot, tick, self.rate));
        let Some(frame) = frame else {
            self.line.meter.missing.fetch_add(1, Ordering::Relaxed);
            return self.fallback.clone();
        };
        frame.clone()
    }

    fn blend(
        &mut self,
        a: &Arc<FrameBuf>,
        b: &Arc<FrameBuf>,
        kind: Transition,
        progress: u16,
    ) -> Arc<FrameBuf> {
        if progress == 0 || Arc::ptr_eq(a, b) {
            return a.clone();
        }
        if progress >= 256 {
            return b.clone();
        }
        let Some(mut canvas) = self.pool.take() else {
            return self.last.clone();
        };
        if let Some(out) = Arc::get_mut(&mut canvas.0) {
            let blend = match kind {
                Transition::Mix => crossfade,
                Transition::Wipe => wipe,
            };
            // Every picture in here has the program's size: a decoder's is checked when it is read,
            // a still when it is opened.
            if blend(self.size, &a.data, &b.data, progress, &mut out.data).is_err() {
                self.line.meter.missing.fetch_add(1, Ordering::Relaxed);
            }
        }
        self.pool.give_back(canvas)
    }

    /// A buffer of our own with this content.
    fn canvas(&mut self, base: Arc<FrameBuf>) -> Option<crate::input::Taken> {
        let base = match self.pool.reclaim(base) {
            Ok(ours) => return Some(ours),
            Err(foreign) => foreign,
        };
        let mut canvas = self.pool.take()?;
        if let Some(out) = Arc::get_mut(&mut canvas.0) {
            out.data.copy_from_slice(&base.data);
        }
        Some(canvas)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn signed(ns: u64) -> i64 {
    i64::try_from(ns).unwrap_or(i64::MAX)
}

/// Program time at which a block of sound ends, nanoseconds.
fn block_end_ns(k: u64) -> u64 {
    let samples = u128::from(k + 1) * BLOCK as u128;
    u64::try_from(samples * 1_000_000_000 / u128::from(SAMPLE_RATE)).unwrap_or(u64::MAX)
}
