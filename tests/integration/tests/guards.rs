//! A full disk, a clock that is stepped and a burst of requests: the program misses nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, AgentOptions, Allowance, Camera, Disk, Http, Judged, Sighting, Stillness, Tap,
    WallClock, cue, judge, overlay, record, timeline, until,
};
use integration::{excused, long, report, slack};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// An agent with one camera and a long show of it on air, set up as the options say.
fn on_air(options: AgentOptions) -> (Agent, Camera) {
    let agent = Agent::with(options);
    let camera = Camera::start(1);
    agent.add_camera("1", &camera);
    let text = json!({ "type": "text", "text": "0", "position": "top_right" });
    let overlays = vec![overlay("t", 0.0, 600.0, text)];
    let cues = vec![cue("a", "1", 0.0, 600.0, 0.0)];
    agent.preview(&timeline("show", 600.0, cues, overlays));
    (agent, camera)
}

/// Records the program while something is done to the agent.
fn watched<T>(agent: &Agent, seconds: f64, act: impl FnOnce() -> T) -> (Judged, T) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.nut");
    let url = agent.rtsp("program");
    let done = std::thread::scope(|scope| {
        let recorder = scope.spawn(|| record(&url, seconds, &file));
        let done = act();
        recorder.join().unwrap();
        done
    });
    (judge(&file), done)
}

/// Nothing was lost, repeated or black, but for the step with which a reader's clock is set.
fn nothing_missed(what: &str, seen: &Judged, camera: &Camera, seconds: f64, allowed: &Allowance) {
    let slips = seen.slips(camera.clip.frames());
    report(
        what,
        format!("{} frames, lost or repeated {slips:?}", seen.frames.len()),
    );
    // Joining takes the reader a group of pictures, and longer on a busy machine.
    assert!(
        seen.frames.len() as f64 >= (seconds - 5.0) * 30.0,
        "{}",
        seen.frames.len()
    );
    let missed = seen.missed(camera.clip.frames(), 60);
    assert!(missed <= slack() + allowed.missed, "{slips:?}");
    assert_eq!(seen.black(), 0);
}

fn repeated(agent: &Agent) -> u64 {
    let status = agent.status();
    let count = |name: &str| status["metrics"][name].as_u64().unwrap();
    count("repeated") + count("dropped")
}

#[test]
fn with_a_full_disk_the_show_goes_on_changes_are_refused_and_a_start_finds_its_settings() {
    const SECONDS: f64 = 8.0;
    let disk = Disk::of(64);
    let (mut agent, camera) = on_air(AgentOptions {
        data: Some(disk.path().join("data")),
        ..AgentOptions::default()
    });
    let api = agent.api();
    let rename = |name: &str| api.put("/api/cameras/1", json!({ "name": name }));
    let _ = rename("before").ok();
    let stillness = Stillness::watch();
    let before = repeated(&agent);
    let (seen, ()) = watched(&agent, SECONDS, || {
        let took = disk.fill();
        report("filled with, MB", took / 1_000_000);
        for refused in [
            rename("while full"),
            api.post(
                "/api/cameras",
                json!({ "name": "new", "address": "10.0.0.9" }),
            ),
            api.post(
                "/api/timelines",
                timeline("other", 10.0, Vec::new(), Vec::new()),
            ),
        ] {
            let (status, code) = refused.refusal();
            report("refused", &refused.text);
            assert_eq!(code, "STORAGE_FULL", "{}", refused.text);
            assert!(status >= 500, "{status}");
        }
        assert_eq!(api.get("/api/cameras/1").ok()["name"], "before");
        // What runs is still steered.
        let _ = api.put("/api/overlays/t", json!({ "text": "1" })).ok();
        let _ = api
            .post("/api/timeline-execution/seek", json!({ "position": 100 }))
            .ok();
        let told = || {
            let status = agent.status();
            status["notices"].to_string().contains("SHOW_NOT_KEPT")
        };
        assert!(
            until(Duration::from_secs(5), told),
            "{}",
            agent.status()["notices"]
        );
        disk.empty();
        let accepted = || rename("after").status == 200;
        assert!(
            until(Duration::from_secs(5), accepted),
            "{}",
            rename("x").text
        );
        assert!(
            until(Duration::from_secs(5), || !told()),
            "{}",
            agent.status()
        );
    });
    assert_eq!(api.get("/api/cameras/1").ok()["name"], "after");
    let after = repeated(&agent);
    let allowed = excused(&stillness);
    nothing_missed("with a full disk", &seen, &camera, SECONDS, &allowed);
    assert!(after <= before + u64::from(slack() + allowed.missed));

    disk.fill();
    agent.kill();
    agent.launch_again();
    let mut last = Value::Null;
    let back = until(Duration::from_secs(20), || {
        last = agent.try_status().unwrap_or_default();
        last["metrics"]["frames"].as_u64() > Some(15)
    });
    assert!(back, "{last}\n{}", agent.log());
    assert_eq!(agent.api().get("/api/cameras/1").ok()["name"], "after");
}

