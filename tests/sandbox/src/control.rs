//! The sandbox over HTTP on loopback, for scripts and for the demo. No password: whoever is on this machine
//! may direct it, so it is for machines of one's own.
//!
//! `GET /` says how to pair · `POST /token` · `GET /devices` · `POST /send {type, payload?, as?}` ·
//! `POST /sign {type, payload?, nonce?}`, which gives the envelope and sends nothing ·
//! `POST /cut` · `GET /heard?from=N`, which waits up to a second for something new · `GET /uploads/<name>`.

use crate::desk::{Heard, Studio};
use crate::uploads::PLACE;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// The port where nobody says another.
pub const PORT: u16 = 28_090;

/// So long somebody waits for something new before they have to ask again.
const NEWS: Duration = Duration::from_secs(1);

/// A device has to be connected in this time for a command to be sent.
const COMES: Duration = Duration::from_secs(10);

/// How a command can be sent: as it should be, twice, after another one with a later number, late, over
/// before it is sent, not at all, signed by a key that is in no keyset, for another device. And whether an
/// honest device answers it.
pub const HOW: [(&str, bool); 8] = [
    ("good", true),
    ("twice", true),
    ("reordered", true),
    ("delayed", true),
    ("expired", true),
    ("dropped", false),
    ("forged", false),
    ("other", false),
];

/// Their names, for people.
#[must_use]
pub fn ways_to_send() -> String {
    HOW.map(|(name, _)| name).join(", ")
}

/// How late a delayed command is.
const DELAY: Duration = Duration::from_secs(3);

/// Most of what was heard in one answer.
const BATCH: usize = 256;

type Answer = Result<Value, (StatusCode, String)>;

fn wrong(text: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, text.into())
}

impl Studio {
    /// Answers on this port of loopback until the process ends; 0 takes any free one. Gives the port.
    ///
    /// # Panics
    /// When it is taken.
    #[must_use]
    pub fn serve_control(self: &Arc<Self>, port: u16) -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        listener.set_nonblocking(true).unwrap();
        let studio = Arc::clone(self);
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(serve(listener, studio));
        });
        port
    }

    /// The first device that is connected; where none is, the last that was paired.
    #[must_use]
    pub fn present(&self) -> Option<String> {
        let mut devices = self.devices();
        let place = devices.iter().position(|device| self.way(device).is_some());
        match place {
            Some(place) => Some(devices.swap_remove(place)),
            None => devices.pop(),
        }
    }

    /// How to pair with it, in words.
    #[must_use]
    pub fn invitation(&self) -> [String; 3] {
        let authority = self.authority();
        let authority = authority.display();
        [self.url(), authority.to_string(), self.token(None)]
    }

    /// Signs a command and sends it as it should be (`good`), or as a bad network or Studio would (`HOW`).
    /// Gives the message's id, its correlation id, and the envelope.
    ///
    /// # Errors
    /// With words, where it is no way to send.
    pub fn send_as(
        self: &Arc<Self>,
        device: &str,
        kind: &str,
        payload: &Value,
        how: &str,
    ) -> Result<(String, String, Vec<u8>), String> {
        if !HOW.iter().any(|(name, _)| *name == how) {
            return Err(format!("{how:?} is none of {}", ways_to_send()));
        }
        // Its number comes before the command's.
        let earlier = (how == "reordered")
            .then(|| self.sign(&self.command(device, "HEALTH_REQUEST", &json!({}))));
        let mut command = self.command(device, kind, payload);
        match how {
            "expired" => {
                command["timestamp"] = "2026-01-01T00:00:00.000Z".into();
                command["expires_at"] = "2026-01-01T00:01:00.000Z".into();
            }
            "other" => command["device_id"] = "somebody-else".into(),
            _ => {}
        }
        let text = |name: &str| command[name].as_str().unwrap_or("").to_owned();
        let (id, correlation) = (text("message_id"), text("correlation_id"));
        let envelope = match how {
            // What is lost with a connection is sent again over the next.
            "good" | "twice" => self.send_value(device, &command).envelope,
            "forged" => self.sign_as_stranger(&command),
            _ => self.sign(&command),
        };
        let deliver = |envelope: &[u8]| {
            let _offline = self.deliver(device, envelope);
        };
        match how {
            "good" | "dropped" => {}
            "delayed" => {
                let (studio, device) = (Arc::clone(self), device.to_owned());
                let envelope = envelope.clone();
                std::thread::spawn(move || {
                    std::thread::sleep(DELAY);
                    let _offline = studio.deliver(&device, &envelope);
                });
            }
            _ => deliver(&envelope),
        }
        if let Some(earlier) = earlier {
            deliver(&earlier);
        }
        Ok((id, correlation, envelope))
    }

    /// Signs a command and sends it nowhere; with a nonce it is bound to that.
    #[must_use]
    pub fn sign_bound(
        &self,
        device: &str,
        kind: &str,
        payload: &Value,
        nonce: Option<&str>,
    ) -> Vec<u8> {
        let mut command = self.command(device, kind, payload);
        if let Some(nonce) = nonce {
            command["session_nonce"] = nonce.into();
        }
        self.sign(&command)
    }

    fn control(self: &Arc<Self>, method: &Method, path: &str, query: &str, body: &[u8]) -> Answer {
        let first = || {
            self.present()
                .ok_or_else(|| (StatusCode::CONFLICT, "no device is paired yet".to_owned()))
        };
        match (method, path) {
            (&Method::GET, "/") => {
                let [studio, authority, _] = self.invitation();
                let uploads = self.upload_url("");
                Ok(json!({ "studio": studio, "authority": authority, "uploads": uploads }))
            }
            (&Method::POST, "/token") => Ok(json!({ "token": self.token(None) })),
            (&Method::GET, "/devices") => {
                let devices = self.devices().into_iter().map(|device| {
                    let way = self.way(&device);
                    json!({ "device": device, "way": way })
                });
                Ok(devices.collect())
            }
            (&Method::POST, "/cut") => Ok(json!({ "cut": self.cut(&first()?) })),
            (&Method::POST, "/sign") => {
                let (asked, kind, payload) = command(body)?;
                let nonce = asked["nonce"].as_str();
                let envelope = self.sign_bound(&first()?, &kind, &payload, nonce);
                serde_json::from_slice(&envelope).map_err(|error| wrong(error.to_string()))
            }
            (&Method::POST, "/send") => {
                let (asked, kind, payload) = command(body)?;
                let how = asked["as"].as_str().unwrap_or("good");
                let device = first()?;
                if !self.wait_online(&device, COMES) {
                    let text = "the device is not connected".to_owned();
                    return Err((StatusCode::SERVICE_UNAVAILABLE, text));
                }
                let from = self.heard_from(0).len();
                let sent = self.send_as(&device, &kind, &payload, how);
                let (id, correlation, _) = sent.map_err(wrong)?;
                Ok(json!({ "message_id": id, "correlation_id": correlation, "from": from }))
            }
            (&Method::GET, "/heard") => {
                let from = query.strip_prefix("from=").unwrap_or("0");
                let from: usize = from.parse().map_err(|_error| wrong("from which number?"))?;
                let _something = self.wait_heard(from, NEWS, |_any| true);
                let heard = self.heard_from(from);
                Ok(heard.iter().take(BATCH).map(told).collect())
            }
            (&Method::GET, _) if path.starts_with(PLACE) => {
                let document = self.uploaded(&path[PLACE.len()..]);
                let document = document.and_then(|bytes| serde_json::from_slice(&bytes).ok());
                let none = || {
                    (
                        StatusCode::NOT_FOUND,
                        "nothing was uploaded there".to_owned(),
                    )
                };
                document.ok_or_else(none)
            }
            _ => Err((StatusCode::NOT_FOUND, "there is nothing here".to_owned())),
        }
    }
}

