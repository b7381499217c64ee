//! No password and no stream key is in any argument list, log or answer.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, Camera, CameraOptions, Clip, MediaServer, Via, camera_body, cue, ps_of_everything,
    timeline,
};
use serde_json::json;
use std::time::Duration;

const PASSWORD: &str = "Pa55-of@the:cam/era#%";
const KEY: &str = "k3y-of-the-stream-4711";

#[test]
fn passwords_and_keys_are_nowhere_to_be_seen() {
    let agent = Agent::start();
    let camera = Camera::with(
        Clip::new(1),
        CameraOptions {
            login: Some(("viewer".into(), PASSWORD.into())),
            ..CameraOptions::default()
        },
    );
    let mut body = camera_body("1", &camera, Via::Rtsp);
    body["username"] = json!("viewer");
    body["password"] = json!(PASSWORD);
    let mut answers = vec![agent.api().post("/api/cameras", body).text];
    let sink = MediaServer::start();
    let draft = json!({ "id": "sink", "name": "Sink", "platform": "custom_rtmp",
        "rtmp_url": sink.rtmp("live"), "stream_key": KEY });
    answers.push(agent.api().post("/api/destinations", draft).text);
    // One that fails, so that its error is looked at too.
    let dead = json!({ "id": "dead", "name": "Dead", "platform": "custom_rtmp",
        "rtmp_url": "rtmp://127.0.0.1:9/live", "stream_key": KEY });
    answers.push(agent.api().post("/api/destinations", dead).text);
    agent.preview(&timeline(
        "show",
        60.0,
        vec![cue("a", "1", 0.0, 60.0, 0.0)],
        Vec::new(),
    ));
    agent.go_live(&["sink", "dead"]);
    assert!(sink.wait_ready(&format!("live/{KEY}"), Duration::from_secs(10)));
    std::thread::sleep(Duration::from_secs(6));
    answers.push(agent.api().post("/api/cameras/1/test", json!({})).text);
    for path in [
        "/api/cameras",
        "/api/cameras/1",
        "/api/destinations",
        "/api/destinations/sink",
        "/api/destinations/dead",
        "/api/preview/status",
        "/api/preview/health",
        "/api/streams",
        "/api/timelines/show",
        "/api/timeline-execution/active",
        "/api/emergency/status",
        "/metrics",
        "/healthz",
        "/readyz",
        "/api/openapi.json",
        "/",
    ] {
        answers.push(agent.api().get(path).text);
    }
    let processes = ps_of_everything();
    let log = agent.log();
    for (what, text) in [
        ("ps", processes),
        ("the log", log),
        ("answers", answers.join("\n")),
    ] {
        for secret in forms() {
            assert!(!text.contains(&secret), "{secret} is in {what}");
        }
    }
}

/// The secrets as they are, as they stand in an address, and in an Authorization header.
fn forms() -> Vec<String> {
    let encoded: String = PASSWORD
        .bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect();
    vec![
        PASSWORD.to_owned(),
        encoded.clone(),
        encoded.to_lowercase(),
        KEY.to_owned(),
    ]
}
