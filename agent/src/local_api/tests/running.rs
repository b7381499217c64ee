//! The preview, going live, the run of a timeline, graphics on air: shapes and codes of the contract.

use super::Stage;
use super::stage::Back;
use serde_json::{Value, json};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn a_preview_goes_live_and_ends() {
    let stage = Stage::new();
    stage.furnish().await;
    let idle = stage.get("/api/preview/status").await.json();
    assert_eq!(
        (&idle["is_active"], &idle["mode"]),
        (&json!(false), &json!("idle"))
    );
    assert_eq!(idle["hls_url"], Value::Null);
    let started = stage
        .post("/api/preview/start", json!({"timeline_id": 1}))
        .await;
    assert_eq!(started.status, 200);
    assert_eq!(
        started.json(),
        json!({"message": "Preview started", "no_picture": null, "timeline_id": "1",
        "timeline_name": "Show", "hls_url": "/hls/preview/index.m3u8",
        "whep_url": "/whep/program_rtc/whep", "mode": "preview"})
    );
    let live = stage
        .post(
            "/api/preview/go-live",
            json!({"destination_ids": ["1", 2, "1"]}),
        )
        .await;
    assert_eq!(live.status, 200);
    assert_eq!(
        live.json(),
        json!({"message": "Live to 2 destinations", "timeline_id": "1",
        "destinations": ["First", "Second"], "mode": "live", "warning": null})
    );
    let status = stage.get("/api/preview/status").await.json();
    assert_eq!(
        (&status["mode"], &status["server_healthy"]),
        (&json!("live"), &json!(true))
    );
    assert_eq!(status["destinations"].as_array().unwrap().len(), 2);
    let used = stage.get("/api/destinations/1").await.json();
    assert!(
        used["last_used"].is_string() && used["status"] == "connecting",
        "{used}"
    );
    assert_eq!(
        stage.delete("/api/destinations/1").await.refusal().1,
        "DESTINATION_IN_USE"
    );
    assert_eq!(
        stage.delete("/api/timelines/1").await.refusal().1,
        "TIMELINE_ALREADY_RUNNING"
    );
    let fewer = stage
        .put("/api/preview/destinations", json!({"destination_ids": [2]}))
        .await;
    assert_eq!(fewer.json()["destinations"], json!(["Second"]));
    let stopped = stage.post("/api/preview/stop", json!({})).await;
    assert_eq!(
        stopped.json(),
        json!({"message": "Live show stopped", "timeline_id": "1"})
    );
}

#[tokio::test]
async fn without_a_media_server_for_long_a_show_begins_and_it_is_told_why_there_is_no_picture() {
    let stage = Stage::new();
    stage.furnish().await;
    stage.server.down.store(true, Ordering::SeqCst);
    stage.server.absent.store(true, Ordering::SeqCst);
    let start = json!({"timeline_id": "1"});
    let started = stage.post("/api/preview/start", start).await;
    assert_eq!(started.status, 200);
    let status = stage.get("/api/preview/status").await.json();
    for told in [started.json(), status] {
        let told = &told["no_picture"];
        assert_eq!(told["code"], "PREVIEW_SERVER_DOWN");
        let text = told["message"].as_str().unwrap();
        assert!(
            text.starts_with("There is no preview: ") && text.contains("it is down"),
            "{text}"
        );
        assert!(told["remediation"].as_str().unwrap().ends_with('.'));
    }
}

