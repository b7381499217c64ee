//! The agent dies while a show is live: the show comes back by itself, where its clock is by then.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, AgentOptions, Camera, MediaServer, Tap, cue, free_port, overlay, timeline, until,
};
use integration::{long, report, three_cameras};
use serde_json::{Value, json};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// Length of the shows here, in seconds.
const ROUND: f64 = 40.0;

/// A show of two cameras, twenty seconds each, with a text over it.
fn show() -> Value {
    let cues = vec![
        cue("a", "1", 0.0, 20.0, 0.0),
        cue("b", "2", 20.0, 20.0, 0.0),
    ];
    let text = json!({ "type": "text", "text": "as it was", "position": "bottom_left" });
    timeline("show", ROUND, cues, vec![overlay("t", 0.0, 40.0, text)])
}

fn gone(children: &[(u32, String)], limit: Duration) -> bool {
    until(limit, || {
        children
            .iter()
            .all(|(id, _)| !Path::new(&format!("/proc/{id}/exe")).exists())
    })
}

/// Starts the saved show.
fn start(agent: &Agent) {
    let _ = agent
        .api()
        .post("/api/preview/start", json!({ "timeline_id": "show" }))
        .ok();
    assert!(until(Duration::from_secs(15), || {
        agent.status()["metrics"]["frames"].as_u64() > Some(30)
    }));
}

/// Seconds played since the show's beginning, over all its rounds.
fn played(status: &Value) -> Option<f64> {
    let position = &status["position"];
    let now = position["current_time"].as_f64()?;
    Some(now + ROUND * position["loop_count"].as_f64()?)
}

fn notices(status: &Value) -> Vec<String> {
    let all = status["notices"].as_array().cloned().unwrap_or_default();
    let code = |one: &Value| one["code"].as_str().unwrap_or_default().to_owned();
    all.iter().map(code).collect()
}

fn all_active(status: &Value, count: usize) -> bool {
    let all = status["destinations"].as_array();
    all.is_some_and(|all| all.len() == count && all.iter().all(|one| one["state"] == "active"))
}

/// Whether there is a copy of the database that was made after a moment.
fn copied(agent: &Agent, moment: SystemTime) -> bool {
    let copies = std::fs::read_dir(agent.data().join("snapshots"));
    let mut copies = copies.into_iter().flatten().flatten();
    copies.any(|copy| {
        let made = copy.metadata().and_then(|about| about.modified());
        made.is_ok_and(|made| made > moment) && copy.path().extension() == Some("json".as_ref())
    })
}

/// Damages the database of an agent that does not run.
fn damage(agent: &Agent, how: &str) {
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
        _ => std::fs::remove_dir_all(agent.data().join("db")).unwrap(),
    }
}

