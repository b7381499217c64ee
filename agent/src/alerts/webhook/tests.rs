//! Against real servers: one that is down, slow, failing, secure, and well.

use super::send::{DeliveryError, Sender, signature};
use super::*;
use crate::alerts::{Alerts, Keeper, KeeperParts};
use crate::health::{Finding, Health, Report, Subject, SubjectKind};
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Redirect;
use axum::routing::post;
use model::Secret;
use protocol::{Condition, Severity};
use runtime::{CancellationToken, Clock, SystemClock, Task};
use serde_json::Value;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;
use store::Store;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// What a receiver got: headers and body.
type Got = (HeaderMap, Bytes);

/// A receiver that answers with a status of our choice.
struct Receiver {
    address: SocketAddr,
    status: Arc<AtomicU16>,
    got: mpsc::UnboundedReceiver<Got>,
    _serving: Task<()>,
}

async fn receiver(at: SocketAddr) -> Receiver {
    let listener = TcpListener::bind(at).await.unwrap();
    let address = listener.local_addr().unwrap();
    let status = Arc::new(AtomicU16::new(204));
    let (tell, got) = mpsc::unbounded_channel();
    let answer = Arc::clone(&status);
    let take = move |headers: HeaderMap, body: Bytes| {
        let status = StatusCode::from_u16(answer.load(Ordering::SeqCst)).unwrap();
        if status.is_success() {
            tell.send((headers, body)).unwrap();
        }
        std::future::ready(status)
    };
    let away = || std::future::ready(Redirect::temporary("/hook"));
    let slow = || std::future::pending::<StatusCode>();
    let app = axum::Router::new()
        .route("/hook", post(take))
        .route("/away", post(away))
        .route("/slow", post(slow));
    let serving = runtime::spawn(async move { axum::serve(listener, app).await.unwrap() });
    Receiver {
        address,
        status,
        got,
        _serving: serving,
    }
}

fn anywhere() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn test() -> Delivery {
    Delivery {
        id: "d1".to_owned(),
        event: Event::Test,
        alert: None,
    }
}

async fn sent(sender: &Sender, url: &str) -> Result<u16, DeliveryError> {
    let target = sender.target(&Secret::new(url))?;
    let now = SystemClock.wall();
    sender
        .send(&target, &Secret::new(SECRET), &test(), now)
        .await
}

fn verify((headers, body): &Got) -> Value {
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let timestamp: u64 = header("x-vistter-timestamp").parse().unwrap();
    let want = signature(&Secret::new(SECRET), timestamp, body);
    assert_eq!(header("x-vistter-signature"), format!("v1={want}"));
    assert_eq!(header("content-type"), "application/json");
    let value: Value = serde_json::from_slice(body).unwrap();
    assert_eq!(value["id"], header("x-vistter-delivery"));
    assert_eq!(value["event"], header("x-vistter-event"));
    value
}

