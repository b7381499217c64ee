//! One run of an encoder: a child that is fed raw frames and gives coded packets.
//!
//! Owns the child and two threads: the writer carries packets from its feed into the child's input,
//! the reader takes coded ones from its output and gives them program times. Never starts anything
//! again, and does not know what is published. Neighbour: `encoder`, which decides.

use super::encoder::Sink;
use super::feed::{BLOCK, Feed, Packet};
use super::mixer::{Command, Line};
use super::splice::Stamp;
use super::stall::Stall;
use super::{AudioCodec, StartError};
use crate::nut::{FrameHead, Media, NutError, Reader, StreamHeader, Writer, WriterSpec};
use crate::process::{Cause, Launch, Launcher, Process, Stdin, Stdout};
use crate::publish::{Coded, Form, Track, h264};
use crate::trial::Chosen;
use model::{FrameRate, SAMPLE_RATE};
use runtime::{Clock, SystemClock};
use std::io::BufReader;
use std::path::Path;
use std::process::{ChildStdin, ChildStdout};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// On top of the stall limit, for the encoder's start.
const START_UP: Duration = Duration::from_secs(3);
/// So much of the time between two looks counts at most: three of them.
const SHARE: Duration = Duration::from_millis(60);
/// Largest coded packet, in bytes.
const LARGEST: usize = 8 << 20;
/// Frames whose time of handing over is remembered.
const HANDED: usize = 64;
/// Samples of an Opus packet.
const OPUS: u64 = 960;

/// What a run is started with.
pub(super) struct RunSpec<'a> {
    pub(super) launcher: &'a Launcher,
    pub(super) ffmpeg: &'a Path,
    pub(super) args: Vec<String>,
    pub(super) format: WriterSpec,
    pub(super) number: u32,
    pub(super) encoder: Chosen,
    pub(super) kbps: u32,
    /// Sound codecs in the order of the child's streams.
    pub(super) codecs: Vec<AudioCodec>,
    /// What readers were told of the run before it, when this one is to fit it.
    pub(super) form: Option<Arc<Form>>,
}

/// What a run's threads count.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) frames: AtomicU64,
    /// When `frames` last grew.
    grown_ns: AtomicU64,
    /// Program frame at which it begins.
    origin: AtomicU64,
    /// When each of the last frames was handed over by the mixer.
    handed: [AtomicU64; HANDED],
}

impl Progress {
    fn handed(&self, n: u64) -> Option<&AtomicU64> {
        let place = usize::try_from(n % HANDED as u64).unwrap_or(0);
        self.handed.get(place)
    }

    /// Time since the last coded picture.
    pub(super) fn still(&self) -> Duration {
        let grown = self.grown_ns.load(Ordering::Relaxed);
        Duration::from_nanos(SystemClock.monotonic_ns().saturating_sub(grown))
    }
}

/// A run. Dropping it ends it and takes it out of the splice, within some milliseconds.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) number: u32,
    pub(super) encoder: Chosen,
    pub(super) kbps: u32,
    pub(super) process: Process,
    pub(super) feed: Arc<Feed>,
    pub(super) progress: Arc<Progress>,
    line: Arc<Line>,
    sink: Arc<Sink>,
    threads: Vec<JoinHandle<()>>,
    stall: Stall,
}

