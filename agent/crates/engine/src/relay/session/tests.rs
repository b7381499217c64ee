//! Against a server of our own that says what it is told to; real servers are asked in the `relay` promise.

use super::super::{Relay, RelayStats};
use super::*;
use crate::program::AudioCodec;
use crate::publish::Coded;
use model::{FrameRate, Secret};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::timeout;

const LONG: Duration = Duration::from_secs(10);

/// What a server says to `publish`, level and code.
type Verdict = (&'static str, &'static str);
const YES: Verdict = ("status", "NetStream.Publish.Start");

struct Peer<S> {
    stream: S,
    joiner: Joiner,
}

async fn accept(listener: &TcpListener) -> Peer<TcpStream> {
    let (stream, _) = listener.accept().await.unwrap();
    Peer::greet(stream).await
}

impl<S: AsyncRead + AsyncWrite + Unpin> Peer<S> {
    async fn greet(mut stream: S) -> Self {
        stream.read_exact(&mut vec![0; 1 + HALF]).await.unwrap();
        stream.write_all(&vec![3; 1 + 2 * HALF]).await.unwrap();
        stream.read_exact(&mut vec![0; HALF]).await.unwrap();
        Self {
            stream,
            joiner: Joiner::default(),
        }
    }

    async fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(message) = self.joiner.next().unwrap() {
                return Some(message);
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes).await {
                Ok(0) | Err(_) => return None,
                Ok(count) => self.joiner.take(&bytes[..count]),
            }
        }
    }

    async fn say(&mut self, kind: u8, body: &[u8]) {
        let mut out = Vec::new();
        let head = Head {
            kind,
            stream: 0,
            time: 0,
        };
        chunk::write(&mut out, head, body);
        self.stream.write_all(&out).await.unwrap();
    }

    /// Answers until it is asked to publish; gives what it was asked, in order.
    async fn until_published(&mut self, (level, code): Verdict) -> Vec<String> {
        let mut asked = Vec::new();
        self.say(kind::CONTROL, &[0, 6, 1, 2, 3, 4]).await;
        loop {
            let (kind, body) = self.next().await.unwrap();
            if kind == kind::CONTROL {
                asked.push(format!("{body:?}"));
            }
            if kind != kind::COMMAND {
                continue;
            }
            let said = amf::read(&body).unwrap();
            match said.name.as_str() {
                "connect" | "createStream" => {
                    let answer = Values::default()
                        .text("_result")
                        .number(f64::from(said.answers));
                    self.say(kind::COMMAND, &answer.null().number(1.0).done())
                        .await;
                }
                // Some servers do not know these and say so.
                "releaseStream" => {
                    let answer = Values::default()
                        .text("_error")
                        .number(f64::from(said.answers));
                    self.say(kind::COMMAND, &answer.null().done()).await;
                }
                "publish" => {
                    asked.push("publish".to_owned());
                    let status = Values::default().text("onStatus").number(0.0).null();
                    let about = [("level", Member::Text(level)), ("code", Member::Text(code))];
                    self.say(kind::COMMAND, &status.object(&about).done()).await;
                    return asked;
                }
                _ => {}
            }
            asked.push(said.name);
        }
    }
}

async fn server() -> (TcpListener, RelayTarget) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let target = RelayTarget {
        secure: false,
        host: "127.0.0.1".to_owned(),
        port,
        app: "live".to_owned(),
        url: format!("rtmp://127.0.0.1:{port}/live"),
        key: Secret::new("the-key"),
        fingerprint: None,
    };
    (listener, target)
}

fn coded(track: Track, at: u64, key: bool) -> Arc<Coded> {
    let form = Form {
        sps: vec![0x67, 0x4d, 0x40, 0x1e],
        pps: vec![0x68],
        aac: vec![0x11, 0x90],
    };
    Arc::new(Coded {
        track,
        at,
        key,
        made_ns: 0,
        data: vec![0x65, 7, 0x65, 8],
        units: vec![0..2, 2..4],
        form: Arc::new(form),
    })
}

