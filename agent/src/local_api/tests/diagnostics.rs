//! The bundle for support as a file: its sections, its name, and no secret in it.

use super::Stage;
use super::stage::PROXY_WORD;
use crate::diagnostics::Section;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::{Value, json};
use std::io::Write;

/// What is sealed of this stage, and what is in its file.
const SECRETS: [&str; 5] = [
    "p@ss:/#%",
    "p%40ss%3A%2F%23%25",
    "key-key-key-key",
    "/services/T000/hook-secret",
    PROXY_WORD,
];

async fn furnished() -> Stage {
    let stage = Stage::new();
    stage.furnish().await;
    let hook = json!({"url": "https://127.0.0.1:9/services/T000/hook-secret"});
    assert_eq!(stage.put("/api/alerts/webhook", hook).await.status, 200);
    stage
}

#[tokio::test]
async fn all_of_it_is_one_file_with_a_name() {
    let stage = furnished().await;
    let back = stage.get("/api/diagnostics").await;
    assert_eq!(back.status, 200);
    assert_eq!(back.headers[CONTENT_TYPE], "application/json");
    assert_eq!(back.headers[CACHE_CONTROL], "no-store");
    let bundle = back.json();
    let names: Vec<&str> = Section::ALL.iter().map(|one| one.as_str()).collect();
    for name in &names {
        assert!(bundle[name].is_object(), "{name}: {}", bundle[name]);
        assert_eq!(bundle[name]["error"], Value::Null, "{name}");
    }
    assert_eq!(bundle.as_object().unwrap().len(), names.len());

    let serial = stage.get("/api/link").await.json()["serial"].clone();
    let serial = serial.as_str().unwrap();
    assert_eq!(bundle["about"]["serial"], serial);
    let saved = back.headers[CONTENT_DISPOSITION].to_str().unwrap();
    let begin = format!("attachment; filename=\"vistter-diagnostics-{serial}-2");
    assert!(saved.starts_with(&begin), "{saved}");
    assert!(saved.ends_with("Z.json\""), "{saved}");

    for (name, path) in [
        ("settings", "/api/settings"),
        ("show", "/api/preview/status"),
        ("link", "/api/link"),
    ] {
        assert_eq!(bundle[name], stage.get(path).await.json(), "{name}");
    }
    for name in ["cameras", "destinations", "streams", "timelines"] {
        let own = stage.get(&format!("/api/{name}")).await.json();
        assert_eq!(bundle["inventory"][name], own, "{name}");
    }
}

#[tokio::test]
async fn a_secret_that_was_pasted_or_logged_is_not_in_it() {
    let stage = furnished().await;
    for secret in SECRETS {
        let body = json!({"name": format!("Named {secret}"), "address": "10.0.0.3"});
        let made = stage.post("/api/cameras", body).await;
        assert_eq!(made.status, 201, "{}", made.json());
        let line = format!("INFO pulls rtsp://view:{secret}@10.0.0.2/a and {secret}\n");
        (&stage.log).write_all(line.as_bytes()).unwrap();
    }
    // Each was told before: what is looked for can be found.
    let told = stage.get("/api/cameras").await;
    let told = String::from_utf8_lossy(&told.bytes).into_owned();
    let back = stage.get("/api/diagnostics").await;
    let text = String::from_utf8(back.bytes.to_vec()).unwrap();
    for secret in SECRETS {
        assert!(told.contains(secret), "{secret}: {told}");
        assert!(!text.contains(secret), "{secret}: {text}");
    }
    let bundle = back.json();
    let named = bundle["inventory"]["cameras"].as_array().unwrap().iter();
    let removed = named.filter(|camera| camera["name"] == "Named [removed]");
    assert_eq!(removed.count(), SECRETS.len(), "{text}");
}

#[tokio::test]
async fn sections_are_chosen_and_others_refused_with_the_known_ones() {
    let stage = Stage::new();
    for (query, expected) in [
        ("include=about", vec!["about"]),
        ("include=log,about,log", vec!["about", "log"]),
    ] {
        let bundle = stage.get(&format!("/api/diagnostics?{query}")).await.json();
        let names: Vec<&String> = bundle.as_object().unwrap().keys().collect();
        assert_eq!(names, expected);
    }
    let all = stage.get("/api/diagnostics?include=").await.json();
    assert_eq!(all.as_object().unwrap().len(), Section::ALL.len());
    for (query, field) in [
        ("include=passwords", "/include/0"),
        ("include=log,", "/include/1"),
        ("include=log,%22%0d%0a", "/include/1"),
    ] {
        let back = stage.get(&format!("/api/diagnostics?{query}")).await;
        let wanted = (422, "SCHEMA_INVALID".to_owned(), field.to_owned());
        assert_eq!(back.refusal(), wanted, "{query}");
        let message = back.json()["error"]["message"].clone();
        assert!(message.as_str().unwrap().contains("inventory"), "{message}");
    }
}
