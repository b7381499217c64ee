//! What holds while a program runs.

use super::rig::{Desk, RATE, Rig, missing, size, still, until};
use engine::input::{InputSource, InputSpec, open};
use engine::program::Program;
use model::{InputId, InputState};
use std::sync::Arc;

const STILL: InputId = InputId(1);
const CAMERA: InputId = InputId(2);

fn spec(source: InputSource) -> InputSpec {
    InputSpec {
        ffmpeg: "ffmpeg".into(),
        size: size(),
        rate: RATE,
        source,
    }
}

#[test]
fn cuts_between_a_still_and_a_camera_leave_the_timestamps_continuous() {
    let rig = Rig::start();
    let clip = rig.clip("a.mp4", "testsrc2=s=640x360:r=30", 2);
    let _camera = rig.camera(&clip, "cam/1");
    let (grey, _grey) = open(
        &rig.launcher,
        spec(InputSource::Still(Arc::new(still(120)))),
    )
    .unwrap();
    let url = rig.rtsp("cam/1");
    let (inlet, input) = open(&rig.launcher, spec(InputSource::Live { url })).unwrap();
    let desk = Desk::showing(STILL);
    let inlets = vec![(STILL, grey), (CAMERA, inlet)];
    let program =
        Program::start(&rig.launcher, rig.spec(), inlets, Box::new(desk.clone())).unwrap();
    until("the camera delivers", || input.stats().frames_in > 30);
    until("the encoder runs", || {
        program.stats().encoders[0].frames > 30
    });
    let pid = program.stats().encoders[0].pid;
    let cutter = std::thread::spawn({
        let desk = desk.clone();
        move || {
            for input in [CAMERA, STILL, CAMERA, STILL, CAMERA] {
                desk.take(input);
                std::thread::sleep(std::time::Duration::from_millis(600));
            }
        }
    });
    let url = rig.rtmp("program");
    let args = [
        "-v",
        "error",
        "-read_intervals",
        "%+#240",
        "-show_entries",
        "packet=codec_type,pts_time",
        "-of",
        "csv=p=0",
        &url,
    ];
    let packets = rig.run("ffprobe", &args);
    cutter.join().unwrap();
    let stats = program.stats();
    // A frame that found the encoder's queue full is left out, and counted; sound never is.
    let drops = stats.encoders[0].queue_drops;
    for (kind, step, most) in [("video", 1.0 / 30.0, drops), ("audio", 1024.0 / 48000.0, 0)] {
        let times: Vec<f64> = packets
            .lines()
            .filter_map(|l| {
                l.strip_prefix(kind)?
                    .strip_prefix(',')?
                    .trim_matches(',')
                    .parse()
                    .ok()
            })
            .collect();
        assert!(times.len() > 60, "{kind}: {}", times.len());
        let missing = missing(&times, kind, step);
        println!("{kind}: {missing} missing; no room: {drops}");
        assert!(missing <= most, "{kind}: {missing} of {most}");
    }
    assert_eq!(
        (stats.encoders[0].pid, stats.encoders[0].restarts),
        (pid, 0)
    );
    until("the camera is fresh", || {
        desk.state() == Some(InputState::Fresh)
    });
    println!("{stats:#?}\n{:#?}", input.stats());
}
