//! Without a media server the program still goes out, and it is told why there is no preview.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, Camera, CameraOptions, Clip, MediaServer, Nginx, Packets, ServerOptions, Stillness, Tap,
    Via, build_folder, camera_body, cue, free_port, timeline, until,
};
use integration::{excused, long, report, slow};
use serde_json::{Value, json};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

const PASSWORD: &str = "pass-0817-of-the-camera";
const FIRST: &str = "first-key-0811-of-it";
const SECOND: &str = "second-key-0812-of-it";
const THIRD: &str = "third-key-0813-of-it";
const FRAME_MS: f64 = 1000.0 / 30.0;
/// Waiting for anything at all to happen on a slow machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// A camera that wants a password, added as `1`.
fn camera(agent: &Agent) -> Camera {
    let login = Some(("viewer".to_owned(), PASSWORD.to_owned()));
    let options = CameraOptions {
        login,
        ..CameraOptions::default()
    };
    let camera = Camera::with(Clip::new(1), options);
    let mut body = camera_body("1", &camera, Via::Rtsp);
    body["username"] = json!("viewer");
    body["password"] = json!(PASSWORD);
    let _ = agent.api().post("/api/cameras", body).ok();
    camera
}

/// The camera and the colour bars, in turn.
fn show() -> Value {
    let bars = json!({ "id": "b", "start_time": 6, "duration": 3, "action": "show_media",
        "params": { "pattern": "color_bars" } });
    timeline(
        "show",
        9.0,
        vec![cue("a", "1", 0.0, 6.0, 0.0), bars],
        Vec::new(),
    )
}

#[track_caller]
fn wait(agent: &Agent, what: &str, wanted: impl Fn(&Value) -> bool) {
    let mut last = Value::Null;
    let seen = until(PATIENCE, || {
        last = agent.status();
        wanted(&last)
    });
    assert!(seen, "never {what}: {last}\n{}", agent.log());
}

fn delivers(status: &Value) -> bool {
    let inputs = status["inputs"].as_array();
    inputs.is_some_and(|all| {
        let camera = |input: &&Value| input["camera_id"] == "1";
        all.iter()
            .find(camera)
            .is_some_and(|input| input["state"] == "fresh")
    })
}

