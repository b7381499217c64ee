//! The API document is whole: every route stands in it, and everything in it is a route.

use super::Stage;
use crate::local_api::document;
use axum::body::Body;
use protocol::Code;
use serde_json::Value;
use std::collections::BTreeSet;

fn written() -> Value {
    serde_json::to_value(document()).unwrap()
}

fn operations(document: &Value) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            found.insert((method.to_ascii_uppercase(), path.clone()));
        }
    }
    found
}

const PROMISED: &[(&str, &[&str])] = &[
    ("/api/preview/start", &["POST"]),
    ("/api/preview/stop", &["POST"]),
    ("/api/preview/go-live", &["POST"]),
    ("/api/preview/destinations", &["PUT"]),
    ("/api/preview/status", &["GET"]),
    ("/api/preview/health", &["GET"]),
    ("/api/preview/playback-position", &["GET"]),
    ("/api/quality", &["GET", "PUT"]),
    ("/api/settings", &["GET", "PATCH"]),
    ("/api/cameras", &["GET", "POST"]),
    ("/api/cameras/test-connection", &["POST"]),
    ("/api/cameras/{id}", &["GET", "PUT", "DELETE"]),
    ("/api/cameras/{id}/test", &["POST"]),
    ("/api/cameras/{id}/to-program", &["POST"]),
    ("/api/destinations", &["GET", "POST"]),
    ("/api/destinations/presets", &["GET"]),
    ("/api/destinations/{id}", &["GET", "PUT", "DELETE"]),
    ("/api/timelines", &["GET", "POST"]),
    ("/api/timelines/validate", &["POST"]),
    ("/api/timelines/{id}", &["GET", "PUT", "DELETE"]),
    ("/api/timeline-execution/start", &["POST"]),
    ("/api/timeline-execution/stop/{id}", &["POST"]),
    ("/api/timeline-execution/pause", &["POST"]),
    ("/api/timeline-execution/resume", &["POST"]),
    ("/api/timeline-execution/seek", &["POST"]),
    ("/api/timeline-execution/status/{id}", &["GET"]),
    ("/api/timeline-execution/active", &["GET"]),
    ("/api/overlays", &["GET"]),
    ("/api/overlays/{cue_id}", &["PUT"]),
    ("/api/streams", &["GET", "POST"]),
    ("/api/streams/{id}", &["GET", "PUT", "DELETE"]),
    ("/api/streams/{id}/start", &["POST"]),
    ("/api/streams/{id}/stop", &["POST"]),
    ("/api/streams/{id}/status", &["GET"]),
    ("/api/emergency/kill-all-streams", &["POST"]),
    ("/api/emergency/status", &["GET"]),
    ("/api/emergency/test-pattern", &["POST"]),
    ("/api/profiles", &["GET"]),
    ("/api/assets", &["GET"]),
    ("/api/alerts", &["GET"]),
    ("/api/alerts/{id}/acknowledge", &["POST"]),
    ("/api/alerts/webhook", &["GET", "PUT", "DELETE"]),
    ("/api/alerts/webhook/test", &["POST"]),
    ("/api/status/health", &["GET"]),
    ("/api/status/system", &["GET"]),
    ("/api/metrics/current", &["GET"]),
    ("/api/metrics/history", &["GET"]),
    ("/api/events", &["GET"]),
    ("/api/audit", &["GET"]),
    ("/api/diagnostics", &["GET"]),
    ("/api/link", &["GET"]),
    ("/api/pairing", &["POST"]),
    ("/api/pairing/unpair", &["POST"]),
    ("/api/commands", &["POST"]),
    ("/api/commands/nonce", &["GET"]),
    ("/api/openapi.json", &["GET"]),
    ("/healthz", &["GET"]),
    ("/readyz", &["GET"]),
    ("/metrics", &["GET"]),
    ("/hls/preview/{file}", &["GET"]),
    ("/whep/{path}", &["OPTIONS", "POST", "PATCH", "DELETE"]),
    ("/internal/media-gate", &["POST"]),
];

#[test]
fn the_document_holds_exactly_what_is_promised() {
    let promised: BTreeSet<(String, String)> = PROMISED
        .iter()
        .flat_map(|(path, methods)| {
            methods
                .iter()
                .map(|m| ((*m).to_owned(), (*path).to_owned()))
        })
        .collect();
    assert_eq!(operations(&written()), promised);
}

#[test]
fn no_route_is_added_beside_the_document() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/local_api");
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(
                !text.contains(".route("),
                "{} adds a route by hand",
                path.display()
            );
        }
    }
}

#[tokio::test]
async fn everything_in_the_document_is_a_route() {
    let stage = Stage::new();
    for (method, path) in operations(&written()) {
        if path == "/api/events" {
            continue;
        }
        let path = path
            .replace("{id}", "1")
            .replace("{cue_id}", "o1")
            .replace("{file}", "index.m3u8");
        let path = path.replace("{path}", "program_rtc/whep");
        let back = stage.send(&method, &path, &[], Body::empty()).await;
        assert_ne!(back.status, 405, "{method} {path}");
        if back.status == 404 {
            assert_ne!(back.json()["error"]["code"], "NOT_FOUND", "{method} {path}");
        }
    }
}

#[test]
fn every_operation_says_what_it_does_and_how_it_fails() {
    let document = written();
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|tag| tag["name"].as_str())
        .collect();
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{at}"
            );
            assert!(
                names.insert(operation["operationId"].as_str().unwrap()),
                "{at}"
            );
            let tag = operation["tags"][0].as_str().unwrap();
            assert!(tags.contains(tag), "{at}: {tag}");
            for status in ["403", "500"] {
                assert!(operation["responses"][status].is_object(), "{at} {status}");
            }
            for (status, response) in operation["responses"].as_object().unwrap() {
                let text = response["description"].as_str().unwrap();
                assert!(!text.is_empty(), "{at} {status}");
                for code in text.split(' ').filter(|word| word.contains('_')) {
                    let code = code.trim_matches([',', ':']);
                    let known = Code::ALL.iter().any(|known| known.as_str() == code);
                    assert!(known, "{at} {status} names no code: {code}");
                }
            }
        }
    }
}

#[test]
fn every_reference_leads_somewhere_and_bodies_have_examples() {
    let document = written();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    let text = document.to_string();
    for part in text.split("#/components/schemas/").skip(1) {
        let name = part.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is not described");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let body = &operation["requestBody"]["content"]["application/json"]["schema"]["$ref"];
            let Some(name) = body.as_str().and_then(|at| at.rsplit('/').next()) else {
                continue;
            };
            let schema = &schemas[name];
            let fields = schema["properties"].to_string();
            assert!(
                schema["example"].is_object() || fields.contains("example"),
                "{path}: {name}"
            );
        }
    }
    assert!(text.contains("TIMELINE_NOT_FOUND") && text.contains("DESTINATION_IN_USE"));
}

#[tokio::test]
async fn the_document_and_the_counters_are_served() {
    let stage = Stage::new();
    assert_eq!(stage.get("/api/openapi.json").await.json(), written());
    stage.get("/api/cameras/77").await;
    let text = stage.get("/metrics").await;
    let text = String::from_utf8_lossy(&text.bytes).into_owned();
    let line =
        "vistter_http_requests_total{method=\"GET\",route=\"/api/cameras/{id}\",status=\"404\"} 1";
    assert!(text.contains(line), "{text}");
    assert!(
        text.contains(
            "vistter_commands_total{command=\"camera.get\",result=\"CAMERA_NOT_FOUND\"} 1"
        )
    );
}
