//! One path that is published to: a thread with a bounded queue in front of its connection.
//!
//! Owns when a connection is made and ended. Whoever gives packets never waits: what finds no room is
//! left out up to the next key frame.

use super::rtsp::{Prepared, PublishError, Session, time_ns};
use super::{Coded, Form, Track};
use crate::mediamtx::Door;
use crate::program::{AudioCodec, Output, Times};
use crossbeam_queue::ArrayQueue;
use model::FrameRate;
use runtime::{Clock, SystemClock};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// Packets that may wait: about four seconds of picture and sound.
const QUEUE: usize = 512;
/// Between two tries to connect.
const RETRY: Duration = Duration::from_millis(100);
/// A connection that has been agreed on and not been used for so long is made anew.
const UNUSED_NS: u64 = 4_000_000_000;
/// A key frame older than this begins nothing: what follows it would come in a burst.
const FRESH_NS: u64 = 300_000_000;
/// Without a picture for so long the path is left, so that its filler is shown.
const LAPSE_NS: u64 = 2_000_000_000;
/// How long the beginning waits for the sound that belongs to it.
const SOUND_NS: u64 = 400_000_000;
/// After taking a path over, so that the server reads steadily when the first packet comes.
const SETTLE: Duration = Duration::from_millis(10);
/// Longest pause between the first picture and the first sound.
const PAUSE_NS: u64 = 50_000_000;

/// How a path's connection is.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct PublisherStats {
    /// Where it publishes.
    pub url: String,
    /// Whether the media server takes it now.
    pub connected: bool,
    /// Times that it was connected.
    pub sessions: u32,
    /// Packets that found no room.
    pub dropped: u64,
}

#[derive(Debug)]
struct Shared {
    url: String,
    door: Door,
    audio: AudioCodec,
    rate: FrameRate,
    packets: ArrayQueue<Arc<Coded>>,
    thread: OnceLock<Thread>,
    closed: AtomicBool,
    /// Packets were left out: nothing goes on before a key frame.
    missed: AtomicBool,
    connected: AtomicBool,
    /// The server would take it; only a key frame is missing.
    waiting: AtomicBool,
    sessions: AtomicU32,
    dropped: AtomicU64,
    sending: Times,
}

/// Publishes to one path until it is dropped.
#[derive(Debug)]
pub(crate) struct Publisher {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Publisher {
    /// Starts its thread; nothing is connected before the first packet.
    pub(crate) fn start(output: &Output, rate: FrameRate) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            url: output.url.clone(),
            door: output.door.clone(),
            audio: output.audio,
            rate,
            packets: ArrayQueue::new(QUEUE),
            thread: OnceLock::new(),
            closed: AtomicBool::new(false),
            missed: AtomicBool::new(false),
            connected: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            sessions: AtomicU32::new(0),
            dropped: AtomicU64::new(0),
            sending: Times::default(),
        });
        let its = shared.clone();
        let thread = std::thread::Builder::new()
            .name("publisher".to_owned())
            .stack_size(512 * 1024)
            .spawn(move || Keeper::new(&its).keep())?;
        let _once = shared.thread.set(thread.thread().clone());
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    /// Takes a packet over, or drops it when too many wait. Never waits.
    pub(crate) fn push(&self, coded: &Arc<Coded>) {
        let shared = &self.shared;
        let mine = match coded.track {
            Track::Picture => true,
            Track::Sound(codec) => codec == shared.audio,
        };
        if !mine {
            return;
        }
        if shared.packets.push(coded.clone()).is_err() {
            shared.dropped.fetch_add(1, Ordering::Relaxed);
            shared.missed.store(true, Ordering::Release);
        }
        if let Some(thread) = shared.thread.get() {
            thread.unpark();
        }
    }

    pub(crate) fn stats(&self) -> PublisherStats {
        let shared = &self.shared;
        PublisherStats {
            url: shared.url.clone(),
            connected: shared.connected.load(Ordering::Relaxed),
            sessions: shared.sessions.load(Ordering::Relaxed),
            dropped: shared.dropped.load(Ordering::Relaxed),
        }
    }

    /// Whether the media server would take it, and only a key frame to begin with is missing.
    pub(crate) fn is_waiting(&self) -> bool {
        self.shared.waiting.load(Ordering::Relaxed)
    }

    /// Median time of a packet from the encoder to the media server, microseconds.
    pub(crate) fn sending_p50_us(&self) -> u32 {
        self.shared.sending.quantile(0.5)
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            thread.thread().unpark();
            let _panicked = thread.join();
        }
    }
}

/// Why a session ended.
enum End {
    /// Nobody wants it any more, or nothing came.
    Over,
    /// What follows is of another form; it begins with this key frame.
    Form(Arc<Coded>),
}

struct Keeper<'a> {
    shared: &'a Shared,
    prepared: Option<(Prepared, u64)>,
    /// The failure was told.
    told: bool,
}

impl<'a> Keeper<'a> {
    const fn new(shared: &'a Shared) -> Self {
        Self {
            shared,
            prepared: None,
            told: false,
        }
    }

