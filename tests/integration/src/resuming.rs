//! What the tests of a resumed show share: the show, what is read off its status, copies of the
//! database, and ways to damage it.

use harness::{Agent, cue, overlay, timeline, until};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

/// Length of the shows here, in seconds.
pub const ROUND: f64 = 40.0;

/// A show of two cameras, twenty seconds each, with a text over it.
#[must_use]
pub fn show() -> Value {
    let cues = vec![
        cue("a", "1", 0.0, 20.0, 0.0),
        cue("b", "2", 20.0, 20.0, 0.0),
    ];
    let text = json!({ "type": "text", "text": "as it was", "position": "bottom_left" });
    timeline("show", ROUND, cues, vec![overlay("t", 0.0, 40.0, text)])
}

/// Starts the saved show, and waits until it runs.
///
/// # Panics
/// When it does not.
#[track_caller]
pub fn start(agent: &Agent) {
    let _ = agent
        .api()
        .post("/api/preview/start", json!({ "timeline_id": "show" }))
        .ok();
    assert!(until(Duration::from_secs(15), || {
        agent.status()["metrics"]["frames"].as_u64() > Some(30)
    }));
}

/// Seconds played since the show's beginning, over all its rounds.
#[must_use]
pub fn played(status: &Value) -> Option<f64> {
    let position = &status["position"];
    let now = position["current_time"].as_f64()?;
    Some(now + ROUND * position["loop_count"].as_f64()?)
}

/// Codes of what the agent did by itself.
#[must_use]
pub fn notices(status: &Value) -> Vec<String> {
    let all = status["notices"].as_array().cloned().unwrap_or_default();
    let code = |one: &Value| one["code"].as_str().unwrap_or_default().to_owned();
    all.iter().map(code).collect()
}

/// Whether there is a copy of the database that was made after a moment.
#[must_use]
pub fn copied(agent: &Agent, moment: SystemTime) -> bool {
    let copies = std::fs::read_dir(agent.data().join("snapshots"));
    let mut copies = copies.into_iter().flatten().flatten();
    copies.any(|copy| {
        let made = copy.metadata().and_then(|about| about.modified());
        made.is_ok_and(|made| made > moment) && copy.path().extension() == Some("json".as_ref())
    })
}

/// Damages the database of an agent that does not run.
///
/// # Panics
/// When there is no such way, or no database.
pub fn damage(agent: &Agent, how: &str) {
    let log = agent.data().join("db/db");
    let bytes = std::fs::read(&log).unwrap();
    match how {
        "truncated" => std::fs::write(&log, &bytes[..bytes.len() / 3]).unwrap(),
        "garbage" => {
            let noise = |n: usize| u8::try_from(n * 31 % 251).unwrap();
            let noise: Vec<u8> = (0..bytes.len()).map(noise).collect();
            std::fs::write(&log, noise).unwrap();
        }
        "zero length" => std::fs::write(&log, b"").unwrap(),
        // The tests run as root, whom no file's mode keeps out.
        "unreadable" => {
            std::fs::remove_file(&log).unwrap();
            std::fs::create_dir(&log).unwrap();
        }
        "nothing there" => std::fs::remove_dir_all(agent.data().join("db")).unwrap(),
        _ => panic!("{how} is no way to damage it"),
    }
}
