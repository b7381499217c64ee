//! Cameras, destinations, timelines, streams: kept, checked, masked.

use super::Stage;
use super::stage::timeline;
use engine::mediamtx::{Probe, ProbeError};
use serde_json::{Value, json};

#[tokio::test]
async fn a_camera_is_kept_across_a_restart_and_its_password_is_never_answered() {
    let stage = Stage::new();
    let draft = json!({"name": " Harbour ", "address": "10.0.0.2", "username": "u",
        "password": "p@ss:/#%", "stream_path": "main?a=1"});
    let made = stage.post("/api/cameras", draft).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(made["id"], "1");
    assert_eq!(made["name"], "Harbour");
    assert_eq!(made["port"], 554);
    assert_eq!(made["stream_path"], "/main?a=1");
    assert_eq!(made["password"], "********");
    let stage = stage.restarted().await;
    let back = stage.get("/api/cameras/1").await;
    assert_eq!(back.json(), made);
    assert_eq!(stage.get("/api/cameras").await.json(), json!([made]));
    for entry in walk(&stage.data()) {
        let bytes = std::fs::read(&entry).unwrap();
        let found = bytes.windows(8).any(|window| window == b"p@ss:/#%");
        assert!(!found, "the password stands open in {}", entry.display());
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            files.extend(walk(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}

#[tokio::test]
async fn the_mask_sent_back_keeps_the_password_and_null_takes_it_away() {
    let stage = Stage::new();
    stage.furnish().await;
    let mut camera = stage.get("/api/cameras/1").await.json();
    camera["name"] = json!("Quay");
    let changed = stage.put("/api/cameras/1", camera).await;
    assert_eq!(changed.json()["name"], "Quay");
    stage.post("/api/cameras/1/test", json!({})).await;
    assert_eq!(stage.server.asked.lock().unwrap()[0].1.expose(), "p@ss:/#%");
    let changed = stage.put("/api/cameras/1", json!({"password": null})).await;
    assert_eq!(changed.json()["password"], Value::Null);
    let refused = stage
        .post(
            "/api/cameras",
            json!({"name": "x", "address": "a", "password": "********"}),
        )
        .await;
    assert_eq!(
        refused.refusal(),
        (422, "SCHEMA_INVALID".into(), "/password".into())
    );
}

#[tokio::test]
async fn a_camera_is_tried_and_the_finding_says_what_to_do() {
    let stage = Stage::new();
    stage.furnish().await;
    let found = stage.post("/api/cameras/1/test", json!({})).await;
    assert_eq!(found.status, 200);
    let found = found.json();
    assert_eq!(
        (&found["success"], &found["code"]),
        (&json!(false), &json!("CAMERA_OFFLINE"))
    );
    *stage.server.probe.lock().unwrap() = Some(Err(ProbeError::AuthFailed));
    let draft = json!({"address": "10.0.0.3", "password": "x"});
    let found = stage
        .post("/api/cameras/test-connection", draft.clone())
        .await
        .json();
    assert_eq!(found["code"], "CAMERA_AUTH_FAILED");
    assert_eq!(found["authenticated"], false);
    *stage.server.probe.lock().unwrap() = Some(Ok(Probe {
        tracks: Vec::new(),
        codec: "H264".to_owned(),
        size: Some((1920, 1080)),
        has_audio: true,
    }));
    let found = stage
        .post("/api/cameras/test-connection", draft)
        .await
        .json();
    assert_eq!(found["success"], true);
    assert_eq!(found["size"], "1920x1080");
    assert_eq!(
        stage
            .get("/api/cameras")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_camera_in_use_is_not_removed() {
    let stage = Stage::new();
    stage.furnish().await;
    let refused = stage.delete("/api/cameras/1").await;
    assert_eq!(refused.refusal().1, "CAMERA_IN_USE");
    assert_eq!(
        refused.json()["error"]["details"]["used_by"],
        json!(["timeline \"Show\""])
    );
    assert_eq!(stage.delete("/api/timelines/1").await.status, 200);
    assert_eq!(stage.delete("/api/cameras/1").await.status, 200);
    assert_eq!(
        stage.get("/api/cameras/1").await.refusal().1,
        "CAMERA_NOT_FOUND"
    );
    assert_eq!(stage.delete("/api/cameras/1").await.status, 404);
}

#[tokio::test]
async fn a_chosen_id_is_taken_once_and_a_removed_number_is_not_given_again() {
    let stage = Stage::new();
    let camera = |id: Value| json!({"id": id, "name": "x", "address": "a"});
    assert_eq!(
        stage
            .post("/api/cameras", camera(json!("roof")))
            .await
            .status,
        201
    );
    assert_eq!(
        stage
            .post("/api/cameras", camera(json!("roof")))
            .await
            .refusal()
            .1,
        "CONFLICT"
    );
    assert_eq!(
        stage.post("/api/cameras", camera(json!(1))).await.json()["id"],
        "1"
    );
    assert_eq!(
        stage.post("/api/cameras", camera(Value::Null)).await.json()["id"],
        "2"
    );
    stage.delete("/api/cameras/2").await;
    assert_eq!(
        stage.post("/api/cameras", camera(Value::Null)).await.json()["id"],
        "3"
    );
}

#[tokio::test]
async fn a_camera_that_makes_no_sense_is_refused_with_the_field() {
    let stage = Stage::new();
    for (body, field) in [
        (json!({"name": "", "address": "a"}), "/name"),
        (json!({"name": "x\u{7}", "address": "a"}), "/name"),
        (json!({"name": "x"}), "/address"),
        (
            json!({"name": "x", "address": "rtsp://u:p@h/1"}),
            "/address",
        ),
        (json!({"name": "x", "address": "a", "port": 0}), "/port"),
        (json!({"name": "x", "address": "a", "port": 70000}), "/port"),
        (json!({"name": "x", "address": "a", "port": -1}), "/port"),
        (
            json!({"name": "x", "address": "a", "protocol": "http"}),
            "/protocol",
        ),
        (
            json!({"name": "x", "address": "a", "backup_camera_id": 9}),
            "/backup_camera_id",
        ),
        (json!({"id": "../x", "name": "x", "address": "a"}), "/id"),
    ] {
        let (status, code, at) = stage.post("/api/cameras", body.clone()).await.refusal();
        assert_eq!(
            (status, code.as_str(), at.as_str()),
            (422, "SCHEMA_INVALID", field),
            "{body}"
        );
    }
    assert_eq!(stage.get("/api/cameras").await.json(), json!([]));
}

#[tokio::test]
async fn cameras_that_would_stand_in_for_each_other_are_refused() {
    let stage = Stage::new();
    for id in 1..=3 {
        let body = json!({"id": id, "name": format!("c{id}"), "address": "a"});
        assert_eq!(stage.post("/api/cameras", body).await.status, 201);
    }
    let at = |camera: u32, backup: u32| {
        let body = json!({ "backup_camera_id": backup });
        let path = format!("/api/cameras/{camera}");
        let stage = &stage;
        async move { stage.put(&path, body).await }
    };
    assert_eq!(at(1, 2).await.status, 200);
    assert_eq!(at(2, 3).await.status, 200);
    for (camera, backup) in [(2, 1), (3, 1), (3, 3)] {
        let (status, code, field) = at(camera, backup).await.refusal();
        assert_eq!(
            (status, code.as_str(), field.as_str()),
            (422, "SCHEMA_INVALID", "/backup_camera_id"),
            "{camera} by {backup}"
        );
    }
    // What is a backup cannot be removed.
    let (status, code, _) = stage.delete("/api/cameras/3").await.refusal();
    assert_eq!((status, code.as_str()), (409, "CAMERA_IN_USE"));
}

#[tokio::test]
async fn a_stream_key_is_masked_and_kept() {
    let stage = Stage::new();
    let body = json!({"name": "Tube", "platform": "youtube", "stream_key": "abcd-efgh-ijkl"});
    let made = stage.post("/api/destinations", body).await;
    assert_eq!(made.status, 201);
    let made = made.json();
    assert_eq!(made["rtmp_url"], "rtmp://a.rtmp.youtube.com/live2");
    assert_eq!(made["stream_key"], "****ijkl");
    let changed = stage.put("/api/destinations/1", made).await.json();
    assert_eq!(changed["stream_key"], "****ijkl");
    assert_eq!(changed["last_used"], Value::Null);
    let refused = stage
        .post(
            "/api/destinations",
            json!({"name": "T", "platform": "twitch"}),
        )
        .await;
    assert_eq!(
        refused.refusal(),
        (422, "DESTINATION_INVALID".into(), "/stream_key".into())
    );
    let presets = stage.get("/api/destinations/presets").await.json();
    assert_eq!(presets.as_array().unwrap().len(), 4);
    assert_eq!(presets[1]["max_kbps"], 4000);
}

#[tokio::test]
async fn both_shapes_of_a_timeline_are_taken_and_answered_in_one() {
    let stage = Stage::new();
    stage.furnish().await;
    let wrapped = json!({"timeline": {"id": "timeline_001", "name": "Daily", "duration": 120,
        "fps": 30, "resolution": "1920x1080", "tracks": {
            "video": {"track_id": "video_main", "type": "video", "cues": [
                {"id": "cue_v1", "start_time": 0, "duration": 60, "action": "show_camera",
                 "params": {"camera_id": 1, "preset_id": "wide_shot", "transition": "cut"}},
                {"id": "cue_v2", "start_time": 60, "duration": 5, "action": "show_media",
                 "params": {"media_url": "/assets/slide.png", "transition": "fade"}}]},
            "overlays": []},
        "fallback": {"test_pattern": "/assets/technical_difficulties.png", "backup_camera_id": 3}}});
    let made = stage.post("/api/timelines", wrapped).await;
    assert_eq!(made.status, 201, "{}", made.json());
    let made = made.json();
    assert_eq!(
        (&made["id"], &made["revision"]),
        (&json!("timeline_001"), &json!(1))
    );
    assert!(made["tracks"].is_array());
    let warnings = made["warnings"].to_string();
    assert!(warnings.contains("slide.png"), "{warnings}");
    let changed = stage.put("/api/timelines/timeline_001", made).await.json();
    assert_eq!(changed["revision"], 2);
    let all = stage.get("/api/timelines").await.json();
    assert_eq!(all.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_timeline_that_cannot_run_is_refused_with_every_place() {
    let stage = Stage::new();
    let refused = stage.post("/api/timelines", timeline()).await;
    let (status, code, field) = refused.refusal();
    assert_eq!((status, code.as_str()), (422, "TIMELINE_INVALID"));
    assert_eq!(field, "/tracks/0/cues/0/params/camera_id");
    let mut overlapping = timeline();
    overlapping["tracks"][0]["cues"][0]["action"] = json!("show_media");
    overlapping["tracks"][0]["cues"][0]["params"] = json!({"media_url": "/assets/color_bars.png"});
    let again = overlapping["tracks"][0]["cues"][0].clone();
    overlapping["tracks"][0]["cues"]
        .as_array_mut()
        .unwrap()
        .push(again);
    let found = stage.post("/api/timelines/validate", overlapping).await;
    assert_eq!(found.status, 200);
    let found = found.json();
    assert_eq!(found["valid"], false);
    assert!(!found["errors"].as_array().unwrap().is_empty(), "{found}");
    let found = stage
        .post("/api/timelines/validate", json!({"name": 3}))
        .await
        .json();
    assert_eq!(found["valid"], false);
    assert_eq!(stage.get("/api/timelines").await.json(), json!([]));
}

#[tokio::test]
async fn a_large_timeline_is_kept() {
    let stage = Stage::new();
    stage.furnish().await;
    let cues: Vec<Value> = (0..3000)
        .map(|n| {
            json!({"id": format!("c{n}"), "start_time": n, "duration": 1,
            "action": "show_camera", "params": {"camera_id": "1"}})
        })
        .collect();
    let large = json!({"id": "large", "name": "Large", "duration": 3000,
        "tracks": [{"track_id": "v", "type": "video", "cues": cues}]});
    assert_eq!(stage.post("/api/timelines", large).await.status, 201);
    let stage = stage.restarted().await;
    let back = stage.get("/api/timelines/large").await.json();
    assert_eq!(back["tracks"][0]["cues"].as_array().unwrap().len(), 3000);
}

#[tokio::test]
async fn a_stream_names_what_is_there_and_holds_it() {
    let stage = Stage::new();
    stage.furnish().await;
    let body = json!({"camera_id": 1, "destination_id": 2});
    let made = stage.post("/api/streams", body).await;
    assert_eq!(made.status, 201);
    assert_eq!(made.json()["status"], "stopped");
    assert_eq!(
        stage.delete("/api/destinations/2").await.refusal().1,
        "DESTINATION_IN_USE"
    );
    let nothing = stage
        .post("/api/streams", json!({"camera_id": 7, "destination_id": 2}))
        .await;
    assert_eq!(nothing.refusal().1, "CAMERA_NOT_FOUND");
    assert_eq!(
        stage.post("/api/streams/1/start", json!({})).await.json()["status"],
        "starting"
    );
    for (method, path) in [("PUT", "/api/streams/1"), ("DELETE", "/api/streams/1")] {
        let back = stage.send(method, path, &[], "{}").await;
        assert_eq!(back.refusal().1, "STREAM_ALREADY_RUNNING", "{method}");
    }
    assert_eq!(
        stage.get("/api/streams/1/status").await.json()["status"],
        "starting"
    );
    assert_eq!(
        stage.post("/api/streams/1/stop", json!({})).await.json()["status"],
        "stopped"
    );
    assert_eq!(
        stage
            .post("/api/streams/1/stop", json!({}))
            .await
            .refusal()
            .1,
        "STREAM_NOT_RUNNING"
    );
    assert_eq!(stage.delete("/api/streams/1").await.status, 200);
    let used = stage.get("/api/destinations/2").await.json();
    assert!(used["last_used"].is_string(), "{used}");
}

#[tokio::test]
async fn profiles_and_assets_are_listed() {
    let stage = Stage::new();
    let profiles = stage.get("/api/profiles").await.json();
    assert_eq!(profiles[0]["name"], "reliability");
    assert_eq!(profiles[0]["is_default"], true);
    assert_eq!(profiles[0]["size"], "1920x1080");
    let assets = stage.get("/api/assets").await.json();
    assert_eq!(assets.as_array().unwrap().len(), 3, "{assets}");
    assert_eq!(assets[0]["asset_type"], "image");
}

#[tokio::test]
async fn two_that_ask_at_once_do_not_take_the_same_id() {
    let stage = Stage::new();
    let draft = || {
        stage.post(
            "/api/cameras",
            json!({"id": "one", "name": "x", "address": "a"}),
        )
    };
    let (a, b, c) = tokio::join!(draft(), draft(), draft());
    let mut all = [a.status.as_u16(), b.status.as_u16(), c.status.as_u16()];
    all.sort_unstable();
    assert_eq!(all, [201, 409, 409]);
}
