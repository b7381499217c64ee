//! Time since the machine was started, which no correction of the time of day moves, sleep included.

use crate::SystemClock;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// Linux gives each start of the machine a name here.
const NAME: &str = "/proc/sys/kernel/random/boot_id";

/// How long the machine has been running, and since which of its starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// Names this start of the machine; none where the system does not say.
    pub name: Option<String>,
    /// Time since then.
    pub since: Duration,
}

impl SystemClock {
    /// How long the machine has been running. Readings of the same start can be compared over the end
    /// of a process.
    #[must_use]
    pub fn boot(&self) -> Boot {
        let name = std::fs::read_to_string(NAME).ok();
        let now = clock_gettime(ClockId::Boottime);
        let (seconds, nanos) = (u64::try_from(now.tv_sec), u32::try_from(now.tv_nsec));
        Boot {
            name: name.map(|name| name.trim().to_owned()),
            since: Duration::new(seconds.unwrap_or(0), nanos.unwrap_or(0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_readings_are_of_the_same_start_and_in_order() {
        let (first, second) = (SystemClock.boot(), SystemClock.boot());
        assert_eq!(first.name, second.name);
        assert!(first.since > Duration::ZERO && second.since >= first.since);
    }
}
