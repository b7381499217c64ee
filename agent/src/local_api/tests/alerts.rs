//! Alerts, health and figures: shapes, codes, and what is never shown.

use super::Stage;
use crate::health::{Finding, Report, Status, Subject, SubjectKind};
use protocol::{Condition, Severity};
use serde_json::json;
use std::sync::Arc;

fn offline() -> Report {
    let finding = Finding {
        code: Condition::CameraOffline,
        severity: Severity::Error,
        subject: Some(Subject::new(SubjectKind::Camera, "2", "Camera 2")),
        message: "Camera 2 is offline".to_owned(),
        cause: "no picture arrives".to_owned(),
        remediation: Condition::CameraOffline.remediation().into(),
        follows_from: None,
        recovering: false,
        root: None,
    };
    Report {
        status: Status::Unhealthy,
        warnings: Vec::new(),
        errors: vec![finding],
        evaluated_at: Some("2026-11-21T10:00:00.000Z".to_owned()),
    }
}

async fn alerted(stage: &Stage) {
    stage.reports.send_replace(Arc::new(offline()));
    let mut board = stage.app().router.alerts().watch();
    board
        .wait_for(|board| !board.alerts.is_empty())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_alert_is_listed_acknowledged_and_kept_over_a_restart() {
    let stage = Stage::new();
    let none = stage.get("/api/alerts").await.json();
    assert_eq!(none, json!({"alerts": [], "open": 0, "left_out": 0}));
    alerted(&stage).await;
    let health = stage.get("/api/status/health").await.json();
    assert_eq!(health["status"], "unhealthy");
    assert_eq!(health["errors"][0]["code"], "CAMERA_OFFLINE");
    let listed = stage.get("/api/alerts?open=true").await.json();
    let alert = &listed["alerts"][0];
    assert_eq!(
        (&alert["id"], &alert["message"]),
        (&json!("1"), &json!("Camera 2 is offline"))
    );
    assert!(alert["remediation"].as_str().unwrap().contains("cable"));
    let seen = stage.post("/api/alerts/1/acknowledge", json!({})).await;
    assert!(seen.json()["acknowledged_at"].is_string());
    let unknown = stage.post("/api/alerts/7/acknowledge", json!({})).await;
    assert_eq!(
        unknown.refusal(),
        (404, "ALERT_NOT_FOUND".into(), String::new())
    );
    let stage = stage.restarted().await;
    let mut board = stage.app().router.alerts().watch();
    board
        .wait_for(|board| !board.alerts.is_empty())
        .await
        .unwrap();
    let again = stage.get("/api/alerts").await.json();
    assert_eq!(again["open"], 1);
    assert!(again["alerts"][0]["acknowledged_at"].is_string());
}

#[tokio::test]
async fn a_webhook_is_refused_with_the_lists_codes() {
    let stage = Stage::new();
    let set = |body| stage.put("/api/alerts/webhook", body);
    for url in [
        "http://example.com/",
        "http://127.0.0.1:8080/",
        "https://169.254.169.254/",
        "x",
    ] {
        let (status, code, field) = set(json!({"url": url})).await.refusal();
        assert_eq!(
            (status, code.as_str(), field.as_str()),
            (422, "WEBHOOK_INVALID", "/url")
        );
    }
    let short = set(json!({"url": "https://example.com/", "secret": "short"})).await;
    assert_eq!(
        short.refusal(),
        (422, "WEBHOOK_INVALID".into(), "/secret".into())
    );
    let wrong = set(json!({"url": "https://example.com/", "secret": 918273})).await;
    assert_eq!(wrong.status, 422);
    assert!(!String::from_utf8_lossy(&wrong.bytes).contains("918273"));
    assert_eq!(stage.delete("/api/alerts/webhook").await.status, 404);
    let untested = stage.post("/api/alerts/webhook/test", json!({})).await;
    assert_eq!(untested.refusal().0, 404);
    let made = set(json!({"url": "https://127.0.0.1:9/services/T000/secret-path"}))
        .await
        .json();
    assert_eq!(made["url"], "https://127.0.0.1:9/****");
    let secret = made["secret"].as_str().unwrap().to_owned();
    let shown = stage.get("/api/alerts/webhook").await;
    let text = String::from_utf8_lossy(&shown.bytes).into_owned();
    assert!(
        !text.contains(&secret) && !text.contains("secret-path"),
        "{text}"
    );
    let failed = stage.post("/api/alerts/webhook/test", json!({})).await;
    assert_eq!(
        failed.refusal(),
        (502, "WEBHOOK_FAILED".into(), String::new())
    );
    assert_eq!(stage.delete("/api/alerts/webhook").await.status, 200);
    assert_eq!(
        stage.get("/api/alerts/webhook").await.json()["configured"],
        false
    );
}

#[tokio::test]
async fn figures_have_their_shape_and_their_limits() {
    let stage = Stage::new();
    let now = stage.get("/api/metrics/current").await.json();
    assert_eq!(
        (&now["health"], &now["streams"]),
        (&json!("healthy"), &json!([]))
    );
    assert!(now["system"]["cpu"]["busy"].is_number());
    assert_eq!(stage.get("/api/status/system").await.status, 200);
    let past = stage
        .get("/api/metrics/history?minutes=1440&points=2000")
        .await;
    assert_eq!(past.json(), json!({"rows": []}));
    for query in [
        "minutes=0",
        "minutes=1441",
        "points=0",
        "points=2001",
        "minutes=x",
        "points=-1",
    ] {
        let back = stage.get(&format!("/api/metrics/history?{query}")).await;
        assert_eq!(back.refusal().1, "SCHEMA_INVALID", "{query}");
    }
    assert_eq!(stage.get("/api/alerts?open=perhaps").await.status, 422);
}
