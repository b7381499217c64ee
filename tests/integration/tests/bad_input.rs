//! Whatever is sent or plugged in: a clear refusal, and the program does not notice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{
    Agent, Camera, CameraOptions, Clip, Fault, FaultServer, Http, MediaServer, Reply, Stillness,
    cue, judge, overlay, record, timeline, until,
};
use integration::{excused, report, slack, three_cameras};
use serde_json::{Value, json};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

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
    let stillness = Stillness::watch();
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
    let allowed = excused(&stillness);
    let seen = judge(&file);
    let slips = seen.slips(cameras[0].clip.frames());
    report("program frames", seen.frames.len());
    report("lost or repeated", format!("{slips:?}"));
    // The first second of an RTSP reader may step once, when its clock is set.
    let missed = seen.missed(cameras[0].clip.frames(), 60);
    assert!(missed <= slack() + allowed.missed, "{slips:?}");
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
    record(&agent.rtsp("program"), 17.0, &file);
    let seen = judge(&file);
    assert!(seen.frames.len() > 400, "{}", seen.frames.len());
    assert_eq!(seen.black(), 0);
    assert_eq!(agent.status()["metrics"]["encoder_restarts"], 0);
}

/// Without its tools the agent's page opens all the same, and says what is missing.
#[test]
fn a_tool_that_is_missing_or_of_a_wrong_version_is_named_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let script = |name: &str, says: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).unwrap();
        path.to_string_lossy().into_owned()
    };
    let nowhere = "/nowhere/program".to_owned();
    let ffmpeg = "VISTTER__FFMPEG__PATH";
    let mediamtx = "VISTTER__MEDIAMTX__PATH";
    let old_ffmpeg = script("ffmpeg", "ffmpeg version 4.1.2 Copyright");
    let old_mediamtx = script("mediamtx", "v1.0.0");
    for (key, value, code, word) in [
        (
            ffmpeg,
            nowhere.clone(),
            "FFMPEG_MISSING",
            "/nowhere/program",
        ),
        (ffmpeg, old_ffmpeg, "FFMPEG_MISSING", "4.1.2"),
        (mediamtx, nowhere, "MEDIAMTX_MISSING", "/nowhere/program"),
        (mediamtx, old_mediamtx, "MEDIAMTX_MISSING", "v1.0.0"),
    ] {
        let agent = Agent::lacking(&[(key, value)]);
        let api = agent.api();
        let show = timeline("t", 10.0, vec![pattern_cue()], Vec::new());
        let _ = api.post("/api/timelines", show).ok();
        let start = || api.post("/api/preview/start", json!({ "timeline_id": "t" }));
        if key == mediamtx {
            let ready = api.get("/readyz");
            assert_eq!(ready.refusal(), (503, code.to_owned()), "{}", ready.text);
            let health = api.get("/api/preview/health");
            assert_eq!(health.refusal(), (503, code.to_owned()), "{}", health.text);
        } else {
            // The media server may take a moment; what is missing is not waited for.
            assert!(until(Duration::from_secs(10), || api.get("/readyz").status == 200));
        }
        let told = start();
        report(code, &told.text);
        assert!(told.text.contains(word), "{}", told.text);
        if key == mediamtx {
            // The show goes on without it, and says what is missing.
            assert_eq!(told.ok()["no_picture"]["code"], code);
        } else {
            assert_eq!(told.refusal(), (503, code.to_owned()), "{}", told.text);
        }
        assert_eq!(api.get("/").status, 200);
    }
}

/// Another program on our ports, a MediaMTX that lets anyone in among them, is named and left alone.
#[test]
fn ports_in_use_are_named_with_their_settings_and_their_user_is_left_alone() {
    let stranger = MediaServer::start();
    let held = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let hls = held.local_addr().unwrap().port();
    let api_port = stranger.api_port;
    let agent = Agent::lacking(&[
        ("VISTTER__MEDIAMTX__HLS_PORT", hls.to_string()),
        ("VISTTER__MEDIAMTX__API_PORT", api_port.to_string()),
    ]);
    let api = agent.api();
    let show = timeline("t", 10.0, vec![pattern_cue()], Vec::new());
    let _ = api.post("/api/timelines", show).ok();
    let before = stranger.configured();
    let named = |reply: &Reply| {
        let words = [
            hls.to_string(),
            api_port.to_string(),
            "mediamtx.hls_port".to_owned(),
            "mediamtx.api_port".to_owned(),
        ];
        words.iter().all(|word| reply.text.contains(word))
    };
    let ready = || api.get("/readyz");
    assert!(
        until(Duration::from_secs(5), || named(&ready())),
        "{}",
        ready().text
    );
    for reply in [ready(), api.get("/api/preview/health")] {
        report("ports in use", &reply.text);
        assert_eq!(reply.refusal(), (503, "PREVIEW_SERVER_DOWN".to_owned()));
        assert!(named(&reply), "{}", reply.text);
    }
    // At first it is waited for, then it is done without: both name the ports.
    let start = api.post("/api/preview/start", json!({ "timeline_id": "t" }));
    report("ports in use", &start.text);
    assert!(
        matches!(start.status, 200 | 503) && named(&start),
        "{}",
        start.text
    );
    let camera = json!({ "id": "1", "name": "c", "address": "127.0.0.1", "port": 9 });
    let _ = api.post("/api/cameras", camera);
    assert_eq!(
        stranger.configured(),
        before,
        "the agent wrote into another server"
    );
    drop((held, stranger));
    assert!(
        until(Duration::from_secs(40), || ready().status == 200),
        "{}",
        ready().text
    );
}

