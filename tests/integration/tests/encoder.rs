//! The encoder may die or hang while the show is live: platforms keep their connections, and a second
//! after it is found there are new pictures.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, MediaServer, Tap, cue, judge, record, signal, timeline, until};
use integration::{long, report, slow, three_cameras};
use std::process::Command;
use std::time::{Duration, Instant};

/// An encoder that hangs is found after so long without a picture (`show::encoding::STALL`).
const STALL: f64 = 1.0;
/// Looking for it, and the reader's own delay, on top.
const LOOK: f64 = 0.2;
/// From finding it to new pictures.
const BACK: f64 = 1.0;

/// The longest time in seconds without a picture since a moment.
fn longest_pause(tap: &Tap, since: Instant) -> f64 {
    let seen = tap.seen();
    let from = seen.partition_point(|frame| frame.at < since);
    let times = seen[from.saturating_sub(1)..].windows(2);
    let pauses = times.map(|pair| (pair[1].at - pair[0].at).as_secs_f64());
    pauses.fold(0.0, f64::max)
}

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
    let rounds: u32 = if long() { 10 } else { 2 };
    let slow = f64::from(slow());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("platform.nut");
    let url = sinks[0].rtmp("live/key");
    let mut pauses = Vec::new();
    let seen = std::thread::scope(|scope| {
        let recorder = scope.spawn(|| record(&url, 10.0 * f64::from(rounds), &file));
        let tap = Tap::on(&sinks[1].rtsp("live/key"));
        assert!(
            tap.wait(Duration::from_secs(10), |f| f.code.is_some())
                .is_some()
        );
        std::thread::sleep(Duration::from_secs(2));
        for round in 0..rounds * 2 {
            // Two deaths, two hangs, and so on.
            let hang = round % 2 == 1;
            let encoder = agent.encoder_pid().unwrap();
            let began = Instant::now();
            let process = u32::try_from(encoder).unwrap();
            signal(process, if hang { "STOP" } else { "KILL" });
            let back = until(Duration::from_secs(10), || {
                agent.encoder_pid().is_some_and(|now| now != encoder)
            });
            assert!(back, "{}", agent.status());
            // The pictures after it have to come out at the platform, too.
            let since = tap.seen().len();
            assert!(until(Duration::from_secs(10), || {
                let seen = tap.seen();
                seen[since..].iter().filter(|f| f.code.is_some()).count() > 30
            }));
            let pause = longest_pause(&tap, began);
            let limit = slow * (LOOK + BACK + if hang { STALL } else { 0.0 });
            let what = if hang { "hang" } else { "death" };
            pauses.push(format!("{what} {pause:.2}"));
            assert!(pause <= limit, "{what}: {pause:.2} s without a picture");
            std::thread::sleep(Duration::from_secs(1));
        }
        recorder.join().unwrap();
        judge(&file)
    });
    report(
        "longest time without a picture at a platform, s",
        pauses.join(", "),
    );
    assert_eq!(connections(), before, "a platform lost its connection");
    let restarts = agent.status()["metrics"]["encoder_restarts"].as_u64();
    report("encoders started anew", format!("{restarts:?}"));
    let restarts = restarts.unwrap();
    // A busy machine may make one more look as if it hung.
    let most = if long() { 0 } else { 2 };
    let wanted = 2 * u64::from(rounds);
    assert!((wanted..=wanted + most).contains(&restarts), "{restarts}");
    let slate = seen.frames.iter().filter(|f| f.code.is_none()).count();
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
    let longest = (slow * (STALL + LOOK + BACK) * 1000.0) as i64;
    assert!(
        steps.iter().all(|step| (0..longest).contains(step)),
        "{steps:?}"
    );
    assert!(
        seen.frames.len() - slate > slate,
        "the camera is there most of the time"
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
