//! No frame is lost, repeated or black at a cut or in a fade, and each cut is on the asked frame.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, MediaServer, Stillness, cue, judge, record, timeline};
use integration::{long, report, slack, three_cameras};

const FPS: f64 = 30.0;
const INTERVAL_NS: i64 = 33_333_333;

#[test]
fn cuts_and_fades_lose_repeat_and_blacken_nothing() {
    let (cuts, fades) = if long() { (200, 50) } else { (60, 15) };
    let agent = Agent::start();
    let cameras = three_cameras(&agent);
    let sink = MediaServer::start();
    agent.add_destination("sink", &sink.rtmp("live"), "cuts");
    // One fade after every four cuts; cues of 20 frames, those with a fade of 40.
    let mut cues = Vec::new();
    let mut frame = 0u32;
    let mut starts = Vec::new();
    let per_fade = cuts / fades;
    for number in 0..cuts + fades {
        let fade = number % (per_fade + 1) == per_fade;
        let length = if fade { 40 } else { 20 };
        let at = f64::from(frame) / FPS;
        let camera = (number % 3 + 1).to_string();
        let transition = if fade { 10.0 / FPS } else { 0.0 };
        let id = format!("c{number}");
        cues.push(cue(&id, &camera, at, f64::from(length) / FPS, transition));
        starts.push((frame, fade));
        frame += length;
    }
    let seconds = f64::from(frame) / FPS;
    agent.preview(&timeline("cuts", seconds, cues, Vec::new()));
    let encoder = agent.encoder_pid();
    agent.go_live(&["sink"]);
    assert!(sink.wait_ready("live/cuts", std::time::Duration::from_secs(10)));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.nut");
    let stillness = Stillness::watch();
    // A whole round and the end of the one before, wherever the recording begins.
    record(&sink.rtmp("live/cuts"), seconds + 4.0, &file);
    let stood = stillness.longest();
    let seen = judge(&file);

    let length = cameras[0].clip.frames();
    let (slips, fitted): (Vec<_>, Vec<_>) =
        seen.slips(length).into_iter().partition(|slip| slip.on_air);
    let times = seen.time_faults(INTERVAL_NS);
    let found = seen.cuts();
    let clean = found.iter().filter(|cut| cut.mixed == 0).count();
    report("program frames", seen.frames.len());
    report("cuts", clean);
    report("fades", found.len() - clean);
    report("lost or repeated", format!("{slips:?}"));
    report("buffers fitted off air", fitted.len());
    report("a processor stood still, ms", format!("{stood:?}"));
    let status = agent.status();
    report("the mixer's account", &status["metrics"]);
    report("black", seen.black());
    report("steps in time", format!("{times:?}"));
    assert_eq!(
        agent.encoder_pid(),
        encoder,
        "the encoder was started again"
    );
    // The cuts are many: one that costs a frame fails in the short form too.
    let missed: u32 = slips.iter().map(|slip| slip.frames.unsigned_abs()).sum();
    assert!(missed <= slack(), "{slips:?}");
    assert_eq!(seen.black(), 0);
    assert!(times.is_empty(), "{times:?}");
    assert!(clean >= usize::try_from(cuts).unwrap() - 1, "{clean} cuts");
    assert!(
        found.len() - clean >= usize::try_from(fades).unwrap() - 1,
        "{found:?}"
    );
    on_the_asked_frames(&seen, &starts, frame);
}

/// The hard cuts lie where the timeline has them: one shift fits all of them.
fn on_the_asked_frames(seen: &harness::Judged, starts: &[(u32, bool)], round: u32) {
    let found: Vec<u32> = seen
        .cuts()
        .iter()
        .filter(|cut| cut.mixed == 0)
        .map(|cut| {
            let since = seen.frames[cut.at].pts_ns - seen.frames[0].pts_ns;
            u32::try_from((since + INTERVAL_NS / 2) / INTERVAL_NS).unwrap()
        })
        .collect();
    let asked: Vec<u32> = starts
        .iter()
        .filter(|(_, fade)| !fade)
        .map(|(start, _)| *start)
        .collect();
    let fits = (0..round)
        .map(|shift| {
            found
                .iter()
                .filter(|at| asked.contains(&((*at + shift) % round)))
                .count()
        })
        .max()
        .unwrap();
    report(
        "cuts on the asked frame",
        format!("{fits} of {}", found.len()),
    );
    assert_eq!(fits, found.len(), "{found:?} against {asked:?}");
}
