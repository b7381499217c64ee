//! A text changed on air is seen within two frames, and nothing is started again for it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, Region, Tap, cue, judge_in, overlay, record, timeline};
use integration::{long, report, three_cameras};
use serde_json::json;
use std::time::{Duration, Instant};

#[test]
fn every_text_change_is_seen_and_no_process_is_started_again() {
    let agent = Agent::start();
    let _cameras = three_cameras(&agent);
    let params = json!({
        "type": "text", "text": "start", "x": 0.05, "y": 0.75, "font_size": 120,
        "color": "#FFFFFF", "background": "#000000",
    });
    let cues = vec![cue("a", "1", 0.0, 3600.0, 0.0)];
    let graphics = vec![overlay("score", 0.0, 3600.0, params)];
    agent.preview(&timeline("overlays", 3600.0, cues, graphics));
    let tap = Tap::on(&agent.rtsp("program"));
    assert!(
        tap.wait(Duration::from_secs(10), |frame| frame.code.is_some())
            .is_some()
    );
    let before = agent.children();
    let changes: u32 = if long() { 200 } else { 50 };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.nut");
    let url = agent.rtsp("program");
    let seconds = f64::from(changes) * 0.25 + 6.0;
    let mut accepted = Vec::new();
    std::thread::scope(|scope| {
        let recorder = scope.spawn(|| record(&url, seconds, &file));
        std::thread::sleep(Duration::from_secs(3));
        for number in 0..changes {
            // Full blocks against narrow letters: every change is a large one.
            let text = if number % 2 == 0 {
                "██████"
            } else {
                "......"
            };
            let began = Instant::now();
            let _ = agent
                .api()
                .put("/api/overlays/score", json!({ "text": text }))
                .ok();
            accepted.push(began.elapsed().as_secs_f64() * 1000.0);
            std::thread::sleep(Duration::from_millis(250).saturating_sub(began.elapsed()));
        }
        recorder.join().unwrap();
    });
    let region = Region {
        x: 0.06,
        y: 0.77,
        width: 0.1,
        height: 0.08,
    };
    let seen = judge_in(&file, None, &[region]);
    let levels: Vec<bool> = seen
        .frames
        .iter()
        .map(|frame| frame.regions[0].mean > 100.0)
        .collect();
    let changed: Vec<usize> = (1..levels.len())
        .filter(|at| levels[*at] != levels[*at - 1])
        .collect();
    let gaps: Vec<usize> = changed.windows(2).map(|pair| pair[1] - pair[0]).collect();
    report("changes seen", changed.len());
    report(
        "answer to a change, ms p95",
        format!("{:.1}", harness::percentile(&accepted, 0.95)),
    );
    report("frames between changes", format!("{gaps:?}"));
    assert_eq!(agent.children(), before, "a process was started again");
    assert_eq!(changed.len(), usize::try_from(changes).unwrap());
    // Asked every 250 ms = 7.5 frames: two frames late at most means 5 to 10 frames apart.
    assert!(gaps.iter().all(|gap| (5..=10).contains(gap)), "{gaps:?}");
}
