//! The thread of one decoder: starts it, reads it, starts it again.

use super::{
    Arrival, Feed, Inlet, Input, InputSource, InputSpec, Kind, OpenError, PIECE, Pool, Shared,
    SoundPiece, SourceState, args,
};
use crate::nut::{FrameHead, Media, NutError, Reader};
use crate::process::{Cause, Launch, Launcher, Stdin, Stdout};
use crossbeam_queue::ArrayQueue;
use runtime::{Clock, SystemClock};
use std::io::{BufRead, BufReader, Write};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Pictures that may wait in a source's queue. Enough for a jitter buffer of 200 ms at 60 frames/s.
const QUEUE: usize = 8;
/// Most buffers of a source: its queue, what the mixer and the encoders' queues hold, and one to fill.
const BUFFERS: usize = 40;
/// After so many pictures, memory that they did not need is given back.
const REST: u64 = 512;
/// Pieces of sound that may wait: more than a second.
const PIECES: usize = 64;
/// A live source whose sound goes on is started again when there was no picture for so long.
const STALL: Duration = Duration::from_secs(5);
/// Pauses between two starts of a decoder: doubling from the first to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// A decoder that ran for so long is started again without a pause.
const HEALTHY: Duration = Duration::from_secs(5);
/// How often a broken file is started again before it is given up.
const FILE_TRIES: u32 = 3;

pub(super) fn start(launcher: &Launcher, spec: InputSpec) -> Result<(Inlet, Input), OpenError> {
    let shared = Arc::new(Shared::default());
    shared.wanted_ns.store(i64::MIN, Ordering::Relaxed);
    let frames = Arc::new(ArrayQueue::new(QUEUE));
    let (producer, consumer) = rtrb::RingBuffer::new(PIECES);
    let live = matches!(
        spec.source,
        InputSource::Live { .. } | InputSource::Direct { .. }
    );
    let feed = Feed {
        frames: frames.clone(),
        sound: consumer,
    };
    let mut decoder = Decoder {
        launcher: launcher.clone(),
        pool: Pool::new(spec.size, BUFFERS),
        live,
        spec,
        shared: shared.clone(),
        frames,
        sound: producer,
        bytes: Vec::new(),
        run: 0,
        base_ns: 0,
        last_ns: 0,
    };
    std::thread::Builder::new()
        .name("decoder".to_owned())
        .stack_size(512 * 1024)
        .spawn(move || decoder.keep())
        .map_err(OpenError::Thread)?;
    let inlet = Inlet {
        kind: if live {
            Kind::Live(feed)
        } else {
            Kind::File(feed)
        },
        shared: shared.clone(),
    };
    Ok((inlet, Input { shared }))
}

struct Decoder {
    launcher: Launcher,
    spec: InputSpec,
    live: bool,
    shared: Arc<Shared>,
    pool: Pool,
    frames: Arc<ArrayQueue<Arrival>>,
    sound: rtrb::Producer<SoundPiece>,
    bytes: Vec<u8>,
    run: u32,
    /// Files: added to the times of this run.
    base_ns: i64,
    /// Files: time of the newest picture.
    last_ns: i64,
}

/// How one run of a decoder ended.
enum RunEnd {
    /// The data came to its end.
    Finished,
    /// It broke.
    Broken,
    /// We wanted it.
    Asked,
}

impl Decoder {
    fn keep(&mut self) {
        self.shared.sleeper();
        let mut pause = PAUSE.0;
        let mut tries = 0;
        while !self.shared.closed() {
            let began = SystemClock.monotonic();
            let frames = self.shared.frames_in.load(Ordering::Relaxed);
            let end = self.run();
            self.shared.decoder_pid.store(0, Ordering::Relaxed);
            self.shared.has_sound.store(false, Ordering::Relaxed);
            if self.shared.closed() {
                return;
            }
            let delivered = self.shared.frames_in.load(Ordering::Relaxed) > frames;
            let lasted = SystemClock.monotonic().saturating_sub(began);
            if lasted >= HEALTHY && delivered {
                (pause, tries) = (PAUSE.0, 0);
            }
            tries += 1;
            match end {
                RunEnd::Finished if !self.live => {
                    let state = if delivered || self.base_ns > 0 {
                        SourceState::Ended
                    } else {
                        SourceState::Failed
                    };
                    return self.shared.set_state(state);
                }
                RunEnd::Broken if !self.live && (tries > FILE_TRIES || !delivered) => {
                    return self.shared.set_state(SourceState::Failed);
                }
                RunEnd::Asked => {}
                RunEnd::Finished | RunEnd::Broken => {
                    self.shared.set_state(SourceState::Waiting);
                    self.rest(if tries == 1 && self.live {
                        Duration::ZERO
                    } else {
                        pause
                    });
                    pause = (pause * 2).min(PAUSE.1);
                }
            }
            self.shared.restarts.fetch_add(1, Ordering::Relaxed);
            self.shared.set_state(SourceState::Connecting);
            self.run = self.run.wrapping_add(1);
            self.base_ns = self.last_ns;
        }
    }

