//! Sound and picture of the program, compared where it is read: a flash and a beep each second.

use super::rig::{Desk, RATE, Rig, size, until};
use engine::input::{InputSource, InputSpec, open};
use engine::nut::{Media, Reader};
use engine::process::{Launch, Stdout};
use engine::program::Program;
use model::{Fit, InputId};
use std::io::BufReader;
use std::path::PathBuf;
use std::time::Duration;

const INPUT: InputId = InputId(1);

/// A white frame and a tone of 100 ms at each whole second, without loss and without priming.
fn clip(rig: &Rig) -> PathBuf {
    let path = rig.dir.path().join("flash.mkv");
    let args = [
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "color=black:s=640x360:r=30,drawbox=c=white:t=fill:enable='lt(mod(n,30),1)'",
        "-f",
        "lavfi",
        "-i",
        "aevalsrc='if(lt(mod(t,1),0.1),0.5*sin(6283*t),0)':s=48000:c=stereo",
        "-t",
        "20",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-qp",
        "10",
        "-g",
        "30",
        "-pix_fmt",
        "yuv420p",
        "-c:a",
        "pcm_s16le",
        path.to_str().unwrap(),
    ];
    rig.run("ffmpeg", &args);
    path
}

/// Beep minus flash in milliseconds, for each second, as a reader of this address gets them.
fn offsets(rig: &Rig, url: &str, seconds: u32) -> Vec<f64> {
    let length = seconds.to_string();
    let mut args = vec!["-v", "error", "-nostdin"];
    if url.starts_with("rtsp") {
        args.extend(["-rtsp_transport", "tcp"]);
    }
    // A length, where behind the input it would be a time of the stream.
    args.extend(["-copyts", "-t", &length, "-i", url]);
    args.extend(["-vf", "scale=32:18", "-fps_mode", "passthrough"]);
    args.extend([
        "-enc_time_base:v",
        "1:90000",
        "-c:v",
        "rawvideo",
        "-c:a",
        "pcm_s16le",
    ]);
    args.extend(["-ar", "48000", "-ac", "2", "-f", "nut", "pipe:1"]);
    let launch = Launch::new("ffmpeg").args(args).stdout(Stdout::Pipe);
    let mut process = rig.launcher.launch(launch).unwrap();
    let mut reader = Reader::open(BufReader::new(process.take_stdout().unwrap())).unwrap();
    let media: Vec<Media> = reader.streams().iter().map(|s| s.media).collect();
    let (mut flashes, mut beeps) = (Vec::new(), Vec::new());
    let (mut dark, mut quiet) = (false, 0);
    let mut bytes = Vec::new();
    while let Ok(Some(head)) = reader.next_frame() {
        bytes.resize(head.bytes, 0);
        if reader.payload(&head, &mut bytes).is_err() {
            break;
        }
        match media[head.stream] {
            Media::Video { .. } => {
                let bright = bytes[..576].iter().map(|b| u32::from(*b)).sum::<u32>() / 576 > 120;
                if bright && dark {
                    flashes.push(head.pts_ns as f64 / 1e6);
                }
                dark = !bright;
            }
            _ => {
                for (index, pair) in bytes.chunks_exact(4).enumerate() {
                    let level = i16::from_le_bytes([pair[0], pair[1]]).unsigned_abs();
                    quiet += 1;
                    if level > 2500 {
                        if quiet > 12_000 {
                            beeps.push(head.pts_ns as f64 / 1e6 + index as f64 / 48.0);
                        }
                        quiet = 0;
                    }
                }
            }
        }
    }
    let nearest = |flash: &f64| {
        let by = |a: &&f64, b: &&f64| (*a - flash).abs().total_cmp(&(*b - flash).abs());
        beeps.iter().min_by(by).map(|beep| beep - flash)
    };
    flashes
        .iter()
        .filter_map(nearest)
        .filter(|o| o.abs() < 500.0)
        .collect()
}

