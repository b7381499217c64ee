//! The agent dies, stops and starts again without leaving anything behind or losing a setting.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, Child, MediaServer, cue, doors, gone, timeline, until};
use integration::{report, three_cameras};
use std::path::Path;
use std::time::{Duration, Instant};

#[test]
fn killed_it_leaves_no_orphan_and_comes_back_with_its_settings() {
    let mut agent = Agent::start();
    let _cameras = three_cameras(&agent);
    let sink = MediaServer::start();
    agent.add_destination("sink", &sink.rtmp("live"), "key-of-lifecycle");
    agent.preview(&timeline(
        "show",
        60.0,
        vec![cue("a", "1", 0.0, 60.0, 0.0)],
        Vec::new(),
    ));
    agent.go_live(&["sink"]);
    assert!(sink.wait_ready("live/key-of-lifecycle", Duration::from_secs(10)));
    let children = agent.children();
    report("children before", children.len());
    assert!(children.len() >= 3, "{children:?}");
    let began = Instant::now();
    agent.kill();
    assert!(
        gone(&children, Duration::from_secs(2)),
        "orphans: {children:?}"
    );
    report("all gone after, ms", began.elapsed().as_millis());
    agent.start_again();
    let api = agent.api();
    assert_eq!(api.get("/api/cameras/2").ok()["name"], "Camera 2");
    assert_eq!(api.get("/api/timelines/show").ok()["name"], "Show show");
    assert_eq!(api.get("/api/destinations/sink").ok()["has_key"], true);
    // The show resumes by itself; `resume.rs` holds where and how fast.
    assert!(until(Duration::from_secs(15), || {
        agent.status()["metrics"]["frames"].as_u64().unwrap_or(0) > 30
    }));
}

/// While it pulls cameras, shows a preview and is live: nobody can call it, or what it started, from
/// another machine.
#[test]
fn nothing_of_it_can_be_reached_from_another_machine() {
    let agent = Agent::start();
    let _cameras = three_cameras(&agent);
    let sink = MediaServer::start();
    agent.add_destination("sink", &sink.rtmp("live"), "key");
    let cues = vec![cue("a", "1", 0.0, 60.0, 0.0)];
    agent.preview(&timeline("show", 60.0, cues, Vec::new()));
    agent.go_live(&["sink"]);
    assert!(sink.wait_ready("live/key", Duration::from_secs(30)));
    let mut all: Vec<u32> = agent.children().iter().map(|(pid, _)| *pid).collect();
    all.push(agent.id());
    let open = doors(&all);
    report("waits at", format!("{open:?}"));
    assert!(open.len() >= 3, "its page and its media server at least");
    let beyond: Vec<_> = open.iter().filter(|at| !at.ip().is_loopback()).collect();
    assert!(beyond.is_empty(), "{beyond:?}");
}

#[test]
fn asked_to_stop_it_stops_its_children_first() {
    let mut agent = Agent::start();
    let _cameras = three_cameras(&agent);
    agent.preview(&timeline(
        "show",
        60.0,
        vec![cue("a", "1", 0.0, 60.0, 0.0)],
        Vec::new(),
    ));
    let children = agent.children();
    let took = agent
        .stop(Duration::from_secs(15))
        .expect("it stops when asked");
    report("stopped after, ms", took.as_millis());
    assert!(gone(&children, Duration::from_secs(5)), "{children:?}");
}

#[test]
fn the_emergency_stop_ends_its_own_children_and_no_one_elses() {
    let agent = Agent::start();
    let cameras = three_cameras(&agent);
    agent.preview(&timeline(
        "show",
        60.0,
        vec![cue("a", "1", 0.0, 60.0, 0.0)],
        Vec::new(),
    ));
    let folder = tempfile::tempdir().unwrap();
    let arguments = [
        "-nostdin", "-re", "-f", "lavfi", "-i", "anullsrc", "-f", "null", "-",
    ]
    .map(str::to_owned);
    let mut other = Child::start(Path::new("ffmpeg"), &arguments, &folder.path().join("log"));
    let _ = agent
        .api()
        .post("/api/emergency/kill-all-streams", serde_json::json!({}))
        .ok();
    let ended = until(Duration::from_secs(5), || {
        agent
            .children()
            .iter()
            .all(|(_, line)| !line.contains("ffmpeg"))
    });
    assert!(ended, "{:?}", agent.children());
    assert!(
        other.is_running(),
        "it killed an FFmpeg that is not its own"
    );
    assert_eq!(agent.status()["mode"], "idle");
    assert_eq!(cameras.len(), 3);
}
