//! How long the machine's processors stood still, for a judge to say what a late frame is due to.
//!
//! Owns one thread for each processor that it may run on, which sleeps for a millisecond at a time and
//! notes when it wakes late. A virtual machine's processor that is taken away stops whatever runs on it,
//! wherever the rest goes on: hence one for each. Judges nothing.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, available_parallelism, sleep, spawn};
use std::time::{Duration, Instant};

/// What is worth noting: a thread that does nothing is woken this late only beside others' work.
const NOTED: Duration = Duration::from_millis(20);
const NAP: Duration = Duration::from_millis(1);

/// Watches the processors until it is asked.
pub struct Stillness {
    stop: Arc<AtomicBool>,
    watchers: Vec<JoinHandle<Vec<Duration>>>,
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
            let stop = stop.clone();
            spawn(move || watch(cpu, &stop))
        });
        Self {
            watchers: watchers.collect(),
            stop,
        }
    }

    /// Every time that a processor stood still for 20 ms or longer, in milliseconds, the longest first.
    #[must_use]
    pub fn longest(self) -> Vec<u128> {
        self.stop.store(true, Ordering::Relaxed);
        let watched = self.watchers.into_iter();
        let stood = watched.filter_map(|watcher| watcher.join().ok()).flatten();
        let mut all: Vec<u128> = stood.map(|time| time.as_millis()).collect();
        all.sort_unstable_by(|a, b| b.cmp(a));
        all
    }
}

fn watch(cpu: usize, stop: &AtomicBool) -> Vec<Duration> {
    let mut only = CpuSet::new();
    only.set(cpu);
    // Without its own processor it sees the whole machine stand still, which is something.
    let _ = sched_setaffinity(None, &only);
    let mut stood = Vec::new();
    let mut before = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        sleep(NAP);
        let now = Instant::now();
        let late = (now - before).saturating_sub(NAP);
        if late >= NOTED {
            stood.push(late);
        }
        before = now;
    }
    stood
}
