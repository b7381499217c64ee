//! How the show is, as one value that anyone may copy. Holds no secret and decides nothing.

use crate::notice::Notice;
use model::{CameraId, CueId, DestinationId, Graphic, ProfileName, StreamId, TimelineId};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What the program is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Nothing runs.
    #[default]
    Idle,
    /// The program runs and is seen on the device only.
    Preview,
    /// The program runs and is sent to destinations.
    Live,
}

/// The state of one destination of the running show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DestinationState {
    /// Not wanted.
    #[default]
    Idle,
    /// Being reached.
    Connecting,
    /// Takes the program.
    Active,
    /// Lost; waiting for the next try.
    Retrying,
    /// Given up for now; tried again each minute.
    Failed,
}

/// Which of a destination's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DestinationAddress {
    /// Its address.
    #[default]
    Primary,
    /// Its backup address.
    Backup,
}

/// The state of a camera that is sent straight to a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum StreamState {
    #[default]
    Stopped,
    Starting,
    Running,
    Degraded,
    Restarting,
    Failed,
}

/// Everything about the show at one moment.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct ShowStatus {
    /// What the program is doing.
    pub mode: Mode,
    /// The timeline that runs.
    pub timeline: Option<ShownTimeline>,
    /// Whether its clock is held.
    pub paused: bool,
    /// Where it is.
    pub position: Option<Position>,
    /// Each destination that is wanted.
    pub destinations: Vec<DestinationStatus>,
    /// Counters of the program.
    pub program: Option<ProgramStatus>,
    /// What is on program, and why.
    pub on_air: Option<OnAirStatus>,
    /// Each input that is open.
    pub inputs: Vec<InputStatus>,
    /// Which encoder was chosen, and why.
    pub encoder: Option<EncoderStatus>,
    /// The graphics on air.
    pub overlays: Vec<ActiveOverlay>,
    /// Cameras that are sent straight to a destination; those that were never started are missing.
    pub streams: Vec<StreamStatus>,
    /// What the agent has to tell about itself.
    pub notices: Vec<Notice>,
    /// What is given up because something cannot keep up.
    pub quality: QualityStatus,
    /// What ran before the agent ended is still to be brought back.
    pub awaited: bool,
    /// How often somebody went live since the agent was started.
    pub went_live: u64,
    /// How often that was refused because the machine could not carry it.
    pub turned_away: u64,
}

/// The timeline that runs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShownTimeline {
    /// Its id.
    #[schema(value_type = String)]
    pub id: TimelineId,
    /// Its name.
    pub name: String,
    /// How long one round lasts, in seconds.
    pub duration_s: f64,
    /// How many cues its video track has.
    pub total_cues: usize,
    /// When it was started, RFC 3339 UTC.
    pub started_at: String,
}

/// A place on the timeline's clock.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Position {
    /// Seconds from the beginning of the round.
    #[schema(example = 12.4)]
    pub current_time: f64,
    /// The video cue that is on program; none before the first.
    #[schema(value_type = Option<String>)]
    pub current_cue_id: Option<CueId>,
    /// Its place among the video cues, from 0.
    pub current_cue_index: Option<usize>,
    /// How many rounds are complete.
    pub loop_count: u64,
    /// How many video cues there are.
    pub total_cues: usize,
    /// When this was read, RFC 3339 UTC.
    #[schema(example = "2026-11-21T10:00:00Z")]
    pub updated_at: String,
}

/// One destination of the running show.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DestinationStatus {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DestinationId,
    /// Its name.
    pub name: String,
    /// Whether it takes the program.
    pub state: DestinationState,
    /// What it took of late, in kilobits a second.
    pub kbps: u32,
    /// What it took since it was attached.
    pub bytes: u64,
    /// How often in a row it was tried without success.
    pub retries: u32,
    /// Why it is not well; without keys.
    pub last_error: Option<String>,
    /// What can be done about it.
    pub remediation: Option<String>,
    /// The address that is used, or tried next.
    pub address: DestinationAddress,
    /// It takes less than is sent to it, so that pictures are lost there.
    pub slow: bool,
    /// Somebody has to look after it: its key is refused, or it stayed away for ten retries.
    pub needs_attention: bool,
}

