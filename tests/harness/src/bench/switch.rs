//! The hole that a destination sees at a switch: ours, and an FFmpeg that is started again for each.

use super::peer::{coding, inputs};
use super::{Work, cameras, cell, ours::Ours, spread};
use crate::camera::Camera;
use crate::chaos::say;
use crate::child::{Child, until};
use crate::fault::Proxy;
use crate::server::MediaServer;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// Time between two switches.
const TURN: Duration = Duration::from_secs(4);

/// Starts an FFmpeg that sends one camera, coded as our encoder does, to a destination.
fn send(camera: &Camera, ours: &[String], to: &str, log: &Path) -> Child {
    let coding = coding(ours);
    let mut words: Vec<String> = [
        "-hide_banner",
        "-nostdin",
        "-nostats",
        "-loglevel",
        "warning",
    ]
    .map(str::to_owned)
    .to_vec();
    words.extend(inputs(&[camera]));
    for track in ["0:v", "0:a"] {
        words.extend(["-map".to_owned(), track.to_owned()]);
    }
    // Up to the second sound: a destination gets one.
    let one = coding.iter().position(|word| word.starts_with("-c:a:1"));
    words.extend(coding.iter().take(one.unwrap_or(coding.len())).cloned());
    let end = [
        "-ar",
        "48000",
        "-ac",
        "2",
        "-flags",
        "+global_header",
        "-f",
        "flv",
        to,
    ];
    words.extend(end.map(str::to_owned));
    Child::start(Path::new("ffmpeg"), &words, log)
}

/// Measures both over so many switches.
pub(super) fn run(switches: u32) -> Value {
    let what = cell("switch", false, 3, Work::Switching, 1.0);
    let cameras = cameras(what);
    let sink = MediaServer::start();
    let link = Proxy::to(sink.rtmp_port);
    let through = format!("rtmp://127.0.0.1:{}/live", link.port);
    let ours = Ours::new(what, &cameras);
    ours.agent.add_destination("sink", &through, "ours");
    ours.on_air();
    ours.agent.go_live(&["sink"]);
    assert!(sink.wait_ready("live/ours", Duration::from_secs(10)));
    std::thread::sleep(TURN);
    let _ = link.longest_silence();
    let mut us = Vec::new();
    for _ in 0..switches {
        std::thread::sleep(TURN);
        us.push(link.longest_silence().as_secs_f64() * 1000.0);
    }
    let arguments = ours.encoder_arguments();
    ours.off_air();
    let folder = tempfile::tempdir().unwrap();
    let to = format!("{through}/theirs");
    let log = folder.path().join("log");
    let mut sender = send(&cameras[0], &arguments, &to, &log);
    let flows = until(Duration::from_secs(15), || {
        sink.bytes("live/theirs") > 100_000
    });
    assert!(flows, "the peer does not send: {}", sender.log());
    let mut them = Vec::new();
    let _ = link.longest_silence();
    for turn in 1..=switches {
        let camera = &cameras[usize::try_from(turn).unwrap_or(0) % cameras.len()];
        sender.signal("INT");
        let _ = sender.ended_within(Duration::from_secs(5));
        sender = send(camera, &arguments, &to, &log);
        std::thread::sleep(TURN);
        them.push(link.longest_silence().as_secs_f64() * 1000.0);
    }
    let value = json!({ "what": "longest time without media at a destination, per switch, ms, 720p30",
        "ours": spread(&us), "restarted": spread(&them) });
    say(&format!(
        "switch: ours {}, FFmpeg restarted {}",
        value["ours"], value["restarted"]
    ));
    value
}