    /// Waits, but not when the source is closed or is to be started again.
    fn rest(&self, pause: Duration) {
        let until = SystemClock.monotonic() + pause;
        loop {
            let left = until.saturating_sub(SystemClock.monotonic());
            let wanted = self.shared.closed() || self.shared.restart.swap(false, Ordering::AcqRel);
            if left.is_zero() || wanted {
                return;
            }
            std::thread::park_timeout(left);
        }
    }

    fn run(&mut self) -> RunEnd {
        let looping = matches!(self.spec.source, InputSource::File { looping: true, .. });
        let skip = if self.live || looping {
            0
        } else {
            self.base_ns
        };
        let skip = Duration::from_nanos(u64::try_from(skip).unwrap_or(0));
        let mut launch = Launch::new(&self.spec.ffmpeg)
            .args(args::decoder(&self.spec, skip))
            .stdout(Stdout::Pipe);
        let told = args::told(&self.spec.source);
        if told.is_some() {
            launch = launch.stdin(Stdin::Pipe);
        }
        self.shared.restart.store(false, Ordering::Release);
        let mut process = match self.launcher.launch(launch) {
            Ok(process) => process,
            Err(error) => {
                self.shared.ended(Cause::Unknown, vec![error.to_string()]);
                return RunEnd::Broken;
            }
        };
        self.shared
            .decoder_pid
            .store(process.pid(), Ordering::Relaxed);
        let Some(out) = process.take_stdout() else {
            return RunEnd::Broken;
        };
        if let (Some(told), Some(mut pipe)) = (&told, process.take_stdin())
            // Less than a pipe holds: nothing is waited for.
            && let Err(error) = pipe.write_all(told.expose().as_bytes())
        {
            tracing::debug!(%error, "A decoder ended before it was told what to read.");
        }
        let process = Arc::new(process);
        self.shared.attend(Some(process.clone()));
        let read = self.read(BufReader::with_capacity(64 * 1024, out));
        self.shared.attend(None);
        if self.shared.closed() {
            process.kill();
            return RunEnd::Asked;
        }
        let exit = match read {
            Ok(()) => process.wait_timeout(Duration::from_secs(1)),
            Err(_) => None,
        };
        if exit.is_none() {
            process.kill();
        }
        if self.shared.restart.load(Ordering::Acquire) {
            return RunEnd::Asked;
        }
        let exit = exit.or_else(|| process.wait_timeout(Duration::from_secs(1)));
        let said = exit.as_ref().map_or(Cause::Unknown, |e| e.cause);
        let cause = match read {
            Err(Stop::Stalled) => Cause::Stalled,
            Err(Stop::Nut(NutError::Large(_))) => Cause::TooLarge,
            _ => said,
        };
        let clean = exit.is_some_and(|e| e.is_success()) && cause == Cause::Unknown;
        if self.live || !clean {
            // An address stands in what is said of it.
            let lines = if told.is_some() {
                Vec::new()
            } else {
                process.lines()
            };
            self.shared.ended(cause, lines);
        }
        if clean || (cause == Cause::Unknown && !self.live && read.is_ok()) {
            RunEnd::Finished
        } else {
            RunEnd::Broken
        }
    }

    fn read(&mut self, from: impl BufRead) -> Result<(), Stop> {
        let mut reader = Reader::open(from)?;
        let media: Vec<Media> = reader.streams().iter().map(|s| s.media).collect();
        let sound = media.iter().any(|m| matches!(m, Media::Audio { .. }));
        self.shared.has_sound.store(sound, Ordering::Relaxed);
        let mut last_picture = SystemClock.monotonic();
        while let Some(head) = reader.next_frame()? {
            if self.shared.closed() || self.shared.restart.load(Ordering::Acquire) {
                return Ok(());
            }
            match media.get(head.stream) {
                Some(Media::Video { .. }) => {
                    self.picture(&mut reader, &head)?;
                    last_picture = SystemClock.monotonic();
                }
                Some(Media::Audio { .. }) => {
                    self.piece(&mut reader, &head)?;
                    let silent = SystemClock.monotonic().saturating_sub(last_picture);
                    if self.live && silent > STALL {
                        return Err(Stop::Stalled);
                    }
                }
                _ => reader.skip(&head)?,
            }
        }
        Ok(())
    }