#[test]
fn absurd_requests_while_on_air_do_not_touch_the_program() {
    let agent = Agent::start();
    let cameras = three_cameras(&agent);
    let cues = vec![cue("a", "1", 0.0, 600.0, 0.0)];
    let words = json!({ "type": "text", "text": "Hello", "position": "top_right" });
    let texts = vec![overlay("o", 0.0, 600.0, words)];
    agent.preview(&timeline("show", 600.0, cues, texts));
    let encoder = agent.encoder_pid();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("program.nut");
    let url = agent.rtsp("program");
    let api = agent.api();
    let stillness = Stillness::watch();
    std::thread::scope(|scope| {
        let recorder = scope.spawn(|| record(&url, 12.0, &file));
        std::thread::sleep(Duration::from_secs(3));
        for (what, path, body) in [
            (
                "seek before the start",
                "/api/timeline-execution/seek",
                json!({ "position": -1 }),
            ),
            (
                "seek to 1e300",
                "/api/timeline-execution/seek",
                json!({ "position": 1e300 }),
            ),
            (
                "seek to a word",
                "/api/timeline-execution/seek",
                json!({ "position": "x" }),
            ),
            (
                "an unknown camera",
                "/api/cameras/nobody/to-program",
                json!({}),
            ),
            (
                "nobody to go live to",
                "/api/preview/go-live",
                json!({ "destination_ids": [] }),
            ),
            (
                "an unknown destination",
                "/api/preview/go-live",
                json!({ "destination_ids": ["x"] }),
            ),
            (
                "a countdown of years",
                "/api/preview/go-live",
                json!({ "destination_ids": ["x"], "countdown_s": 99_999_999 }),
            ),
            (
                "a second preview",
                "/api/preview/start",
                json!({ "timeline_id": "show" }),
            ),
            (
                "an unknown profile",
                "/api/preview/start",
                json!({ "timeline_id": "show", "profile": "8k" }),
            ),
        ] {
            let reply = api.post(path, body);
            let (status, code) = reply.refusal();
            report(what, format!("{status} {code}"));
            assert!((400..500).contains(&status), "{what}: {}", reply.text);
        }
        for _ in 0..5 {
            let body = vec![b'x'; 10_000_000];
            if let Some(reply) = api.try_call("POST", "/api/timelines", Some(body)) {
                assert!((400..500).contains(&reply.status), "{}", reply.text);
            }
        }
        recorder.join().unwrap();
    });
    let allowed = excused(&stillness);
    let seen = judge(&file);
    let slips = seen.slips(cameras[0].clip.frames());
    report("lost or repeated", format!("{slips:?}"));
    // The first second of an RTSP reader may step once, when its clock is set.
    let missed = seen.missed(cameras[0].clip.frames(), 60);
    assert!(missed <= slack() + allowed.missed, "{slips:?}");
    assert_eq!(seen.black(), 0);
    assert_eq!(agent.encoder_pid(), encoder);
}

#[test]
fn settings_of_the_wrong_shape_are_refused_with_file_key_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_string_lossy().into_owned();
    for (key, value, word) in [
        ("VISTTER__API__PORT", "many", "VISTTER__API__PORT"),
        ("VISTTER__API__PROT", "8080", "VISTTER__API__PROT"),
        ("VISTTER__PROGRAM__PROFILE", "huge", "profile"),
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

fn pattern_cue() -> Value {
    json!({ "id": "p", "start_time": 0.0, "duration": 10.0, "action": "show_media",
        "params": { "pattern": "technical_difficulties" } })
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
