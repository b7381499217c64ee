//! What the tests of lowered quality share: the show, what is recorded of it, and what the agent says
//! of its quality.

#![allow(
    clippy::disallowed_methods,
    reason = "a test's clock and its children are its own"
)]

use crate::long;
use harness::{Agent, AgentOptions, Camera, Child, Judged, cue, overlay, timeline, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Seconds that a notice stands: the short form looks at fewer pictures.
#[must_use]
pub fn banner_s() -> u64 {
    if long() { 10 } else { 4 }
}

/// An agent that decides as fast as its settings allow and minds one trouble only; camera 7 on air
/// with a white graphic.
#[must_use]
pub fn on_air(trouble: &str) -> (Agent, Camera) {
    let banner = banner_s().to_string();
    let settings = [
        (trouble, "on"),
        ("ENTER_S", "1"),
        ("CPU_ENTER_S", "2"),
        ("CHECK_S", "5"),
        ("CPU_HIGH_PERCENT", "97"),
        ("CPU_LOW_PERCENT", "92"),
        ("BANNER_S", banner.as_str()),
    ];
    let agent = Agent::with(AgentOptions {
        environment: settings
            .map(|(key, value)| (format!("VISTTER__DEGRADED__{key}"), value.to_owned()))
            .into(),
        ..AgentOptions::default()
    });
    let camera = Camera::start(7);
    agent.add_camera("7", &camera);
    let white = json!({
        "type": "text", "text": "MMMM", "x": 0.6, "y": 0.75, "font_size": 120,
        "color": "#FFFFFF", "background": "#FFFFFF",
    });
    let graphics = vec![overlay("white", 0.0, 3600.0, white)];
    let cues = vec![cue("a", "7", 0.0, 3600.0, 0.0)];
    agent.preview(&timeline("show", 3600.0, cues, graphics));
    (agent, camera)
}

/// What is recorded from now until it is asked for.
#[derive(Debug)]
pub struct Recording {
    file: PathBuf,
    recorder: Child,
    _folder: TempDir,
}

impl Recording {
    /// Begins to record an RTSP address.
    ///
    /// # Panics
    /// When nothing comes within 30 s.
    #[must_use]
    pub fn of(url: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("seen.nut");
        let text = format!(
            "-hide_banner -nostdin -loglevel error -y -rtsp_transport tcp -analyzeduration 5000000 \
             -i {url} -map 0:v:0 -c copy -copyts -flush_packets 1 -f nut {}",
            file.display()
        );
        let arguments: Vec<String> = text.split_ascii_whitespace().map(str::to_owned).collect();
        let log = folder.path().join("log");
        let recorder = Child::start(Path::new("ffmpeg"), &arguments, &log);
        let grows = || std::fs::metadata(&file).is_ok_and(|file| file.len() > 100_000);
        let begun = until(Duration::from_secs(30), grows);
        assert!(begun, "nothing is recorded: {}", recorder.log());
        Self {
            file,
            recorder,
            _folder: folder,
        }
    }

    /// Ends it; gives the file, which goes with the recording.
    ///
    /// # Panics
    /// When the recorder does not end.
    pub fn end(&mut self) -> &Path {
        self.recorder.signal("INT");
        let ended = self.recorder.ended_within(Duration::from_secs(10));
        assert!(ended.is_some(), "the recorder does not end");
        &self.file
    }
}

/// What the agent says of its quality.
#[must_use]
pub fn quality(agent: &Agent) -> Value {
    agent.api().get("/api/quality").ok()
}

/// Waits until the quality is so; gives the seconds that it took.
///
/// # Panics
/// When it is not in time.
#[track_caller]
pub fn wait_for(agent: &Agent, seconds: u64, what: &str, done: impl Fn(&Value) -> bool) -> f64 {
    let began = Instant::now();
    let mut last = Value::Null;
    let reached = until(Duration::from_secs(seconds), || {
        last = quality(agent);
        done(&last)
    });
    assert!(reached, "no {what} within {seconds} s: {last}");
    began.elapsed().as_secs_f64()
}

/// Whether so many frames a second are sent.
pub fn sends(fps: f64) -> impl Fn(&Value) -> bool {
    move |now| now["fps"].as_f64() == Some(fps)
}

/// The steps that were made: `(reason, lowered)`.
#[must_use]
pub fn steps(agent: &Agent) -> Vec<(String, bool)> {
    let now = quality(agent);
    let steps = now["steps"].as_array().cloned().unwrap_or_default();
    let step = |one: &Value| {
        let reason = one["reason"].as_str().unwrap_or_default().to_owned();
        (reason, one["lowered"] == true)
    };
    steps.iter().map(step).collect()
}

/// Every distinct sequence parameter set of a recording.
///
/// # Panics
/// When FFmpeg cannot read it.
#[must_use]
pub fn parameter_sets(file: &Path) -> BTreeSet<Vec<u8>> {
    let raw = file.with_extension("h264");
    let copied = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i"])
        .arg(file)
        .args(["-map", "0:v", "-c", "copy", "-f", "h264"])
        .arg(&raw)
        .status();
    assert!(copied.unwrap().success());
    let bytes = std::fs::read(&raw).unwrap();
    let starts: Vec<usize> = (0..bytes.len().saturating_sub(3))
        .filter(|at| bytes[*at..].starts_with(&[0, 0, 1]))
        .map(|at| at + 3)
        .collect();
    let ends = starts.iter().skip(1).map(|next| next - 3);
    let units = starts.iter().zip(ends.chain([bytes.len()]));
    let unit = |(from, to): (&usize, usize)| {
        let mut unit = bytes[*from..to].to_vec();
        while unit.last() == Some(&0) {
            unit.pop();
        }
        unit
    };
    units
        .map(unit)
        .filter(|unit| unit.first().is_some_and(|kind| kind & 31 == 7))
        .collect()
}

/// Frames of 1/30 s from each frame of a recording to the next, rounded.
#[must_use]
pub fn paces(seen: &Judged) -> Vec<i64> {
    seen.frames
        .windows(2)
        .map(|pair| (pair[1].pts_ns - pair[0].pts_ns + 16_666_667) / 33_333_333)
        .collect()
}
