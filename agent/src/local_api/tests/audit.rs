//! Who did what: local actions are written down, whoever asks is answered, and no secret is in it.

use super::Stage;
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::time::Duration;

/// The rows that were asked for, once there are as many.
async fn rows(stage: &Stage, query: &str, wanted: usize) -> Vec<Value> {
    let found = tokio::time::timeout(Duration::from_secs(30), wait_for_rows(stage, query, wanted));
    found.await.expect("they were not written down")
}

async fn wait_for_rows(stage: &Stage, query: &str, wanted: usize) -> Vec<Value> {
    loop {
        let list = stage.get(&format!("/api/audit{query}")).await.json();
        let entries = list["entries"].as_array().unwrap().clone();
        if entries.len() >= wanted {
            return entries;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn told(row: &Value) -> (&str, &str, &str) {
    let text = |name: &str| row[name].as_str().unwrap_or("");
    (text("kind"), text("target"), text("outcome"))
}

#[tokio::test]
async fn each_change_through_the_api_is_one_row_and_a_look_is_none() {
    let stage = Stage::new();
    stage.furnish().await;
    assert_eq!(stage.get("/api/cameras").await.status, 200);
    let gone = stage.delete("/api/cameras/77").await;
    assert_eq!(gone.status, 404);
    assert_eq!(stage.delete("/api/destinations/2").await.status, 200);
    let list = rows(&stage, "", 6).await;
    let list: Vec<_> = list.iter().map(told).collect();
    let expected = [
        ("destination.delete", "destination/2", "completed"),
        ("camera.delete", "camera/77", "failed"),
        ("destination.create", "destination/2", "completed"),
        ("destination.create", "destination/1", "completed"),
        ("timeline.create", "timeline/1", "completed"),
        ("camera.create", "camera/1", "completed"),
    ];
    assert_eq!(list, expected);
    let failed = &rows(&stage, "?kind=camera.delete", 1).await[0];
    assert_eq!(
        (&failed["code"], &failed["origin"]),
        (&json!("CAMERA_NOT_FOUND"), &json!("operator"))
    );
    assert!(
        failed["correlation_id"]
            .as_str()
            .is_some_and(|id| id.len() == 36)
    );
    let timeline = &rows(&stage, "?kind=timeline", 1).await[0];
    assert_eq!(timeline["revision"], 1);
    let newest = rows(&stage, "?limit=1", 1).await;
    assert_eq!((newest.len(), &newest[0]["id"]), (1, &json!("6")));
    let since = timeline["at"].as_str().unwrap();
    let later = rows(&stage, &format!("?since={since}&kind=destination"), 3).await;
    assert_eq!(later.len(), 3);
    let future = stage
        .get("/api/audit?since=2199-01-01T00:00:00Z")
        .await
        .json();
    assert_eq!(
        future,
        json!({"entries": [], "kept": 6, "forgotten": 0, "lost": 0})
    );
    for query in [
        "limit=0",
        "limit=1001",
        "limit=x",
        "since=yesterday",
        "since=",
        "kind=%20".repeat(30).as_str(),
    ] {
        let back = stage.get(&format!("/api/audit?{query}")).await;
        assert_eq!(back.refusal().1, "SCHEMA_INVALID", "{query}");
    }
}

#[tokio::test]
async fn no_secret_is_written_down_and_what_is_survives_a_restart() {
    let stage = Stage::new();
    stage.furnish().await;
    let hook = json!({"url": "https://127.0.0.1:9/services/T000/hook-secret"});
    assert_eq!(stage.put("/api/alerts/webhook", hook).await.status, 200);
    let before = rows(&stage, "", 5).await;
    assert_eq!(told(&before[0]), ("webhook.set", "webhook", "completed"));
    let text = serde_json::to_string(&before).unwrap();
    for secret in [
        "p@ss:/#%",
        "key-key-key-key",
        "hook-secret",
        "10.0.0.2",
        "Marina",
    ] {
        assert!(!text.contains(secret), "{secret} stands in the audit");
    }
    let stage = stage.restarted().await;
    assert_eq!(rows(&stage, "", 5).await, before);
    assert_eq!(stage.delete("/api/cameras/77").await.status, 404);
    assert_eq!(rows(&stage, "", 6).await[0]["id"], "6");
}

#[tokio::test]
async fn what_was_begun_is_done_and_written_down_when_whoever_asked_is_gone() {
    let stage = Stage::new();
    stage.furnish().await;
    // Looked at once, then dropped: nothing that it began has run by then.
    let answer = stage.delete("/api/destinations/2").now_or_never();
    assert!(answer.is_none(), "it was answered before anybody could go");
    let newest = &rows(&stage, "?kind=destination.delete", 1).await[0];
    let expected = ("destination.delete", "destination/2", "completed");
    assert_eq!(told(newest), expected);
    assert_eq!(stage.get("/api/destinations/2").await.status, 404);
}

#[tokio::test]
async fn what_repeats_itself_is_one_row_with_its_count() {
    let stage = Stage::new();
    for _ in 0..20 {
        assert_eq!(stage.delete("/api/cameras/77").await.status, 404);
    }
    let mut count = 0;
    while count < 20 {
        let list = rows(&stage, "", 1).await;
        assert!(list.len() < 20, "each is a row of its own");
        count = list.iter().filter_map(|row| row["count"].as_u64()).sum();
    }
    assert_eq!(count, 20);
}
