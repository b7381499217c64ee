//! The page, the events, the gate, and the picture passed on from a media server that is a stand-in.

use super::Stage;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use std::sync::atomic::Ordering;
use tokio_stream::StreamExt;
use tower::ServiceExt;

/// A media server that answers what it was asked.
async fn echo() -> (std::net::SocketAddr, runtime::Task<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = axum::Router::new().fallback(|request: Request| async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
        let text = format!(
            "{} {} {}",
            parts.method,
            parts.uri,
            String::from_utf8_lossy(&body)
        );
        let cookie = parts.headers.contains_key(header::COOKIE);
        let mut response = Response::new(Body::from(format!("{text} cookie={cookie}")));
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/sdp"),
        );
        headers.insert(header::SET_COOKIE, HeaderValue::from_static("a=b"));
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_ORIGIN,
            HeaderValue::from_static("*"),
        );
        if parts.method == "POST" {
            let at = HeaderValue::from_static("/program_rtc/whep/5e55");
            headers.insert(header::LOCATION, at);
            *response.status_mut() = StatusCode::CREATED;
        }
        response
    });
    let task = runtime::spawn(async move {
        axum::serve(listener, app).await.unwrap();
    });
    (address, task)
}

fn text(back: &super::stage::Back) -> String {
    String::from_utf8_lossy(&back.bytes).into_owned()
}

#[tokio::test]
async fn the_preview_is_passed_on_without_cookies() {
    let (address, server) = echo().await;
    let stage = Stage::beside(address);
    let cookie = [("cookie", "session=1")];
    let back = stage
        .send("GET", "/hls/preview/index.m3u8", &cookie, Body::empty())
        .await;
    assert_eq!(
        text(&back),
        "GET /preview/index.m3u8?cookieCheck=1  cookie=false"
    );
    assert!(!back.headers.contains_key("set-cookie"));
    assert!(!back.headers.contains_key("access-control-allow-origin"));
    let back = stage
        .get("/hls/preview/main_stream.m3u8?session=4&_HLS_msn=3")
        .await;
    assert_eq!(
        text(&back),
        "GET /preview/main_stream.m3u8?session=4&_HLS_msn=3  cookie=false"
    );
    for path in [
        "/hls/preview/../out/1",
        "/hls/preview/..%2fout%2f1",
        "/hls/out/index.m3u8",
        "/hls/preview/a%2f%2fb",
    ] {
        assert_eq!(stage.get(path).await.status, 404, "{path}");
    }
    server.abort();
}

#[tokio::test]
async fn a_session_is_offered_kept_and_ended_under_our_own_address() {
    let (address, server) = echo().await;
    let stage = Stage::beside(address);
    let offer = stage
        .send("POST", "/whep/program_rtc/whep", &[], "v=0")
        .await;
    assert_eq!(offer.status, 201);
    assert_eq!(text(&offer), "POST /program_rtc/whep v=0 cookie=false");
    assert_eq!(offer.headers["location"], "/whep/program_rtc/whep/5e55");
    let session = offer.headers["location"].to_str().unwrap().to_owned();
    for method in ["PATCH", "DELETE"] {
        let back = stage.send(method, &session, &[], "x").await;
        assert_eq!(
            text(&back),
            format!("{method} /program_rtc/whep/5e55 x cookie=false")
        );
    }
    for path in [
        "/whep/out/1/whep",
        "/whep/program_rtc/whip",
        "/whep/cam/..%2f1/whep",
    ] {
        assert_eq!(
            stage.send("POST", path, &[], "v=0").await.status,
            404,
            "{path}"
        );
    }
    server.abort();
}

#[tokio::test]
async fn one_preview_too_many_is_refused_with_what_to_do_and_those_that_are_open_go_on() {
    let (address, server) = echo().await;
    let stage = Stage::beside(address);
    stage.server.viewers.store(20, Ordering::SeqCst);
    let offered = stage.send("POST", "/whep/cam/1/whep", &[], "v=0").await;
    let listed = stage.get("/hls/preview/index.m3u8").await;
    for back in [offered, listed] {
        assert_eq!(back.refusal(), (503, "BUSY".into(), String::new()));
        let advice = back.json()["error"]["remediation"].to_string();
        assert!(advice.contains("preview.sessions"), "{advice}");
    }
    for (method, path) in [
        ("GET", "/hls/preview/main_stream.m3u8?session=4"),
        ("OPTIONS", "/whep/program_rtc/whep"),
        ("PATCH", "/whep/program_rtc/whep/5e55"),
        ("DELETE", "/whep/program_rtc/whep/5e55"),
    ] {
        let back = stage.send(method, path, &[], "").await;
        assert_eq!(back.status, 200, "{method} {path}");
    }
    stage.server.viewers.store(19, Ordering::SeqCst);
    for _ in 0..2 {
        let offered = stage
            .send("POST", "/whep/program_rtc/whep", &[], "v=0")
            .await;
        assert_eq!(offered.status, 201);
    }
    server.abort();
}

#[tokio::test]
async fn without_a_media_server_the_picture_is_refused_with_what_to_do() {
    let stage = Stage::new();
    let back = stage.get("/hls/preview/index.m3u8").await;
    assert_eq!(
        back.refusal(),
        (503, "PREVIEW_SERVER_DOWN".into(), String::new())
    );
    let back = stage
        .send("POST", "/whep/program_rtc/whep", &[], "v=0")
        .await;
    assert_eq!(back.refusal().0, 503);
}

#[tokio::test]
async fn the_gate_answers_the_media_server_without_words() {
    let stage = Stage::new();
    let ask = |path: &str| {
        let question = json!({"user": "", "password": "hunter2", "token": "", "ip": "127.0.0.1",
            "action": "publish", "path": path, "protocol": "rtmp", "id": null, "query": ""});
        question.to_string()
    };
    for (path, wanted) in [("preview", 204), ("program", 401)] {
        let back = stage
            .send("POST", "/internal/media-gate", &[], ask(path))
            .await;
        assert_eq!(
            (back.status.as_u16(), back.bytes.len()),
            (wanted, 0),
            "{path}"
        );
    }
    let back = stage
        .send("POST", "/internal/media-gate", &[], r#"{"action":"fly"}"#)
        .await;
    assert_eq!(back.status, 401);
}

#[tokio::test]
async fn the_page_is_there_even_when_it_was_not_built() {
    let stage = Stage::new();
    let back = stage.get("/").await;
    assert_eq!(back.status, 200);
    assert!(
        back.headers["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
}

#[tokio::test]
async fn a_change_reaches_the_page_as_an_event() {
    let stage = Stage::new();
    stage.furnish().await;
    let request = Request::builder()
        .uri("/api/events")
        .header(header::HOST, "localhost:8080")
        .body(Body::empty())
        .unwrap();
    let response = stage.api().oneshot(request).await.unwrap();
    let mut events = response.into_body().into_data_stream();
    let mut next = async |name: &str| loop {
        let event = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
        if event.starts_with(&format!("event: {name}\ndata: {{")) {
            return event;
        }
    };
    let first = next("status").await;
    assert!(first.contains("\"mode\":\"idle\""), "{first}");
    assert!(next("alerts").await.contains("\"open\":0"));
    stage
        .post("/api/preview/start", json!({"timeline_id": 1}))
        .await;
    let second = next("status").await;
    assert!(second.contains("\"mode\":\"preview\""), "{second}");
}
