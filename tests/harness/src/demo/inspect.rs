//! The demo checked without a screen for a minute: what is on air is probed, decoded and counted.
//!
//! Owns the measurements and the verdict. Figures come from what arrives, not from what the agent says,
//! but for its own counters, which are printed beside.

use super::figures::Track;
use super::stage::{DESTINATIONS, Stage, folder};
use super::{over, say, script, wait};
use crate::child::{Child, processes_below, until};
use crate::tap::Tap;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long the live program is watched.
const WATCHED: Duration = Duration::from_secs(50);
/// How many seconds of each output are probed.
const PROBED: u64 = 30;
/// Mean brightness under which a picture counts as black; the scenes are far above.
const BLACK: u8 = 28;

/// What was found wrong, in words.
#[derive(Default)]
struct Verdict {
    faults: Vec<String>,
}

impl Verdict {
    fn hold(&mut self, well: bool, text: impl FnOnce() -> String) {
        if !well {
            self.faults.push(text());
        }
    }
}

/// An output that is probed.
struct Probe {
    name: String,
    sound: &'static str,
    file: PathBuf,
    process: Child,
}

/// Starts the preview, goes live, and looks for a minute.
pub(super) fn inspect(stage: &mut Stage) -> Result<(), String> {
    let mut verdict = Verdict::default();
    // A show that ran when the last demo was ended has been resumed, as it should be.
    let _may_be_idle = stage
        .api
        .call("POST", "/api/preview/stop", Some(&json!({})));
    let began = Instant::now();
    command(
        stage,
        "preview/start",
        &json!({ "timeline_id": script::SHOW }),
    )?;
    let on_air = until(Duration::from_secs(20), || {
        over() || status(stage)["metrics"]["frames"].as_u64().unwrap_or(0) > 30
    });
    if !on_air {
        return Err(format!("no picture after 20 s: {}", status(stage)));
    }
    say(&format!(
        "smoke: preview runs after {:.1} s",
        began.elapsed().as_secs_f64()
    ));
    wait(Duration::from_secs(4));
    let before = status(stage);
    let first_position = position(stage);

    let called = Instant::now();
    let ids: Vec<&str> = DESTINATIONS.iter().map(|(id, _)| *id).collect();
    command(stage, "preview/go-live", &json!({ "destination_ids": ids }))?;
    let arrived = until(Duration::from_secs(10), || {
        over()
            || ids
                .iter()
                .all(|id| stage.sink.bytes(&format!("live/{id}")) > 0)
    });
    let live_after = called.elapsed();
    verdict.hold(arrived, || {
        "no bytes at the destinations 10 s after go-live".to_owned()
    });
    say(&format!(
        "smoke: live at {} destinations after {:.2} s",
        ids.len(),
        live_after.as_secs_f64()
    ));

    let tap = Tap::on(&stage.sink.rtmp("live/first"));
    wait(Duration::from_secs(2));
    let probes = probe_all(stage);
    let (drift, stood) = follow(stage, first_position)?;
    let outputs = probes
        .into_iter()
        .map(|probe| read(probe, &mut verdict))
        .collect::<Vec<_>>();
    let after = status(stage);
    let seen = tap.seen();
    drop(tap);

    say("");
    say("  output      video        size      frames     fps  back  longest   sound");
    for line in outputs.into_iter().flatten() {
        say(&line);
    }
    say("");
    let dark = seen.iter().filter(|sighting| sighting.mean < BLACK).count();
    let darkest = seen.iter().map(|sighting| sighting.mean).min().unwrap_or(0);
    verdict.hold(seen.len() > 1000, || {
        format!("only {} pictures decoded", seen.len())
    });
    verdict.hold(dark == 0, || format!("{dark} black pictures"));
    verdict.hold(drift.abs() < 0.1, || {
        format!("the position drifts by {drift:.3} s")
    });
    verdict.hold(stood == 0, || {
        format!("the position went back or stood still {stood} times")
    });
    let encoder = |status: &Value| status["metrics"]["encoder_pid"].as_u64();
    verdict.hold(
        encoder(&before).is_some() && encoder(&before) == encoder(&after),
        || "the encoder is another process than before going live".to_owned(),
    );
    let count = |field: &str| after["metrics"][field].as_u64().unwrap_or(u64::MAX);
    for field in ["dropped", "encoder_restarts"] {
        verdict.hold(count(field) == 0, || format!("{field}: {}", count(field)));
    }
    for one in after["destinations"].as_array().into_iter().flatten() {
        verdict.hold(one["state"] == "active", || format!("destination {one}"));
    }
    say(&format!(
        "  decoded at the first destination   {} pictures, {dark} black, darkest mean {darkest}",
        seen.len()
    ));
    say(&format!(
        "  timeline position                  {drift:+.3} s against the clock over {} s, {stood} times back",
        WATCHED.as_secs()
    ));
    say(&format!(
        "  encoder                            {} as process {} all the time",
        after["encoder"]["name"].as_str().unwrap_or("?"),
        encoder(&after).unwrap_or(0)
    ));
    say(&format!(
        "  program                            {} frames, {} repeated, {} dropped, {} kbit/s",
        count("frames"),
        count("repeated"),
        count("dropped"),
        count("kbps")
    ));
    for one in after["destinations"].as_array().into_iter().flatten() {
        say(&format!(
            "  {:<35}{}, {} kbit/s, {} bytes",
            one["name"].as_str().unwrap_or("?"),
            one["state"].as_str().unwrap_or("?"),
            one["kbps"],
            one["bytes"]
        ));
    }
    command(stage, "preview/stop", &json!({}))?;
    let gone = until(Duration::from_secs(10), || {
        !processes_below(stage.agent.id())
            .iter()
            .any(|(_, line)| line.contains("ffmpeg"))
    });
    verdict.hold(gone, || {
        format!(
            "still running after stop: {:?}",
            processes_below(stage.agent.id())
        )
    });
    say("");
    if verdict.faults.is_empty() {
        say("smoke: all is well");
        return Ok(());
    }
    Err(format!("not well:\n  {}", verdict.faults.join("\n  ")))
}

