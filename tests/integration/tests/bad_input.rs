//! Whatever is sent or plugged in: a clear refusal, and the program does not notice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, Camera, CameraOptions, Clip, Fault, FaultServer, Http, cue, judge, overlay, record,
    timeline,
};
use integration::{report, three_cameras};
use serde_json::{Value, json};

#[test]
fn every_wrong_request_is_refused_with_what_to_do_next() {
    let agent = Agent::start();
    let _cameras = three_cameras(&agent);
    let api = agent.api();
    let bad_cue = |change: Value| {
        let mut one = cue("a", "1", 0.0, 5.0, 0.0);
        for (key, value) in change.as_object().unwrap() {
            one[key] = value.clone();
        }
        timeline("bad", 10.0, vec![one], Vec::new())
    };
    let overlapping = vec![cue("a", "1", 0.0, 5.0, 0.0), cue("b", "2", 4.0, 5.0, 0.0)];
    for (what, method, path, body) in [
        ("an unknown camera", "GET", "/api/cameras/nobody", None),
        (
            "an unknown destination",
            "DELETE",
            "/api/destinations/nobody",
            None,
        ),
        (
            "an unknown timeline",
            "POST",
            "/api/preview/start",
            Some(json!({ "timeline_id": "nobody" })),
        ),
        ("an unknown path", "GET", "/api/nothing", None),
        (
            "a number for a name",
            "POST",
            "/api/cameras",
            Some(json!({ "name": 7, "address": "x" })),
        ),
        (
            "a port of 70000",
            "POST",
            "/api/cameras",
            Some(json!({ "name": "x", "address": "x", "port": 70000 })),
        ),
        (
            "an address with a user",
            "POST",
            "/api/cameras",
            Some(json!({ "name": "x", "address": "rtsp://a:b@c" })),
        ),
        (
            "no platform",
            "POST",
            "/api/destinations",
            Some(json!({ "name": "x" })),
        ),
        (
            "a web address",
            "POST",
            "/api/destinations",
            Some(json!({ "name": "x", "platform": "custom_rtmp", "rtmp_url": "http://x/y" })),
        ),
        (
            "youtube without key",
            "POST",
            "/api/destinations",
            Some(json!({ "name": "x", "platform": "youtube" })),
        ),
        (
            "overlapping cues",
            "POST",
            "/api/timelines",
            Some(timeline("bad", 10.0, overlapping, Vec::new())),
        ),
        (
            "a negative start",
            "POST",
            "/api/timelines",
            Some(bad_cue(json!({ "start_time": -1 }))),
        ),
        (
            "an absurd duration",
            "POST",
            "/api/timelines",
            Some(bad_cue(json!({ "duration": 1e300 }))),
        ),
        (
            "a cue without end",
            "POST",
            "/api/timelines",
            Some(bad_cue(json!({ "duration": 0 }))),
        ),
        (
            "a camera that is a list",
            "POST",
            "/api/timelines",
            Some(bad_cue(json!({ "params": { "camera_id": [] } }))),
        ),
        (
            "go-live with nothing on",
            "POST",
            "/api/preview/go-live",
            Some(json!({ "destination_ids": ["x"] })),
        ),
        (
            "stop with nothing on",
            "POST",
            "/api/preview/stop",
            Some(json!({})),
        ),
        (
            "seek with nothing on",
            "POST",
            "/api/timeline-execution/seek",
            Some(json!({ "position": 1 })),
        ),
    ] {
        let reply = api.call(method, path, body.as_ref());
        let (status, code) = reply.refusal();
        report(what, format!("{status} {code}"));
        assert!((400..500).contains(&status), "{what}: {}", reply.text);
    }
    for (what, body) in [
        ("no JSON", b"{".to_vec()),
        (
            "deep JSON",
            [vec![b'['; 100_000], vec![b']'; 100_000]].concat(),
        ),
        (
            "10 MB",
            [
                b"{\"name\":\"".to_vec(),
                vec![b'x'; 10_000_000],
                b"\"}".to_vec(),
            ]
            .concat(),
        ),
    ] {
        // A server may close on a body that it will not read: that is a refusal too.
        if let Some(reply) = api.try_call("POST", "/api/timelines", Some(body)) {
            let (status, code) = reply.refusal();
            report(what, format!("{status} {code}"));
            assert!((400..500).contains(&status));
        }
        assert_eq!(api.get("/healthz").status, 200);
    }
}

