//! A text changed on air is seen within two frames, and nothing is started again for it.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, Region, Stillness, Tap, cue, judge_in, overlay, record, timeline, until};
use integration::{excused, long, report, slack, three_cameras};
use serde_json::json;
use std::time::{Duration, Instant};

/// When the mark comes on, and the program frame that this is.
const MARK_S: f64 = 16.0;
const MARK_FRAME: u64 = 480;
/// Frames from an accepted change to the one that shows it.
const LATE: u32 = 2;
/// From one change to the next: so long, and so many frames of the program. On the machine's clock
/// alone, two that come after a standstill could fall into one frame.
const APART: (Duration, u64) = (Duration::from_millis(250), 8);

#[test]
fn every_text_change_is_seen_and_no_process_is_started_again() {
    let agent = Agent::start();
    let _cameras = three_cameras(&agent);
    let params = json!({
        "type": "text", "text": "start", "x": 0.05, "y": 0.75, "font_size": 120,
        "color": "#FFFFFF", "background": "#000000",
    });
    let cues = vec![cue("a", "1", 0.0, 3600.0, 0.0)];
    // Comes on at a known program frame, which tells the number of every recorded frame.
    let mark = json!({
        "type": "text", "text": "MMMM", "x": 0.55, "y": 0.75, "font_size": 120,
        "color": "#FFFFFF", "background": "#FFFFFF",
    });
    let graphics = vec![
        overlay("score", 0.0, 3600.0, params),
        overlay("mark", MARK_S, 3000.0, mark),
    ];
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
    let frames = || agent.status()["metrics"]["frames"].as_u64().unwrap();
    // A busy machine answers a little later each time.
    let seconds = f64::from(changes) * 0.3 + if long() { 6.0 } else { 9.0 };
    let mut answers = Vec::new();
    let mut planned = Vec::new();
    let stillness = Stillness::watch();
    std::thread::scope(|scope| {
        let recorder = scope.spawn(|| record(&url, seconds, &file));
        std::thread::sleep(Duration::from_secs(3));
        for number in 0..changes {
            // A full bar against dots: every change is a large one.
            let text = if number % 2 == 0 { "MMMMMM" } else { "......" };
            let began = Instant::now();
            let change = agent
                .api()
                .put("/api/overlays/score", json!({ "text": text }));
            let _ = change.ok();
            answers.push(began.elapsed().as_secs_f64() * 1000.0);
            // The last frame whose time had come when the change was accepted.
            let now = frames();
            planned.push((now - 1, began));
            std::thread::sleep(APART.0.saturating_sub(began.elapsed()));
            let on = until(Duration::from_secs(10), || frames() >= now + APART.1);
            assert!(on, "the program stands still: {}", agent.status());
        }
        recorder.join().unwrap();
    });
    let noted = stillness.noted();
    let _ = excused(&stillness);
    let region = |x| Region {
        x,
        y: 0.78,
        width: 0.08,
        height: 0.1,
    };
    let seen = judge_in(&file, None, &[region(0.1), region(0.6)]);
    let marked = seen
        .frames
        .iter()
        .position(|frame| frame.regions[1].mean > 180.0);
    let first = u64::try_from(marked.unwrap()).unwrap();
    assert!(first > 0, "the recording began after the mark");
    let lit: Vec<bool> = seen
        .frames
        .iter()
        .map(|frame| frame.regions[0].mean > 60.0)
        .collect();
    let changed: Vec<u64> = (1..lit.len())
        .filter(|at| lit[*at] != lit[*at - 1])
        .map(|at| MARK_FRAME + u64::try_from(at).unwrap() - first)
        .collect();
    report("changes seen", changed.len());
    let answer = harness::percentile(&answers, 0.95);
    report("answer to a change, ms p95", format!("{answer:.1}"));
    assert_eq!(agent.children(), before, "a process was started again");
    assert_eq!(changed.len(), usize::try_from(changes).unwrap());
    let late: Vec<(i64, i64)> = changed
        .iter()
        .zip(&planned)
        .map(|(seen, (planned, at))| {
            // Only what stood still around this change excuses it.
            let allowed = harness::excused(&noted.around(*at, *at + APART.0));
            let most = i64::from(LATE + slack() + allowed.missing);
            (seen.cast_signed() - planned.cast_signed(), most)
        })
        .collect();
    report(
        "frames from accepted to seen, and most",
        format!("{late:?}"),
    );
    assert!(late.iter().all(|(frames, most)| frames <= most), "{late:?}");
}