async fn ended(relay: &Relay) -> RelayStats {
    let done = async {
        while relay.stats().error.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LONG, done).await.unwrap();
    relay.stats()
}

#[tokio::test]
async fn pictures_and_sound_arrive_after_what_is_needed_to_decode_them() {
    let (listener, target) = server().await;
    let tap = Tap::default();
    let relay = Relay::start(&tap, target);
    let mut peer = accept(&listener).await;
    let asked = peer.until_published(YES).await;
    assert!(
        asked.contains(&"[0, 7, 1, 2, 3, 4]".to_owned()),
        "no pong: {asked:?}"
    );
    assert_eq!(asked.last().unwrap(), "publish");
    while !tap.is_read() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let sound = Track::Sound(AudioCodec::Aac);
    for packet in [
        coded(Track::Picture, 9, false),
        coded(sound, 1600 * 9, false),
        coded(Track::Picture, 10, true),
        coded(sound, 1600 * 9, false),
        coded(sound, 1600 * 10, false),
    ] {
        tap.push(&packet, FrameRate::THIRTY);
    }
    let mut kinds = Vec::new();
    while kinds.len() < 5 {
        let (kind, body) = timeout(LONG, peer.next()).await.unwrap().unwrap();
        if matches!(kind, kind::DATA | kind::PICTURE | kind::SOUND) {
            kinds.push((kind, body.get(1).copied().unwrap()));
        }
    }
    let wanted = [
        (kind::DATA, 0),
        (kind::PICTURE, 0),
        (kind::SOUND, 0),
        (kind::PICTURE, 1),
        (kind::SOUND, 1),
    ];
    assert_eq!(kinds, wanted);
    assert!(relay.stats().sent > 0 && relay.stats().error.is_none());
    drop(peer);
    assert_eq!(ended(&relay).await.error, Some(RelayError::Closed));
    relay.stop().await;
}

#[tokio::test]
async fn a_refusal_is_told_from_an_end_and_from_nobody() {
    let (listener, target) = server().await;
    let tap = Tap::default();
    let relay = Relay::start(&tap, target.clone());
    let mut peer = accept(&listener).await;
    let _asked = peer
        .until_published(("error", "NetStream.Publish.BadName"))
        .await;
    assert_eq!(ended(&relay).await.error, Some(RelayError::Rejected));
    let relay = Relay::start(&tap, target.clone());
    drop(accept(&listener).await);
    assert_eq!(ended(&relay).await.error, Some(RelayError::Closed));
    drop(listener);
    let relay = Relay::start(&tap, target);
    let end = ended(&relay).await;
    assert_eq!((end.error, end.sent), (Some(RelayError::Unreachable), 0));
}

#[tokio::test]
async fn a_secure_server_is_known_by_its_fingerprint_or_not_at_all() {
    let own = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let sum = ring::digest::digest(&ring::digest::SHA256, own.cert.der());
    let sum = data_encoding::HEXUPPER.encode(sum.as_ref());
    let (listener, mut target) = server().await;
    target.secure = true;
    let tap = Tap::default();
    for wrong in [None, Some("ab".repeat(32))] {
        target.fingerprint = wrong;
        let relay = Relay::start(&tap, target.clone());
        let (stream, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(stream).await.is_err());
        assert_eq!(ended(&relay).await.error, Some(RelayError::Tls));
    }
    // As people copy it, with colons.
    let pairs: Vec<&str> = (0..32).map(|at| &sum[2 * at..2 * at + 2]).collect();
    target.fingerprint = Some(pairs.join(":"));
    let relay = Relay::start(&tap, target);
    let (stream, _) = listener.accept().await.unwrap();
    let mut peer = Peer::greet(acceptor.accept(stream).await.unwrap()).await;
    let asked = peer.until_published(YES).await;
    assert_eq!(asked.last().unwrap(), "publish");
    assert_eq!(relay.stats().error, None);
}