#[tokio::test]
async fn a_preview_is_refused_with_the_contracts_codes() {
    let stage = Stage::new();
    stage.furnish().await;
    let start = |id: &str| stage.post("/api/preview/start", json!({"timeline_id": id}));
    assert_eq!(start("9").await.refusal().0, 404);
    assert_eq!(
        stage
            .send("POST", "/api/preview/stop", &[], "")
            .await
            .status,
        400
    );
    stage.server.down.store(true, Ordering::SeqCst);
    assert_eq!(
        start("1").await.refusal(),
        (503, "PREVIEW_SERVER_DOWN".into(), String::new())
    );
    let status = stage.get("/api/preview/status").await.json();
    assert_eq!(status["no_picture"], json!(null));
    assert_eq!(stage.get("/api/preview/health").await.status, 503);
    assert_eq!(stage.get("/readyz").await.status, 503);
    assert_eq!(stage.get("/healthz").await.status, 200);
    stage.server.down.store(false, Ordering::SeqCst);
    assert_eq!(stage.get("/readyz").await.status, 200);
    assert_eq!(start("1").await.status, 200);
    assert_eq!(
        start("1").await.refusal(),
        (409, "PREVIEW_ACTIVE".into(), String::new())
    );
}

#[tokio::test]
async fn going_live_is_refused_with_the_contracts_codes() {
    let stage = Stage::new();
    stage.furnish().await;
    let go = |ids: Value| stage.post("/api/preview/go-live", json!({"destination_ids": ids}));
    assert_eq!(go(json!([1])).await.refusal().1, "NOT_IN_PREVIEW");
    assert_eq!(go(json!([1])).await.status, 400);
    stage
        .post("/api/preview/start", json!({"timeline_id": 1}))
        .await;
    assert_eq!(go(json!([])).await.status, 400);
    assert_eq!(go(json!([8, 9])).await.status, 404);
    let partly = go(json!([1, 9])).await;
    assert_eq!(partly.status, 422);
    let fault = &partly.json()["error"]["details"]["destinations"][0];
    assert_eq!(fault, &json!({"id": "9", "code": "DESTINATION_NOT_FOUND"}));
    stage
        .put("/api/destinations/2", json!({"is_active": false}))
        .await;
    assert_eq!(go(json!([1, 2])).await.status, 422);
    assert_eq!(go(json!([2])).await.status, 404);
    let many: Vec<u32> = (1..40).collect();
    assert_eq!(go(json!(many)).await.status, 409);
    let late = json!({"destination_ids": [1], "countdown_s": 61});
    assert_eq!(
        stage.post("/api/preview/go-live", late).await.refusal().2,
        "/countdown_s"
    );
    assert_eq!(
        stage.get("/api/preview/status").await.json()["mode"],
        "preview"
    );
}

#[tokio::test]
async fn the_preview_servers_health_and_the_position_have_the_contracts_shape() {
    let stage = Stage::new();
    stage.furnish().await;
    let health = stage.get("/api/preview/health").await.json();
    assert_eq!(
        health,
        json!({"status": "healthy", "total_streams": 1,
        "active_streams": [{"name": "preview", "ready": true, "num_readers": 1}]})
    );
    let idle = stage.get("/api/preview/playback-position").await.json();
    assert_eq!(
        idle,
        json!({"is_playing": false, "timeline_id": null, "position": null})
    );
    stage
        .post("/api/preview/start", json!({"timeline_id": "1"}))
        .await;
    let position = stage.get("/api/preview/playback-position").await.json();
    assert_eq!(position["is_playing"], true);
    let keys: Vec<&String> = position["position"].as_object().unwrap().keys().collect();
    assert_eq!(
        keys,
        [
            "current_cue_id",
            "current_cue_index",
            "current_time",
            "loop_count",
            "total_cues",
            "updated_at"
        ]
    );
}