/// Counters of the program since it was started.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct ProgramStatus {
    /// How long it has run, in seconds.
    pub uptime_s: u64,
    /// Frames given to the encoder.
    pub frames: u64,
    /// Ticks that came too late, so that the frame before was repeated.
    pub repeated: u64,
    /// Frames that were left out on purpose, because the device is too busy.
    pub spared: u64,
    /// Frames that the encoder did not take.
    pub dropped: u64,
    /// Frames a second over the last seconds.
    pub fps: f64,
    /// Bit rate of the program in kilobits a second.
    pub kbps: u32,
    /// How often the encoder was started again.
    pub encoder_restarts: u64,
    /// The encoder's process id.
    pub encoder_pid: Option<u32>,
    /// Frames that the running encoder has made.
    pub encoded: u64,
    /// Bit rate that is asked of it, in kilobits a second.
    pub kbps_target: u32,
    /// Frames a second that are asked of it.
    pub fps_target: f64,
    /// What is left of the time for which the picture on air may be held, 0 to 100 percent; `null`
    /// where no live source is on air.
    pub buffer_fullness: Option<f32>,
    /// Median time to compose a frame, in microseconds.
    pub mix_p50_us: u32,
    /// 99th percentile of it.
    pub mix_p99_us: u32,
    /// Worst lateness of a frame's tick, in microseconds.
    pub worst_late_us: u32,
    /// Pictures or graphics that were planned but not there.
    pub missing: u64,
    /// Whether the media server takes the program now.
    pub publishing: bool,
    /// Microseconds from a frame's due time until it is handed to the encoder; median.
    pub mix_us: u32,
    /// Microseconds that the encoder has a frame; median.
    pub encode_us: u32,
    /// Microseconds from the encoder until the media server has the frame; median.
    pub publish_us: u32,
}

/// Which source stands on program for the one that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnAirRung {
    /// What was there before: the wanted source has not delivered yet.
    Waiting,
    /// The wanted source itself.
    Wanted,
    /// A backup camera: the camera's own, or else the timeline's.
    Backup,
    /// The timeline's picture for lost sources, or the shipped one.
    Pattern,
    /// Nothing delivers: the last picture that there is.
    LastPicture,
}

impl OnAirRung {
    /// Whether something else stands in for a source that is lost.
    #[must_use]
    pub const fn stands_in(self) -> bool {
        matches!(self, Self::Backup | Self::Pattern | Self::LastPicture)
    }
}

/// What is on program, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"wanted": "camera 2", "wanted_camera_id": "2", "shown": "camera 3",
    "shown_camera_id": "3", "rung": "backup", "since": "2026-11-21T10:00:00Z",
    "cause": "the camera refuses the connection: it is off, or its port is wrong",
    "forced": false, "test_pattern": false, "overloaded": false}))]
pub struct OnAirStatus {
    /// What is to be on program, as in [`InputStatus::name`].
    pub wanted: String,
    /// The camera, where it is one.
    #[schema(value_type = Option<String>)]
    pub wanted_camera_id: Option<CameraId>,
    /// What is shown.
    pub shown: String,
    /// The camera, where it is one.
    #[schema(value_type = Option<String>)]
    pub shown_camera_id: Option<CameraId>,
    /// Why that one.
    pub rung: OnAirRung,
    /// Since when, RFC 3339 UTC.
    pub since: String,
    /// Why the wanted source is not shown, where another stands in for it.
    pub cause: Option<String>,
    /// An operator put a camera on program by hand.
    pub forced: bool,
    /// An operator put the test pattern on program.
    pub test_pattern: bool,
    /// Pictures are missing because this machine could not keep up; nothing stands in for them.
    pub overloaded: bool,
}

