//! The encoder may die while the show is live: platforms keep their connections.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, MediaServer, cue, judge, record, timeline, until};
use integration::{report, three_cameras};
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn connections_outlive_the_encoder_and_the_slate_ends_with_the_show() {
    let agent = Agent::start();
    let _cameras = three_cameras(&agent);
    let sinks: Vec<MediaServer> = (0..4).map(|_| MediaServer::start()).collect();
    for (n, sink) in sinks.iter().enumerate() {
        agent.add_destination(&format!("d{n}"), &sink.rtmp("live"), "key");
    }
    let cues = vec![cue("a", "1", 0.0, 600.0, 0.0)];
    agent.preview(&timeline("show", 600.0, cues, Vec::new()));
    agent.go_live(&["d0", "d1", "d2", "d3"]);
    let connections = || -> Vec<_> { sinks.iter().map(MediaServer::rtmp_publishers).collect() };
    let all_send = || sinks.iter().all(|sink| sink.bytes("live/key") > 100_000);
    assert!(until(Duration::from_secs(15), all_send));
    let before = connections();
    let encoder = agent.encoder_pid().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.nut");
    let url = sinks[0].rtmp("live/key");
    let seen = std::thread::scope(|scope| {
        let recorder = scope.spawn(|| record(&url, 10.0, &file));
        std::thread::sleep(Duration::from_secs(4));
        let killed = Command::new("kill")
            .args(["-9", &encoder.to_string()])
            .status();
        assert!(killed.unwrap().success());
        let began = Instant::now();
        let back = until(Duration::from_secs(10), || {
            agent.encoder_pid().is_some_and(|now| now != encoder)
                && agent.status()["metrics"]["encoder_restarts"] == 1
        });
        assert!(back, "{}", agent.status());
        report(
            "a new encoder after, s",
            format!("{:.2}", began.elapsed().as_secs_f64()),
        );
        recorder.join().unwrap();
        judge(&file)
    });
    assert_eq!(connections(), before, "a platform lost its connection");
    let slate = seen
        .frames
        .iter()
        .filter(|frame| frame.code.is_none())
        .count();
    let steps: Vec<i64> = seen
        .frames
        .windows(2)
        .map(|pair| (pair[1].pts_ns - pair[0].pts_ns) / 1_000_000)
        .collect();
    report("frames at the platform", seen.frames.len());
    report("of them slate", slate);
    report(
        "longest and shortest step, ms",
        format!("{:?} {:?}", steps.iter().max(), steps.iter().min()),
    );
    assert!(
        steps.iter().all(|step| (0..1000).contains(step)),
        "{steps:?}"
    );
    assert!(
        seen.frames.last().unwrap().code.is_some(),
        "the camera is back"
    );
    assert_eq!(seen.black(), 0);
    agent.stop_preview();
    let health = || agent.api().get("/api/preview/health").ok();
    let silent = until(Duration::from_secs(5), || {
        health()["active_streams"].as_array().is_some_and(|all| {
            all.iter()
                .all(|path| path["name"] != "program" || path["ready"] == false)
        })
    });
    assert!(silent, "{}", health());
    let read = Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-rtsp_transport",
            "tcp",
            &agent.rtsp("program"),
        ])
        .status();
    assert!(!read.unwrap().success(), "the slate goes on after the show");
}
