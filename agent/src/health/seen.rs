//! What the rules look at: the show, the media server and the machine, as far as they matter to health.
//!
//! Values, and how they are taken from the show's state. Nothing here decides.

use crate::show::{
    DestinationState, InputStatus, OnAirRung, OnAirStatus, QualityStatus, ShowStatus, StreamState,
    StreamStatus,
};
use crate::telemetry::SystemSample;
use model::CameraId;
use std::borrow::Cow;
use std::time::Duration;

/// Everything at one moment.
#[derive(Debug, Clone, Default)]
pub struct Seen {
    /// The media server.
    pub media: MediaSeen,
    /// Whether a program runs, and whether it is live.
    pub running: bool,
    /// Whether it goes to destinations.
    pub live: bool,
    /// The cameras that the running show uses now or soon.
    pub cameras: Vec<CameraSeen>,
    /// Films that cannot be read: `(file, why)`.
    pub unreadable: Vec<(String, String)>,
    /// The wanted destinations.
    pub destinations: Vec<DestinationSeen>,
    /// The cameras that are sent straight to a destination.
    pub streams: Vec<StreamSeen>,
    /// The program.
    pub program: Option<ProgramSeen>,
    /// What is given up of its quality, where anything is.
    pub lowered: Option<LoweredSeen>,
    /// The certificate that the device shows Studio, while it is paired.
    pub credentials: Option<CredentialsSeen>,
    /// The machine.
    pub machine: SystemSample,
}

/// A certificate of the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CredentialsSeen {
    /// How long it is good in all.
    pub life: Duration,
    /// How long it is good from now on; nothing where it has ended.
    pub left: Duration,
}

impl CredentialsSeen {
    /// As it is at a time after 1970.
    #[must_use]
    pub const fn at(now: Duration, of: link::Validity) -> Self {
        let until = Duration::from_millis(of.until_ms);
        Self {
            life: until.saturating_sub(Duration::from_millis(of.from_ms)),
            left: until.saturating_sub(now),
        }
    }
}

/// The media server.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MediaSeen {
    /// It answers, or is being started for the first time.
    #[default]
    Up,
    /// It has not answered for a moment.
    Silent,
    /// It is away.
    Down {
        /// Why, for the operator.
        reason: String,
        /// What to do.
        remediation: Cow<'static, str>,
        /// For so long that cameras and destinations do without it: their trouble is their own.
        done_without: bool,
    },
}

/// What is shown in place of a camera that is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StandIn {
    /// Another camera, by its name.
    Backup(String),
    /// The test pattern with its message.
    Pattern,
    /// Its last picture.
    LastPicture,
    /// Nothing: it is not on program now.
    NotOnProgram,
}

/// A camera of the running show.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraSeen {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether pictures come.
    pub delivers: bool,
    /// Whether any have come since the show began: one that never delivered may still be connecting.
    pub known: bool,
    /// What is shown instead, where that is known.
    pub stand_in: Option<StandIn>,
    /// Why it is lost, where that is known.
    pub cause: Option<String>,
}

/// A wanted destination.
#[derive(Debug, Clone, PartialEq)]
pub struct DestinationSeen {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// The platform's name and the page where its key is found.
    pub platform: Option<(String, Option<String>)>,
    /// Where it stands.
    pub state: DestinationState,
    /// Why it is not active.
    pub cause: Option<String>,
    /// What can be done about that, where it is known.
    pub advice: Option<String>,
    /// Whether it does not take the key.
    pub rejected: bool,
    /// Attempts in a row that failed.
    pub retries: u32,
}

/// A camera that is sent straight to a destination.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSeen {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Where it stands.
    pub state: StreamState,
    /// Why it does not run.
    pub cause: Option<String>,
}

/// The program over the last seconds.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ProgramSeen {
    /// Frames a second that were dropped or repeated.
    pub lost_per_s: f32,
    /// The encoder's share of the machine, 0 to 100, where it is known.
    pub encoder_cpu: Option<f32>,
    /// Seconds since the encoder made its last frame.
    pub silent_s: f32,
    /// Restarts of the encoder over the last minute.
    pub restarts: u64,
    /// The least of the on-air source's reserve of pictures, 0 to 100, where it is known.
    pub buffer: Option<f32>,
}

/// What is given up of the program's quality.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoweredSeen {
    /// What viewers get, in a few words.
    pub what: String,
    /// Why.
    pub cause: String,
    /// What can be done.
    pub advice: &'static str,
    /// A busy processor is the only reason.
    pub busy: bool,
}

impl LoweredSeen {
    /// What the show tells of its quality.
    pub(super) fn of(quality: &QualityStatus) -> Option<Self> {
        let first = *quality.reasons.first()?;
        let has = |reason: &str| quality.reasons.contains(&reason);
        let mut what = Vec::new();
        if has("high_cpu") {
            what.push(format!("{} frames a second", quality.fps));
        }
        if has("network_issues") {
            what.push(format!("{} % of the bit rate", quality.bitrate_percent));
        }
        if has("encoder_overload") {
            what.push("no graphics".to_owned());
        }
        let cause = |reason: &&'static str| match *reason {
            "high_cpu" => "the device is too busy",
            "network_issues" => "no destination takes all of the program",
            _ => "the encoder does not take every frame",
        };
        let causes: Vec<&str> = quality.reasons.iter().map(cause).collect();
        Some(Self {
            what: what.join(", "),
            cause: causes.join(", and "),
            advice: match first {
                "network_issues" => "Look at the connection to the internet.",
                _ => {
                    "End other programs on this machine, or choose a smaller profile for the next \
                     show."
                }
            },
            busy: quality.reasons == ["high_cpu"],
        })
    }
}

