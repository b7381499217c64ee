//! What a source's parts know of each other: flags and counters, without locks.

use crate::process::{Cause, Process};
use crate::program::Times;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;

/// How a source's decoder is doing. Whether it is *shown* is the mixer's watchdog's business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceState {
    /// The decoder has been started and has not delivered yet.
    #[default]
    Connecting,
    /// Pictures come.
    Running,
    /// The decoder ended and is going to be tried again.
    Waiting,
    /// A file came to its end; its last picture stays.
    Ended,
    /// A file cannot be decoded; it is not tried again.
    Failed,
}

impl SourceState {
    const ALL: [Self; 5] = [
        Self::Connecting,
        Self::Running,
        Self::Waiting,
        Self::Ended,
        Self::Failed,
    ];
}

/// Counters of one source since it was opened.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct InputStats {
    /// How its decoder is doing.
    pub state: SourceState,
    /// Pictures read from the decoder.
    pub frames_in: u64,
    /// Pictures never shown: pushed out by newer ones, or no buffer was free.
    pub dropped: u64,
    /// Pictures that came after their time.
    pub late: u64,
    /// Ticks of the program on which an on-air picture was repeated because no newer one was due.
    pub duplicate: u64,
    /// Pieces of sound that found no room.
    pub sound_dropped: u64,
    /// Whether the decoder found a sound track.
    pub has_sound: bool,
    /// Source time to program time, nanoseconds, once known.
    pub offset_ns: Option<i64>,
    /// Measured jitter of arrival, nanoseconds.
    pub jitter_ns: i64,
    /// How long pictures wait before they are shown, nanoseconds.
    pub buffer_ns: i64,
    /// From a picture's arrival until the tick on which it was shown, median of all that were on air,
    /// microseconds; live sources only.
    pub wait_p50_us: u32,
    /// Times that the offset was taken anew.
    pub reanchored: u64,
    /// Median time between pictures, nanoseconds; 0 while unknown.
    pub interval_ns: i64,
    /// Arrival of the newest picture, [`runtime::SystemClock`] nanoseconds; 0 before the first.
    pub last_frame_ns: i64,
    /// Times that the decoder was started again.
    pub restarts: u32,
    /// The decoder's process number; 0 when none runs.
    pub decoder_pid: u32,
    /// Why the decoder last ended.
    pub last_cause: Option<Cause>,
    /// The decoder's last lines when it last ended.
    pub last_lines: Vec<String>,
}

/// Shared by the reader, the decoder's keeper, the mixer and the handle.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) closed: AtomicBool,
    pub(crate) restart: AtomicBool,
    pub(crate) has_sound: AtomicBool,
    state: AtomicU8,
    pub(crate) frames_in: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) late: AtomicU64,
    pub(crate) duplicate: AtomicU64,
    pub(crate) sound_dropped: AtomicU64,
    pub(crate) reanchored: AtomicU64,
    pub(crate) offset_known: AtomicBool,
    pub(crate) offset_ns: AtomicI64,
    pub(crate) jitter_ns: AtomicI64,
    pub(crate) buffer_ns: AtomicI64,
    pub(crate) wait: Times,
    pub(crate) interval_ns: AtomicI64,
    pub(crate) last_frame_ns: AtomicI64,
    pub(crate) restarts: AtomicU32,
    pub(crate) decoder_pid: AtomicU32,
    /// Files: pictures before this time are of no use any more.
    pub(crate) wanted_ns: AtomicI64,
    ending: Mutex<(Option<Cause>, Vec<String>)>,
    sleepers: Mutex<Vec<Thread>>,
    child: Mutex<Option<Arc<Process>>>,
}

impl Shared {
    pub(crate) fn state(&self) -> SourceState {
        let index = usize::from(self.state.load(Ordering::Acquire));
        SourceState::ALL.get(index).copied().unwrap_or_default()
    }

    pub(crate) fn set_state(&self, state: SourceState) {
        let index = SourceState::ALL.iter().position(|s| *s == state);
        let index = index.and_then(|i| u8::try_from(i).ok()).unwrap_or(0);
        self.state.store(index, Ordering::Release);
    }

    pub(crate) fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Registers the calling thread to be woken by [`Shared::wake`].
    pub(crate) fn sleeper(&self) {
        let mut sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        sleepers.push(std::thread::current());
    }

    /// Wakes whoever waits for a change of the flags. Not for the mixer: it takes a lock.
    pub(crate) fn wake(&self) {
        let sleepers = self.sleepers.lock().unwrap_or_else(PoisonError::into_inner);
        for thread in sleepers.iter() {
            thread.unpark();
        }
        drop(sleepers);
        // A reader that waits for data wakes when there is none to come.
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(process) = &*child {
            process.kill();
        }
    }

    /// Remembers the running decoder, to be ended by [`Shared::wake`].
    pub(crate) fn attend(&self, process: Option<Arc<Process>>) {
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        *child = process;
        if let Some(process) = &*child
            && self.closed()
        {
            process.kill();
        }
    }

    pub(crate) fn ended(&self, cause: Cause, lines: Vec<String>) {
        let mut ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        *ending = (Some(cause), lines);
    }

    pub(crate) fn read(&self) -> InputStats {
        let ending = self.ending.lock().unwrap_or_else(PoisonError::into_inner);
        let (last_cause, last_lines) = ending.clone();
        drop(ending);
        let n = |c: &AtomicU64| c.load(Ordering::Relaxed);
        let t = |c: &AtomicI64| c.load(Ordering::Relaxed);
        InputStats {
            state: self.state(),
            frames_in: n(&self.frames_in),
            dropped: n(&self.dropped),
            late: n(&self.late),
            duplicate: n(&self.duplicate),
            sound_dropped: n(&self.sound_dropped),
            has_sound: self.has_sound.load(Ordering::Relaxed),
            offset_ns: self
                .offset_known
                .load(Ordering::Relaxed)
                .then(|| t(&self.offset_ns)),
            jitter_ns: t(&self.jitter_ns),
            buffer_ns: t(&self.buffer_ns),
            wait_p50_us: self.wait.quantile(0.5),
            reanchored: n(&self.reanchored),
            interval_ns: t(&self.interval_ns),
            last_frame_ns: t(&self.last_frame_ns),
            restarts: self.restarts.load(Ordering::Relaxed),
            decoder_pid: self.decoder_pid.load(Ordering::Relaxed),
            last_cause,
            last_lines,
        }
    }
}
