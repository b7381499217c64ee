//! One encode: which run of FFmpeg makes it, and where its packets go.
//!
//! Owns the keeper, a thread that starts a run, replaces it when it dies or hangs, and has another
//! take over when the bit rate changes. What comes out of the runs passes the splice and goes to the
//! publishers, whose connections know nothing of any of this.

use super::feed::Feed;
use super::mixer::Line;
use super::run::{Progress, Run, RunSpec};
use super::splice::{Splice, Stamp};
use super::stats::Times;
use super::{
    AudioCodec, BitrateError, EncoderId, EncoderSpec, EncoderStats, ProgramSpec, StartError, args,
};
use crate::nut::WriterSpec;
use crate::process::{Cause, Launcher};
use crate::publish::{Coded, Form, Publisher, Track};
use crate::relay::Tap;
use crate::trial::{self, Chosen};
use model::{FrameRate, Profile};
use runtime::{Clock, SystemClock};
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Pauses between two starts, doubling from the first to the second; the first start after a healthy
/// run does not wait.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));
/// A run of at least this length was healthy.
const HEALTHY: Duration = Duration::from_secs(2);
/// Between two looks at the runs.
const LOOK: Duration = Duration::from_millis(20);
/// So many ends within so long are the encoder's own fault: another one is taken.
const CRASHES: (usize, Duration) = (3, Duration::from_secs(60));
/// A run that has been taken over from lives on so long, for its last sound.
const FAREWELL: Duration = Duration::from_millis(250);
/// A run that has not taken over after so long never will.
const TAKEOVER: Duration = Duration::from_secs(15);
/// A run that has given so many pictures is not about to begin.
const SETTLED: u64 = 15;
/// After a run could not take over, another tries after so long.
const AGAIN: Duration = Duration::from_secs(5);
/// Bit rates that an encoder is asked for, kilobits a second.
const KBPS: std::ops::RangeInclusive<u32> = 50..=200_000;

/// The seam, and what has just come out of it.
type Seam = (Splice<Arc<Coded>>, Vec<Arc<Coded>>);

/// Where the runs' packets go.
#[derive(Debug)]
pub(super) struct Sink {
    rate: FrameRate,
    splice: Mutex<Seam>,
    form: Mutex<Option<Arc<Form>>>,
    publishers: Vec<Publisher>,
    taps: Vec<Tap>,
    encode: Times,
    window: Mutex<Window>,
    fps_milli: AtomicU32,
    bits: AtomicU64,
}

/// What was published since a time.
#[derive(Debug, Default)]
struct Window {
    since_ns: u64,
    frames: u64,
    bytes: u64,
}

impl Sink {
    /// Takes a packet of a run; `spent_ns` is how long the encoder had it.
    pub(super) fn take(&self, run: u32, stamp: Stamp, coded: Coded, spent_ns: Option<u64>) {
        if let Some(spent) = spent_ns {
            self.encode
                .add(u32::try_from(spent / 1000).unwrap_or(u32::MAX));
        }
        let mut guard = lock(&self.splice);
        let (splice, out) = &mut *guard;
        splice.offer(run, stamp, Arc::new(coded), out);
        self.pass(out);
    }

    /// Remembers what readers are told.
    pub(super) fn formed(&self, form: &Arc<Form>) {
        *lock(&self.form) = Some(form.clone());
    }

    fn pass(&self, out: &mut Vec<Arc<Coded>>) {
        for coded in out.drain(..) {
            for publisher in &self.publishers {
                publisher.push(&coded);
            }
            for tap in &self.taps {
                tap.push(&coded, self.rate);
            }
            self.count(&coded);
        }
    }

    fn count(&self, coded: &Coded) {
        let picture = coded.track == Track::Picture;
        if !picture && coded.track != Track::Sound(AudioCodec::Aac) {
            return;
        }
        let mut window = lock(&self.window);
        window.frames += u64::from(picture);
        window.bytes += coded.data.len() as u64;
        let span = coded.made_ns.saturating_sub(window.since_ns);
        if window.since_ns == 0 || span >= 1_000_000_000 {
            if window.since_ns != 0 {
                let a_second = |count: u64, times: u64| {
                    let scaled = u128::from(count) * u128::from(times) * 1_000_000_000;
                    u64::try_from(scaled / u128::from(span)).unwrap_or(u64::MAX)
                };
                let fps = u32::try_from(a_second(window.frames, 1000)).unwrap_or(u32::MAX);
                self.fps_milli.store(fps, Ordering::Relaxed);
                self.bits
                    .store(a_second(window.bytes, 8), Ordering::Relaxed);
            }
            *window = Window {
                since_ns: coded.made_ns,
                ..Window::default()
            };
        }
    }

