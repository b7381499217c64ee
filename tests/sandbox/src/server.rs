//! Two ports: pairing over HTTPS, and the devices' WebSocket over TLS with client certificates.

use crate::authority::Shows;
use crate::desk::{Heard, Out, Session, Shared};
use crate::keys::at;
use crate::raw::Raw;
use crate::{desk::now_ms, keys, pairing};
use data_encoding::BASE64URL_NOPAD;
use futures_util::{SinkExt, StreamExt};
use hyper_util::rt::TokioIo;
use protocol::{Digest, Envelope, Kind, Message as Signed, verify};
use rustls::server::ParsedCertificate;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};

const SUBPROTOCOL: &str = "vistter.v1";

pub(crate) async fn serve_pairing(listener: TcpListener, shared: Arc<Shared>) {
    let acceptor = TlsAcceptor::from(shared.authority.server(false, Shows::Good));
    while let Ok((stream, _)) = listener.accept().await {
        let (acceptor, shared) = (acceptor.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            let Ok(stream) = acceptor.accept(stream).await else {
                return;
            };
            let service = hyper::service::service_fn(move |request| {
                pairing::answer(Arc::clone(&shared), request)
            });
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            let _ended = served.await;
        });
    }
}

pub(crate) async fn serve_devices(listener: TcpListener, shared: Arc<Shared>) {
    let mut held = Vec::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (refuses, holds, shows) = {
            let state = shared.state();
            (state.refuses, state.holds, state.shows)
        };
        if refuses {
            continue;
        }
        if holds {
            held.push(stream);
            shared.note(|state| state.held += 1);
            continue;
        }
        // Small messages do not wait for each other.
        stream.set_nodelay(true).unwrap();
        let acceptor = TlsAcceptor::from(shared.authority.server(true, shows));
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            match acceptor.accept(stream).await {
                Ok(stream) => device(stream, shared).await,
                Err(error) => shared.note(|state| state.failed_handshakes.push(error.to_string())),
            }
        });
    }
}

/// The device that a session's claims are of, where they are signed by its key and for us.
fn claimant(shared: &Shared, request: &Request) -> Option<String> {
    let bearer = request.headers().get("authorization")?.to_str().ok()?;
    let (signed, signature) = bearer.strip_prefix("Bearer ")?.rsplit_once('.')?;
    let (_, body) = signed.split_once('.')?;
    let body = BASE64URL_NOPAD.decode(body.as_bytes()).ok()?;
    let body: Value = serde_json::from_slice(&body).ok()?;
    let id = body["iss"].as_str()?.to_owned();
    let now = now_ms() / 1000;
    let timely = body["exp"].as_u64()? > now && body["iat"].as_u64()? <= now + 120;
    let mut state = shared.state();
    let fresh = state.claims_seen.insert(body["jti"].as_str()?.to_owned());
    let device = state.devices.get(&id)?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
    let good = device.key.verifies(signed.as_bytes(), &signature)
        && body["sub"] == device.serial.as_str()
        && body["aud"] == "localhost";
    (good && fresh && timely).then_some(id)
}

/// SHA-256 of the key of the certificate that a client shows.
fn shown(stream: &tokio_rustls::server::TlsStream<TcpStream>) -> Option<String> {
    let own = stream.get_ref().1.peer_certificates()?.first()?;
    let key = ParsedCertificate::try_from(own).ok()?;
    Some(Digest::of(&key.subject_public_key_info()).to_string())
}

fn is_denied(shared: &Shared, shown: Option<&String>) -> bool {
    let state = shared.state();
    shown.is_none_or(|shown| state.denied.contains(shown))
}