impl Run {
    /// Starts the child and has it fed by the mixer.
    pub(super) fn start(
        spec: RunSpec<'_>,
        line: &Arc<Line>,
        sink: &Arc<Sink>,
    ) -> Result<Self, StartError> {
        let launch = Launch::new(spec.ffmpeg)
            .args(&spec.args)
            .stdin(Stdin::Pipe)
            .stdout(Stdout::Pipe);
        let mut process = spec.launcher.launch(launch)?;
        let feed = Arc::new(Feed::new(spec.number));
        let progress = Arc::new(Progress {
            frames: AtomicU64::new(0),
            grown_ns: AtomicU64::new(SystemClock.monotonic_ns()),
            origin: AtomicU64::new(u64::MAX),
            handed: [const { AtomicU64::new(0) }; HANDED],
        });
        let (stdin, stdout) = (process.take_stdin(), process.take_stdout());
        let mut run = Self {
            number: spec.number,
            encoder: spec.encoder,
            kbps: spec.kbps,
            process,
            feed: feed.clone(),
            progress: progress.clone(),
            line: line.clone(),
            sink: sink.clone(),
            threads: Vec::new(),
            stall: Stall::default(),
        };
        let thread = |name: &str| std::thread::Builder::new().name(name.to_owned());
        if let Some(out) = stdout {
            let mut reading = Reading {
                number: spec.number,
                rate: spec.format.rate,
                codecs: spec.codecs,
                form: spec.form,
                progress: progress.clone(),
                sink: sink.clone(),
            };
            let reader = thread("encoder-reader").spawn(move || {
                // An error means that the child has ended; its keeper sees that.
                let _ended = reading.read(out);
            });
            run.threads.push(reader.map_err(StartError::Thread)?);
        }
        if let Some(pipe) = stdin {
            let (its, format) = (feed.clone(), spec.format);
            let writer = thread("encoder-writer").spawn(move || {
                let _ended = write(&its, pipe, format, &progress);
                // Nobody reads any more: what comes is of no use.
                while !its.closed() {
                    while its.pop().is_some() {}
                    std::thread::park_timeout(Duration::from_millis(50));
                }
                while its.pop().is_some() {}
            });
            let writer = writer.map_err(StartError::Thread)?;
            feed.wakes(writer.thread().clone());
            run.threads.push(writer);
        }
        line.send(Command::AddFeed(feed))
            .map_err(|_| StartError::Busy)?;
        Ok(run)
    }

    /// Whether it has given no picture for longer than `limit`, or than it may take to begin. To be
    /// asked again and again.
    pub(super) fn is_stalled(&mut self, now: Duration, limit: Duration) -> bool {
        let frames = self.frames();
        let limit = if frames > 0 { limit } else { limit + START_UP };
        self.stall.look(frames, now, SHARE) > limit
    }

    /// Pictures that it has given.
    pub(super) fn frames(&self) -> u64 {
        self.progress.frames.load(Ordering::Relaxed)
    }

    /// Kills it and tells why it ended, with its last lines.
    pub(super) fn end(&self, stalled: bool) -> (Cause, Vec<String>) {
        let before = self.process.exit();
        self.process.kill();
        let exit = before.or_else(|| self.process.wait_timeout(Duration::from_secs(2)));
        let said = exit.map_or(Cause::Unknown, |exit| exit.cause);
        let cause = if stalled { Cause::Stalled } else { said };
        (cause, self.process.lines())
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.feed.close();
        self.process.kill();
        // If the mixer hangs, its queue keeps a feed that nobody reads, which does no harm.
        let _busy = self.line.send(Command::DropFeed(self.number));
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            let _panicked = thread.join();
        }
        // Not before its reader is gone: a packet that is still on its way would put it on air again.
        self.sink.forget(self.number);
    }
}

/// Writes what is fed until the feed is closed or the child is gone.
fn write(
    feed: &Feed,
    pipe: ChildStdin,
    format: WriterSpec,
    progress: &Progress,
) -> std::io::Result<()> {
    let mut scratch = Vec::with_capacity(4 * BLOCK);
    let mut writer = Writer::open(pipe, format)?;
    let mut origin: Option<(u64, u64)> = None;
    while !feed.closed() {
        let Some(packet) = feed.pop() else {
            std::thread::park_timeout(Duration::from_millis(100));
            continue;
        };
        match packet {
            Packet::Picture {
                n,
                frame,
                handed_ns,
            } => {
                let (first, _) = *origin.get_or_insert_with(|| {
                    progress.origin.store(n, Ordering::Release);
                    (n, format.rate.samples_before(n))
                });
                if let Some(handed) = progress.handed(n) {
                    handed.store(handed_ns, Ordering::Relaxed);
                }
                writer.picture(n - first, &frame.data)?;
            }
            Packet::Sound { at, samples } => {
                // Whole blocks only, so that one run's packets of AAC continue another's; and so much
                // later than the picture that what the encoder puts before the first does not
                // come before the beginning.
                let begin = origin.map(|(_, sample)| sample);
                if let Some(begin) = begin
                    && at >= begin + BLOCK as u64
                {
                    writer.sound(at - begin, &samples, &mut scratch)?;
                }
            }
        }
    }
    Ok(())
}