    /// Whether every path waits for a key frame, and no relay reads: nobody sees what is done to the
    /// encoder meanwhile.
    fn all_wait(&self) -> bool {
        self.publishers.iter().all(Publisher::is_waiting) && !self.taps.iter().any(Tap::is_read)
    }

    fn follow(&self, run: u32) {
        lock(&self.splice).0.follow(run);
    }

    /// Takes a run out of the splice; after the last of its packets, or that would put it back.
    pub(super) fn forget(&self, run: u32) {
        let mut guard = lock(&self.splice);
        let (splice, out) = &mut *guard;
        splice.forget(run, out);
        self.pass(out);
    }

    fn on_air(&self) -> Option<u32> {
        lock(&self.splice).0.on_air()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How watching a run ended.
enum Ending {
    /// By itself; the one that was about to take over goes on, if there is any.
    Itself(Option<Box<Run>>),
    /// A new run has been asked for.
    Asked,
}

/// What the keeper and the handle share.
#[derive(Debug)]
struct Control {
    closed: AtomicBool,
    kbps: AtomicU32,
    board: Mutex<Board>,
}

/// What the statistics are made of.
#[derive(Debug, Default)]
struct Board {
    pid: u32,
    encoder: Option<Chosen>,
    kbps: u32,
    restarts: u32,
    takeovers: u32,
    drops: u64,
    now: Option<(Arc<Progress>, Arc<Feed>)>,
    ending: (Option<Cause>, Vec<String>),
}

/// One running encode.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) id: EncoderId,
    control: Arc<Control>,
    sink: Arc<Sink>,
    stall: Duration,
    keeper: Option<JoinHandle<()>>,
}

impl Encoder {
    pub(super) fn start(
        launcher: &Launcher,
        program: &ProgramSpec,
        spec: EncoderSpec,
        id: EncoderId,
        line: Arc<Line>,
    ) -> Result<Self, StartError> {
        let gop = Profile {
            rate: program.rate,
            ..spec.profile
        }
        .gop_frames();
        let outputs = spec.outputs.iter();
        let publishers = outputs
            .map(|output| Publisher::start(output, program.rate))
            .collect::<Result<_, _>>()
            .map_err(StartError::Thread)?;
        let sink = Arc::new(Sink {
            rate: program.rate,
            splice: Mutex::new((Splice::new(program.rate, gop.into()), Vec::new())),
            form: Mutex::default(),
            publishers,
            taps: spec
                .outputs
                .iter()
                .map(|output| output.tap.clone())
                .collect(),
            encode: Times::default(),
            window: Mutex::default(),
            fps_milli: AtomicU32::new(0),
            bits: AtomicU64::new(0),
        });
        let control = Arc::new(Control {
            closed: AtomicBool::new(false),
            kbps: AtomicU32::new(spec.profile.video_kbps),
            board: Mutex::default(),
        });
        let stall = spec.stall;
        let mut keeper = Keeper {
            launcher: launcher.clone(),
            ffmpeg: program.ffmpeg.clone(),
            format: WriterSpec {
                size: program.size,
                rate: program.rate,
            },
            encoder: spec.encoder,
            spec,
            id,
            sink: sink.clone(),
            line,
            control: control.clone(),
            crashes: VecDeque::new(),
        };
        // The first start is made here, so that a missing FFmpeg is an error and not a retry.
        let first = keeper.launch()?;
        let thread = std::thread::Builder::new().name("encoder".to_owned());
        let keeper = thread
            .spawn(move || keeper.keep(first))
            .map_err(StartError::Thread)?;
        Ok(Self {
            id,
            control,
            sink,
            stall,
            keeper: Some(keeper),
        })
    }

    /// See [`super::Program::set_bitrate`].
    pub(super) fn set_bitrate(&self, kbps: u32) -> Result<(), BitrateError> {
        if !KBPS.contains(&kbps) {
            return Err(BitrateError::OutOfRange(kbps));
        }
        self.control.kbps.store(kbps, Ordering::Release);
        Ok(())
    }

