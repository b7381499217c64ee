//! Cameras of every rate and shape come out right, with sound, without, or with it late.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, Camera, CameraOptions, Clip, Rate, Sound, Via, Window, camera_body, cue, judge_in,
    record, timeline,
};
use integration::{report, slack};
use serde_json::json;

/// Puts one camera on air, records a few seconds of program, and reads them.
fn program_of(clip: Clip, options: CameraOptions, seconds: f64) -> (harness::Judged, Agent) {
    let agent = Agent::start();
    let via = options.via;
    let login = options.login.clone();
    let camera = Camera::with(clip, options);
    let mut body = camera_body("1", &camera, via);
    body["protocol"] = json!("rtsp");
    body["port"] = json!(camera.port());
    if let Some((user, password)) = login {
        body["username"] = json!(user);
        body["password"] = json!(password);
    }
    let _ = agent.api().post("/api/cameras", body).ok();
    agent.preview(&timeline(
        "t",
        600.0,
        vec![cue("a", "1", 0.0, 600.0, 0.0)],
        Vec::new(),
    ));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.nut");
    // A group of pictures more: what comes before the first key frame is not kept.
    record(&agent.rtsp("program"), seconds + 2.0, &file);
    let window = Window {
        width: clip.width,
        height: clip.height,
    };
    (judge_in(&file, Some(window), &[]), agent)
}

/// Most frames read; where the camera is slower than the program some stand twice, where it is faster
/// some are left out, and none goes back.
fn comes_out_right(clip: Clip, seen: &harness::Judged) {
    let read: Vec<_> = seen.frames.iter().filter_map(|frame| frame.code).collect();
    report(
        "camera",
        format!(
            "{}x{} at {}/{}",
            clip.width, clip.height, clip.rate.0, clip.rate.1
        ),
    );
    report(
        "program frames, readable",
        format!("{}, {}", seen.frames.len(), read.len()),
    );
    assert!(seen.frames.len() > 60);
    assert!(
        read.len() * 100 >= seen.frames.len() * 97,
        "{} of {}",
        read.len(),
        seen.frames.len()
    );
    assert!(read.iter().all(|code| code.camera == clip.camera));
    let length = clip.frames();
    let step = f64::from(clip.rate.0) / f64::from(clip.rate.1) / 30.0;
    let most = step.ceil() as u16 + 1;
    let odd: Vec<_> = read
        .windows(2)
        .map(|pair| (pair[1].frame + length - pair[0].frame) % length)
        .filter(|advance| *advance > most)
        .collect();
    report("longer steps", format!("{odd:?}"));
    assert!(odd.len() <= 1 + slack() as usize, "steps of {odd:?} frames");
    assert_eq!(seen.black(), 0);
}

macro_rules! formats {
    ($( $name:ident: $clip:expr; )*) => { $(
        #[test]
        fn $name() {
            let clip: Clip = $clip;
            let (seen, _agent) = program_of(clip, CameraOptions::default(), 4.0);
            comes_out_right(clip, &seen);
        }
    )* };
}

formats! {
    a_camera_at_25_frames: Clip { rate: Rate(25, 1), ..Clip::new(1) };
    a_camera_at_29_97_frames: Clip { rate: Rate(30_000, 1001), ..Clip::new(2) };
    a_camera_at_50_frames: Clip { rate: Rate(50, 1), ..Clip::new(3) };
    a_camera_at_60_frames: Clip { rate: Rate(60, 1), ..Clip::new(4) };
    a_camera_of_full_range: Clip { full_range: true, ..Clip::new(5) };
    a_camera_of_an_odd_size: Clip { width: 702, height: 478, ..Clip::new(6) };
    a_camera_that_stands_upright: Clip { width: 360, height: 640, ..Clip::new(7) };
}

#[test]
fn a_camera_without_sound_gets_silence() {
    let clip = Clip {
        sound: Sound::None,
        ..Clip::new(1)
    };
    let (seen, _agent) = program_of(clip, CameraOptions::default(), 4.0);
    comes_out_right(clip, &seen);
    assert!(seen.sound_seconds > 3.0, "{}", seen.sound_seconds);
    assert!(seen.peak < 0.01, "{}", seen.peak);
}

#[test]
fn sound_that_comes_late_is_heard() {
    let clip = Clip {
        sound: Sound::Between(4.0, 8.0),
        ..Clip::new(2)
    };
    let (seen, _agent) = program_of(clip, CameraOptions::default(), 14.0);
    comes_out_right(clip, &seen);
    assert!(!seen.beeps.is_empty());
    assert!(seen.sound_steps.is_empty(), "{:?}", seen.sound_steps);
}

#[test]
fn sound_that_ends_and_comes_again_does_not_hold_the_picture() {
    let clip = Clip {
        sound: Sound::Between(0.0, 4.0),
        ..Clip::new(2)
    };
    let (seen, _agent) = program_of(clip, CameraOptions::default(), 14.0);
    comes_out_right(clip, &seen);
    assert!(!seen.beeps.is_empty());
    assert!(seen.sound_steps.is_empty(), "{:?}", seen.sound_steps);
}

#[test]
fn a_change_of_resolution_in_the_middle_is_no_more_than_a_held_picture() {
    let clip = Clip {
        becomes: Some((960, 540)),
        sound: Sound::None,
        ..Clip::new(3)
    };
    let (seen, _agent) = program_of(
        clip,
        CameraOptions {
            via: Via::Rtsp,
            ..CameraOptions::default()
        },
        12.0,
    );
    report("program frames", seen.frames.len());
    report("unreadable", format!("{:?}", seen.unread()));
    let last = seen
        .frames
        .iter()
        .rev()
        .filter_map(|frame| frame.code)
        .next()
        .unwrap();
    assert_eq!(last.camera, 3);
    assert_eq!(seen.black(), 0);
}

#[test]
fn a_password_with_everything_in_it_opens_the_camera() {
    let options = CameraOptions {
        login: Some(("viewer".to_owned(), "p@ss:w/o#r%d".to_owned())),
        ..CameraOptions::default()
    };
    let (seen, agent) = program_of(Clip::new(4), options, 3.0);
    comes_out_right(Clip::new(4), &seen);
    assert!(!agent.log().contains("p@ss") && !agent.log().contains("p%40ss"));
}
