//! The preview plays in a browser: WHEP with sound, low-latency HLS within three seconds of live.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, cue, root, timeline};
use integration::{report, three_cameras};
use std::process::Command;

fn browser(agent: &Agent, what: &str) -> serde_json::Value {
    let script = root().join("tests/browser/preview.js");
    let end = Command::new("node")
        .arg(script)
        .args([what, agent.api().base()])
        .output()
        .expect("node is installed");
    let said = String::from_utf8_lossy(&end.stdout).into_owned();
    let errors = String::from_utf8_lossy(&end.stderr);
    assert!(end.status.success(), "{said}{errors}\n{}", agent.log());
    serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap()
}

fn on_air() -> (Agent, Vec<harness::Camera>) {
    let agent = Agent::start();
    let cameras = three_cameras(&agent);
    let cues = vec![
        cue("a", "1", 0.0, 30.0, 0.0),
        cue("b", "2", 30.0, 30.0, 0.0),
    ];
    agent.preview(&timeline("show", 60.0, cues, Vec::new()));
    (agent, cameras)
}

#[test]
fn whep_plays_with_sound() {
    let (agent, _cameras) = on_air();
    let seen = browser(&agent, "whep");
    report("seen", &seen);
    assert!(seen["frames"].as_u64().unwrap_or(0) > 60, "{seen}");
    assert!(
        seen["energy"].as_f64().unwrap_or(0.0) > 0.0,
        "no sound: {seen}"
    );
}

#[test]
fn low_latency_hls_is_within_three_seconds_of_live() {
    let (agent, _cameras) = on_air();
    let seen = browser(&agent, "hls");
    report("seen", &seen);
    assert!(seen["frames"].as_u64().unwrap_or(0) > 60, "{seen}");
    let behind = seen["behind"].as_f64().unwrap_or(99.0);
    assert!(behind <= 3.0, "{seen}");
    let most = seen["most"].as_f64().unwrap_or(99.0);
    assert!(most <= 10.0, "{seen}");
}
