//! The queue between the mixer and one encoder's writer.
//!
//! Owns what may wait and what is dropped. The mixer touches nothing else of an encoder.

use crate::input::FrameBuf;
use crossbeam_queue::ArrayQueue;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

/// Pictures that may wait for the encoder: a third of a second at 30 frames/s.
pub(super) const QUEUE: usize = 10;
/// Packets that may wait: the pictures and the sound between them.
const PACKETS: usize = 64;
/// Stereo pairs in one packet of sound: what AAC codes at a time.
pub(super) const BLOCK: usize = 1024;

/// What the mixer gives to an encoder.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "the queue's memory is taken once, and the mixer must not allocate"
)]
pub(super) enum Packet {
    /// Program frame `n`, handed over at a time of the system's clock.
    Picture {
        n: u64,
        frame: Arc<FrameBuf>,
        handed_ns: u64,
    },
    /// Sound that begins at program sample `at`, interleaved stereo.
    Sound { at: u64, samples: [i16; 2 * BLOCK] },
}

/// The queue of one run of an encoder.
#[derive(Debug)]
pub(super) struct Feed {
    /// The run's number.
    pub(super) run: u32,
    packets: ArrayQueue<Packet>,
    pictures: AtomicUsize,
    drops: AtomicU64,
    writer: OnceLock<Thread>,
    closed: AtomicBool,
}

impl Feed {
    pub(super) fn new(run: u32) -> Self {
        Self {
            run,
            packets: ArrayQueue::new(PACKETS),
            pictures: AtomicUsize::new(0),
            drops: AtomicU64::new(0),
            writer: OnceLock::new(),
            closed: AtomicBool::new(false),
        }
    }

    /// Queues a picture, or drops it when the queue is full. Never waits.
    pub(super) fn picture(&self, n: u64, frame: &Arc<FrameBuf>, handed_ns: u64) {
        if self.pictures.load(Ordering::Acquire) >= QUEUE {
            self.drops.fetch_add(1, Ordering::Relaxed);
            return;
        }
        self.pictures.fetch_add(1, Ordering::AcqRel);
        let frame = frame.clone();
        let packet = Packet::Picture {
            n,
            frame,
            handed_ns,
        };
        if self.packets.push(packet).is_err() {
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

    /// The thread that is woken when something comes.
    pub(super) fn wakes(&self, writer: Thread) {
        let _once = self.writer.set(writer);
        self.wake();
    }

    fn wake(&self) {
        if let Some(writer) = self.writer.get() {
            writer.unpark();
        }
    }

    pub(super) fn pop(&self) -> Option<Packet> {
        let packet = self.packets.pop();
        if let Some(Packet::Picture { .. }) = packet {
            self.pictures.fetch_sub(1, Ordering::AcqRel);
        }
        packet
    }

    /// Pictures that found it full.
    pub(super) fn drops(&self) -> u64 {
        self.drops.load(Ordering::Relaxed)
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.wake();
    }

    pub(super) fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}
