//! Cameras that are tried: good ones, and every way of being bad.

use crate::rig::{Rig, name};
use engine::mediamtx::{PathSpec, ProbeError};
use model::Secret;
use std::time::Duration;
use tokio::net::TcpListener;

const LIMIT: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread")]
async fn a_good_camera_is_described() {
    let cameras = Rig::start(&["a", "b", "c"]).await;
    let rig = Rig::start(&[]).await;
    for path in ["a", "b", "c"] {
        cameras
            .server
            .put(&name(path), PathSpec::published())
            .await
            .unwrap();
    }
    let both = cameras.server.rtsp_url(&name("a"));
    let _a = cameras.publish(&both, &[]).await;
    let _b = cameras
        .publish(&cameras.server.rtsp_url(&name("b")), &["-an"])
        .await;
    let _c = cameras
        .publish(&cameras.server.rtsp_url(&name("c")), &["-vn"])
        .await;
    cameras
        .until("published", |now| {
            now.paths.values().filter(|path| path.online).count() == 3
        })
        .await;

    let probe = rig.server.probe(Secret::new(both), LIMIT).await.unwrap();
    assert_eq!(
        (probe.codec.as_str(), probe.size),
        ("H264", Some((320, 180)))
    );
    assert!(probe.has_audio);

    let silent = Secret::new(cameras.server.rtsp_url(&name("b")));
    assert!(!rig.server.probe(silent, LIMIT).await.unwrap().has_audio);

    let blind = Secret::new(cameras.server.rtsp_url(&name("c")));
    assert_eq!(
        rig.server.probe(blind, LIMIT).await,
        Err(ProbeError::NoVideo)
    );

    let rtmp = Secret::new(cameras.server.rtmp_url(&name("a")));
    let probe = rig.server.probe(rtmp, LIMIT).await.unwrap();
    assert_eq!(probe.size, Some((320, 180)));

    let none = Secret::new(cameras.server.rtsp_url(&name("none")));
    assert_eq!(
        rig.server.probe(none, LIMIT).await,
        Err(ProbeError::NotFound)
    );
    assert!(
        rig.until("clean", |now| now.paths.is_empty())
            .await
            .paths
            .is_empty()
    );
    rig.end().await;
    cameras.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_address_is_one_word() {
    let rig = Rig::start(&[]).await;
    let probe = |address: String, limit| {
        let server = rig.server.clone();
        async move { server.probe(Secret::new(address), limit).await }
    };
    let refused = probe("rtsp://u:p%40%2F@127.0.0.1:1/x".to_owned(), LIMIT).await;
    assert_eq!(refused, Err(ProbeError::Refused));

    // A resolver without a network takes ten seconds to say so.
    let patience = Duration::from_secs(30);
    let unknown = probe("rtsp://no.such.host.invalid:554/x".to_owned(), patience).await;
    assert_eq!(unknown, Err(ProbeError::Unreachable));

    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("rtsp://{}/x", silent.local_addr().unwrap());
    let hangs = probe(address, Duration::from_millis(700)).await;
    assert_eq!(hangs, Err(ProbeError::Timeout));

    // Garbage is skipped in search of an answer, so it counts as none.
    let garbage = answering(b"\x00\xff\x17 garbage \r\n\r\n").await;
    let garbage = probe(format!("rtsp://{garbage}/x"), Duration::from_secs(1)).await;
    assert_eq!(garbage, Err(ProbeError::Timeout));

    let broken = answering(b"RTSP/1.0 nonsense\r\n\r\n").await;
    let broken = probe(format!("rtsp://{broken}/x"), LIMIT).await;
    assert!(
        matches!(broken, Err(ProbeError::Unsupported(_))),
        "{broken:?}"
    );

    let locked = b"RTSP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n";
    let locked = answering(locked).await;
    let denied = probe(format!("rtsp://u:wrong-word@{locked}/x"), LIMIT).await;
    assert_eq!(denied, Err(ProbeError::AuthFailed));
    assert!(!rig.server.log().join("\n").contains("wrong-word"));
    rig.end().await;
}

/// A server that says one thing to everything.
async fn answering(text: &'static [u8]) -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_blocking(move || {
        tokio::runtime::Handle::current().block_on(async move {
            let mut buffer = [0; 4096];
            for _ in 0..4 {
                let Ok((mut stream, _)) = listener.accept().await else {
                    return;
                };
                while stream.read(&mut buffer).await.is_ok_and(|n| n > 0) {
                    if stream.write_all(text).await.is_err() {
                        break;
                    }
                }
            }
        });
    });
    address
}
