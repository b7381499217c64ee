//! Pairing through the API: what is refused, why, and what to do; with a real task behind it and nobody
//! who would be a Studio.

use super::Stage;
use super::stage::Back;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpListener;

const TOKEN: &str = "7K3M-Q2XR";

async fn pair(stage: &Stage, studio: &str, token: &str, ca: Option<&str>) -> Back {
    let draft = json!({"studio": studio, "token": token, "ca": ca});
    stage.post("/api/pairing", draft).await
}

/// Somebody's authority: of nobody that answers here.
fn authority() -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]);
    made.unwrap().cert.pem()
}

/// The rows about pairing, once there are as many.
async fn rows(stage: &Stage, wanted: usize) -> Vec<Value> {
    let found = async {
        loop {
            let list = stage.get("/api/audit?kind=device").await.json();
            let rows = list["entries"].as_array().unwrap().clone();
            let told = rows.iter().map(|row| row["count"].as_u64().unwrap_or(0));
            if told.sum::<u64>() >= wanted as u64 {
                return rows;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), found);
    found.await.expect("they were not written down")
}

#[tokio::test]
async fn a_device_pairs_with_nobody_who_is_not_there_and_says_what_to_do() {
    let stage = Stage::new();
    let link = stage.get("/api/link").await.json();
    assert_eq!(link["state"], "unpaired", "{link}");
    let serial = link["serial"].as_str().unwrap();
    assert!(serial.starts_with("VS-"), "{link}");
    let unpaired = stage.post("/api/pairing/unpair", json!({})).await.refusal();
    assert_eq!(unpaired, (409, "NOT_PAIRED".into(), String::new()));

    let authority = authority();
    let nobody = "https://127.0.0.1:9";
    for (studio, token, ca, status, code, field) in [
        (nobody, "no token!", None, 422, "SCHEMA_INVALID", "/token"),
        ("studio", TOKEN, None, 422, "SCHEMA_INVALID", "/studio"),
        (
            "http://studio.example",
            TOKEN,
            None,
            422,
            "SCHEMA_INVALID",
            "/studio",
        ),
        (
            "https://me:hunter2@studio.example",
            TOKEN,
            None,
            422,
            "SCHEMA_INVALID",
            "/studio",
        ),
        (nobody, TOKEN, Some("none"), 502, "STUDIO_UNTRUSTED", "/ca"),
        (
            nobody,
            TOKEN,
            Some(authority.as_str()),
            502,
            "STUDIO_UNREACHABLE",
            "",
        ),
    ] {
        let back = pair(&stage, studio, token, ca).await;
        let text = String::from_utf8_lossy(&back.bytes).into_owned();
        assert!(!text.contains("hunter2") && !text.contains(TOKEN), "{text}");
        let wanted = (status, code.to_owned(), field.to_owned());
        assert_eq!(back.refusal(), wanted, "{studio} {text}");
    }
    let number = json!({"studio": nobody, "token": 12_345_678});
    let back = stage.post("/api/pairing", number).await;
    assert_eq!(back.refusal().2, "/token");
    assert!(!String::from_utf8_lossy(&back.bytes).contains("12345678"));

    // Each that was asked of the device is written down, without what it was asked with.
    let rows = rows(&stage, 7).await;
    let newest = &rows[0];
    assert_eq!(newest["kind"], "device.pair", "{newest}");
    assert_eq!(newest["origin"], "operator");
    assert_eq!(newest["outcome"], "failed");
    assert_eq!(newest["code"], "STUDIO_UNREACHABLE");
    let text = serde_json::to_string(&rows).unwrap();
    for secret in [TOKEN, "hunter2", "127.0.0.1", "BEGIN"] {
        assert!(!text.contains(secret), "{secret} stands in the audit");
    }
    let link = stage.get("/api/link").await.json();
    assert_eq!(
        (&link["state"], &link["device_id"]),
        (&json!("unpaired"), &Value::Null)
    );
    let stage = stage.restarted().await;
    let after = stage.get("/api/link").await.json();
    assert_eq!(after["serial"], link["serial"], "the serial is made once");
}

#[tokio::test]
async fn another_site_neither_pairs_nor_unpairs() {
    let stage = Stage::new();
    let draft = json!({"studio": "https://127.0.0.1:9", "token": TOKEN}).to_string();
    for headers in [
        [("origin", "http://evil.example")],
        [("host", "evil.example")],
        [("sec-fetch-site", "cross-site")],
    ] {
        for path in ["/api/pairing", "/api/pairing/unpair"] {
            let back = stage.send("POST", path, &headers, draft.clone()).await;
            assert_eq!(back.refusal().0, 403, "{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn of_two_at_once_the_second_is_told_to_wait() {
    let stage = Stage::new();
    // It takes the connection and says nothing.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (studio, authority) = (format!("https://localhost:{port}"), authority());
    let first = pair(&stage, &studio, TOKEN, Some(&authority));
    tokio::pin!(first);
    let held = tokio::select! {
        back = &mut first => panic!("{}", back.json()),
        held = listener.accept() => held.unwrap(),
    };
    let second = pair(&stage, &studio, TOKEN, Some(&authority)).await;
    assert_eq!(second.refusal(), (503, "BUSY".into(), String::new()));
    let unpaired = stage.post("/api/pairing/unpair", json!({})).await;
    assert_eq!(unpaired.refusal().1, "BUSY");
    drop((held, listener));
    let (status, code, _) = first.await.refusal();
    assert_eq!((status, code.as_str()), (502, "STUDIO_UNREACHABLE"));
    let unpaired = stage.post("/api/pairing/unpair", json!({})).await;
    assert_eq!(unpaired.refusal().1, "NOT_PAIRED", "it is free again");
}
