//! Sound and picture arrive together at an RTMP sink, whichever camera is on.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, Allowance, Camera, CameraOptions, Clip, MediaServer, Rate, Stillness, cue, judge,
    percentile, record, timeline,
};
use integration::{excused, long, longest_step_ms, report};

fn offsets(rates: [Rate; 3], seconds: f64) -> (Vec<f64>, Allowance) {
    let agent = Agent::start();
    let cameras: Vec<Camera> = (1..=3u8)
        .zip(rates)
        .map(|(number, rate)| {
            let clip = Clip {
                rate,
                ..Clip::new(number)
            };
            let camera = Camera::with(clip, CameraOptions::default());
            agent.add_camera(&number.to_string(), &camera);
            camera
        })
        .collect();
    let sink = MediaServer::start();
    agent.add_destination("sink", &sink.rtmp("live"), "sync");
    let cues = (0..3).map(|n| {
        cue(
            &format!("c{n}"),
            &(n + 1).to_string(),
            f64::from(n) * 5.0,
            5.0,
            0.0,
        )
    });
    agent.preview(&timeline("sync", 15.0, cues.collect(), Vec::new()));
    agent.go_live(&["sink"]);
    assert!(sink.wait_ready("live/sync", std::time::Duration::from_secs(10)));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.nut");
    let stillness = Stillness::watch();
    record(&sink.rtmp("live/sync"), seconds, &file);
    let allowed = excused(&stillness);
    let seen = judge(&file);
    report("sound steps over 1.5 ms", format!("{:?}", seen.sound_steps));
    report("cameras", cameras.len());
    // Sound that finds no room for as long as the machine stands still is a hole, and never too much.
    let ms = |step: &i64| *step as f64 / 1e6;
    let holes: f64 = seen.sound_steps.iter().map(ms).sum();
    let most = allowed.sound.as_secs_f64() * 1000.0;
    assert!(
        holes <= most && seen.sound_steps.iter().all(|step| *step > 0),
        "{:?}",
        seen.sound_steps
    );
    (seen.av_offsets(), allowed)
}

fn figures(offsets: &[f64]) -> (f64, f64) {
    let sizes: Vec<f64> = offsets.iter().map(|offset| offset.abs()).collect();
    let (p95, max) = (percentile(&sizes, 0.95), percentile(&sizes, 1.0));
    report("flashes with a beep", offsets.len());
    report(
        "offset, ms: median",
        format!("{:.1}", percentile(offsets, 0.5)),
    );
    report("size, ms: p95, max", format!("{p95:.1}, {max:.1}"));
    (p95, max)
}

#[test]
fn cameras_at_the_programs_rate_stay_within_20_ms() {
    let seconds = if long() { 180.0 } else { 60.0 };
    let (offsets, allowed) = offsets([Rate(30, 1); 3], seconds);
    let (p95, max) = figures(&offsets);
    assert!(offsets.len() as f64 > seconds * 0.5);
    // A frame that comes late on a busy machine takes its flash with it.
    let most = if long() {
        40.0
    } else {
        longest_step_ms() + allowed.step_ms()
    };
    assert!(p95 <= 20.0 && max <= most, "{offsets:?}");
}

#[test]
fn cameras_at_25_and_50_frames_stay_within_40_ms() {
    let seconds = if long() { 180.0 } else { 30.0 };
    let (offsets, _) = offsets([Rate(25, 1), Rate(50, 1), Rate(25, 1)], seconds);
    let (p95, _) = figures(&offsets);
    // A flash of 20 ms lies between two program frames as often as on one.
    assert!(offsets.len() as f64 > seconds * 0.25);
    assert!(p95 <= 40.0, "{offsets:?}");
}