async fn device(stream: tokio_rustls::server::TlsStream<TcpStream>, shared: Arc<Shared>) {
    let shown = shown(&stream);
    let denied = shown.clone();
    let found = Arc::new(Mutex::new(None));
    let (looking, who) = (Arc::clone(&shared), Arc::clone(&found));
    #[allow(
        clippy::result_large_err,
        reason = "the callback's type is the library's"
    )]
    let check = move |request: &Request, mut response: Response| {
        let speaks = request.headers().get("sec-websocket-protocol");
        let speaks = speaks.is_some_and(|value| value == SUBPROTOCOL);
        match claimant(&looking, request) {
            Some(id) if speaks && !is_denied(&looking, denied.as_ref()) => {
                *who.lock().unwrap() = Some(id);
                let name = HeaderValue::from_static(SUBPROTOCOL);
                response
                    .headers_mut()
                    .insert("sec-websocket-protocol", name);
                Ok(response)
            }
            _ => {
                let mut refusal = ErrorResponse::new(None);
                *refusal.status_mut() = StatusCode::UNAUTHORIZED;
                Err(refusal)
            }
        }
    };
    let Ok(socket) = tokio_tungstenite::accept_hdr_async(stream, check).await else {
        return;
    };
    let Some(id) = found.lock().unwrap().take() else {
        return;
    };
    let (mut sink, mut stream) = socket.split();
    let mut shown = shown;
    let (out, mut outgoing) = mpsc::unbounded_channel();
    loop {
        tokio::select! {
            message = stream.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    if let Some(shown) = shown.take() {
                        // The first message is the hello.
                        shared.note(|state| {
                            if let Some(device) = state.devices.get_mut(&id) {
                                device.shown = Some(shown);
                            }
                        });
                    }
                    hear(&shared, &id, text.as_bytes(), &out, false);
                }
                Some(Ok(Message::Close(_))) => {
                    shared.note(|state| state.goodbyes += 1);
                    break;
                }
                Some(Err(_)) | None => break,
                Some(Ok(_)) => {}
            },
            message = outgoing.recv() => {
                let sent = match message {
                    Some(Out::Message(bytes)) => {
                        let text = String::from_utf8_lossy(&bytes).into_owned();
                        sink.send(Message::text(text)).await
                    }
                    Some(Out::Raw(message)) => sink.send(message).await,
                    Some(Out::Close) | None => break,
                };
                if sent.is_err() {
                    break;
                }
            }
        }
    }
    shared.note(|state| {
        if let Some(device) = state.devices.get_mut(&id)
            && device
                .session
                .as_ref()
                .is_some_and(|session| session.out.same_channel(&out))
        {
            device.session = None;
        }
    });
}

/// Takes in one message of a device: verifies it, follows its chain, keeps it, answers it.
pub(crate) fn hear(
    shared: &Shared,
    id: &str,
    bytes: &[u8],
    out: &mpsc::UnboundedSender<Out>,
    by_broker: bool,
) {
    shared.note(|state| {
        let kind = Envelope::read(bytes)
            .ok()
            .and_then(|envelope| Kind::from_payload_type(envelope.payload_type()));
        if kind != Some(Kind::Hello)
            && let Some(raw) = state.diverted.get(id)
        {
            let _gone = raw.send(Raw::of(bytes));
            return;
        }
        let Some(device) = state.devices.get_mut(id) else {
            return;
        };
        let Some(kind) = kind else {
            state.faults.push("an envelope of no kind".to_owned());
            return;
        };
        let verified = verify::from_device::<Value>(bytes, kind, &device.id, &device.key);
        let message: Signed<Value> = match verified {
            Ok(verified) => verified.into_inner(),
            Err(error) => {
                state.faults.push(error.to_string());
                return;
            }
        };
        if kind == Kind::Hello {
            let nonce = message.payload["session_nonce"].as_str().unwrap_or("");
            device.session = Some(Session {
                by_broker,
                out: out.clone(),
                nonce: nonce.to_owned(),
                hello: message.payload.clone(),
            });
            let told = if state.stale_welcomes {
                "00112233445566778899aabbccddeeff".to_owned()
            } else {
                nonce.to_owned()
            };
            let payload = json!({
                "session_id": keys::uuid(), "session_nonce": told, "server_time": at(now_ms()),
                "schema_version": "1.0", "feature_flags": {},
                "heartbeat_interval_s": 15,
                "metrics_interval_s": state.metrics_interval_s,
            });
            let welcome = shared.keys.message(id, &payload);
            let welcome = shared.keys.session(Kind::Welcome, &welcome);
            let _gone = out.send(Out::Message(welcome));
            for (_, command) in &device.unanswered {
                let _gone = out.send(Out::Message(command.clone()));
            }
            return;
        }
        if kind == Kind::Ack {
            let about = message.payload["message_id"].as_str().unwrap_or("");
            device.unanswered.retain(|(id, _)| id != about);
        }
        if let Some(link) = &message.chain {
            let is_new = device.kept.insert(message.message_id.to_string());
            if is_new && let Err(error) = device.tail.follow(link, bytes) {
                state.faults.push(format!("chain: {error}"));
            }
            let payload = json!({ "message_ids": [message.message_id] });
            let receipt = shared.keys.message(id, &payload);
            let receipt = shared.keys.session(Kind::Receipt, &receipt);
            let _gone = out.send(Out::Message(receipt));
            if !is_new {
                return;
            }
        }
        state.heard.push(Heard {
            device: id.to_owned(),
            kind,
            correlation_id: message.correlation_id.to_string(),
            payload: message.payload,
            at_ms: now_ms(),
        });
    });
}
