//! The whole machine stands still for a moment, again and again, and a viewer sees nothing of it.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, Camera, Stillness, cue, judge, record, signal_all, timeline};
use integration::{excused, long, report};
use std::time::{Duration, Instant};

/// How long it stands still, in turn, milliseconds: longer than a camera's buffer alone makes up for.
const STILL_MS: [u64; 4] = [40, 50, 60, 70];
/// And how long it runs between; the sum is no multiple of a frame.
const RUNS_MS: u64 = 610;
/// What lasts so much longer than asked is another standstill.
const SPARE_MS: u64 = 15;

#[test]
fn a_machine_that_stands_still_for_a_moment_loses_and_repeats_hardly_anything() {
    let rounds = if long() { 100 } else { 24 };
    let agent = Agent::start();
    let camera = Camera::start(1);
    agent.add_camera("1", &camera);
    let cues = vec![cue("a", "1", 0.0, 600.0, 0.0)];
    agent.preview(&timeline("show", 600.0, cues, Vec::new()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.nut");
    let url = agent.rtsp("program");
    let mean: u64 = RUNS_MS + STILL_MS.iter().sum::<u64>() / 4;
    let seconds = Duration::from_millis(rounds * (mean + 20)).as_secs_f64() + 5.0;
    let stillness = Stillness::watch();
    let overlong = std::thread::scope(|scope| {
        let recorder = scope.spawn(|| record(&url, seconds, &file));
        // The recorder has joined: what it misses of the beginning is its own.
        std::thread::sleep(Duration::from_secs(4));
        let children = agent.children().into_iter().map(|(id, _)| id);
        let (mut longest, mut overlong) = (Duration::ZERO, 0);
        let all: Vec<u32> = children
            .chain([agent.id()])
            .chain(camera.processes())
            .collect();
        for still in STILL_MS
            .iter()
            .cycle()
            .take(usize::try_from(rounds).unwrap())
        {
            let began = Instant::now();
            signal_all(&all, "STOP");
            std::thread::sleep(Duration::from_millis(*still));
            signal_all(&all, "CONT");
            let stood = began.elapsed();
            longest = longest.max(stood);
            overlong += u32::from(stood > Duration::from_millis(still + SPARE_MS));
            std::thread::sleep(Duration::from_millis(RUNS_MS));
        }
        report("the longest, ms", longest.as_millis());
        recorder.join().unwrap();
        overlong
    });
    let noted = stillness.noted();
    let seen = judge(&file);
    let missed = seen.missed(camera.clip.frames(), 60);
    let frames = seen.frames.len();
    report("stood still, times", rounds);
    report("program frames", frames);
    report("of them lost or repeated", missed);
    report("the mixer's account", &agent.status()["metrics"]);
    let whole = (seconds - 4.0) * 30.0;
    assert!(frames as f64 > whole, "{frames} of {whole}");
    assert_eq!(seen.black(), 0);
    let unread = seen.unread().into_iter().filter(|(first, _)| *first >= 60);
    assert_eq!(unread.count(), 0, "pictures that are none of the camera's");
    report("longer than asked", overlong);
    // Where frames do not wait, each of them costs one or more. In the short form a shared machine may
    // add some of its own: what lasts longer than anybody waits costs up to four, what it stands still
    // for a moment beside them one, and what is longer as much as it lasts.
    let own = u32::try_from(noted.short()).unwrap() + excused(&stillness).missed;
    let most = if long() { 0 } else { 6 + 4 * overlong + own };
    assert!(missed <= most, "{missed} of {rounds}");
}
