//! The closed list of conditions that an operator is warned of, and how bad each is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer};

macro_rules! conditions {
    ($( $variant:ident = $text:literal, $remediation:literal; )*) => {
        /// Everything that health and alerts can tell. Refusals have a list of their own,
        /// [`Code`](crate::Code): a condition lasts, a refusal answers one request.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[allow(missing_docs, reason = "each condition's meaning is its remediation")]
        pub enum Condition { $( #[serde(rename = $text)] $variant, )* }

        impl Condition {
            /// Every condition, in the order of the list.
            pub const ALL: &[Self] = &[ $( Self::$variant, )* ];

            /// The condition as it is written on the wire, e.g. `CAMERA_OFFLINE`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )* }
            }

            /// What the operator can do about it, where nothing better is known.
            #[must_use]
            pub const fn remediation(self) -> &'static str {
                match self { $( Self::$variant => $remediation, )* }
            }
        }
    };
}

conditions! {
    CameraOffline = "CAMERA_OFFLINE", "Check the camera's power, cable and address. It returns to the program by itself.";
    MediaUnreadable = "MEDIA_UNREADABLE", "Check that the file is in the assets folder and plays.";
    DestinationRejected = "DESTINATION_REJECTED", "Copy the stream key from the platform's live page again.";
    DestinationDown = "DESTINATION_DOWN", "Check the internet connection and the destination's address. It is tried again by itself.";
    NetworkDown = "NETWORK_DOWN", "Check the internet connection: cable, router, provider. All destinations are tried again by themselves.";
    StreamDown = "STREAM_DOWN", "Check the camera and the destination of the stream. It is tried again by itself.";
    MediaServerDown = "MEDIA_SERVER_DOWN", "It is being started again by itself. If it stays, restart the agent.";
    ProgramStalled = "PROGRAM_STALLED", "The encoder is being started again by itself. If it stays, stop the program and start it again.";
    EncoderUnstable = "ENCODER_UNSTABLE", "Choose a smaller profile, such as 720p or low_power, and look at the agent's log.";
    EncoderCpu = "ENCODER_CPU_HIGH", "Choose a smaller profile, such as 720p or low_power, or take a destination with a profile of its own off.";
    FramesDropped = "FRAMES_DROPPED", "Choose a smaller profile, such as 720p or low_power, or end other programs on this machine.";
    QualityLowered = "QUALITY_LOWERED", "It comes back by itself, step by step, when all is well for a while.";
    BufferLow = "BUFFER_LOW", "Check the network between the camera and this machine.";
    CpuHigh = "CPU_HIGH", "End other programs on this machine, or choose a smaller profile.";
    MemoryLow = "MEMORY_LOW", "End other programs on this machine.";
    StorageLow = "STORAGE_LOW", "Free some disk space: remove old recordings and files that no show needs.";
    StorageFull = "STORAGE_FULL", "Free some disk space now: settings can soon not be saved any more.";
    TemperatureHigh = "TEMPERATURE_HIGH", "Give the machine air: clean its fan, take it out of the sun.";
    CpuThrottled = "CPU_THROTTLED", "Give the machine air and the power supply that belongs to it.";
    ClockUnsynced = "CLOCK_UNSYNCED", "Let the machine reach a time server; schedules follow its clock.";
    CredentialsExpiring = "CREDENTIALS_EXPIRING", "Studio renews them by itself while the device is connected. If this stays, unpair the device and pair it anew.";
}

impl Serialize for Condition {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

/// How bad a condition is, by what the audience notices of it.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Default,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing; the agent counts as healthy.
    #[default]
    Info,
    /// Nobody notices yet.
    Warning,
    /// Part of the audience notices.
    Error,
    /// The show is off air, or about to be.
    Critical,
}

impl Severity {
    /// The word in answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_unique_upper_case_and_says_what_to_do() {
        let mut seen = std::collections::HashSet::new();
        for condition in Condition::ALL {
            let text = condition.as_str();
            assert!(seen.insert(text), "{text} stands twice");
            assert!(
                text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'),
                "{text}"
            );
            assert!(
                condition.remediation().ends_with('.'),
                "{text} has no whole sentence"
            );
            let written = serde_json::to_string(condition).unwrap();
            assert_eq!(written, format!("\"{text}\""));
            let read: Condition = serde_json::from_str(&written).unwrap();
            assert_eq!(read, *condition);
        }
    }

    #[test]
    fn the_worst_is_the_greatest() {
        assert!(Severity::Critical > Severity::Error);
        assert!(Severity::Error > Severity::Warning && Severity::Warning > Severity::Info);
    }
}