    fn picture<R: BufRead>(
        &mut self,
        reader: &mut Reader<R>,
        head: &FrameHead,
    ) -> Result<(), Stop> {
        if head.bytes != self.spec.size.yuv420_bytes() {
            return Err(Stop::Nut(NutError::Frame));
        }
        let shared = self.shared.clone();
        let pts_ns = self.time(head);
        let count = shared.frames_in.fetch_add(1, Ordering::Relaxed);
        if count % REST == REST - 1 {
            self.pool.rest();
        }
        if !self.live && pts_ns < self.stale_before() {
            return Ok(reader.skip(head)?);
        }
        let Some(index) = self.pool.free() else {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            return Ok(reader.skip(head)?);
        };
        let Some(buffer) = self.pool.write(index) else {
            return Ok(reader.skip(head)?);
        };
        reader.payload(head, &mut buffer.data)?;
        let arrived = now_ns();
        buffer.pts_ns = pts_ns;
        buffer.arrived_ns = arrived;
        shared.last_frame_ns.store(arrived, Ordering::Relaxed);
        if shared.state() != SourceState::Running {
            shared.set_state(SourceState::Running);
        }
        self.last_ns = self.last_ns.max(pts_ns);
        let Some(frame) = self.pool.share(index) else {
            return Ok(());
        };
        let mut arrival = Arrival {
            frame,
            run: self.run,
        };
        if self.live {
            if self.frames.force_push(arrival).is_some() {
                shared.dropped.fetch_add(1, Ordering::Relaxed);
            }
            return Ok(());
        }
        while let Err(refused) = self.frames.push(arrival) {
            if shared.closed() || pts_ns < self.stale_before() {
                return Ok(());
            }
            arrival = refused;
            std::thread::park_timeout(Duration::from_millis(4));
        }
        Ok(())
    }

    fn piece<R: BufRead>(&mut self, reader: &mut Reader<R>, head: &FrameHead) -> Result<(), Stop> {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(head.bytes, 0);
        let read = reader.payload(head, &mut bytes);
        let arrived_ns = now_ns();
        let pts_ns = self.time(head);
        for (index, chunk) in bytes.chunks(4 * PIECE).enumerate() {
            let before = i64::try_from(index * PIECE).unwrap_or(0) * 1_000_000_000 / 48_000;
            let mut piece = SoundPiece {
                pts_ns: pts_ns.saturating_add(before),
                arrived_ns,
                run: self.run,
                pairs: chunk.len() / 4,
                samples: [0; 2 * PIECE],
            };
            for (to, from) in piece.samples.iter_mut().zip(chunk.chunks_exact(2)) {
                *to = i16::from_le_bytes([from[0], from[1]]);
            }
            self.hand_over(piece);
        }
        self.bytes = bytes;
        Ok(read?)
    }

    fn hand_over(&mut self, mut piece: SoundPiece) {
        while let Err(rtrb::PushError::Full(refused)) = self.sound.push(piece) {
            if self.live || self.shared.closed() {
                self.shared.sound_dropped.fetch_add(1, Ordering::Relaxed);
                return;
            }
            if piece.pts_ns < self.stale_before() {
                return;
            }
            piece = refused;
            std::thread::park_timeout(Duration::from_millis(4));
        }
    }

    fn time(&self, head: &FrameHead) -> i64 {
        if self.live {
            head.pts_ns
        } else {
            head.pts_ns.saturating_add(self.base_ns)
        }
    }

    /// Files: what lies before this is of no use any more.
    fn stale_before(&self) -> i64 {
        let wanted = self.shared.wanted_ns.load(Ordering::Relaxed);
        wanted.saturating_sub(100_000_000)
    }
}

enum Stop {
    Nut(NutError),
    Stalled,
}

impl From<NutError> for Stop {
    fn from(error: NutError) -> Self {
        Self::Nut(error)
    }
}

fn now_ns() -> i64 {
    i64::try_from(SystemClock.monotonic_ns()).unwrap_or(i64::MAX)
}
