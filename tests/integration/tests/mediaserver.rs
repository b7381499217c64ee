//! The media server may die or hang while the show is live: five seconds later everything is there
//! again, at the place in the show where it would have been.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, MediaServer, Tap, all_active, cue, signal, timeline, until};
use integration::{long, report, slow, three_cameras};
use serde_json::Value;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// Within so many seconds all is rebuilt.
const REBUILT: f64 = 5.0;
/// How far the show's place may be from its clock, seconds: asking takes time, and a show that begins
/// anew is seconds away.
const PLACE: f64 = 1.0;
/// Length of the show, seconds.
const SHOW: f64 = 600.0;

/// Megabytes that a process has resident: in all, and of its own.
fn resident(process: u32) -> String {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let of = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        let kb = line.split_whitespace().nth(1).unwrap();
        kb.parse::<u64>().unwrap() / 1024
    };
    format!("{}, {}", of("VmRSS:"), of("RssAnon:"))
}

/// Says true once something was lost and is there again: what stood there all the time has not come
/// back.
struct Again<F> {
    lost: Cell<bool>,
    there: F,
}

impl<F: Fn() -> bool> Again<F> {
    fn new(there: F) -> Self {
        Self {
            lost: Cell::new(false),
            there,
        }
    }

    fn is_there(&self) -> bool {
        let there = (self.there)();
        self.lost.set(self.lost.get() || !there);
        self.lost.get() && there
    }
}

/// Whether there are cameras in a status, and all of them send.
fn cameras_send(status: &Value) -> bool {
    let inputs = status["inputs"].as_array().cloned().unwrap_or_default();
    let mut cameras = inputs.iter().filter(|one| !one["camera_id"].is_null());
    let sends = |one: &Value| one["state"] == "fresh";
    cameras.next().is_some_and(sends) && cameras.all(sends)
}

/// What has come back, and when.
struct Rebuilt {
    began: Instant,
    times: Vec<(&'static str, f64)>,
}

impl Rebuilt {
    /// Waits until each of `parts` is there, noting when it was first seen.
    fn watch(began: Instant, parts: &[(&'static str, &dyn Fn() -> bool)]) -> Self {
        let mut rebuilt = Self {
            began,
            times: Vec::new(),
        };
        let all = until(Duration::from_secs(20), || {
            for (name, there) in parts {
                let known = rebuilt.times.iter().any(|(known, _)| known == name);
                if !known && there() {
                    let after = rebuilt.began.elapsed().as_secs_f64();
                    rebuilt.times.push((name, after));
                }
            }
            rebuilt.times.len() == parts.len()
        });
        assert!(all, "only {:?} came back", rebuilt.times);
        rebuilt
    }

    fn last(&self) -> f64 {
        self.times.iter().map(|(_, at)| *at).fold(0.0, f64::max)
    }
}

#[test]
fn everything_is_rebuilt_within_five_seconds_at_the_same_place_in_the_show() {
    let agent = Agent::start();
    let _cameras = three_cameras(&agent);
    let sinks = [MediaServer::start(), MediaServer::start()];
    for (n, sink) in sinks.iter().enumerate() {
        agent.add_destination(&format!("d{n}"), &sink.rtmp("live"), "key");
    }
    let cues = vec![
        cue("a", "1", 0.0, SHOW / 2.0, 0.0),
        cue("b", "2", SHOW / 2.0, SHOW / 2.0, 0.0),
    ];
    agent.preview(&timeline("show", SHOW, cues, Vec::new()));
    agent.go_live(&["d0", "d1"]);
    let all_send = || sinks.iter().all(|sink| sink.bytes("live/key") > 100_000);
    assert!(until(Duration::from_secs(15), all_send));
    let show = || agent.position();
    let (place, _) = show();
    let since = Instant::now();
    for round in 0..if long() { 10 } else { 2 } {
        let hang = round % 2 == 1;
        let server = agent.media_server().expect("a media server");
        let old: Vec<_> = sinks
            .iter()
            .flat_map(MediaServer::rtmp_publishers)
            .collect();
        report("media server, MB: resident, its own", resident(server));
        let began = Instant::now();
        // A camera's last pictures, and its last place on air, stand a moment longer than the server.
        let cameras = Again::new(|| cameras_send(&agent.status()));
        let on_air = Again::new(|| agent.status()["on_air"]["rung"] == "wanted");
        signal(server, if hang { "STOP" } else { "KILL" });
        let replaced = until(Duration::from_secs(15), || {
            // Looked at from the first moment on: what is lost is lost before the next server is there.
            let _ = (cameras.is_there(), on_air.is_there());
            agent.media_server().is_some_and(|now| now != server)
        });
        assert!(replaced, "{}", agent.log());
        let found = began.elapsed().as_secs_f64();
        let destinations = || {
            sinks.iter().all(|sink| {
                let now = sink.rtmp_publishers();
                now.iter().any(|one| !old.contains(one)) && sink.bytes("live/key") > 20_000
            })
        };
        // It is refused as long as there is no server, and the server that was had every path.
        let ready = |name: &str| {
            let health = agent.api().get("/api/preview/health");
            let paths = health.json["active_streams"].as_array().cloned();
            paths
                .unwrap_or_default()
                .iter()
                .any(|path| path["name"] == name && path["ready"] == true)
        };
        let (program, preview) = (|| ready("program"), || ready("preview"));
        let rebuilt = Rebuilt::watch(
            began,
            &[
                ("cameras", &|| cameras.is_there()),
                ("camera on program", &|| on_air.is_there()),
                ("program", &program),
                ("destinations", &destinations),
                ("preview", &preview),
            ],
        );
        let parts: Vec<String> = rebuilt
            .times
            .iter()
            .map(|(name, at)| format!("{name} {at:.2}"))
            .collect();
        let what = if hang { "hang" } else { "death" };
        report(
            what,
            format!("new server after {found:.2} s; {}", parts.join(", ")),
        );
        let limit = f64::from(slow()) * REBUILT;
        assert!(rebuilt.last() <= limit, "{what}: {:?}", rebuilt.times);
        // A viewer at the platform sees the camera, and not the slate.
        let tap = Tap::on(&sinks[0].rtsp("live/key"));
        let camera = tap.wait(Duration::from_secs(10), |frame| frame.code.is_some());
        let seen = tap.seen();
        assert!(
            camera.is_some(),
            "no camera at the platform: {} pictures, the last {:?}; {}\n{}",
            seen.len(),
            seen.last(),
            agent.status(),
            agent.log()
        );
        let (now, round) = show();
        let moved = now + SHOW * round as f64 - place;
        let drift = (moved - since.elapsed().as_secs_f64()).abs();
        assert!(drift < PLACE, "the show moved by {drift} s");
        drop(tap);
        let active = until(Duration::from_secs(10), || {
            all_active(&agent.status(), sinks.len())
        });
        assert!(active, "{}", agent.status());
    }
}