#[test]
fn a_clock_stepped_by_a_year_and_two_hundred_requests_a_second_cost_the_program_nothing() {
    let seconds: u32 = if long() { 60 } else { 9 };
    let wall = WallClock::new();
    let (agent, camera) = on_air(AgentOptions {
        environment: wall.environment(),
        ..AgentOptions::default()
    });
    let year = || {
        let at = agent.status()["position"]["updated_at"].clone();
        let year = at.as_str().unwrap_or_default().get(..4);
        year.and_then(|year| year.parse::<i32>().ok()).unwrap_or(0)
    };
    let this = year();
    let place = || (agent.position().0, Instant::now());
    let stillness = Stillness::watch();
    let tap = Tap::on(&agent.rtsp("program"));
    let picture = tap.wait(Duration::from_secs(10), |seen| seen.code.is_some());
    assert!(picture.is_some());
    let before = place();
    let repeated_before = repeated(&agent);
    let (seen, burst) = watched(&agent, f64::from(seconds), || {
        std::thread::scope(|scope| {
            let burst = scope.spawn(|| burst(&agent, seconds - 1));
            for (step, away) in [("+365d", 1), ("-365d", -1), ("+0", 0)] {
                wall.step(step);
                let noticed = until(Duration::from_secs(10), || year() == this + away);
                assert!(noticed, "the agent's clock was not stepped to {step}");
                report(step, format!("the agent's year is {}", year()));
            }
            burst.join().unwrap()
        })
    });
    let after = place();
    let moved = after.0 - before.0 - (after.1 - before.1).as_secs_f64();
    report("place off the monotonic clock, s", format!("{moved:+.3}"));
    // Two answers of a busy agent are not equally old.
    assert!(moved.abs() < if long() { 0.2 } else { 1.0 });
    report(
        "requests answered",
        format!("{}, {:.0} a second", burst.answered, burst.rate),
    );
    assert_eq!(burst.refused, 0);
    // Each caller waits for its answer, so a slow machine is asked less often.
    let least = if long() { 195.0 } else { 80.0 };
    assert!(burst.rate >= least, "only {:.0} a second", burst.rate);
    let what = "while the clock was stepped, under 200 requests a second";
    let repeated_after = repeated(&agent);
    let all = tap.seen();
    let allowed = excused(&stillness);
    nothing_missed(what, &seen, &camera, f64::from(seconds), &allowed);
    assert!(repeated_after <= repeated_before + u64::from(slack() + allowed.missed));
    let (frames, clock) = counted(&all);
    report(
        "frames against the monotonic clock",
        format!("{frames} in {clock:.1}"),
    );
    // What was lost or repeated is counted above; the first and the last of these may be seen late.
    let late = if long() { 3.0 } else { 10.0 } + f64::from(allowed.missing);
    assert!((f64::from(frames) - clock).abs() <= late);
}

/// Steps from the first to the last frame that was seen, and how many the clock says there are. The
/// first two seconds are the reader's own.
fn counted(seen: &[Sighting]) -> (u32, f64) {
    let late = seen
        .iter()
        .skip(60)
        .filter(|one| one.code.is_some())
        .collect::<Vec<_>>();
    let (first, last) = (late.first().unwrap(), late.last().unwrap());
    let steps = u32::try_from(late.len() - 1).unwrap();
    (steps, (last.at - first.at).as_secs_f64() * 30.0)
}

/// What became of a burst of requests.
struct Burst {
    answered: usize,
    refused: usize,
    /// Answered a second.
    rate: f64,
}

/// Two hundred requests a second: reads, edits of a graphic on air, and changes that are written down.
fn burst(agent: &Agent, seconds: u32) -> Burst {
    const CALLERS: u64 = 4;
    let base: u16 = agent
        .api()
        .base()
        .rsplit(':')
        .next()
        .unwrap()
        .parse()
        .unwrap();
    let answered = AtomicUsize::new(0);
    let refused = AtomicUsize::new(0);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (answered, refused) = (&answered, &refused);
            scope.spawn(move || {
                let api = Http::new(base);
                let every = Duration::from_millis(1000 * CALLERS / 200);
                for n in 0..u64::from(seconds) * 200 / CALLERS {
                    let due = every * u32::try_from(n).unwrap();
                    // A caller that is behind calls at once.
                    std::thread::sleep(due.saturating_sub(began.elapsed()));
                    let reply = match (n + caller) % 4 {
                        0 => api.get("/api/preview/status"),
                        1 => api.get("/api/cameras"),
                        2 => api.put("/api/overlays/t", json!({ "text": n.to_string() })),
                        _ => api.put("/api/cameras/1", json!({ "name": format!("Camera {n}") })),
                    };
                    if reply.status == 200 {
                        answered.fetch_add(1, Ordering::Relaxed);
                    } else {
                        refused.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    let answered = answered.into_inner();
    Burst {
        answered,
        refused: refused.into_inner(),
        rate: answered as f64 / began.elapsed().as_secs_f64(),
    }
}
