//! A camera's packet is on program within 200 ms.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, Tap, cue, percentile, timeline};
use integration::{report, three_cameras};
use std::collections::HashMap;
use std::time::Duration;

#[test]
fn a_frame_is_on_program_within_200_ms_of_leaving_the_camera() {
    let agent = Agent::start();
    let cameras = three_cameras(&agent);
    agent.preview(&timeline(
        "t",
        600.0,
        vec![cue("a", "1", 0.0, 600.0, 0.0)],
        Vec::new(),
    ));
    // Both are decoded the same way, so that the decoder's own time cancels out.
    let camera = Tap::on(&cameras[0].url());
    let program = Tap::on(&agent.rtsp("program"));
    assert!(
        program
            .wait(Duration::from_secs(10), |frame| frame.code.is_some())
            .is_some()
    );
    std::thread::sleep(Duration::from_secs(12));
    let mut left = HashMap::new();
    for frame in camera.seen() {
        if let Some(code) = frame.code {
            left.entry(code).or_insert_with(Vec::new).push(frame.at);
        }
    }
    // The first seconds of a reader are its own burst.
    let took: Vec<f64> = program
        .seen()
        .iter()
        .skip(150)
        .filter_map(|frame| {
            let sent = left.get(&frame.code?)?;
            let last = sent.iter().rev().find(|at| **at <= frame.at)?;
            Some((frame.at - *last).as_secs_f64() * 1000.0)
        })
        .filter(|ms| *ms < 4000.0)
        .collect();
    let (median, p95) = (percentile(&took, 0.5), percentile(&took, 0.95));
    report("frames", took.len());
    report(
        "camera to program, ms: median, p95",
        format!("{median:.0}, {p95:.0}"),
    );
    let metrics = agent.api().get("/metrics").text;
    for line in metrics
        .lines()
        .filter(|line| line.contains("latency") && !line.starts_with('#'))
    {
        report("part", line);
    }
    assert!(took.len() > 100);
    assert!(median <= 200.0, "{median}");
}