    pub(super) fn stats(&self) -> EncoderStats {
        let board = lock(&self.control.board);
        let (last_cause, last_lines) = board.ending.clone();
        let frames = board
            .now
            .as_ref()
            .map_or(0, |(progress, _)| progress.frames.load(Ordering::Relaxed));
        let still = board.now.as_ref().map(|(progress, _)| progress.still());
        let running = still.is_some_and(|still| frames > 0 && still < self.stall);
        let queue_drops = board.drops + board.now.as_ref().map_or(0, |(_, feed)| feed.drops());
        #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
        let fps = self.sink.fps_milli.load(Ordering::Relaxed) as f32 / 1000.0;
        let fps = if running { fps } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, reason = "a figure for people")]
        let rate = self.sink.rate.as_f64() as f32;
        let publishers = &self.sink.publishers;
        EncoderStats {
            id: self.id.0,
            pid: board.pid,
            running,
            encoder: board.encoder,
            kbps: board.kbps,
            restarts: board.restarts,
            takeovers: board.takeovers,
            queue_drops,
            frames,
            fps,
            speed: fps / rate,
            bits_per_second: if running {
                self.sink.bits.load(Ordering::Relaxed)
            } else {
                0
            },
            encode_p50_us: self.sink.encode.quantile(0.5),
            publish_p50_us: publishers.first().map_or(0, Publisher::sending_p50_us),
            outputs: publishers.iter().map(Publisher::stats).collect(),
            last_cause,
            last_lines,
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.control.closed.store(true, Ordering::Release);
        if let Some(keeper) = self.keeper.take() {
            keeper.thread().unpark();
            let _panicked = keeper.join();
        }
    }
}

struct Keeper {
    launcher: Launcher,
    ffmpeg: PathBuf,
    format: WriterSpec,
    spec: EncoderSpec,
    /// What encodes now; another than the specified one after too many ends.
    encoder: Chosen,
    id: EncoderId,
    sink: Arc<Sink>,
    line: Arc<Line>,
    control: Arc<Control>,
    /// When the last runs ended by themselves.
    crashes: VecDeque<Duration>,
}

/// A run that is to take over.
struct Standby {
    run: Run,
    since: Duration,
}

impl Keeper {
    fn closed(&self) -> bool {
        self.control.closed.load(Ordering::Acquire)
    }

    fn launch(&self) -> Result<Run, StartError> {
        let kbps = self.control.kbps.load(Ordering::Acquire);
        let mut codecs: Vec<AudioCodec> = Vec::new();
        for output in &self.spec.outputs {
            if !codecs.contains(&output.audio) {
                codecs.push(output.audio);
            }
        }
        let profile = at_rate(&self.spec.profile, kbps);
        let number = self.line.next_run();
        let spec = RunSpec {
            launcher: &self.launcher,
            ffmpeg: &self.ffmpeg,
            args: args::encoder(&profile, self.encoder, &codecs, self.format),
            format: self.format,
            number,
            encoder: self.encoder,
            kbps,
            codecs,
            form: lock(&self.sink.form).clone(),
        };
        if self.sink.on_air().is_some() {
            self.sink.follow(number);
        }
        Run::start(spec, &self.line, &self.sink)
    }

    /// Tells the statistics which run is the encoder now.
    fn show(&self, run: &Run) {
        let mut board = lock(&self.control.board);
        board.pid = run.process.pid();
        board.encoder = Some(run.encoder);
        board.kbps = run.kbps;
        let now = (run.progress.clone(), run.feed.clone());
        if let Some((_, feed)) = board.now.replace(now) {
            board.drops += feed.drops();
        }
    }

    fn keep(&mut self, first: Run) {
        let mut next = Some(first);
        let mut pause = Duration::ZERO;
        while !self.closed() {
            let run = match next.take() {
                Some(run) => Ok(run),
                None => self.launch(),
            };
            let began = SystemClock.monotonic();
            let mut asked = false;
            match run.map(|run| self.attend(run)) {
                Ok(Ending::Itself(run)) => next = run.map(|run| *run),
                Ok(Ending::Asked) => asked = true,
                Err(error) => tracing::error!(%error, "The encoder cannot be started."),
            }
            if self.closed() {
                break;
            }
            if asked {
                continue;
            }
            let now = SystemClock.monotonic();
            if now.saturating_sub(began) >= HEALTHY {
                pause = Duration::ZERO;
            }
            self.crashed(now);
            lock(&self.control.board).restarts += 1;
            if next.is_none() {
                lock(&self.control.board).pid = 0;
                self.rest(pause);
                pause = (pause * 2).clamp(PAUSE.0, PAUSE.1);
            }
        }
    }