#[test]
fn broken_cameras_and_files_do_not_touch_the_program() {
    let agent = Agent::start();
    let cameras = three_cameras(&agent);
    let silent = FaultServer::start(Fault::Silent);
    let garbage = FaultServer::start(Fault::Garbage);
    let sound = Camera::with(
        Clip::new(5),
        CameraOptions {
            sound_only: true,
            ..CameraOptions::default()
        },
    );
    let api = agent.api();
    add(api, "silent", silent.port);
    add(api, "garbage", garbage.port);
    add(api, "refused", 9);
    agent.add_camera("sound-only", &sound);
    broken_files(&agent);
    let good = vec![cue("a", "1", 0.0, 600.0, 0.0)];
    let picture =
        json!({ "type": "image", "image_url": "/assets/huge.png", "position": "top_right" });
    agent.preview(&timeline(
        "show",
        600.0,
        good,
        vec![overlay("o", 2.0, 20.0, picture)],
    ));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.nut");
    let url = agent.rtsp("program");
    std::thread::scope(|scope| {
        let recorder = scope.spawn(|| record(&url, 20.0, &file));
        for id in ["silent", "garbage", "refused", "sound-only"] {
            let test = api.post(&format!("/api/cameras/{id}/test"), json!({}));
            report(id, &test.text);
            assert_ne!(test.json["success"], true, "{}", test.text);
            assert!(test.text.contains("remediation"), "{}", test.text);
        }
        recorder.join().unwrap();
    });
    let seen = judge(&file);
    let slips = seen.slips(cameras[0].clip.frames());
    report("program frames", seen.frames.len());
    report("lost or repeated", format!("{slips:?}"));
    // The first second of an RTSP reader may step once, when its clock is set.
    assert!(slips.iter().all(|slip| slip.at < 60), "{slips:?}");
    assert_eq!(seen.black(), 0);
}

#[test]
fn a_cue_of_a_broken_source_is_a_picture_that_says_so() {
    let agent = Agent::start();
    let _cameras = three_cameras(&agent);
    let silent = FaultServer::start(Fault::Silent);
    add(agent.api(), "silent", silent.port);
    broken_files(&agent);
    let media = json!({ "id": "m", "start_time": 6.0, "duration": 3.0, "action": "show_media",
        "params": { "media_url": "/assets/cut.mp4" } });
    let cues = vec![
        cue("a", "1", 0.0, 3.0, 0.0),
        cue("s", "silent", 3.0, 3.0, 0.0),
        media,
    ];
    agent.preview(&timeline("show", 9.0, cues, Vec::new()));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.nut");
    record(&agent.rtsp("program"), 15.0, &file);
    let seen = judge(&file);
    assert!(seen.frames.len() > 400, "{}", seen.frames.len());
    assert_eq!(seen.black(), 0);
    assert_eq!(agent.status()["metrics"]["encoder_restarts"], 0);
}

#[test]
fn settings_of_the_wrong_shape_are_refused_with_file_key_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_string_lossy().into_owned();
    for (key, value, word) in [
        ("VISTTER__API__PORT", "many", "VISTTER__API__PORT"),
        ("VISTTER__API__PROT", "8080", "VISTTER__API__PROT"),
        ("VISTTER__PROGRAM__PROFILE", "huge", "profile"),
        ("VISTTER__FFMPEG__PATH", "/nowhere/ffmpeg", "ffmpeg"),
        ("VISTTER__MEDIAMTX__PATH", "/nowhere/mediamtx", "mediamtx"),
    ] {
        let environment = [
            ("VISTTER__DATA_DIR".to_owned(), data.clone()),
            (key.to_owned(), value.to_owned()),
        ];
        let (code, said) = Agent::refuse(&environment);
        report(key, said.lines().last().unwrap_or_default());
        assert_ne!(code, Some(0));
        assert!(said.to_lowercase().contains(&word.to_lowercase()), "{said}");
    }
}

fn add(api: &Http, id: &str, port: u16) {
    let body =
        json!({ "id": id, "name": id, "address": "127.0.0.1", "port": port, "stream_path": "/x" });
    let _ = api.post("/api/cameras", body).ok();
}

/// A picture whose header promises 20,000 by 20,000, and a film without its end.
fn broken_files(agent: &Agent) {
    std::fs::create_dir_all(agent.assets()).unwrap();
    let whole = std::fs::read(Clip::new(1).file()).unwrap();
    std::fs::write(agent.assets().join("cut.mp4"), &whole[..whole.len() / 3]).unwrap();
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    png.extend(20_000u32.to_be_bytes());
    png.extend(20_000u32.to_be_bytes());
    png.extend([8, 6, 0, 0, 0]);
    let checksum = crc(&png[12..]);
    png.extend(checksum.to_be_bytes());
    std::fs::write(agent.assets().join("huge.png"), png).unwrap();
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ (0xedb8_8320 & 0u32.wrapping_sub(crc & 1))
        })
    })
}
