//! What cannot keep up is given up step by step and comes back the same way: the program goes on, with
//! the same encoder, the same connections and the same parameter sets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, Child, Judged, MediaServer, Region, judge_in, signal, until};
use integration::degrading::{
    Recording, banner_s, on_air, paces, parameter_sets, quality, sends, steps, wait_for,
};
use integration::{long, report};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Part of the barcode that is white with camera 7, and where a notice stands.
const NOTICE: Region = Region {
    x: 0.11,
    y: 0.06,
    width: 0.13,
    height: 0.035,
};
/// Where the show's own graphic stands.
const GRAPHIC: Region = Region {
    x: 0.62,
    y: 0.8,
    width: 0.1,
    height: 0.06,
};

/// Processes that do nothing as fast as they can, two for each core, nicer than the agent's.
fn hogs() -> Vec<Child> {
    let stat = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    let is_core = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    let cores = stat.lines().filter(is_core).count().max(1);
    let hog = |_| {
        let arguments = ["-n", "10", "sh", "-c", "while :; do :; done"].map(str::to_owned);
        Child::start(Path::new("nice"), &arguments, Path::new("/dev/null"))
    };
    (0..2 * cores).map(hog).collect()
}

/// What an alert or the health says of lowered quality.
fn told(agent: &Agent) -> Option<String> {
    let health = agent.api().get("/api/status/health").ok();
    let warnings = health["warnings"].as_array().cloned().unwrap_or_default();
    let lowered = warnings
        .iter()
        .find(|one| one["code"] == "QUALITY_LOWERED" && one["recovering"] == false)?;
    assert_ne!(health["status"], "healthy");
    Some(lowered["message"].as_str().unwrap_or_default().to_owned())
}

/// How many steps were made down for this reason; all of them were, and each was given back.
#[track_caller]
fn all_given_back(agent: &Agent, reason: &str) -> usize {
    let made = steps(agent);
    assert!(made.iter().all(|(why, _)| why == reason), "{made:?}");
    let down = made.iter().filter(|(_, lowered)| *lowered).count();
    assert_eq!(2 * down, made.len(), "{}", quality(agent));
    assert!(
        made.first().unwrap().1 && !made.last().unwrap().1,
        "{made:?}"
    );
    down
}

/// Seconds of program from the first frame with a notice to the last.
fn notice_seconds(seen: &Judged) -> f64 {
    let frames = seen.frames.iter();
    let with: Vec<i64> = frames
        .filter(|frame| frame.regions[0].mean < 150.0)
        .map(|frame| frame.pts_ns)
        .collect();
    assert!(!with.is_empty(), "no notice is seen");
    (with[with.len() - 1] - with[0]) as f64 / 1e9
}

/// Processor seconds that the encoder takes in a second of program, over three of them.
fn encoder_load(agent: &Agent) -> f64 {
    let encoder = u32::try_from(agent.encoder_pid().unwrap()).unwrap();
    let used = || harness::chaos::cpu_s(encoder).expect("the encoder runs");
    let (began, before) = (Instant::now(), used());
    std::thread::sleep(Duration::from_secs(3));
    (used() - before) / began.elapsed().as_secs_f64()
}

/// The longest time from one key frame of a recording to the next, in seconds. What is missing because
/// the encoder did not take it counts as one step of the lowest rate.
fn longest_group(file: &Path) -> f64 {
    let listed = Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "v"])
        .args(["-show_entries", "packet=pts_time,flags", "-of", "csv=p=0"])
        .arg(file)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let packets: Vec<(f64, bool)> = text
        .lines()
        .filter_map(|line| line.split_once(','))
        .filter_map(|(time, flags)| Some((time.parse().ok()?, flags.starts_with('K'))))
        .collect();
    let keys = packets.iter().filter(|(_, key)| *key).count();
    assert!(keys > 3, "{text}");
    let (mut longest, mut group): (f64, f64) = (0.0, 0.0);
    for pair in packets.windows(2) {
        group += (pair[1].0 - pair[0].0).min(0.1);
        longest = longest.max(group);
        if pair[1].1 {
            group = 0.0;
        }
    }
    longest
}