    /// Counts an end; after too many another encoder is taken, where there is one.
    fn crashed(&mut self, now: Duration) {
        let (most, within) = CRASHES;
        self.crashes.push_back(now);
        self.crashes.retain(|at| now.saturating_sub(*at) < within);
        if self.crashes.len() < most {
            return;
        }
        if let Some(other) = trial::fallback(self.encoder, &self.spec.profile) {
            tracing::error!(
                encoder = self.encoder.name.as_str(),
                instead = other.name.as_str(),
                "The encoder has ended three times within a minute; another one is used."
            );
            self.encoder = other;
            self.crashes.clear();
        }
    }

    fn rest(&self, pause: Duration) {
        let until = SystemClock.monotonic() + pause;
        while !self.closed() {
            self.line.bury();
            let left = until.saturating_sub(SystemClock.monotonic());
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left.min(LOOK));
        }
    }

    /// Watches runs until one ends.
    fn attend(&self, mut run: Run) -> Ending {
        self.show(&run);
        let mut standby: Option<Standby> = None;
        let mut leaving: Option<(Run, Duration)> = None;
        let mut not_before = Duration::ZERO;
        loop {
            let ended = run.process.wait_timeout(LOOK).is_some();
            self.line.bury();
            if self.closed() {
                return Ending::Asked;
            }
            let now = SystemClock.monotonic();
            drop(leaving.take_if(|(_, until)| now >= *until));
            let took_over = |standby: &mut Standby| self.sink.on_air() == Some(standby.run.number);
            if let Some(new) = standby.take_if(took_over) {
                let old = std::mem::replace(&mut run, new.run);
                tracing::info!(kbps = run.kbps, "The bit rate is changed.");
                lock(&self.control.board).takeovers += 1;
                self.show(&run);
                leaving = Some((old, now + FAREWELL));
                continue;
            }
            let stalled = run.is_stalled(now, self.spec.stall);
            if ended || stalled {
                self.ended(&run, stalled);
                return Ending::Itself(standby.map(|standby| Box::new(standby.run)));
            }
            // The media server is back, and the next key frame may be two seconds away.
            if run.frames() > SETTLED && self.sink.all_wait() {
                tracing::info!("The encoder begins anew, so that readers need not wait.");
                return Ending::Asked;
            }
            if let Some(new) = &mut standby {
                let over = new.run.process.exit().is_some()
                    || new.run.is_stalled(now, self.spec.stall)
                    || now.saturating_sub(new.since) > TAKEOVER;
                if over {
                    let (cause, lines) = new.run.end(false);
                    let last = lines.last().map_or("", String::as_str);
                    let cause = cause.describe();
                    tracing::warn!(cause, last, "The bit rate is not changed yet.");
                    standby = None;
                    not_before = now + AGAIN;
                }
            }
            let wanted = self.control.kbps.load(Ordering::Acquire);
            if standby.as_ref().is_some_and(|new| new.run.kbps != wanted) {
                standby = None;
                continue;
            }
            let settled = self.sink.on_air() == Some(run.number) && leaving.is_none();
            if run.kbps != wanted && standby.is_none() && settled && now >= not_before {
                match self.launch() {
                    Ok(run) => standby = Some(Standby { run, since: now }),
                    Err(error) => {
                        tracing::warn!(%error, "The bit rate is not changed yet.");
                        not_before = now + AGAIN;
                    }
                }
            }
        }
    }

    fn ended(&self, run: &Run, stalled: bool) {
        let (cause, lines) = run.end(stalled);
        tracing::warn!(
            encoder = self.id.0,
            pid = run.process.pid(),
            cause = cause.describe(),
            last = lines.last().map_or("", String::as_str),
            "Encoder ended; it is started again."
        );
        lock(&self.control.board).ending = (Some(cause), lines);
    }
}

/// A profile at another bit rate. The rate control's buffer holds as long as before.
fn at_rate(profile: &Profile, kbps: u32) -> Profile {
    let buffer = u64::from(profile.buffer_kbit) * u64::from(kbps);
    let buffer = buffer / u64::from(profile.video_kbps.max(1));
    Profile {
        video_kbps: kbps,
        buffer_kbit: u32::try_from(buffer).unwrap_or(u32::MAX).max(1),
        ..*profile
    }
}