#[test]
fn killed_while_live_the_show_is_back_at_its_place_with_its_destinations() {
    let mut agent = Agent::start();
    let _cameras = three_cameras(&agent);
    let sinks = [MediaServer::start(), MediaServer::start()];
    for (n, sink) in sinks.iter().enumerate() {
        agent.add_destination(&format!("d{n}"), &sink.rtmp("live"), "key");
    }
    agent.preview(&show());
    agent.go_live(&["d0", "d1"]);
    let edit = json!({ "text": "as it was left" });
    let _ = agent.api().put("/api/overlays/t", edit).ok();
    let settled = SystemTime::now();
    assert!(until(Duration::from_secs(20), || all_active(
        &agent.status(),
        2
    )));
    let started = agent.api().get("/api/timeline-execution/active").ok();
    let started = started["active"][0]["started_at"].clone();
    // The moment at which the show began, by the test's own clock.
    let zero = Instant::now() - Duration::from_secs_f64(played(&agent.status()).unwrap());
    let rounds = if long() { 10 } else { 3 };
    for round in 0..rounds {
        // In the last one the database is damaged too.
        let last_one = round + 1 == rounds;
        assert!(!last_one || until(Duration::from_secs(25), || copied(&agent, settled)));
        let connections: Vec<_> = sinks.iter().map(MediaServer::rtmp_publishers).collect();
        let children = agent.children();
        agent.kill();
        let killed = Instant::now();
        assert!(
            gone(&children, Duration::from_secs(2)),
            "orphans: {children:?}"
        );
        let orphans_gone = killed.elapsed();
        if last_one {
            damage(&agent, "garbage");
        }
        agent.launch_again();
        let began = Instant::now();
        let mut last = Value::Null;
        let back = until(Duration::from_secs(25), || {
            let Some(status) = agent.try_status() else {
                return false;
            };
            last = status;
            all_active(&last, 2) && last["metrics"]["frames"].as_u64() > Some(15)
        });
        let took = began.elapsed().as_secs_f64();
        // Ten seconds are promised; a busy machine needs some of them for itself.
        assert!(
            back && took <= if long() { 10.0 } else { 20.0 },
            "not back after {took:.1} s: {last:#}\n{}",
            agent.log()
        );
        let place = played(&last).unwrap();
        let off = place - zero.elapsed().as_secs_f64();
        // What is on air is the camera that is due there, by its barcode.
        let tap = Tap::on(&agent.rtsp("program"));
        let seen = tap.wait(Duration::from_secs(10), |seen| seen.code.is_some());
        let due = zero.elapsed().as_secs_f64() % ROUND;
        let camera = seen.and_then(|seen| seen.code).unwrap().camera;
        // Not right at a cut, and a picture is some frames old when it is seen.
        if due % 20.0 > 3.0 && due % 20.0 < 19.0 {
            assert_eq!(camera, if due < 20.0 { 1 } else { 2 }, "at {due:.1} s");
        }
        let again: Vec<_> = sinks.iter().map(MediaServer::rtmp_publishers).collect();
        report(
            &format!("round {round}: children gone, s"),
            format!("{:.3}", orphans_gone.as_secs_f64()),
        );
        report(
            "  live again with both destinations active, s",
            format!("{took:.2}"),
        );
        report("  off its clock, s", format!("{off:+.2}"));
        assert!(
            off.abs() <= if long() { 1.0 } else { 2.0 },
            "{off} s off at {place}: {last:#}\n{}",
            agent.log()
        );
        assert_ne!(connections, again, "connections are made anew");
        assert_eq!(last["mode"], "live");
        assert!(
            notices(&last).contains(&"SHOW_RESUMED".to_owned()),
            "{last}"
        );
        let recovered = notices(&last).contains(&"STORE_RECOVERED".to_owned());
        assert_eq!(recovered, last_one, "{last}");
        // Settings, and what an operator did to the running show.
        let api = agent.api();
        assert_eq!(api.get("/api/cameras/2").ok()["name"], "Camera 2");
        assert_eq!(api.get("/api/destinations/d0").ok()["has_key"], true);
        let overlays = api.get("/api/timeline-execution/active").ok();
        assert!(
            overlays.to_string().contains("as it was left"),
            "{overlays}"
        );
        let active = api.get("/api/timeline-execution/active").ok();
        assert_eq!(active["active"][0]["started_at"], started);
        // A show that ran well for five seconds after it was resumed is no failed try: ten rounds are
        // no more than two.
        let frames = last["metrics"]["frames"].as_u64();
        let well = frames.map_or(0, |frames| frames + 180);
        let ran = || agent.status()["metrics"]["frames"].as_u64() > Some(well);
        assert!(!long() || until(Duration::from_secs(15), ran));
    }
}

#[test]
#[ignore = "the long form: make resume-long"]
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
#[ignore = "the long form: make resume-long"]
fn a_show_that_ends_the_agent_each_time_is_left_off_with_a_word() {
    let mut agent = Agent::start();
    let _cameras = three_cameras(&agent);
    agent.preview(&show());
    for _ in 0..3 {
        agent.kill();
        agent.launch_again();
        // It ends before the show has run for long.
        assert!(until(Duration::from_secs(10), || agent
            .try_status()
            .is_some()));
    }
    agent.kill();
    agent.start_again();
    let status = agent.status();
    assert_eq!(status["mode"], "idle");
    assert_eq!(notices(&status), ["SHOW_NOT_RESUMED"]);
    let said = status["notices"][0]["message"].to_string();
    assert!(said.contains("Show show"), "{said}");
    start(&agent);
}