/// Keeps a picture of a recording in the folder that `VISTTER_PICTURES` names, for somebody to look at.
fn keep_picture(file: &Path, name: &str, at_frame: usize) {
    let Some(folder) = std::env::var_os("VISTTER_PICTURES") else {
        return;
    };
    let picture = PathBuf::from(folder).join(name);
    let taken = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-i"])
        .arg(file)
        .args([
            "-vf",
            &format!("select=eq(n\\,{at_frame})"),
            "-frames:v",
            "1",
        ])
        .arg(picture)
        .status();
    assert!(taken.unwrap().success());
}

#[test]
fn a_busy_machine_sends_fewer_frames_and_comes_back_one_step_at_a_time() {
    let (agent, _camera) = on_air("HIGH_CPU");
    let sink = MediaServer::start();
    agent.add_destination("d", &sink.rtmp("live"), "key");
    agent.go_live(&["d"]);
    assert!(sink.wait_ready("live/key", Duration::from_secs(20)));
    let full = if long() { encoder_load(&agent) } else { 0.0 };
    let (before, encoder) = (sink.rtmp_publishers(), agent.encoder_pid());
    let mut recording = Recording::of(&agent.rtsp("program"));
    let busy = hogs();
    let first = wait_for(&agent, 60, "first step", |now| now["degraded"] == true);
    report("first step down after, s", format!("{first:.1}"));
    let known = until(Duration::from_secs(10), || {
        told(&agent).is_some_and(|message| message.contains("frames a second"))
    });
    assert!(known, "health does not say so");
    let mut ten = 0.0;
    if long() {
        let second = wait_for(&agent, 60, "second step", sends(10.0));
        report("second step down after, s", format!("{second:.1}"));
        ten = encoder_load(&agent);
    }
    drop(busy);
    let mut fifteen = 0.0;
    if long() {
        wait_for(&agent, 60, "first step back", sends(15.0));
        fifteen = encoder_load(&agent);
    }
    let back = wait_for(&agent, 120, "full quality", |now| now["degraded"] == false);
    report("back after, s", format!("{back:.1}"));
    assert!(sends(30.0)(&quality(&agent)));
    let metrics = agent.status()["metrics"].clone();
    let spared = metrics["spared"].as_u64().unwrap();
    let figures = ["repeated", "dropped", "worst_late_us"].map(|name| metrics[name].to_string());
    report(
        "frames repeated, dropped, worst lateness in us",
        figures.join(", "),
    );
    std::thread::sleep(Duration::from_secs(1));
    let file = recording.end();
    let down = all_given_back(&agent, "high_cpu");
    report("steps down, frames left out", format!("{down}, {spared}"));
    assert!(spared > 30, "{spared}");
    assert_eq!(agent.encoder_pid(), encoder, "another encoder");
    assert_eq!(sink.rtmp_publishers(), before, "another connection");
    assert_eq!(parameter_sets(file).len(), 1, "the parameter sets changed");
    let seen = judge_in(file, None, &[NOTICE]);
    assert_eq!(seen.black(), 0);
    let paces = paces(&seen);
    let of = |pace: i64| paces.iter().filter(|one| **one == pace).count();
    let rest = paces.len() - of(1) - of(2) - of(3);
    let figures = format!("{} {} {} {rest}", of(1), of(2), of(3));
    report("frames 1, 2, 3 and more apart", figures);
    let odd = |(_, pace): &(usize, &i64)| !(1..=3).contains(*pace);
    let holes: Vec<(usize, &i64)> = paces.iter().enumerate().filter(odd).collect();
    report(
        "frames further apart: after which, how far",
        format!("{holes:?}"),
    );
    let run = |pace: i64| {
        paces
            .windows(8)
            .position(|run| run.iter().all(|one| *one == pace))
    };
    let last = paces
        .windows(8)
        .rposition(|run| run.iter().all(|one| *one == 1));
    let (full_rate, half_rate) = (run(1), run(2));
    assert!(half_rate.is_some(), "no frames are left out: {paces:?}");
    assert!(full_rate < half_rate && last > half_rate, "{paces:?}");
    let group = longest_group(file);
    report("longest group of pictures, s", format!("{group:.2}"));
    assert!(group < 2.2, "{group}");
    let shown = notice_seconds(&seen);
    report("notice in the picture, s", format!("{shown:.2}"));
    let noticed = |frame: &usize| seen.frames[*frame].regions[0].mean < 150.0;
    let first = (0..seen.frames.len()).find(noticed).unwrap();
    keep_picture(file, "busy.png", first + 10);
    if down == 1 {
        // Frames at its end may be among those that are left out, or that the encoder did not take.
        let promised = banner_s() as f64;
        assert!(shown <= promised && shown > promised / 2.0, "{shown}");
    }
    assert!(seen.frames.first().unwrap().regions[0].mean > 150.0);
    assert!(seen.frames.last().unwrap().regions[0].mean > 150.0);
    if long() {
        report(
            "encoder, processor seconds a second at 30, 15, 10 frames/s",
            format!("{full:.3} {fifteen:.3} {ten:.3}"),
        );
        assert_eq!(down, 2);
        assert!(of(2) > 60 && of(3) > 30, "{paces:?}");
        assert!(ten < 0.7 * full && fifteen < 0.8 * full, "nothing is saved");
        the_operator_decides_otherwise(&agent);
    }
}

