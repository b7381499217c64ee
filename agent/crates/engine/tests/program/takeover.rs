//! One run of an encoder after another: what a reader sees of it.

use super::rig::{self, Desk, RATE, Rig, size, until};
use engine::input::{InputSource, InputSpec, open};
use engine::process::{Launch, Stdout};
use engine::program::{BitrateError, EncoderId, Program};
use engine::trial::Chosen;
use model::{EncoderName, Fit, InputId, X264Preset};
use runtime::{Clock, SystemClock};
use std::path::Path;
use std::time::Duration;

const INPUT: InputId = InputId(1);

fn moving(rig: &Rig) -> InputSource {
    InputSource::File {
        path: rig.clip("moving.mp4", "testsrc2=s=640x360:r=30", 20),
        looping: true,
        start_at: Duration::ZERO,
        fit: Fit::Contain,
    }
}

fn running(rig: &Rig, name: EncoderName) -> (Program, engine::input::Input) {
    let spec = InputSpec {
        ffmpeg: "ffmpeg".into(),
        size: size(),
        rate: RATE,
        source: moving(rig),
    };
    let (inlet, input) = open(&rig.launcher, spec).unwrap();
    let desk = Desk::showing(INPUT).with_origin(0);
    let mut spec = rig.spec();
    spec.encoder.encoder = Chosen {
        name,
        preset: X264Preset::Ultrafast,
    };
    let inlets = vec![(INPUT, inlet)];
    let program = Program::start(&rig.launcher, spec, inlets, Box::new(desk)).unwrap();
    (program, input)
}

/// Packets of a recording: kind, time in seconds, bytes.
fn packets(rig: &Rig, file: &Path) -> Vec<(String, f64, f64)> {
    let args = [
        "-v",
        "error",
        "-show_entries",
        "packet=codec_type,pts_time,size",
        "-of",
        "csv=p=0",
        file.to_str().unwrap(),
    ];
    let text = rig.run("ffprobe", &args);
    let packet = |line: &str| {
        let mut parts = line.split(',');
        let kind = parts.next()?.to_owned();
        Some((
            kind,
            parts.next()?.parse().ok()?,
            parts.next()?.parse().ok()?,
        ))
    };
    text.lines().filter_map(packet).collect()
}

/// Packets of a kind that are missing, one being due every `step` seconds.
fn missing(packets: &[(String, f64, f64)], kind: &str, step: f64) -> u64 {
    let times: Vec<f64> = packets
        .iter()
        .filter(|packet| packet.0 == kind)
        .map(|packet| packet.1)
        .collect();
    assert!(times.len() > 300, "{kind}: {}", times.len());
    rig::missing(&times, kind, step)
}

#[test]
fn the_bit_rate_changes_without_a_frame_lost_or_repeated_on_one_connection() {
    let rig = Rig::start();
    let (program, _input) = running(&rig, EncoderName::X264);
    until("the encoder runs", || {
        program.stats().encoders[0].frames > 45
    });
    assert_eq!(
        program.set_bitrate(EncoderId::MAIN, 1),
        Err(BitrateError::OutOfRange(1))
    );
    let before = program.stats();
    let file = rig.dir.path().join("seen.flv");
    let url = rig.rtmp("program");
    let args = ["-v", "error", "-nostdin", "-i", &url, "-c", "copy"];
    let launch = Launch::new("ffmpeg").args(args).arg(&file);
    let recorder = rig.launcher.launch(launch).unwrap();
    let mut took = Vec::new();
    for kbps in [500, 1500] {
        std::thread::sleep(Duration::from_secs(3));
        let began = SystemClock.monotonic();
        program.set_bitrate(EncoderId::MAIN, kbps).unwrap();
        until("the bit rate is changed", || {
            program.stats().encoders[0].kbps == kbps
        });
        took.push((SystemClock.monotonic() - began).as_secs_f64());
    }
    std::thread::sleep(Duration::from_secs(4));
    // Asked to end, it closes its file.
    let end = recorder.stop(Duration::from_secs(10));
    assert!(end.is_some(), "{:#?}", recorder.lines());
    let after = program.stats();
    let (old, new) = (&before.encoders[0], &after.encoders[0]);
    println!("taken over after, s: {took:.2?}");
    assert_eq!((new.takeovers, new.restarts), (2, 0));
    assert_ne!(old.pid, new.pid);
    let sessions: Vec<u32> = new.outputs.iter().map(|output| output.sessions).collect();
    assert_eq!(sessions, [1, 1], "a connection was made anew");
    // Every frame once, and the sound without a hole. A machine that is too slow for two encoders
    // leaves frames out before they reach one, and counts them.
    let packets = packets(&rig, &file);
    let frames = missing(&packets, "video", 1.0 / 30.0);
    let sounds = missing(&packets, "audio", 1024.0 / 48000.0);
    println!(
        "missing: {frames} frames, {sounds} packets of sound; no room: {}",
        new.queue_drops
    );
    assert!(frames <= new.queue_drops, "{frames} of {}", new.queue_drops);
    assert_eq!(sounds, 0);
    let kbps = |from: f64| {
        let inside = |packet: &&(String, f64, f64)| {
            packet.0 == "video" && (from..from + 1.5).contains(&packet.1)
        };
        packets.iter().filter(inside).map(|p| p.2).sum::<f64>() * 8.0 / 1500.0
    };
    let (first, last) = (packets[0].1, packets[packets.len() - 1].1);
    let windows = (last - first - 1.5) as u32;
    let rates: Vec<f64> = (0..windows).map(|s| kbps(first + f64::from(s))).collect();
    println!("kb/s each second: {rates:.0?}");
    let least = rates.iter().copied().fold(f64::MAX, f64::min);
    assert!(least < 700.0, "it went down: {rates:?}");
    let end = rates[rates.len() - 1];
    assert!(rates[0] > 1100.0 && end > 1100.0, "{rates:?}");
    // A decoder that was told the first parameter sets reads all of it, and nothing is black.
    let args = [
        "-v",
        "info",
        "-nostats",
        "-xerror",
        "-i",
        file.to_str().unwrap(),
        "-vf",
        "blackframe=amount=90",
        "-an",
        "-f",
        "null",
        "-",
    ];
    let launch = Launch::new("ffmpeg").args(args).stdout(Stdout::Log);
    let decoder = rig.launcher.launch(launch).unwrap();
    let exit = decoder.wait_timeout(Duration::from_secs(20)).unwrap();
    let lines = decoder.lines();
    assert!(exit.is_success(), "{lines:#?}");
    let bad = ["Parsed_blackframe", "error", "concealing", "corrupt"];
    let said = lines
        .iter()
        .find(|line| bad.iter().any(|bad| line.contains(bad)));
    assert_eq!(said, None);
}

#[test]
fn an_encoder_that_keeps_ending_gives_way_to_libx264() {
    let rig = Rig::start();
    // There is no such device here, so that it ends as soon as it is started.
    let (program, _input) = running(&rig, EncoderName::V4l2m2m);
    until("libx264 encodes", || {
        let encoder = &program.stats().encoders[0];
        encoder.frames > 10 && encoder.encoder.unwrap().name == EncoderName::X264
    });
    let encoder = &program.stats().encoders[0];
    assert_eq!(encoder.restarts, 3);
    assert!(encoder.last_cause.is_some(), "{encoder:?}");
    rig.run("ffprobe", &["-v", "error", &rig.rtmp("program")]);
}
