//! The only place that reads the time of day or the monotonic clock.

use rustix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

/// Where time comes from.
pub trait Clock: Send + Sync + 'static {
    /// Nanoseconds since some moment before the first reading in this process. Never goes back, and
    /// does not know about corrections of the time of day.
    fn monotonic_ns(&self) -> u64;

    /// The time of day.
    fn wall(&self) -> SystemTime;

    /// [`Clock::monotonic_ns`] as a duration.
    fn monotonic(&self) -> Duration {
        Duration::from_nanos(self.monotonic_ns())
    }

    /// Time since the machine was started. Never goes back either, and goes on while the machine sleeps,
    /// which [`Clock::monotonic`] does not: for what ends at a time that others chose.
    fn since_boot(&self) -> Duration;
}

/// The machine's clocks. Every value of this type counts from the same moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

static ORIGIN: OnceLock<Instant> = OnceLock::new();

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn monotonic_ns(&self) -> u64 {
        let origin = *ORIGIN.get_or_init(Instant::now);
        u64::try_from(Instant::now().saturating_duration_since(origin).as_nanos())
            .unwrap_or(u64::MAX)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn since_boot(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
        Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0))
    }
}

/// A clock that stands until it is moved, for tests. Starts at 0 and at 2026-01-01 00:00 UTC.
#[derive(Debug, Default)]
pub struct ManualClock {
    ns: AtomicU64,
    slept_ns: AtomicU64,
}

impl ManualClock {
    /// Moves it on.
    pub fn advance(&self, by: Duration) {
        let ns = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.ns.fetch_add(ns, Ordering::SeqCst);
    }

    /// The machine sleeps for so long.
    pub fn sleep(&self, time: Duration) {
        let ns = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.slept_ns.fetch_add(ns, Ordering::SeqCst);
    }

    fn slept(&self) -> Duration {
        Duration::from_nanos(self.slept_ns.load(Ordering::SeqCst))
    }
}

impl Clock for ManualClock {
    fn monotonic_ns(&self) -> u64 {
        self.ns.load(Ordering::SeqCst)
    }

    fn wall(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600) + self.since_boot()
    }

    fn since_boot(&self) -> Duration {
        self.monotonic() + self.slept()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_system_clocks_count_from_one_moment() {
        let a = SystemClock.monotonic_ns();
        let b = SystemClock.monotonic_ns();
        assert!(b >= a && b - a < 1_000_000_000);
    }

    #[test]
    fn time_since_boot_is_that_of_the_machine_and_not_of_the_process() {
        let since = || SystemClock.since_boot();
        // A container may have a /proc/uptime of its own, which is at most the machine's.
        let uptime = std::fs::read_to_string("/proc/uptime").unwrap();
        let uptime: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
        assert!(since().as_secs_f64() >= uptime - 5.0);
        assert!(since() <= since());
        let clock = ManualClock::default();
        clock.advance(Duration::from_secs(1));
        clock.sleep(Duration::from_secs(60));
        assert_eq!(clock.monotonic(), Duration::from_secs(1));
        assert_eq!(clock.since_boot(), Duration::from_secs(61));
    }

    #[test]
    fn a_manual_clock_moves_only_when_told() {
        let clock = ManualClock::default();
        let wall = clock.wall();
        assert_eq!(clock.monotonic_ns(), 0);
        clock.advance(Duration::from_millis(40));
        assert_eq!(clock.monotonic_ns(), 40_000_000);
        assert_eq!(
            clock.wall().duration_since(wall).unwrap(),
            Duration::from_millis(40)
        );
    }
}