/// What is asked, its type and its arguments.
fn command(body: &[u8]) -> Result<(Value, String, Value), (StatusCode, String)> {
    let asked: Value =
        serde_json::from_slice(body).map_err(|error| wrong(format!("that is no JSON: {error}")))?;
    let kind = asked["type"].as_str().ok_or_else(|| wrong("which type?"))?;
    let (kind, payload) = (kind.to_owned(), asked["payload"].clone());
    let payload = if payload.is_null() {
        json!({})
    } else {
        payload
    };
    Ok((asked, kind, payload))
}

fn told(heard: &Heard) -> Value {
    json!({
        "device": heard.device, "kind": heard.kind.as_str(),
        "correlation_id": heard.correlation_id, "payload": heard.payload,
    })
}

async fn serve(listener: TcpListener, studio: Arc<Studio>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    while let Ok((stream, _)) = listener.accept().await {
        let studio = Arc::clone(&studio);
        tokio::spawn(async move {
            let service =
                hyper::service::service_fn(move |request| answer(Arc::clone(&studio), request));
            let served = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service);
            let _ended = served.await;
        });
    }
}

async fn answer(
    studio: Arc<Studio>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, protocol::SIZE_LIMIT).collect().await;
    let answered = match body {
        Ok(body) => {
            let body = body.to_bytes();
            let asked = tokio::task::spawn_blocking(move || {
                let query = head.uri.query().unwrap_or("");
                studio.control(&head.method, head.uri.path(), query, &body)
            });
            asked
                .await
                .unwrap_or_else(|_panic| Err(wrong("the sandbox broke")))
        }
        Err(_) => Err(wrong("that is too much")),
    };
    let (status, value) = match answered {
        Ok(value) => (StatusCode::OK, value),
        Err((status, error)) => (status, json!({ "error": error })),
    };
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    Ok(response)
}

/// Asks a sandbox that runs elsewhere on this machine.
///
/// # Errors
/// What it says, or that it is not there.
pub fn ask(port: u16, method: &str, path: &str, body: &Value) -> Result<Value, String> {
    let away = |error: std::io::Error| {
        format!("no sandbox answers on port {port} ({error}); start studio-sandbox --http {port}")
    };
    let mut stream = TcpStream::connect(("127.0.0.1", port)).map_err(away)?;
    let body = match body {
        Value::Null => String::new(),
        body => body.to_string(),
    };
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).map_err(away)?;
    stream.write_all(body.as_bytes()).map_err(away)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(away)?;
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let value: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(value),
        _ => Err(value["error"].as_str().unwrap_or("it says no").to_owned()),
    }
}