#[tokio::test]
async fn a_run_is_started_held_and_moved() {
    let stage = Stage::new();
    stage.furnish().await;
    let at = |verb: &str| format!("/api/timeline-execution/{verb}");
    for verb in ["pause", "resume", "stop/1"] {
        let back = stage.post(&at(verb), json!({})).await;
        assert_eq!(back.refusal().1, "TIMELINE_NOT_RUNNING", "{verb}");
    }
    assert_eq!(stage.get(&at("status/1")).await.json()["status"], "stopped");
    assert_eq!(stage.get(&at("status/9")).await.status, 404);
    let beyond = json!({"timeline_id": 1, "position": 60});
    assert_eq!(
        stage.post(&at("start"), beyond).await.refusal().1,
        "SEEK_OUT_OF_RANGE"
    );
    let start = json!({"timeline_id": 1, "position": 12.5, "destination_ids": [1]});
    let run = stage.post(&at("start"), start).await.json();
    assert_eq!(
        (&run["status"], &run["mode"]),
        (&json!("running"), &json!("live"))
    );
    assert_eq!(run["position"]["current_time"], 12.5);
    assert_eq!(
        stage.post(&at("pause"), json!({})).await.json()["status"],
        "paused"
    );
    assert_eq!(
        stage.post(&at("resume"), json!({})).await.json()["status"],
        "running"
    );
    for bad in [json!(-1), json!(60), json!(1e300)] {
        let back = stage.post(&at("seek"), json!({"position": bad})).await;
        assert_eq!(
            back.refusal(),
            (422, "SEEK_OUT_OF_RANGE".into(), "/position".into()),
            "{bad}"
        );
    }
    let sought = stage
        .post(&at("seek"), json!({"position": 30}))
        .await
        .json();
    assert_eq!(sought["position"]["current_time"], 30.0);
    assert_eq!(stage.get(&at("active")).await.json()["count"], 1);
    assert_eq!(
        stage.post(&at("stop/1"), json!({})).await.json()["status"],
        "stopped"
    );
    assert_eq!(stage.get(&at("active")).await.json()["count"], 0);
}

#[tokio::test]
async fn an_overlay_on_air_is_changed() {
    let stage = Stage::new();
    stage.furnish().await;
    assert_eq!(
        edit(&stage, "o1", json!({"text": "x"})).await.refusal().1,
        "TIMELINE_NOT_RUNNING"
    );
    stage
        .post("/api/preview/start", json!({"timeline_id": 1}))
        .await;
    let changed = edit(
        &stage,
        "o1",
        json!({"text": "Quay", "opacity": 0.5, "visible": false}),
    )
    .await
    .json();
    assert_eq!(changed["graphic"]["text"], "Quay");
    assert_eq!(changed["visible"], false);
    assert_eq!(
        edit(&stage, "o9", json!({"text": "x"})).await.refusal().1,
        "OVERLAY_NOT_FOUND"
    );
    assert_eq!(
        edit(&stage, "o1", json!({})).await.refusal().1,
        "OVERLAY_INVALID"
    );
    assert_eq!(
        edit(&stage, "o1", json!({"image": "/assets/no.png"}))
            .await
            .refusal()
            .1,
        "ASSET_MISSING"
    );
    assert_eq!(
        edit(&stage, "o1", json!({"image": "../x"}))
            .await
            .refusal()
            .1,
        "SCHEMA_INVALID"
    );
    assert_eq!(
        edit(&stage, "o1", json!({"position": "middle"}))
            .await
            .refusal()
            .2,
        "/position"
    );
    assert_eq!(stage.get("/api/overlays").await.json(), json!([]));
}

#[tokio::test]
async fn a_camera_is_put_on_program_and_everything_can_be_ended() {
    let stage = Stage::new();
    stage.furnish().await;
    let take = |body: &'static str| stage.send("POST", "/api/cameras/1/to-program", &[], body);
    assert_eq!(take("").await.refusal().1, "TIMELINE_NOT_RUNNING");
    stage
        .post("/api/preview/start", json!({"timeline_id": 1}))
        .await;
    assert_eq!(take("").await.status, 200);
    assert_eq!(take(r#"{"transition":"fade"}"#).await.status, 200);
    assert_eq!(take(r#"{"transition_duration":-1}"#).await.status, 422);
    let before = stage.get("/api/emergency/status").await.json();
    assert_eq!(before["program_running"], true);
    let killed = stage
        .post("/api/emergency/kill-all-streams", json!({}))
        .await
        .json();
    assert_eq!(killed["killed"], 3);
    assert_eq!(
        stage.get("/api/preview/status").await.json()["mode"],
        "idle"
    );
}

async fn edit(stage: &Stage, id: &str, body: Value) -> Back {
    stage.put(&format!("/api/overlays/{id}"), body).await
}
