//! One encode: a child that is fed, watched and replaced.
//!
//! Three threads beside the child: the keeper starts it and replaces it when it dies or hangs, the
//! writer carries packets from a bounded queue into its pipe, and a listener reads its progress. The
//! mixer only ever touches the queue.

use super::mixer::Line;
use super::{EncoderId, EncoderSpec, EncoderStats, ProgramSpec, StartError, args};
use crate::input::FrameBuf;
use crate::nut::{Writer, WriterSpec};
use crate::process::{Cause, Launch, Launcher, Process, Stdin, Stdout};
use crossbeam_queue::ArrayQueue;
use model::FrameRate;
use runtime::{Clock, SystemClock};
use std::io::{BufRead, BufReader};
use std::process::{ChildStdin, ChildStdout};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// Pictures that may wait for the encoder: a third of a second at 30 frames/s.
pub(super) const QUEUE: usize = 10;
/// Packets that may wait: the pictures and the sound between them.
const PACKETS: usize = 64;
/// Stereo pairs in one packet of sound: what AAC codes at a time.
pub(super) const BLOCK: usize = 1024;
/// On top of the stall limit, for the encoder's start.
const START_UP: Duration = Duration::from_secs(3);
/// Pauses between two starts, doubling from the first to the second; the first start after a healthy
/// run does not wait.
const PAUSE: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(2));
/// A run of at least this length was healthy.
const HEALTHY: Duration = Duration::from_secs(5);
/// Time for an encoder to end by itself once its input has ended.
const FAREWELL: Duration = Duration::from_millis(700);

/// What the mixer gives to an encoder.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the queue's memory is taken once, and the mixer must not allocate"
)]
pub(super) enum Packet {
    /// Program frame `n`.
    Picture { n: u64, frame: Arc<FrameBuf> },
    /// Sound that begins at program sample `at`, interleaved stereo.
    Sound { at: u64, samples: [i16; 2 * BLOCK] },
}

/// The queue between the mixer and one encoder's writer.
#[derive(Debug)]
pub(super) struct Feed {
    pub(super) id: EncoderId,
    packets: ArrayQueue<Packet>,
    pictures: AtomicUsize,
    drops: AtomicU64,
    writer: OnceLock<Thread>,
    closed: AtomicBool,
}

