//! How long the machine's processors stood still, for a judge to say what a late frame is due to.
//!
//! Owns one thread for each processor that it may run on, which sleeps for a millisecond at a time and
//! notes when it wakes late. A virtual machine's processor that is taken away stops whatever runs on it,
//! wherever the rest goes on: hence one for each. Judges nothing: `standstills` says what follows.

use crate::standstills::{Standstill, Standstills};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{available_parallelism, sleep, spawn};
use std::time::{Duration, Instant};

/// What is worth noting: a thread that does nothing is woken this late only beside others' work.
const NOTED: Duration = Duration::from_millis(20);
const NAP: Duration = Duration::from_millis(1);

/// Watches the processors as long as it lives.
#[derive(Debug)]
pub struct Stillness {
    stop: Arc<AtomicBool>,
    seen: Vec<Arc<Mutex<Seen>>>,
}

/// What the watcher of one processor saw.
#[derive(Debug)]
struct Seen {
    awake: Instant,
    stood: Vec<Standstill>,
}

impl Seen {
    /// How the processor stands still since the watcher was to wake, where that is worth noting.
    fn since_nap(&self, now: Instant) -> Option<Standstill> {
        let from = self.awake + NAP;
        let late = now.saturating_duration_since(from);
        (late >= NOTED).then_some(Standstill { from, to: now })
    }
}

impl Stillness {
    /// Begins to watch.
    #[must_use]
    pub fn watch() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let may = sched_getaffinity(None).unwrap_or_else(|_| CpuSet::new());
        let most = available_parallelism().map_or(1, std::num::NonZero::get);
        let on = (0..CpuSet::MAX_CPU).filter(|cpu| may.is_set(*cpu));
        let watchers = on.take(most).map(|cpu| {
            let seen = Arc::new(Mutex::new(Seen {
                awake: Instant::now(),
                stood: Vec::new(),
            }));
            let (stop, into) = (Arc::clone(&stop), Arc::clone(&seen));
            drop(spawn(move || watch(cpu, &stop, &into)));
            seen
        });
        Self {
            seen: watchers.collect(),
            stop,
        }
    }

    /// Every time so far that a processor stood still for 20 ms or longer, also those that do still.
    ///
    /// # Panics
    /// Never in practice: the lock is not held while anything can fail.
    #[must_use]
    pub fn noted(&self) -> Standstills {
        let mut all = Vec::new();
        for seen in &self.seen {
            let seen = seen.lock().unwrap();
            all.extend(&seen.stood);
            all.extend(seen.since_nap(Instant::now()));
        }
        Standstills(all)
    }
}

impl Drop for Stillness {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

fn watch(cpu: usize, stop: &AtomicBool, into: &Mutex<Seen>) {
    let mut only = CpuSet::new();
    only.set(cpu);
    // Without its own processor it sees the whole machine stand still, which is something.
    let _ = sched_setaffinity(None, &only);
    // To get there may take a moment, in which nothing was watched.
    into.lock().unwrap().awake = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        sleep(NAP);
        let mut seen = into.lock().unwrap();
        let now = Instant::now();
        let late = seen.since_nap(now);
        seen.stood.extend(late);
        seen.awake = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wakes_late_has_stood_still_since_it_was_to_wake() {
        let awake = Instant::now();
        let seen = Seen {
            awake,
            stood: Vec::new(),
        };
        assert_eq!(seen.since_nap(awake + Duration::from_millis(20)), None);
        let now = awake + Duration::from_millis(151);
        let stood = seen.since_nap(now).unwrap();
        assert_eq!((stood.from, stood.to), (awake + NAP, now));
    }
}