impl CameraSeen {
    /// What an input tells of its camera; `None` where it is none.
    pub(super) fn of(
        input: &InputStatus,
        on_air: Option<&OnAirStatus>,
        name: impl Fn(&str) -> String,
    ) -> Option<Self> {
        let id = input.camera_id.as_ref()?;
        let delivers = !matches!(input.state.as_str(), "lost" | "absent");
        Some(Self {
            id: id.as_str().to_owned(),
            name: name(id.as_str()),
            delivers,
            known: false,
            stand_in: on_air
                .filter(|_| !delivers)
                .and_then(|on_air| stand_in(on_air, id, name)),
            cause: input.last_error.clone(),
        })
    }
}

/// What stands on program for a camera that is lost. `None` in the moment before anything does.
fn stand_in(
    on_air: &OnAirStatus,
    lost: &CameraId,
    name: impl Fn(&str) -> String,
) -> Option<StandIn> {
    if on_air.wanted_camera_id.as_ref() != Some(lost) {
        return Some(StandIn::NotOnProgram);
    }
    match on_air.rung {
        OnAirRung::Waiting | OnAirRung::Wanted => None,
        OnAirRung::Backup => {
            let shown = on_air.shown_camera_id.as_ref();
            let backup = shown.map_or_else(String::new, |id| name(id.as_str()));
            Some(StandIn::Backup(backup))
        }
        OnAirRung::Pattern => Some(StandIn::Pattern),
        OnAirRung::LastPicture => Some(StandIn::LastPicture),
    }
}

impl StreamSeen {
    pub(super) fn of(stream: &StreamStatus, name: String) -> Self {
        Self {
            id: stream.id.as_str().to_owned(),
            name,
            state: stream.state,
            cause: stream.last_error.clone(),
        }
    }
}

/// Films of the show that failed for good.
pub(super) fn unreadable(show: &ShowStatus) -> Vec<(String, String)> {
    let films = show
        .inputs
        .iter()
        .filter(|input| input.state == "absent" && input.camera_id.is_none());
    films
        .filter_map(|input| {
            let file = input.name.strip_prefix("media ")?.to_owned();
            Some((file, input.last_error.clone()?))
        })
        .collect()
}

/// Whether a destination's message is about its key.
pub(super) fn is_refusal(message: &str) -> bool {
    message.contains("does not accept the stream key")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_up_is_told_with_every_reason_and_what_to_do() {
        let mut quality = QualityStatus {
            fps: 15.0,
            bitrate_percent: 80,
            ..QualityStatus::default()
        };
        assert_eq!(LoweredSeen::of(&quality), None);
        for (reasons, what, busy) in [
            (vec!["high_cpu"], "15 frames a second", true),
            (vec!["network_issues"], "80 % of the bit rate", false),
            (
                vec!["high_cpu", "encoder_overload"],
                "15 frames a second, no graphics",
                false,
            ),
        ] {
            quality.reasons = reasons;
            let seen = LoweredSeen::of(&quality).unwrap();
            assert_eq!((seen.what.as_str(), seen.busy), (what, busy));
            assert_eq!(seen.cause.matches("and").count(), quality.reasons.len() - 1);
            assert!(seen.advice.ends_with('.'));
        }
    }

    fn camera(id: &str) -> Option<CameraId> {
        Some(CameraId::parse(id).unwrap())
    }

    #[test]
    fn a_lost_camera_is_told_with_what_the_program_shows_instead() {
        let input = |state: &str| InputStatus {
            name: "camera 1".into(),
            camera_id: camera("1"),
            state: state.into(),
            frames_in: 9,
            dropped: 0,
            late: 0,
            duplicate: 0,
            wait_us: 0,
            restarts: 0,
            last_error: None,
        };
        let on_air = |wanted: &str, rung| OnAirStatus {
            wanted: String::new(),
            wanted_camera_id: camera(wanted),
            shown: String::new(),
            shown_camera_id: camera("3"),
            rung,
            since: String::new(),
            cause: None,
            forced: false,
            test_pattern: false,
            overloaded: false,
        };
        let backup = StandIn::Backup("Camera 3".to_owned());
        for (state, wanted, rung, stand_in) in [
            ("fresh", "1", OnAirRung::Wanted, None),
            ("lost", "1", OnAirRung::Wanted, None),
            ("lost", "1", OnAirRung::Backup, Some(backup)),
            ("absent", "1", OnAirRung::Pattern, Some(StandIn::Pattern)),
            (
                "lost",
                "1",
                OnAirRung::LastPicture,
                Some(StandIn::LastPicture),
            ),
            ("lost", "2", OnAirRung::Wanted, Some(StandIn::NotOnProgram)),
        ] {
            let on_air = on_air(wanted, rung);
            let name = |id: &str| format!("Camera {id}");
            let seen = CameraSeen::of(&input(state), Some(&on_air), name).unwrap();
            assert_eq!(seen.stand_in, stand_in, "{state} {wanted} {rung:?}");
            assert_eq!(seen.delivers, state == "fresh");
        }
    }
}