#[test]
fn the_signature_is_that_of_other_tools() {
    // printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac 0123456789abcdef
    let key = Secret::new("0123456789abcdef");
    assert_eq!(
        signature(&key, 1_700_000_000, br#"{"a":1}"#),
        "9eb18f493f8ec135d9eb2dad817c369bb4e9cbfa818657897a7437c1cd8c3a23"
    );
}

#[tokio::test]
async fn a_server_that_is_well_takes_a_signed_message() {
    let mut server = receiver(anywhere()).await;
    let sender = Sender::hasty(Duration::from_secs(5));
    let url = format!("http://{}/hook", server.address);
    assert_eq!(sent(&sender, &url).await.unwrap(), 204);
    let value = verify(&server.got.recv().await.unwrap());
    assert_eq!(
        (value["event"].as_str(), value["alert"].is_null()),
        (Some("test"), true)
    );
}

#[tokio::test]
async fn servers_that_are_not_well_are_told_apart() {
    let server = receiver(anywhere()).await;
    let sender = Sender::hasty(Duration::from_secs(10));
    let hasty = Sender::hasty(Duration::from_millis(300));
    let at = |path: &str| format!("http://{}{path}", server.address);
    server.status.store(500, Ordering::SeqCst);
    assert!(matches!(
        sent(&sender, &at("/hook")).await,
        Err(DeliveryError::Status(500))
    ));
    server.status.store(204, Ordering::SeqCst);
    // A redirect is not followed.
    assert!(matches!(
        sent(&sender, &at("/away")).await,
        Err(DeliveryError::Status(307))
    ));
    assert!(matches!(
        sent(&hasty, &at("/slow")).await,
        Err(DeliveryError::Slow)
    ));
    let silent = TcpListener::bind(anywhere()).await.unwrap();
    let url = format!("http://{}/", silent.local_addr().unwrap());
    assert!(matches!(sent(&hasty, &url).await, Err(DeliveryError::Slow)));
    drop(silent);
    assert!(matches!(
        sent(&sender, &url).await,
        Err(DeliveryError::Connect(_))
    ));
    // A machine without a name server waits for one.
    let nowhere = "https://nothing.invalid/";
    assert!(matches!(
        sent(&Sender::hasty(Duration::from_secs(5)), nowhere).await,
        Err(DeliveryError::Lookup | DeliveryError::Slow | DeliveryError::Connect(_))
    ));
}

#[tokio::test]
async fn a_secure_server_is_known_by_its_certificate() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(anywhere()).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let _serving = runtime::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut heard = vec![0; 4096];
            let count = stream.read(&mut heard).await.unwrap();
            assert!(heard[..count].starts_with(b"POST /hook HTTP/1.1\r\n"));
            let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            stream.shutdown().await.unwrap();
        }
    });
    let trusting = |certificate: &rcgen::Certificate| {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        Sender::trusting(roots)
    };
    let url = format!("https://localhost:{port}/hook");
    assert_eq!(sent(&trusting(&own.cert), &url).await.unwrap(), 200);
    let refused = sent(&trusting(&other.cert), &url).await;
    assert!(matches!(refused, Err(DeliveryError::Tls(_))), "{refused:?}");
    let empty = Sender::trusting(rustls::RootCertStore::empty());
    assert!(matches!(
        sent(&empty, &url).await,
        Err(DeliveryError::NoRoots)
    ));
}

/// A keeper on a store of its own, told what is wrong by the test.
struct Stage {
    alerts: Alerts,
    report: watch::Sender<Arc<Report>>,
    stop: CancellationToken,
    keeper: Task<()>,
}

fn stage(store: &Store) -> Stage {
    let (report, health) = watch::channel(Arc::default());
    let (alerts, keeper) = Keeper::new(KeeperParts {
        store: store.clone(),
        health: Health::of(health),
        reach: Reach::default(),
        own: OwnPorts::default(),
    });
    let stop = CancellationToken::new();
    let keeper = runtime::spawn(keeper.run(stop.clone()));
    Stage {
        alerts,
        report,
        stop,
        keeper,
    }
}

impl Stage {
    fn find(&self, cameras: &[&str]) {
        let finding = |id: &&str| Finding {
            code: Condition::CameraOffline,
            severity: Severity::Error,
            subject: Some(Subject::new(SubjectKind::Camera, *id, *id)),
            message: format!("{id} is offline"),
            cause: "none".to_owned(),
            remediation: "Check it.".into(),
            follows_from: None,
            recovering: false,
            root: None,
        };
        self.report.send_replace(Arc::new(Report {
            errors: cameras.iter().map(finding).collect(),
            evaluated_at: Some("now".to_owned()),
            ..Report::default()
        }));
    }

    async fn board(&self, fits: impl Fn(&crate::alerts::Board) -> bool) {
        let mut board = self.alerts.watch();
        let limit = Duration::from_secs(20);
        let found = tokio::time::timeout(limit, board.wait_for(|board| fits(board))).await;
        assert!(found.is_ok(), "{:?}", self.alerts.board());
    }

    async fn end(self) {
        self.stop.cancel();
        self.keeper.await.unwrap();
    }
}

fn open(folder: &tempfile::TempDir) -> Store {
    Store::open(folder.path(), SystemClock.wall()).unwrap().0
}

fn draft(url: &str) -> WebhookDraft {
    WebhookDraft {
        url: Secret::new(url),
        secret: Some(Secret::new(SECRET)),
    }
}