fn the_operator_decides_otherwise(agent: &Agent) {
    let _busy = hogs();
    wait_for(agent, 60, "step", sends(15.0));
    let hold = |stay: bool| {
        let asked = json!({ "stay_at_full_quality": stay });
        agent.api().put("/api/quality", asked).ok()
    };
    let held = hold(true);
    assert_eq!((&held["held"], &held["fps"]), (&json!(true), &json!(30.0)));
    let told = |now: &Value| {
        let message = now["message"].as_str().unwrap_or_default();
        now["troubles"] == json!(["high_cpu"]) && message.contains("held by the operator")
    };
    wait_for(agent, 60, "trouble", told);
    assert!(sends(30.0)(&quality(agent)));
    assert_eq!(hold(false)["held"], false);
    wait_for(agent, 60, "step", sends(15.0));
}

#[test]
fn an_overloaded_encoder_loses_the_graphics_and_gets_them_back() {
    let (agent, _camera) = on_air("ENCODER_OVERLOAD");
    let mut recording = Recording::of(&agent.rtsp("program"));
    let dropped = || agent.status()["metrics"]["dropped"].as_u64().unwrap_or(0);
    let encoder = || u32::try_from(agent.encoder_pid().unwrap()).unwrap();
    let off = until(Duration::from_secs(60), || {
        // It is held until it leaves a frame behind, and not for as long as it takes to be replaced.
        let before = dropped();
        signal(encoder(), "STOP");
        until(Duration::from_millis(700), || dropped() > before);
        signal(encoder(), "CONT");
        std::thread::sleep(Duration::from_millis(200));
        quality(&agent)["graphics"] == false
    });
    assert!(off, "{}", quality(&agent));
    let known = until(Duration::from_secs(10), || {
        told(&agent).is_some_and(|message| message.contains("no graphics"))
    });
    assert!(known, "health does not say so");
    wait_for(&agent, 60, "graphics", |now| now["graphics"] == true);
    std::thread::sleep(Duration::from_secs(1));
    let file = recording.end();
    all_given_back(&agent, "encoder_overload");
    let seen = judge_in(file, None, &[NOTICE, GRAPHIC]);
    assert_eq!(seen.black(), 0);
    let lit = |at: usize| seen.frames[at].regions[1].mean > 200.0;
    assert!(lit(0), "the graphic is missing");
    assert!(lit(seen.frames.len() - 1), "the graphic is not back");
    let dark = (0..seen.frames.len()).filter(|at| !lit(*at)).count();
    report("frames without the graphic", dark);
    assert!(dark > 30, "{dark}");
    let middle = (0..seen.frames.len()).find(|at| !lit(*at)).unwrap() + 15;
    keep_picture(file, "overload.png", middle);
    let shown = notice_seconds(&seen);
    report("notice in the picture, s", format!("{shown:.2}"));
    assert!(shown > 1.0, "{shown}");
    assert!(seen.frames[middle].regions[0].mean < 150.0, "no notice");
}
