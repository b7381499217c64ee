//! Time since the machine was started, which no correction of the time of day moves, sleep included.

use crate::{Clock, SystemClock};
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
        Boot {
            name: name.map(|name| name.trim().to_owned()),
            since: self.since_boot(),
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