fn command(stage: &Stage, path: &str, body: &Value) -> Result<(), String> {
    if over() {
        return Err("ended".to_owned());
    }
    let reply = stage.api.call("POST", &format!("/api/{path}"), Some(body));
    if (200..300).contains(&reply.status) {
        return Ok(());
    }
    Err(format!("{path}: {} {}", reply.status, reply.text))
}

fn status(stage: &Stage) -> Value {
    let reply = stage.api.try_call("GET", "/api/preview/status", None);
    reply.map(|reply| reply.json).unwrap_or_default()
}

/// When it was asked, in the middle of the call, and seconds since the first round began.
fn position(stage: &Stage) -> (Instant, f64) {
    let asked = Instant::now();
    let answer = stage.api.get("/api/preview/playback-position").json;
    let position = &answer["position"];
    let rounds = position["loop_count"].as_u64().unwrap_or(0) as f64;
    let seconds = position["current_time"].as_f64().unwrap_or(-1.0);
    (
        asked + asked.elapsed() / 2,
        rounds * script::LENGTH + seconds,
    )
}

/// Follows the position: by how much it leaves the clock in the end, and how often it did not grow.
fn follow(stage: &mut Stage, first: (Instant, f64)) -> Result<(f64, usize), String> {
    let (began, mut last, mut stood) = (Instant::now(), first, 0);
    while began.elapsed() < WATCHED {
        if over() {
            return Err("ended".to_owned());
        }
        wait(Duration::from_millis(500));
        let _news = stage.tend()?;
        let now = position(stage);
        stood += usize::from(now.1 <= last.1);
        last = now;
    }
    let passed = last.0.duration_since(first.0).as_secs_f64();
    Ok((last.1 - first.1 - passed, stood))
}

