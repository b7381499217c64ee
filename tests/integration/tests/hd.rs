//! The whole at 1080p30 on this machine: not part of every run, since smaller machines cannot.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, AgentOptions, Camera, CameraOptions, Clip, cue, timeline};
use integration::report;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Seconds that are watched.
const LENGTH: u64 = 60;

/// Processor seconds of processes so far, by name.
fn spent(agent: &Agent) -> BTreeMap<String, f64> {
    let mut spent = BTreeMap::new();
    let own = (agent.id(), "vistter-agent".to_owned());
    for (process, name) in agent.children().into_iter().chain([own]) {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let Some((_, rest)) = stat.rsplit_once(')') else {
            continue;
        };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
        let seconds = (ticks(11).unwrap_or(0.0) + ticks(12).unwrap_or(0.0)) / 100.0;
        let short = name.rsplit('/').next().unwrap_or_default().to_owned();
        *spent.entry(short).or_insert(0.0) += seconds;
    }
    spent
}

#[test]
fn a_minute_of_three_cameras_at_1080p30_loses_and_repeats_nothing() {
    let agent = Agent::with(AgentOptions {
        profile: "quality".to_owned(),
        ..AgentOptions::default()
    });
    let cameras: Vec<Camera> = (1..=3_u8)
        .map(|number| {
            let clip = Clip {
                width: 1920,
                height: 1080,
                ..Clip::new(number)
            };
            let camera = Camera::with(clip, CameraOptions::default());
            agent.add_camera(&number.to_string(), &camera);
            camera
        })
        .collect();
    let third = LENGTH as f64 / 12.0;
    let cues = vec![
        cue("a", "1", 0.0, third, 0.0),
        cue("b", "2", third, third, 1.0),
        cue("c", "3", 2.0 * third, third, 1.0),
    ];
    agent.preview(&timeline("hd", 3.0 * third, cues, Vec::new()));
    // All three are open before counting begins.
    std::thread::sleep(Duration::from_secs(3 * third as u64));
    let figure = |name: &str| agent.status()["metrics"][name].as_f64().unwrap_or(f64::NAN);
    let names = ["frames", "repeated", "dropped", "encoder_restarts"];
    let before = names.map(figure);
    let (cpu, began) = (spent(&agent), Instant::now());
    std::thread::sleep(Duration::from_secs(LENGTH));
    let after = names.map(figure);
    let length = began.elapsed().as_secs_f64();
    let now = spent(&agent);
    let [frames, repeated, dropped, restarts] = [0, 1, 2, 3].map(|at| after[at] - before[at]);
    report("encoder", &agent.status()["encoder"]);
    report("frames in a minute", frames);
    report("repeated, dropped", format!("{repeated}, {dropped}"));
    report("frames a second of the encoder", figure("fps"));
    let mut total = 0.0;
    for (name, seconds) in &now {
        let cores = (seconds - cpu.get(name).copied().unwrap_or(0.0)) / length;
        total += cores;
        report(&format!("cores of {name}"), format!("{cores:.2}"));
    }
    report("cores in all", format!("{total:.2}"));
    drop(cameras);
    assert!((frames - length * 30.0).abs() <= 3.0, "{frames}");
    assert_eq!([repeated, dropped, restarts], [0.0; 3]);
    assert!((figure("fps") - 30.0).abs() < 0.5);
}
