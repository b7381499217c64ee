//! Where coded packets can be had in this process: one tap for each path that is published to.
//!
//! Owns the readers' queues. Whoever gives packets never waits: a reader without room loses what comes
//! up to the next key frame.

use crate::mediamtx::PathName;
use crate::program::AudioCodec;
use crate::publish::{Coded, Track};
use model::FrameRate;
use runtime::{Clock, SystemClock};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;

/// Packets that may wait for a reader: about four seconds of picture and sound.
const QUEUE: usize = 512;
/// A tap without a packet for so long gives nothing.
const DRY_NS: u64 = 1_500_000_000;

/// A packet with the rate that its frame number counts in.
#[derive(Debug, Clone)]
pub(super) struct Packet {
    pub(super) coded: Arc<Coded>,
    pub(super) rate: FrameRate,
}

#[derive(Debug)]
struct Reader {
    packets: mpsc::Sender<Packet>,
    /// Nothing is given before the next key frame.
    missed: bool,
}

#[derive(Debug, Default)]
struct Shared {
    readers: Mutex<Vec<Reader>>,
    last_ns: AtomicU64,
    bytes: AtomicU64,
}

/// What is published to one path, for readers in this process. Clones are the same tap.
#[derive(Debug, Clone, Default)]
pub struct Tap(Arc<Shared>);

impl PartialEq for Tap {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Tap {}

impl Tap {
    fn readers(&self) -> MutexGuard<'_, Vec<Reader>> {
        self.0
            .readers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a packet to every reader. Never waits. Only AAC is carried beside the picture.
    pub(crate) fn push(&self, coded: &Arc<Coded>, rate: FrameRate) {
        if coded.track == Track::Sound(AudioCodec::Opus) {
            return;
        }
        self.0
            .last_ns
            .store(SystemClock.monotonic_ns(), Ordering::Relaxed);
        self.0
            .bytes
            .fetch_add(coded.data.len() as u64, Ordering::Relaxed);
        self.readers().retain_mut(|reader| {
            if reader.missed && !coded.key {
                return !reader.packets.is_closed();
            }
            let one = Packet {
                coded: coded.clone(),
                rate,
            };
            match reader.packets.try_send(one) {
                Ok(()) => reader.missed = false,
                Err(mpsc::error::TrySendError::Full(_)) => reader.missed = true,
                Err(mpsc::error::TrySendError::Closed(_)) => return false,
            }
            true
        });
    }

    /// Reads from the next key frame on.
    pub(super) fn read(&self) -> mpsc::Receiver<Packet> {
        let (packets, receiver) = mpsc::channel(QUEUE);
        let missed = true;
        self.readers().push(Reader { packets, missed });
        receiver
    }

    /// Whether anybody reads.
    pub(crate) fn is_read(&self) -> bool {
        let mut readers = self.readers();
        readers.retain(|reader| !reader.packets.is_closed());
        !readers.is_empty()
    }

    /// Bytes that were given to it so far.
    pub(super) fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Whether packets come: there was one within the last second and a half.
    #[must_use]
    pub fn flows(&self) -> bool {
        let last = self.0.last_ns.load(Ordering::Relaxed);
        last > 0 && SystemClock.monotonic_ns().saturating_sub(last) < DRY_NS
    }
}

/// The taps by the path that the same packets are published to. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Taps(Arc<Mutex<BTreeMap<PathName, Tap>>>);

impl Taps {
    /// The tap of a path: the same one for as long as anybody has it.
    #[must_use]
    pub fn of(&self, path: &PathName) -> Tap {
        let mut taps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        taps.retain(|_, tap| Arc::strong_count(&tap.0) > 1);
        taps.entry(path.clone()).or_default().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::Form;

    fn coded(track: Track, at: u64, key: bool) -> Arc<Coded> {
        let form = Form {
            sps: vec![0x67, 0x4d, 0x40, 0x1e],
            pps: vec![0x68],
            aac: vec![0x11, 0x90],
        };
        Arc::new(Coded {
            track,
            at,
            key,
            made_ns: 0,
            data: vec![1],
            units: Vec::new(),
            form: Arc::new(form),
        })
    }

    #[test]
    fn a_reader_begins_with_a_key_frame_and_goes_on_with_one_after_it_was_too_slow() {
        let tap = Tap::default();
        assert!(!tap.flows() && !tap.is_read());
        let mut reader = tap.read();
        let give = |at, key| tap.push(&coded(Track::Picture, at, key), FrameRate::THIRTY);
        give(0, false);
        tap.push(
            &coded(Track::Sound(AudioCodec::Opus), 1, false),
            FrameRate::THIRTY,
        );
        let most = u64::try_from(QUEUE).unwrap();
        for at in 1..most + 20 {
            give(at, at == 1 || at == most + 10);
        }
        let mut seen = Vec::new();
        while let Ok(one) = reader.try_recv() {
            seen.push(one.coded.at);
        }
        assert_eq!(seen, (1..=most).collect::<Vec<_>>());
        give(most + 20, false);
        give(most + 21, true);
        assert_eq!(reader.try_recv().unwrap().coded.at, most + 21);
        assert!(tap.flows() && tap.is_read());
        drop(reader);
        assert!(!tap.is_read());
    }

    #[test]
    fn a_path_has_one_tap_for_as_long_as_it_is_wanted() {
        let taps = Taps::default();
        let (program, other) = (PathName::program(), PathName::preview());
        let first = taps.of(&program);
        assert_eq!(taps.of(&program), first);
        assert_ne!(taps.of(&other), first);
        assert_eq!(taps.0.lock().unwrap().len(), 2);
        drop(first);
        let _fresh = taps.of(&other);
        assert_eq!(taps.0.lock().unwrap().len(), 1);
    }
}