#[tokio::test]
async fn a_server_that_is_down_then_failing_then_well_gets_everything_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let stage = stage(&store);
    let port = engine::mediamtx::Ports::free().unwrap().rtmp;
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let view = stage
        .alerts
        .set_webhook(draft(&format!("http://{address}/hook")))
        .await
        .unwrap();
    assert_eq!(view.url, Some(format!("http://{address}/****")));
    assert_eq!(view.secret.as_deref(), Some("********"));
    stage.find(&["1"]);
    stage
        .board(|board| board.webhook.failed > 0 && board.webhook.waiting == 1)
        .await;
    let error = stage.alerts.board().webhook.last_error.clone().unwrap();
    assert!(error.contains("does not answer"), "{error}");
    let mut server = receiver(address).await;
    server.status.store(500, Ordering::SeqCst);
    stage
        .board(|board| {
            board
                .webhook
                .last_error
                .as_deref()
                .is_some_and(|e| e.ends_with("answered 500"))
        })
        .await;
    stage.find(&[]);
    stage.board(|board| board.webhook.waiting == 2).await;
    server.status.store(200, Ordering::SeqCst);
    stage.board(|board| board.webhook.delivered == 2).await;
    let raised = verify(&server.got.recv().await.unwrap());
    let cleared = verify(&server.got.recv().await.unwrap());
    assert_eq!(raised["event"], "alert.raised");
    assert_eq!(raised["alert"]["message"], "1 is offline");
    assert_eq!(cleared["event"], "alert.cleared");
    assert_eq!(cleared["alert"]["id"], raised["alert"]["id"]);
    assert!(cleared["alert"]["cleared_at"].is_string());
    stage.end().await;
}

#[tokio::test]
async fn what_was_not_told_before_a_restart_is_told_after_it_and_nothing_twice() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let mut server = receiver(anywhere()).await;
    let url = format!("http://{}/hook", server.address);
    let before = stage(&store);
    before.find(&["old"]);
    before.board(|board| board.alerts.len() == 1).await;
    before.alerts.set_webhook(draft(&url)).await.unwrap();
    before.find(&["old", "1"]);
    before.board(|board| board.webhook.delivered == 1).await;
    assert_eq!(
        verify(&server.got.recv().await.unwrap())["alert"]["message"],
        "1 is offline"
    );
    server.status.store(503, Ordering::SeqCst);
    before.find(&["old", "1", "2"]);
    before.board(|board| board.webhook.failed > 0).await;
    before.end().await;

    server.status.store(204, Ordering::SeqCst);
    let after = stage(&store);
    after
        .board(|board| board.webhook.delivered == 1 && board.webhook.waiting == 0)
        .await;
    assert_eq!(
        verify(&server.got.recv().await.unwrap())["alert"]["message"],
        "2 is offline"
    );
    assert_eq!(after.alerts.board().open().count(), 3);
    after.find(&["old", "1", "2"]);
    after.find(&["old", "1", "2", "3"]);
    after.board(|board| board.webhook.delivered == 2).await;
    assert_eq!(
        verify(&server.got.recv().await.unwrap())["alert"]["message"],
        "3 is offline"
    );
    assert!(server.got.try_recv().is_err());
    after.end().await;
}

#[tokio::test]
async fn a_webhook_is_set_tested_and_removed_and_never_shown_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(&folder);
    let server = receiver(anywhere()).await;
    let stage = stage(&store);
    assert!(stage.alerts.test_webhook().await.is_err());
    let url = format!("http://{}/hook", server.address);
    let made = WebhookDraft {
        url: Secret::new(&*url),
        secret: None,
    };
    let secret = stage
        .alerts
        .set_webhook(made)
        .await
        .unwrap()
        .secret
        .unwrap();
    assert_eq!(secret.len(), 43);
    let masked = stage.alerts.board().webhook.clone();
    assert_eq!(masked.secret.as_deref(), Some("********"));
    assert_eq!(stage.alerts.test_webhook().await.unwrap().status, 204);
    // What was shown, sent back, changes nothing.
    let same = WebhookDraft {
        url: Secret::new(masked.url.unwrap()),
        secret: Some(Secret::new("********")),
    };
    stage.alerts.set_webhook(same).await.unwrap();
    assert_eq!(stage.alerts.test_webhook().await.unwrap().status, 204);
    for secret in ["short", &"x".repeat(300)] {
        let bad = WebhookDraft {
            url: Secret::new(&*url),
            secret: Some(Secret::new(secret)),
        };
        assert!(stage.alerts.set_webhook(bad).await.is_err());
    }
    stage.alerts.remove_webhook().await.unwrap();
    assert!(stage.alerts.remove_webhook().await.is_err());
    assert!(!stage.alerts.board().webhook.configured);
    stage.end().await;
    assert_eq!(
        store.secret(store::Tree::Settings, "webhook").unwrap(),
        None
    );
}