    fn keep(&mut self) {
        let mut next: Option<Arc<Coded>> = None;
        while !self.shared.closed.load(Ordering::Acquire) {
            let Some(coded) = next.take().or_else(|| self.shared.packets.pop()) else {
                std::thread::park_timeout(Duration::from_millis(100));
                continue;
            };
            if !self.prepare(&coded.form) {
                continue;
            }
            let age = now_ns().saturating_sub(coded.made_ns);
            if coded.track != Track::Picture || !coded.key || age > FRESH_NS {
                self.shared.waiting.store(true, Ordering::Relaxed);
                continue;
            }
            self.shared.waiting.store(false, Ordering::Relaxed);
            let Some((prepared, _)) = self.prepared.take() else {
                continue;
            };
            self.shared.missed.store(false, Ordering::Release);
            match self.publish(prepared, &coded) {
                Ok(End::Over) => {}
                Ok(End::Form(coded)) => next = Some(coded),
                Err(error) => self.complain(&error),
            }
            self.shared.connected.store(false, Ordering::Relaxed);
        }
    }

    /// Sees to it that the server has agreed to a session of this form.
    fn prepare(&mut self, form: &Arc<Form>) -> bool {
        let now = now_ns();
        let stale = |(prepared, at): &(Prepared, u64)| {
            prepared.form != *form || now.saturating_sub(*at) > UNUSED_NS
        };
        if self.prepared.as_ref().is_some_and(stale) {
            self.prepared = None;
        }
        if self.prepared.is_some() {
            return true;
        }
        let prepared = if self.shared.door.is_open() {
            Prepared::connect(&self.shared.url, form, self.shared.audio)
        } else {
            Err(PublishError::Io(std::io::ErrorKind::NotConnected.into()))
        };
        match prepared {
            Ok(prepared) => {
                self.prepared = Some((prepared, now));
                true
            }
            Err(error) => {
                self.complain(&error);
                self.shared.waiting.store(false, Ordering::Relaxed);
                std::thread::sleep(RETRY);
                while self.shared.packets.pop().is_some() {}
                false
            }
        }
    }

    fn complain(&mut self, error: &PublishError) {
        if !self.told && !self.shared.closed.load(Ordering::Acquire) {
            let (path, cause) = (&self.shared.url, std::error::Error::source(error));
            let cause = cause.map(ToString::to_string).unwrap_or_default();
            tracing::warn!(path, %error, cause, "A path cannot be published to; it is tried again.");
        }
        self.told = true;
    }

    fn publish(&mut self, prepared: Prepared, key: &Arc<Coded>) -> Result<End, PublishError> {
        let shared = self.shared;
        let begin = shared.rate.samples_before(key.at);
        let (mut held, mut sound) = (Vec::new(), None);
        let limit = now_ns().saturating_add(SOUND_NS);
        while sound.is_none() && now_ns() < limit && !shared.closed.load(Ordering::Acquire) {
            match shared.packets.pop() {
                Some(coded) if coded.track == Track::Picture => held.push(coded),
                Some(coded) if coded.at >= begin => sound = Some(coded),
                Some(_) => {}
                None => std::thread::park_timeout(Duration::from_millis(20)),
            }
        }
        let mut session = prepared.record(shared.rate, std::thread::current())?;
        shared.connected.store(true, Ordering::Relaxed);
        shared.sessions.fetch_add(1, Ordering::Relaxed);
        if self.told {
            tracing::info!(path = shared.url, "The path is published to again.");
        }
        self.told = false;
        std::thread::sleep(SETTLE);
        session.send(key).map_err(PublishError::Io)?;
        if let Some(sound) = sound {
            // The server places the second track by the arrival of its first packet.
            let after = time_ns(&sound, shared.rate).saturating_sub(time_ns(key, shared.rate));
            std::thread::sleep(Duration::from_nanos(after.min(PAUSE_NS)));
            session.send(&sound).map_err(PublishError::Io)?;
        }
        for coded in held {
            if coded.form != session.form {
                return Ok(End::Over);
            }
            session.send(&coded).map_err(PublishError::Io)?;
        }
        self.run(&mut session)
    }

    fn run(&self, session: &mut Session) -> Result<End, PublishError> {
        let shared = self.shared;
        let (mut last, mut broken) = (now_ns(), false);
        loop {
            if shared.closed.load(Ordering::Acquire) {
                return Ok(End::Over);
            }
            if session.is_gone() {
                return Err(PublishError::Io(
                    std::io::ErrorKind::ConnectionAborted.into(),
                ));
            }
            broken |= shared.missed.swap(false, Ordering::AcqRel);
            let Some(coded) = shared.packets.pop() else {
                if now_ns().saturating_sub(last) > LAPSE_NS {
                    return Ok(End::Over);
                }
                std::thread::park_timeout(Duration::from_millis(50));
                continue;
            };
            let picture = coded.track == Track::Picture;
            if coded.form != session.form {
                if picture && coded.key {
                    return Ok(End::Form(coded));
                }
                continue;
            }
            if picture && broken && !coded.key {
                continue;
            }
            session.send(&coded).map_err(PublishError::Io)?;
            if picture {
                (last, broken) = (now_ns(), false);
                let spent = last.saturating_sub(coded.made_ns) / 1000;
                shared.sending.add(u32::try_from(spent).unwrap_or(u32::MAX));
            }
        }
    }
}

fn now_ns() -> u64 {
    SystemClock.monotonic_ns()
}
