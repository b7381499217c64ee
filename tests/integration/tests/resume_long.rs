//! What takes long to see of a show that comes back, and runs only in `make resume-long`:
//! an orderly end of a paused show, and five ways to damage the database.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, Camera, MediaServer, Tap, cue, timeline, until};
use integration::resuming::{ROUND, copied, damage, notices, played, show, start};
use integration::{report, three_cameras};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

#[test]
fn stopped_it_stays_stopped_and_a_service_restart_brings_a_paused_show_back_where_it_was() {
    let mut agent = Agent::start();
    let _cameras = three_cameras(&agent);
    let sink = MediaServer::start();
    agent.add_destination("d", &sink.rtmp("live"), "key");
    let stream = json!({ "id": "s", "name": "Straight", "camera_id": "3", "destination_id": "d" });
    let _ = agent.api().post("/api/streams", stream).ok();
    agent.preview(&show());
    agent.stop_preview();
    agent.kill();
    agent.start_again();
    assert_eq!(agent.status()["mode"], "idle");
    assert!(notices(&agent.status()).is_empty());

    start(&agent);
    let api = agent.api();
    let _ = api
        .post("/api/timeline-execution/seek", json!({ "position": 25.0 }))
        .ok();
    let _ = api.post("/api/timeline-execution/pause", json!({})).ok();
    let take = json!({ "transition": "cut" });
    let _ = api.post("/api/cameras/3/to-program", take).ok();
    let _ = api.post("/api/streams/s/start", json!({})).ok();
    assert!(until(Duration::from_secs(15), || {
        api.get("/api/streams/s").ok()["status"] == "running"
    }));
    let before = played(&agent.status()).unwrap();
    assert!(
        agent.stop(Duration::from_secs(15)).is_some(),
        "{}",
        agent.log()
    );
    agent.launch_again();
    let back = until(Duration::from_secs(20), || {
        agent.try_status().is_some_and(|status| {
            status["mode"] == "preview" && status["metrics"]["frames"].as_u64() > Some(15)
        })
    });
    assert!(back, "{}", agent.log());
    let status = agent.status();
    assert_eq!(status["paused"], true);
    let after = played(&status).unwrap();
    report("paused at, s", format!("{before:.2}, then {after:.2}"));
    assert!((after - before).abs() < 0.2);
    let tap = Tap::on(&agent.rtsp("program"));
    let by_hand = tap.wait(Duration::from_secs(10), |seen| {
        seen.code.is_some_and(|code| code.camera == 3)
    });
    assert!(
        by_hand.is_some(),
        "the camera taken by hand is not on program"
    );
    assert!(until(Duration::from_secs(15), || {
        agent.api().get("/api/streams/s").ok()["status"] == "running"
    }));

    let shown = json!({ "shown": true });
    let _ = agent.api().post("/api/emergency/test-pattern", shown).ok();
    agent.kill();
    agent.launch_again();
    let pattern = until(Duration::from_secs(20), || {
        let status = agent.try_status().unwrap_or_default();
        status["on_air"]["test_pattern"] == true
    });
    assert!(pattern, "{}\n{}", agent.status(), agent.log());
}

#[test]
fn a_damaged_database_is_set_aside_and_the_show_starts_from_the_copy() {
    let mut agent = Agent::start();
    let camera = Camera::start(1);
    agent.add_camera("1", &camera);
    let cues = vec![cue("a", "1", 0.0, 40.0, 0.0)];
    agent.preview(&timeline("show", ROUND, cues, Vec::new()));
    let ways = [
        "garbage",
        "truncated",
        "zero length",
        "unreadable",
        "nothing there",
    ];
    for how in ways {
        // It runs well, so that this is none of many tries, and the copy knows it.
        let well = || agent.status()["metrics"]["frames"].as_u64() > Some(180);
        assert!(until(Duration::from_secs(20), well), "{}", agent.log());
        let settled = SystemTime::now();
        let name = format!("Camera 1 before {how}");
        let rename = json!({ "name": name });
        let _ = agent.api().put("/api/cameras/1", rename).ok();
        let copied = until(Duration::from_secs(25), || copied(&agent, settled));
        assert!(copied, "no copy: {}", agent.log());
        agent.kill();
        damage(&agent, how);
        agent.launch_again();
        let mut last = Value::Null;
        let back = until(Duration::from_secs(25), || {
            last = agent.try_status().unwrap_or_default();
            last["mode"] == "preview" && last["metrics"]["frames"].as_u64() > Some(15)
        });
        assert!(back, "{how}: {last}\n{}", agent.log());
        let codes = notices(&last);
        assert!(
            codes.contains(&"STORE_RECOVERED".to_owned()),
            "{how}: {last}"
        );
        report(how, last["notices"][0]["message"].to_string());
        let kept = agent.api().get("/api/cameras/1").ok();
        assert_eq!(kept["name"], name, "{how}");
    }
    let aside = std::fs::read_dir(agent.data()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("db-corrupt-")
    });
    assert_eq!(aside.count(), ways.len().min(3));
}