fn running(rig: &Rig, source: InputSource) -> (Program, engine::input::Input) {
    let spec = InputSpec {
        ffmpeg: "ffmpeg".into(),
        size: size(),
        rate: RATE,
        source,
    };
    let (inlet, input) = open(&rig.launcher, spec).unwrap();
    let desk = Desk::showing(INPUT).with_origin(0);
    let inlets = vec![(INPUT, inlet)];
    let program = Program::start(&rig.launcher, rig.spec(), inlets, Box::new(desk)).unwrap();
    until("the encoder runs", || {
        program.stats().encoders[0].frames > 30
    });
    (program, input)
}

#[test]
fn the_beep_of_a_file_comes_with_its_flash() {
    let rig = Rig::start();
    let source = InputSource::File {
        path: clip(&rig),
        looping: true,
        start_at: Duration::ZERO,
        fit: Fit::Contain,
    };
    let (program, _input) = running(&rig, source);
    for (name, url) in [
        ("program by RTMP", rig.rtmp("program")),
        ("program_rtc by RTSP", rig.rtsp("program_rtc")),
    ] {
        let seen = offsets(&rig, &url, 5);
        println!("{name}: beep minus flash in ms: {seen:.1?}");
        assert!(seen.len() >= 2, "{name}: {seen:?}");
        assert!(seen.iter().all(|o| o.abs() <= 20.0), "{name}: {seen:?}");
    }
    // An encoder that is killed is replaced, and its sound stands where it stood.
    let before = program.stats().encoders[0].pid;
    rig.run("kill", &["-9", &before.to_string()]);
    until("another encoder runs", || {
        let encoder = &program.stats().encoders[0];
        encoder.pid != before && encoder.frames > 10
    });
    let seen = offsets(&rig, &rig.rtmp("program"), 4);
    println!("after the encoder's end: beep minus flash in ms: {seen:.1?}");
    assert!(seen.len() >= 2, "{seen:?}");
    assert!(seen.iter().all(|o| o.abs() <= 20.0), "{seen:?}");
    assert_eq!(program.stats().encoders[0].restarts, 1);
}

#[test]
fn the_beep_of_a_camera_comes_with_its_flash() {
    let rig = Rig::start();
    let clip = clip(&rig);
    // A camera's own encoder: AAC, sent by RTSP.
    let camera = rig.dir.path().join("camera.mp4");
    let to = camera.to_str().unwrap();
    let from = clip.to_str().unwrap();
    // Both tracks begin at 0, priming included: the server places them by their arrival.
    let args = [
        "-v",
        "error",
        "-i",
        from,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-tune",
        "zerolatency",
        "-g",
        "30",
        "-video_track_timescale",
        "90000",
        "-vf",
        "setpts=N/(30*TB)",
        "-r",
        "30",
        "-c:a",
        "aac",
        "-b:a",
        "128k",
        "-af",
        "atrim=start_sample=1024",
        to,
    ];
    rig.run("ffmpeg", &args);
    let _camera = rig.camera(&camera, "cam/1");
    // By RTMP: the server's own times. By RTSP, FFmpeg takes them from the arrival at the server and
    // corrects them after some seconds: ±60 ms in between.
    let url = rig.rtmp("cam/1");
    let (program, input) = running(&rig, InputSource::Live { url });
    until("the camera has settled", || input.stats().frames_in > 60);
    let before = input.stats();
    let seen = offsets(&rig, &rig.rtmp("program"), 6);
    println!("camera to program: beep minus flash in ms: {seen:.1?}");
    assert!(seen.len() >= 2, "{seen:?}");
    assert!(seen.iter().all(|o| o.abs() <= 20.0), "{seen:?}");
    let after = input.stats();
    let repeated = after.duplicate - before.duplicate;
    println!(
        "repeated {repeated}, dropped {}",
        after.dropped - before.dropped
    );
    assert_eq!(program.stats().encoders[0].restarts, 0);
}