fn probe_all(stage: &Stage) -> Vec<Probe> {
    let rtsp = |path: &str| format!("rtsp://127.0.0.1:{}/{path}", stage.rtsp_port);
    let mut outputs = vec![
        ("program".to_owned(), rtsp("program"), "aac"),
        ("program_rtc".to_owned(), rtsp("program_rtc"), "opus"),
        ("preview".to_owned(), rtsp("preview"), "aac"),
    ];
    for (id, _) in DESTINATIONS {
        outputs.push((id.to_owned(), stage.sink.rtmp(&format!("live/{id}")), "aac"));
    }
    outputs
        .into_iter()
        .map(|(name, url, sound)| probe(name, &url, sound))
        .collect()
}

fn probe(name: String, url: &str, sound: &'static str) -> Probe {
    let file = folder().join(format!("probe-{name}.json"));
    let _ = std::fs::remove_file(&file);
    let mut arguments: Vec<String> = ["-v", "error"].map(str::to_owned).to_vec();
    if url.starts_with("rtsp:") {
        arguments.extend(["-rtsp_transport", "tcp"].map(str::to_owned));
    }
    let entries = "stream=index,codec_type,codec_name,width,height,sample_rate,channels\
                   :packet=stream_index,pts_time,dts_time,flags";
    arguments.extend(["-show_entries", entries, "-read_intervals"].map(str::to_owned));
    arguments.extend([format!("%+{PROBED}"), "-of".to_owned(), "json".to_owned()]);
    arguments.extend([
        "-o".to_owned(),
        file.to_string_lossy().into_owned(),
        url.to_owned(),
    ]);
    let log = folder().join(format!("probe-{name}.log"));
    let _ = std::fs::remove_file(&log);
    Probe {
        process: Child::start(Path::new("ffprobe"), &arguments, &log),
        name,
        sound,
        file,
    }
}

/// The line of the table, and what is wrong in it.
fn read(mut probe: Probe, verdict: &mut Verdict) -> Option<String> {
    let name = probe.name;
    let ended = probe
        .process
        .ended_within(Duration::from_secs(20))
        .is_some();
    let bytes = std::fs::read(&probe.file).unwrap_or_default();
    let found: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    let (Some(video), Some(audio), true) = (
        Track::of(&found, "video"),
        Track::of(&found, "audio"),
        ended,
    ) else {
        verdict
            .faults
            .push(format!("{name} cannot be read: {}", probe.process.log()));
        return None;
    };
    verdict.hold(video.codec == "h264" && audio.codec == probe.sound, || {
        format!(
            "{name} has {} and {}, not h264 and {}",
            video.codec, audio.codec, probe.sound
        )
    });
    verdict.hold(video.shape == "1280x720", || {
        format!("{name} is {}", video.shape)
    });
    verdict.hold((video.rate - 30.0).abs() < 0.3, || {
        format!("{name} has {:.2} frames a second", video.rate)
    });
    verdict.hold(video.packets as u64 > (PROBED - 4) * 30, || {
        format!("{name} has only {} frames", video.packets)
    });
    verdict.hold(video.backwards + audio.backwards == 0, || {
        format!(
            "{name}: time goes back {} times in the picture, {} in the sound",
            video.backwards, audio.backwards
        )
    });
    verdict.hold(video.longest_ms < 60.0 && audio.longest_ms < 100.0, || {
        format!(
            "{name} has a gap of {:.0} ms in the picture, {:.0} ms in the sound",
            video.longest_ms, audio.longest_ms
        )
    });
    verdict.hold((video.gop - 2.0).abs() < 0.1, || {
        format!("{name} has key frames {:.2} s apart", video.gop)
    });
    Some(format!(
        "  {name:<11} {:<12} {:<9} {:>6}  {:>6.2}  {:>4}  {:>4.0} ms   {} {}",
        video.codec,
        video.shape,
        video.packets,
        video.rate,
        video.backwards,
        video.longest_ms,
        audio.codec,
        audio.shape
    ))
}