impl Feed {
    fn new(id: EncoderId) -> Self {
        Self {
            id,
            packets: ArrayQueue::new(PACKETS),
            pictures: AtomicUsize::new(0),
            drops: AtomicU64::new(0),
            writer: OnceLock::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Queues a picture, or drops it when the queue is full. Never waits.
    pub(super) fn picture(&self, n: u64, frame: &Arc<FrameBuf>) {
        if self.pictures.load(Ordering::Acquire) >= QUEUE {
            self.drops.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.pictures.fetch_add(1, Ordering::AcqRel);
        let frame = frame.clone();
        if self.packets.push(Packet::Picture { n, frame }).is_err() {
            self.pictures.fetch_sub(1, Ordering::AcqRel);
            self.drops.fetch_add(1, Ordering::Relaxed);
        }
        self.wake();
    }

    /// Whether its encoder is behind by as many pictures as may wait.
    pub(super) fn is_full(&self) -> bool {
        self.pictures.load(Ordering::Acquire) >= QUEUE
    }

    /// Queues a block of sound, or drops it when the queue is full. Never waits.
    pub(super) fn sound(&self, at: u64, samples: &[i16; 2 * BLOCK]) {
        let samples = *samples;
        let _full = self.packets.push(Packet::Sound { at, samples });
        self.wake();
    }

    fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    fn pop(&self) -> Option<Packet> {
        let packet = self.packets.pop();
        if let Some(Packet::Picture { .. }) = packet {
            self.pictures.fetch_sub(1, Ordering::AcqRel);
        }
        packet
    }

    fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// What the threads of one encode share.
#[derive(Debug)]
struct Shared {
    feed: Arc<Feed>,
    /// The next child's input, for the writer to take.
    pipe: Mutex<Option<ChildStdin>>,
    pid: AtomicU32,
    restarts: AtomicU32,
    frames: AtomicU64,
    fps_milli: AtomicU32,
    speed_milli: AtomicU32,
    bits: AtomicU64,
    /// When `frames` last grew.
    progress_ns: AtomicU64,
    ending: Mutex<(Option<Cause>, Vec<String>)>,
}

/// One running encode.
#[derive(Debug)]
pub(super) struct Encoder {
    pub(super) id: EncoderId,
    shared: Arc<Shared>,
    spec: EncoderSpec,
    threads: Vec<JoinHandle<()>>,
}

impl Encoder {
    pub(super) fn start(
        launcher: &Launcher,
        program: &ProgramSpec,
        spec: EncoderSpec,
        id: EncoderId,
        line: Arc<Line>,
    ) -> Result<Self, StartError> {
        let feed = Arc::new(Feed::new(id));
        let shared = Arc::new(Shared {
            feed,
            pipe: Mutex::new(None),
            pid: AtomicU32::new(0),
            restarts: AtomicU32::new(0),
            frames: AtomicU64::new(0),
            fps_milli: AtomicU32::new(0),
            speed_milli: AtomicU32::new(0),
            bits: AtomicU64::new(0),
            progress_ns: AtomicU64::new(0),
            ending: Mutex::default(),
        });
        let keeper = Keeper {
            launcher: launcher.clone(),
            launch: (
                program.ffmpeg.clone(),
                args::encoder(&spec, program.size, program.rate),
            ),
            stall: spec.stall,
            shared: shared.clone(),
            line,
        };
        // The first start is made here, so that a missing FFmpeg is an error and not a retry.
        let first = keeper.launch()?;
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        let writing = shared.clone();
        let format = WriterSpec {
            size: program.size,
            rate: program.rate,
        };
        let writer = thread("encoder-writer")
            .spawn(move || write(&writing, format))
            .map_err(StartError::Thread)?;
        let _once = shared.feed.writer.set(writer.thread().clone());
        shared.feed.wake();
        let keeper = thread("encoder")
            .spawn(move || keeper.keep(first))
            .map_err(StartError::Thread)?;
        Ok(Self {
            id,
            shared,
            spec,
            threads: vec![writer, keeper],
        })
    }

    pub(super) fn feed(&self) -> Arc<Feed> {
        self.shared.feed.clone()
    }

    pub(super) fn stats(&self) -> EncoderStats {
        let shared = &self.shared;
        let ending = shared.ending.lock().unwrap_or_else(PoisonError::into_inner);
        let (last_cause, last_lines) = ending.clone();
        drop(ending);
        let pid = shared.pid.load(Ordering::Relaxed);
        let progress = shared.progress_ns.load(Ordering::Relaxed);
        let still = SystemClock.monotonic_ns().saturating_sub(progress);
        let milli = |v: &AtomicU32| {
            #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
            let value = v.load(Ordering::Relaxed) as f32;
            value / 1000.0
        };
        EncoderStats {
            id: self.id.0,
            pid,
            running: pid != 0
                && shared.frames.load(Ordering::Relaxed) > 0
                && Duration::from_nanos(still) < self.spec.stall,
            restarts: shared.restarts.load(Ordering::Relaxed),
            queue_drops: shared.feed.drops.load(Ordering::Relaxed),
            frames: shared.frames.load(Ordering::Relaxed),
            fps: milli(&shared.fps_milli),
            speed: milli(&shared.speed_milli),
            bits_per_second: shared.bits.load(Ordering::Relaxed),
            last_cause,
            last_lines,
        }
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.shared.feed.closed.store(true, Ordering::Release);
        self.shared.feed.wake();
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            let _panicked = thread.join();
        }
    }
}

struct Keeper {
    launcher: Launcher,
    launch: (std::path::PathBuf, Vec<String>),
    stall: Duration,
    shared: Arc<Shared>,
    line: Arc<Line>,
}

impl Keeper {
    fn launch(&self) -> Result<Process, crate::process::LaunchError> {
        let (ffmpeg, args) = &self.launch;
        self.launcher.launch(
            Launch::new(ffmpeg)
                .args(args)
                .stdin(Stdin::Pipe)
                .stdout(Stdout::Pipe),
        )
    }

    fn keep(&self, first: Process) {
        let mut next = Some(first);
        let mut pause = Duration::ZERO;
        while !self.shared.feed.closed() {
            let process = match next.take() {
                Some(process) => Some(process),
                None => self.launch().ok(),
            };
            let began = SystemClock.monotonic();
            if let Some(process) = process {
                self.run(process);
            }
            self.shared.pid.store(0, Ordering::Relaxed);
            if SystemClock.monotonic().saturating_sub(began) >= HEALTHY {
                pause = Duration::ZERO;
            }
            self.rest(pause);
            pause = (pause * 2).clamp(PAUSE.0, PAUSE.1);
            self.shared.restarts.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn rest(&self, pause: Duration) {
        let until = SystemClock.monotonic() + pause;
        while !self.shared.feed.closed() {
            self.line.bury();
            let left = until.saturating_sub(SystemClock.monotonic());
            if left.is_zero() {
                return;
            }
            std::thread::park_timeout(left.min(Duration::from_millis(50)));
        }
    }

    /// Watches one child to its end.
    fn run(&self, mut process: Process) {
        let shared = &self.shared;
        shared.pid.store(process.pid(), Ordering::Relaxed);
        shared.frames.store(0, Ordering::Relaxed);
        let began = SystemClock.monotonic_ns();
        shared.progress_ns.store(began, Ordering::Relaxed);
        let listener = process.take_stdout().and_then(|out| {
            let shared = shared.clone();
            let thread = std::thread::Builder::new().name("encoder-progress".to_owned());
            thread.spawn(move || listen(&shared, out)).ok()
        });
        let pipe = process.take_stdin();
        *shared.pipe.lock().unwrap_or_else(PoisonError::into_inner) = pipe;
        shared.feed.wake();
        let mut cause = None;
        while process.wait_timeout(Duration::from_millis(50)).is_none() {
            self.line.bury();
            if shared.feed.closed() {
                // The writer lets go of the pipe; the encoder says good-bye to its readers.
                drop(
                    shared
                        .pipe
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .take(),
                );
                if process.wait_timeout(FAREWELL).is_none() {
                    process.kill();
                }
                break;
            }
            let seen = shared.progress_ns.load(Ordering::Relaxed);
            let still = Duration::from_nanos(SystemClock.monotonic_ns().saturating_sub(seen));
            let limit = if shared.frames.load(Ordering::Relaxed) == 0 {
                self.stall + START_UP
            } else {
                self.stall
            };
            if still > limit {
                cause = Some(Cause::Stalled);
                process.kill();
                break;
            }
        }
        let exit = process.wait_timeout(Duration::from_secs(2));
        if !shared.feed.closed() {
            let said = exit.map_or(Cause::Unknown, |e| e.cause);
            let cause = cause.unwrap_or(said);
            let lines = process.lines();
            tracing::warn!(
                encoder = self.shared.feed.id.0,
                pid = process.pid(),
                cause = cause.describe(),
                last = lines.last().map_or("", String::as_str),
                "Encoder ended; it is started again."
            );
            let mut ending = shared.ending.lock().unwrap_or_else(PoisonError::into_inner);
            *ending = (Some(cause), lines);
        }
        drop(process);
        if let Some(listener) = listener {
            let _panicked = listener.join();
        }
    }
}

/// Reads `key=value` lines of FFmpeg's progress until the child ends.
fn listen(shared: &Shared, out: ChildStdout) {
    let mut window: Option<(u64, u64)> = None;
    for line in BufReader::new(out).lines() {
        let Ok(line) = line else { return };
        let Some((key, value)) = line.split_once('=') else {
            continue;
        };
        let value = value.trim();
        match key {
            "frame" => {
                let frames = value.parse().unwrap_or(0);
                if frames > shared.frames.swap(frames, Ordering::Relaxed) {
                    let now = SystemClock.monotonic_ns();
                    shared.progress_ns.store(now, Ordering::Relaxed);
                }
            }
            "fps" => shared.fps_milli.store(thousands(value), Ordering::Relaxed),
            "speed" => {
                let value = value.trim_end_matches('x');
                shared
                    .speed_milli
                    .store(thousands(value), Ordering::Relaxed);
            }
            "total_size" => {
                let Ok(total) = value.parse::<u64>() else {
                    continue;
                };
                let now = SystemClock.monotonic_ns();
                let (then, before) = *window.get_or_insert((now, total));
                let span = now.saturating_sub(then);
                if span >= 1_000_000_000 {
                    let bits =
                        u128::from(total.saturating_sub(before)) * 8_000_000_000 / u128::from(span);
                    let bits = u64::try_from(bits).unwrap_or(u64::MAX);
                    shared.bits.store(bits, Ordering::Relaxed);
                    window = Some((now, total));
                }
            }
            _ => {}
        }
    }
}

fn thousands(text: &str) -> u32 {
    let value: f64 = text.parse().unwrap_or(0.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates; a figure for people"
    )]
    let value = (value * 1000.0) as u32;
    value
}

/// The writer's life: one session for each child.
fn write(shared: &Shared, format: WriterSpec) {
    let mut scratch = Vec::with_capacity(4 * BLOCK);
    while !shared.feed.closed() {
        let pipe = shared
            .pipe
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(pipe) = pipe else {
            // Nobody to write to: what comes is of no use.
            while shared.feed.pop().is_some() {}
            std::thread::park_timeout(Duration::from_millis(50));
            continue;
        };
        while shared.feed.pop().is_some() {}
        // An error means that the child has ended; its keeper gives the next pipe.
        let _ended = session(&shared.feed, pipe, format, &mut scratch);
    }
}

fn session(
    feed: &Feed,
    pipe: ChildStdin,
    format: WriterSpec,
    scratch: &mut Vec<u8>,
) -> std::io::Result<()> {
    let mut writer = Writer::open(pipe, format)?;
    let mut origin: Option<Origin> = None;
    while !feed.closed() {
        let Some(packet) = feed.pop() else {
            std::thread::park_timeout(Duration::from_millis(100));
            continue;
        };
        match packet {
            Packet::Picture { n, frame } => {
                let origin = origin.get_or_insert_with(|| Origin::at(n, format.rate));
                writer.picture(n - origin.frame, &frame.data)?;
            }
            Packet::Sound { at, samples } => {
                if let Some(origin) = &origin {
                    let skip = usize::try_from(origin.sample.saturating_sub(at)).unwrap_or(BLOCK);
                    let samples = samples.get(2 * skip..).unwrap_or_default();
                    if !samples.is_empty() {
                        let at = at.max(origin.sample) - origin.sample;
                        writer.sound(at, samples, scratch)?;
                    }
                }
            }
        }
    }
    Ok(())
}

/// Where a session begins: its first picture and the sample that belongs to it.
struct Origin {
    frame: u64,
    sample: u64,
}

impl Origin {
    fn at(n: u64, rate: FrameRate) -> Self {
        Self {
            frame: n,
            sample: rate.samples_before(n),
        }
    }
}