#[test]
#[ignore = "the long form: make resume-long"]
fn a_damaged_database_is_set_aside_and_the_show_starts_from_the_copy() {
    let mut agent = Agent::start();
    let camera = Camera::start(1);
    agent.add_camera("1", &camera);
    let cues = vec![cue("a", "1", 0.0, 40.0, 0.0)];
    agent.preview(&timeline("show", ROUND, cues, Vec::new()));
    let settled = SystemTime::now();
    let ways = [
        "garbage",
        "truncated",
        "zero length",
        "unreadable",
        "nothing there",
    ];
    for (round, how) in ways.iter().copied().enumerate() {
        let copied = until(Duration::from_secs(20), || copied(&agent, settled));
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
        assert_eq!(
            agent.api().get("/api/cameras/1").ok()["name"],
            "Camera 1",
            "{how}"
        );
        if round + 1 < ways.len() {
            // It runs well, so that the next round is none of many tries.
            let frames = || agent.status()["metrics"]["frames"].as_u64() > Some(180);
            assert!(until(Duration::from_secs(15), frames));
        }
    }
    let aside = std::fs::read_dir(agent.data()).unwrap().filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().starts_with("db-corrupt-")
    });
    assert_eq!(aside.count(), ways.len().min(3));
}

#[test]
#[ignore = "the long form: make resume-long"]
fn the_service_manager_hears_of_progress_and_of_none_while_the_agent_stands_still() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_millis(50)))
        .unwrap();
    let pings = |words: &[String]| words.iter().filter(|word| *word == "WATCHDOG=1").count();
    // What comes until there was so much of progress, or until the limit.
    let heard = |enough: usize, limit: Duration| {
        let began = Instant::now();
        let mut words = Vec::new();
        let mut buffer = [0; 256];
        while began.elapsed() < limit && pings(&words) < enough {
            if let Ok(length) = manager.recv(&mut buffer) {
                words.push(String::from_utf8_lossy(&buffer[..length]).into_owned());
            }
        }
        words
    };
    let environment = vec![
        ("NOTIFY_SOCKET".to_owned(), socket.display().to_string()),
        ("WATCHDOG_USEC".to_owned(), "3000000".to_owned()),
    ];
    let mut agent = Agent::with(AgentOptions {
        environment,
        port: Some(free_port()),
        ..AgentOptions::default()
    });
    let first = heard(2, Duration::from_secs(10));
    assert!(
        first.iter().any(|word| word.starts_with("READY=1")),
        "{first:?}"
    );
    assert_eq!(pings(&first), 2, "{first:?}");
    let camera = Camera::start(1);
    agent.add_camera("1", &camera);
    let cues = vec![cue("a", "1", 0.0, 40.0, 0.0)];
    agent.preview(&timeline("show", ROUND, cues, Vec::new()));
    let _before = heard(usize::MAX, Duration::from_millis(100));
    let began = Instant::now();
    assert_eq!(pings(&heard(3, Duration::from_secs(10))), 3);
    report(
        "told three times while a show runs within, s",
        format!("{:.1}", began.elapsed().as_secs_f64()),
    );
    agent.signal("STOP");
    let _under_way = heard(usize::MAX, Duration::from_millis(200));
    let standing = pings(&heard(usize::MAX, Duration::from_secs(3)));
    report("told in 3 s while the agent stands still", standing);
    assert_eq!(standing, 0);
    agent.signal("CONT");
    assert_eq!(pings(&heard(1, Duration::from_secs(10))), 1);
    assert!(agent.stop(Duration::from_secs(15)).is_some());
    let last = heard(usize::MAX, Duration::from_millis(200));
    assert!(last.contains(&"STOPPING=1".to_owned()), "{last:?}");
}