/// The reader's half.
struct Reading {
    number: u32,
    rate: FrameRate,
    codecs: Vec<AudioCodec>,
    form: Option<Arc<Form>>,
    progress: Arc<Progress>,
    sink: Arc<Sink>,
}

impl Reading {
    fn read(&mut self, out: ChildStdout) -> Result<(), NutError> {
        let mut reader = Reader::open(BufReader::with_capacity(256 * 1024, out))?;
        let streams = reader.streams().to_vec();
        let mut form = None;
        while let Some(head) = reader.next_frame()? {
            if head.bytes > LARGEST {
                return Err(NutError::Large(head.bytes as u64));
            }
            let mut data = vec![0; head.bytes];
            reader.payload(&head, &mut data)?;
            let Some(stream) = streams.get(head.stream) else {
                continue;
            };
            let made_ns = SystemClock.monotonic_ns();
            let origin = self.progress.origin.load(Ordering::Acquire);
            match stream.media {
                Media::Video { .. } => {
                    let (units, key) = h264::picture(&data);
                    if form.is_none() {
                        form = self.form(&streams, &data);
                    }
                    let Some(form) = form.clone() else { continue };
                    let n = origin.saturating_add(frame_of(&head, self.rate));
                    let progress = &self.progress;
                    progress.frames.fetch_add(1, Ordering::Relaxed);
                    progress.grown_ns.store(made_ns, Ordering::Relaxed);
                    let handed = progress.handed(n).map(|at| at.load(Ordering::Relaxed));
                    let coded = Coded {
                        track: Track::Picture,
                        at: n,
                        key,
                        made_ns,
                        data,
                        units,
                        form,
                    };
                    let spent = handed.map(|at| made_ns.saturating_sub(at));
                    let stamp = Stamp::Picture { n, key };
                    self.sink.take(self.number, stamp, coded, spent);
                }
                Media::Audio { .. } => {
                    let place = head.stream.saturating_sub(1);
                    let (Some(codec), Some(form)) = (self.codecs.get(place), form.clone()) else {
                        continue;
                    };
                    let begin = self.rate.samples_before(origin);
                    let from = begin.saturating_add(sample_of(&head, stream));
                    let length = match codec {
                        AudioCodec::Aac => BLOCK as u64,
                        AudioCodec::Opus => OPUS,
                    };
                    let coded = Coded {
                        track: Track::Sound(*codec),
                        at: from,
                        key: false,
                        made_ns,
                        data,
                        units: Vec::new(),
                        form,
                    };
                    let to = from.saturating_add(length);
                    let stamp = Stamp::Sound {
                        codec: place,
                        from,
                        to,
                    };
                    self.sink.take(self.number, stamp, coded, None);
                }
                Media::Other => {}
            }
        }
        Ok(())
    }

    /// What readers are told: what they were told before, where this run fits it.
    fn form(&self, streams: &[StreamHeader], first: &[u8]) -> Option<Arc<Form>> {
        let said = streams
            .iter()
            .find(|s| matches!(s.media, Media::Video { .. }))?;
        let found = h264::parameters(&said.codec_data).or_else(|| h264::parameters(first));
        let (sps, pps) = found?;
        let place = self.codecs.iter().position(|c| *c == AudioCodec::Aac);
        let aac = place.and_then(|place| streams.get(place + 1));
        let aac = aac
            .map(|stream| stream.codec_data.clone())
            .unwrap_or_default();
        let own = Form { sps, pps, aac };
        let form = match &self.form {
            Some(before) if before.fits(&own) => before.clone(),
            _ => Arc::new(own),
        };
        self.sink.formed(&form);
        Some(form)
    }
}

/// Which frame of the run a packet is.
fn frame_of(head: &FrameHead, rate: FrameRate) -> u64 {
    let half = rate.interval() / 2;
    let time = Duration::from_nanos(u64::try_from(head.pts_ns).unwrap_or(0));
    rate.frame_at(time + half)
}

/// At which sample of the run a packet begins.
fn sample_of(head: &FrameHead, stream: &StreamHeader) -> u64 {
    let (num, den) = stream.time_base;
    let ticks = u128::try_from(head.pts).unwrap_or(0);
    let samples = ticks * u128::from(SAMPLE_RATE) * u128::from(num) / u128::from(den.max(1));
    u64::try_from(samples).unwrap_or(u64::MAX)
}
