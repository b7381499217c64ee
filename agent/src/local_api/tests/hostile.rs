//! What nobody should send: it is refused in the one shape, and the agent goes on.

use super::Stage;
use axum::body::Body;
use serde_json::json;

#[tokio::test]
async fn ten_megabytes_are_refused_in_our_own_shape() {
    let stage = Stage::new();
    for (method, path) in [
        ("POST", "/api/cameras"),
        ("POST", "/api/timelines"),
        ("POST", "/api/preview/start"),
        ("PUT", "/api/overlays/o1"),
        ("POST", "/internal/media-gate"),
    ] {
        let back = stage.send(method, path, &[], vec![b'['; 10 << 20]).await;
        assert_eq!(back.refusal().0, 413, "{path}");
        assert_eq!(back.refusal().1, "TOO_LARGE", "{path}");
    }
}

#[tokio::test]
async fn ten_megabytes_over_a_socket_are_answered_before_the_connection_ends() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let stage = Stage::new();
    let listener = crate::local_api::listen("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let app = stage.app();
    let serving = runtime::spawn(crate::local_api::serve(listener, app, async {
        let _ = stopped.await;
    }));
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!(
        "POST /api/cameras HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        10 << 20
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    socket.write_all(&vec![b'x'; 10 << 20]).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains("TOO_LARGE"), "{answer}");
    drop(stop);
    drop(serving.await);
}

#[tokio::test]
async fn a_page_that_watches_events_does_not_hold_the_agent() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let stage = Stage::new();
    let listener = crate::local_api::listen("127.0.0.1:0".parse().unwrap())
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = runtime::spawn(crate::local_api::serve(listener, stage.app(), async {
        let _ = stopped.await;
    }));
    let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
    let head = format!("GET /api/events HTTP/1.1\r\nhost: {address}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    socket.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    drop(stop);
    let ended = tokio::time::timeout(std::time::Duration::from_secs(20), serving).await;
    assert!(ended.is_ok(), "it still waits for the page");
}

#[tokio::test]
async fn an_address_outside_loopback_is_not_listened_on() {
    for address in ["0.0.0.0:0", "[::]:0"] {
        let refused = crate::local_api::listen(address.parse().unwrap())
            .await
            .unwrap_err();
        assert!(refused.to_string().contains("sign-in"), "{refused}");
    }
}

#[tokio::test]
async fn nonsense_is_refused_and_changes_nothing() {
    let stage = Stage::new();
    stage.furnish().await;
    let deep = format!("{}{}", "{\"a\":".repeat(5000), "1");
    let bodies: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"3".to_vec(),
        b"\"x\"".to_vec(),
        b"{".to_vec(),
        b"{\"name\":\"\xff\"}".to_vec(),
        b"{\"name\":1e999}".to_vec(),
        b"{\"id\":{},\"timeline_id\":[],\"destination_ids\":3,\"position\":\"x\"}".to_vec(),
        deep.into_bytes(),
        vec![0; 1000],
    ];
    let before = stage.get("/api/cameras").await.json();
    for path in [
        "/api/cameras",
        "/api/cameras/test-connection",
        "/api/destinations",
        "/api/timelines",
        "/api/streams",
        "/api/pairing",
        "/api/preview/start",
        "/api/preview/go-live",
        "/api/timeline-execution/start",
        "/api/timeline-execution/seek",
    ] {
        for body in &bodies {
            let back = stage.send("POST", path, &[], body.clone()).await;
            let (status, code, _) = back.refusal();
            let shown = String::from_utf8_lossy(body)
                .chars()
                .take(60)
                .collect::<String>();
            assert!(
                (400..=422).contains(&status),
                "{path} {shown}: {status} {code}"
            );
        }
    }
    assert_eq!(stage.get("/api/cameras").await.json(), before);
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_method_have_the_one_shape() {
    let stage = Stage::new();
    for path in [
        "/api/nothing",
        "/api",
        "/api/cameras/1/2/3",
        "/x.html",
        "/%2e%2e/etc/passwd",
        "/api/cameras/%ff",
    ] {
        let (status, code, _) = stage.get(path).await.refusal();
        assert_eq!((status, code.ends_with("NOT_FOUND")), (404, true), "{path}");
    }
    let back = stage.send("POST", "/api/nothing", &[], "{}").await;
    assert_eq!(back.refusal().0, 404);
    for (method, path) in [
        ("PATCH", "/api/cameras"),
        ("GET", "/api/preview/start"),
        ("DELETE", "/healthz"),
    ] {
        let back = stage.send(method, path, &[], Body::empty()).await;
        assert_eq!(back.refusal().0, 405, "{method} {path}");
    }
}

#[tokio::test]
async fn ids_that_mean_something_elsewhere_name_nothing() {
    let stage = Stage::new();
    for id in [
        "..%2f..%2fetc",
        "%00",
        "a%20b",
        "%F0%9F%98%80",
        &"9".repeat(5000),
        "1;drop",
        "-",
    ] {
        let back = stage.get(&format!("/api/cameras/{id}")).await;
        assert_eq!(back.refusal().0, 404, "{id}");
    }
}

#[tokio::test]
async fn another_host_name_and_another_site_are_turned_away() {
    let stage = Stage::new();
    let host = [("host", "evil.example")];
    for path in ["/", "/api/cameras", "/hls/preview/index.m3u8", "/nothing"] {
        let back = stage.send("GET", path, &host, Body::empty()).await;
        assert_eq!(
            back.refusal(),
            (403, "UNAUTHORIZED".into(), String::new()),
            "{path}"
        );
    }
    let origin = [("origin", "http://evil.example")];
    let draft = json!({"name": "x", "address": "a"}).to_string();
    assert_eq!(
        stage
            .send("POST", "/api/cameras", &origin, draft.clone())
            .await
            .status,
        403
    );
    assert_eq!(stage.get("/api/cameras").await.json(), json!([]));
    let origin = [("origin", "http://localhost:8080")];
    assert_eq!(
        stage
            .send("POST", "/api/cameras", &origin, draft)
            .await
            .status,
        201
    );
}

#[tokio::test]
async fn every_answer_carries_the_guards_headers() {
    let stage = Stage::new();
    for path in ["/", "/api/cameras", "/nothing"] {
        let back = stage.get(path).await;
        assert_eq!(back.headers["x-content-type-options"], "nosniff", "{path}");
        assert!(
            back.headers.contains_key("content-security-policy"),
            "{path}"
        );
        assert!(
            !back.headers.contains_key("access-control-allow-origin"),
            "{path}"
        );
    }
}