/// What is given up because the machine, the network or the encoder cannot keep up.
#[derive(Debug, Clone, PartialEq, Default, Serialize, ToSchema)]
pub struct QualityStatus {
    /// Whether anything is given up.
    pub degraded: bool,
    /// Why: `high_cpu`, `network_issues`, `encoder_overload`.
    #[schema(value_type = Vec<String>)]
    pub reasons: Vec<&'static str>,
    /// Trouble that lasts, whether or not something is given up for it.
    #[schema(value_type = Vec<String>)]
    pub troubles: Vec<&'static str>,
    /// The operator holds full quality, whatever happens.
    pub held: bool,
    /// Frames a second that are sent; 0 while nothing runs.
    #[schema(example = 15.0)]
    pub fps: f64,
    /// Share of the profile's bit rate, in percent; 0 while nothing runs.
    #[schema(example = 80)]
    pub bitrate_percent: u8,
    /// Whether the show's graphics are on program.
    pub graphics: bool,
    /// Destinations that do not take all of the program, by name.
    pub weak_destinations: Vec<String>,
    /// All of this in sentences, and what to do.
    pub message: String,
    /// The last steps of this show, oldest first.
    #[schema(value_type = Vec<QualityStep>)]
    pub steps: Vec<Arc<QualityStep>>,
    /// By reason: how many steps down it has led.
    #[serde(skip)]
    pub levels: [(&'static str, u8); 3],
    /// By reason: steps down and up since the agent's start.
    #[serde(skip)]
    pub counted: Vec<(&'static str, u64, u64)>,
}

/// A step of quality, down or up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct QualityStep {
    /// When, RFC 3339 UTC.
    #[schema(example = "2026-11-21T10:00:00Z")]
    pub at: String,
    /// Why: `high_cpu`, `network_issues` or `encoder_overload`.
    #[schema(value_type = String, example = "high_cpu")]
    pub reason: &'static str,
    /// `DEGRADED_ENTER` for a step down, `DEGRADED_EXIT` for one that was given back.
    #[schema(value_type = String, example = "DEGRADED_ENTER")]
    pub event: &'static str,
    /// Whether quality was lowered; else a step was given back.
    pub lowered: bool,
    /// What was done, one sentence.
    #[schema(example = "The device is too busy: 15 frames a second are sent.")]
    pub text: String,
}

/// One open input.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct InputStatus {
    /// What it shows: `camera 1`, `media intro.mp4`, `pattern color_bars`.
    pub name: String,
    /// The camera, where it is one.
    #[schema(value_type = Option<String>)]
    pub camera_id: Option<CameraId>,
    /// `fresh`, `held`, `lost` or `absent`.
    pub state: String,
    /// Frames that came in.
    pub frames_in: u64,
    /// Frames that were never shown because a newer one was there.
    pub dropped: u64,
    /// Frames that came after their time.
    pub late: u64,
    /// Program frames that had to show a picture twice.
    pub duplicate: u64,
    /// Microseconds from a picture's arrival until the tick on which it was shown; median, cameras only.
    pub wait_us: u32,
    /// How often its decoder was started again.
    pub restarts: u64,
    /// Why its decoder ended last.
    pub last_error: Option<String>,
}

/// The encoder that the trial chose.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct EncoderStatus {
    /// FFmpeg's name of it.
    #[schema(example = "libx264")]
    pub name: String,
    /// Its preset, where it has any.
    pub preset: Option<String>,
    /// The program's profile.
    #[schema(value_type = String, example = "reliability")]
    pub profile: ProfileName,
    /// Coded size, `1920x1080`.
    pub size: String,
    /// Why it was chosen and the others were not.
    pub why: String,
}

/// A graphic on air.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ActiveOverlay {
    /// Its cue.
    #[schema(value_type = String)]
    pub cue_id: CueId,
    /// What is drawn.
    #[schema(value_type = Object)]
    pub graphic: Graphic,
    /// Height in the stack; greater is on top.
    pub layer: u16,
    /// Opacity at this moment, with fades, 0.0 to 1.0.
    pub opacity: f64,
    /// Whether it is seen: not hidden by an operator, and graphics are on.
    pub visible: bool,
    /// How long it stays on air, in seconds.
    pub remaining_s: f64,
}

/// A camera that is sent straight to a destination.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StreamStatus {
    /// Its id.
    #[schema(value_type = String)]
    pub id: StreamId,
    /// Where it stands.
    pub state: StreamState,
    /// Whether the picture is passed on as it is (`copy`) or encoded again (`transcode`).
    pub how: Option<String>,
    /// Bit rate in kilobits a second.
    pub kbps: u32,
    /// Bytes sent since it was started.
    pub bytes: u64,
    /// How long it has run, in seconds.
    pub uptime_s: u64,
    /// How often it was started again.
    pub restarts: u64,
    /// What went wrong last; without keys.
    pub last_error: Option<String>,
}
