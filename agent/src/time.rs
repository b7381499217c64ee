//! Times of day as they are written in answers.

use std::time::SystemTime;

/// RFC 3339 in UTC with milliseconds, e.g. `2026-11-21T10:00:00.000Z`. A time outside the years
/// −9999 to 9999 gives the epoch.
#[must_use]
pub fn rfc3339(time: SystemTime) -> String {
    let stamp = jiff::Timestamp::try_from(time).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{stamp:.3}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_time_has_milliseconds_and_a_z() {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(1_767_225_600_250);
        assert_eq!(rfc3339(time), "2026-01-01T00:00:00.250Z");
    }
}
