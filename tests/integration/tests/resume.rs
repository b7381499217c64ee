//! The agent dies while a show is live: the show comes back by itself, where its clock is by then.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, AgentOptions, Camera, MediaServer, Tap, all_active, cue, free_port, gone, timeline,
    until,
};
use integration::resuming::{ROUND, copied, damage, notices, played, show, start};
use integration::{long, report, slow, three_cameras};
use serde_json::{Value, json};
use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant, SystemTime};

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
            back && took <= f64::from(slow()) * 10.0,
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
            off.abs() <= f64::from(slow()),
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
fn a_show_that_ends_the_agent_each_time_is_left_off_with_a_word() {
    let mut agent = Agent::start();
    let _cameras = three_cameras(&agent);
    agent.preview(&show());
    for _ in 0..3 {
        agent.kill();
        agent.launch_again();
        // It ends once the show is back, before that has run for long.
        let back = |status: Value| status["mode"] == "preview";
        let tried = || agent.try_status().is_some_and(back);
        assert!(until(Duration::from_secs(20), tried), "{}", agent.log());
    }
    agent.kill();
    agent.start_again();
    let told = || !notices(&agent.status()).is_empty();
    assert!(until(Duration::from_secs(20), told), "{}", agent.log());
    let status = agent.status();
    assert_eq!(status["mode"], "idle");
    assert_eq!(notices(&status), ["SHOW_NOT_RESUMED"]);
    let said = status["notices"][0]["message"].to_string();
    assert!(said.contains("Show show"), "{said}");
    start(&agent);
}

#[test]
fn the_service_manager_hears_of_the_start_of_progress_and_of_the_end() {
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
    // What it hears while a part of the agent stands still is `wiring::watchdog`'s to test. Here the
    // whole of it stands still, for longer than its manager would wait, and goes on.
    agent.signal("STOP");
    let _under_way = heard(usize::MAX, Duration::from_secs(4));
    agent.signal("CONT");
    let began = Instant::now();
    assert_eq!(pings(&heard(2, Duration::from_secs(10))), 2);
    report(
        "told twice after it stood still within, s",
        format!("{:.1}", began.elapsed().as_secs_f64()),
    );
    assert!(agent.stop(Duration::from_secs(15)).is_some());
    let last = heard(usize::MAX, Duration::from_millis(200));
    let ends = last.iter().filter(|word| *word == "STOPPING=1").count();
    assert_eq!(ends, 1, "{last:?}");
    let more = last.iter().any(|word| word.starts_with("READY=1"));
    assert!(!more, "it was ready before: {last:?}");
}