fn state(status: &Value, id: &str) -> String {
    let all = status["destinations"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    let found = all.iter().find(|one| one["id"] == id);
    found.map_or_else(String::new, |one| {
        one["state"].as_str().unwrap_or_default().to_owned()
    })
}

fn choose(agent: &Agent, ids: &[&str]) {
    let body = json!({ "destination_ids": ids });
    let _ = agent.api().put("/api/preview/destinations", body).ok();
}

/// The alert about the media server that stands.
fn alert(agent: &Agent) -> Option<Value> {
    let list = agent.api().get("/api/alerts").ok();
    let all = list["alerts"].as_array().cloned().unwrap_or_default();
    all.into_iter()
        .find(|one| one["code"] == "MEDIA_SERVER_DOWN" && one["state"] != "cleared")
}

/// Reads a path of a sink until the camera's time has moved on a second. A sink looks at a stream for some
/// seconds before it hands it out.
fn moves(sink: &MediaServer, path: &str) {
    assert!(sink.wait_ready(path, PATIENCE), "{}", sink.log());
    let tap = Tap::on(&sink.rtmp(path));
    let mut frames: Vec<u16> = Vec::new();
    let moved = until(PATIENCE, || {
        let seen = tap.seen();
        frames = seen
            .iter()
            .filter_map(|one| Some(one.code?.frame))
            .collect();
        let (first, last) = (frames.iter().min(), frames.iter().max());
        first
            .zip(last)
            .is_some_and(|(first, last)| last - first >= 30)
    });
    let seen = tap.seen().len();
    assert!(
        moved,
        "the camera's time stands still: {seen} pictures, {frames:?}"
    );
}

/// What a reader saw while something happened to another destination.
fn judge(reader: Packets, stillness: &Stillness, what: &str) {
    let seen = reader.end();
    let (missing, gap) = (seen.missing(FRAME_MS), seen.longest_gap_ms());
    let frames = seen.times_ms.len();
    report(
        what,
        format!("{frames} frames, {missing} missing, gap {gap:.0} ms"),
    );
    assert!(frames > 60, "{what}: too little to judge");
    // What this test asks is that the connection is the same one; how smooth it is, others ask.
    let allowed = excused(stillness);
    let (most, longest) = (10 + allowed.missing as usize, 400.0 + allowed.step_ms());
    assert!(
        missing <= most && gap <= longest,
        "{what}: {missing} missing, gap {gap:.0} ms"
    );
}

fn no_secret(agent: &Agent, status: &Value) {
    let children: Vec<String> = agent.children().into_iter().map(|(_, line)| line).collect();
    assert!(
        children.iter().any(|line| line.contains("ffmpeg")),
        "{children:?}"
    );
    assert!(
        !children.iter().any(|line| line.contains("mediamtx")),
        "{children:?}"
    );
    for (what, text) in [
        ("ps", children.join("\n")),
        ("the log", agent.log()),
        ("the status", status.to_string()),
    ] {
        for secret in [PASSWORD, FIRST, SECOND, THIRD] {
            assert!(!text.contains(secret), "{secret} is in {what}: {text}");
        }
    }
}

#[test]
fn without_a_media_server_destinations_are_served_each_by_itself_and_the_preview_says_why() {
    let nowhere = "/nowhere/mediamtx".to_owned();
    let agent = Agent::lacking(&[("VISTTER__MEDIAMTX__PATH", nowhere)]);
    let _camera = camera(&agent);
    let port = free_port();
    let options = ServerOptions {
        rtmp_port: Some(port),
        only: vec![format!("live/{FIRST}")],
        ..ServerOptions::default()
    };
    let mut first = MediaServer::with(&options);
    let second = Nginx::start(SECOND);
    let third = MediaServer::start();
    agent.add_destination("one", &first.rtmp("live"), FIRST);
    agent.add_destination("two", &second.application(), SECOND);
    agent.add_destination("three", &third.rtmp("live"), THIRD);
    agent.add_destination("bad", &second.application(), THIRD);
    let _ = agent.api().post("/api/timelines", show()).ok();
    let start = json!({ "timeline_id": "show" });
    let started = agent.api().post("/api/preview/start", start).ok();
    wait(&agent, "the camera's picture", delivers);
    for told in [&started, &agent.status()] {
        let told = &told["no_picture"];
        assert_eq!(told["code"], "MEDIAMTX_MISSING", "{told}");
        report(
            "no preview",
            format!("{} {}", told["message"], told["remediation"]),
        );
        assert!(
            told["message"]
                .as_str()
                .unwrap()
                .contains("/nowhere/mediamtx")
        );
    }
    let live = Instant::now();
    agent.go_live(&["one", "two", "bad"]);
    wait(&agent, "both on air", |status| {
        ["one", "two"]
            .iter()
            .all(|id| state(status, id) == "active")
    });
    report(
        "both on air after, s",
        format!("{:.1}", live.elapsed().as_secs_f64()),
    );
    wait(&agent, "the bad key refused", |_| {
        let told = agent.destination("bad")["last_error"].clone();
        told.as_str()
            .is_some_and(|text| text.contains("does not accept the stream key"))
    });
    let mut told = None;
    let said = until(PATIENCE, || {
        told = alert(&agent).and_then(|one| Some(one["message"].as_str()?.to_owned()));
        told.as_deref()
            .is_some_and(|text| text.contains("there is no preview"))
    });
    assert!(said, "{told:?}");
    report("alert", told.unwrap_or_default());
    no_secret(&agent, &agent.status());
    moves(&first, &format!("live/{FIRST}"));

    // One is added and taken away again: the others' connections are the same ones.
    let connection = first.rtmp_publishers();
    assert_eq!(connection.len(), 1);
    let nginx = format!("{}/{SECOND}", second.application());
    let stillness = Stillness::watch();
    let reader = Packets::of(&nginx);
    reader.wait(PATIENCE);
    choose(&agent, &["one", "two", "three"]);
    let begun = until(PATIENCE, || third.rtmp_publishers().len() == 1);
    assert!(begun, "{}", agent.log());
    choose(&agent, &["one", "two"]);
    assert!(
        until(PATIENCE, || third.rtmp_publishers().is_empty()),
        "it stays"
    );
    assert_eq!(first.rtmp_publishers(), connection);
    // One is killed and comes back.
    drop(first);
    wait(&agent, "told as lost", |status| {
        state(status, "one") != "active"
    });
    first = MediaServer::with(&options);
    let back = Instant::now();
    let bytes = || first.bytes(&format!("live/{FIRST}"));
    assert!(until(PATIENCE, || bytes() > 30_000), "{}", agent.log());
    report(
        "back after, s",
        format!("{:.1}", back.elapsed().as_secs_f64()),
    );
    assert!(back.elapsed() < Duration::from_secs(10) * slow());
    judge(reader, &stillness, "the other meanwhile");
    no_secret(&agent, &agent.status());
}

#[test]
fn a_media_server_that_does_not_come_back_is_done_without_until_it_does() {
    let folder = tempfile::tempdir().unwrap();
    let away = folder.path().join("away");
    let script = folder.path().join("mediamtx");
    let text = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] || while [ -e {away} ]; do sleep 0.2; done\nexec {server} \"$@\"\n",
        away = away.display(),
        server = build_folder().join("mediamtx").display(),
    );
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).unwrap();
    let path = script.to_string_lossy().into_owned();
    let agent = Agent::lacking(&[("VISTTER__MEDIAMTX__PATH", path)]);
    assert!(until(PATIENCE, || agent.api().get("/readyz").status == 200));
    let _camera = camera(&agent);
    let sink = MediaServer::start();
    agent.add_destination("one", &sink.rtmp("live"), FIRST);
    agent.preview(&show());
    agent.go_live(&["one"]);
    wait(&agent, "on air", |status| state(status, "one") == "active");
    assert_eq!(agent.status()["no_picture"], Value::Null);

    std::fs::write(&away, "").unwrap();
    harness::signal(agent.media_server().unwrap(), "KILL");
    let lost = Instant::now();
    wait(&agent, "told why there is no picture", |status| {
        status["no_picture"]["code"] == "PREVIEW_SERVER_DOWN"
    });
    wait(&agent, "sent to without the media server", |status| {
        state(status, "one") == "active" && delivers(status)
    });
    let served = lost.elapsed();
    report(
        "served again after, s",
        format!("{:.1}", served.as_secs_f64()),
    );
    assert!(served < Duration::from_secs(15) * slow(), "{served:?}");
    if long() {
        moves(&sink, &format!("live/{FIRST}"));
    }
    // The sink tells of it when it has looked at it.
    assert!(until(PATIENCE, || sink.rtmp_publishers().len() == 1));
    let connection = sink.rtmp_publishers();

    std::fs::remove_file(&away).unwrap();
    wait(&agent, "back to normal", |status| {
        status["no_picture"] == Value::Null
            && status["server_healthy"] == true
            && status["metrics"]["publishing"] == true
    });
    // A connection that is good is left alone; there is never a second one with its key.
    wait(&agent, "the camera's picture", delivers);
    let kept = until(Duration::from_secs(2), || {
        sink.rtmp_publishers() != connection
    });
    assert!(
        !kept,
        "another connection: {:?}\n{}",
        sink.rtmp_publishers(),
        agent.log()
    );
    if !long() {
        return;
    }
    // The next one goes through the media server.
    agent.stop_preview();
    let start = json!({ "timeline_id": "show" });
    let _ = agent.api().post("/api/preview/start", start).ok();
    agent.go_live(&["one"]);
    wait(&agent, "on air again", |status| {
        state(status, "one") == "active"
    });
    assert!(until(PATIENCE, || sink.rtmp_publishers().len() == 1));
}
