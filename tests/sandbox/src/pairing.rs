//! The HTTPS server: `POST /api/v1/devices/pair`, and what devices upload.

use crate::desk::{Device, Shared, Way, now_ms};
use crate::keys::at;
use crate::uploads;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue, LOCATION};
use hyper::{Method, Request, Response, StatusCode};
use protocol::{Base64, DeviceId, PublicKey};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;

/// Why a device is not paired.
struct No(StatusCode, &'static str);

pub(crate) async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if let Some(name) = request.uri().path().strip_prefix(uploads::PLACE)
        && request.method() == Method::PUT
    {
        let name = name.to_owned();
        return Ok(uploaded(&shared, &name, request).await);
    }
    let known = request.method() == Method::POST && request.uri().path() == "/api/v1/devices/pair";
    let body = Limited::new(request.into_body(), 64 * 1024).collect().await;
    let answered = match body {
        Ok(body) if known => pair(&shared, &body.to_bytes()),
        Ok(_) => Err(No(StatusCode::NOT_FOUND, "NOT_FOUND")),
        Err(_) => Err(No(StatusCode::BAD_REQUEST, "PAIR_BAD_REQUEST")),
    };
    let (status, value) = match answered {
        Ok(value) => (StatusCode::CREATED, value),
        Err(No(status, code)) => {
            let error = json!({ "code": code, "message": "the sandbox says no" });
            (status, json!({ "error": error }))
        }
    };
    let mut response = Response::new(Full::new(Bytes::from(value.to_string())));
    *response.status_mut() = status;
    Ok(response)
}

async fn uploaded(
    shared: &Shared,
    name: &str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let kind = request.headers().get(CONTENT_TYPE);
    let kind = kind
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("")
        .to_owned();
    let body = Limited::new(request.into_body(), uploads::LIMIT)
        .collect()
        .await;
    let status = match body {
        Ok(body) => uploads::take(shared, name, &kind, body.to_bytes().to_vec()),
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE,
    };
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    if status.is_redirection() {
        let elsewhere = HeaderValue::from_static("/uploads/elsewhere");
        response.headers_mut().insert(LOCATION, elsewhere);
    }
    response
}

fn pair(shared: &Shared, body: &[u8]) -> Result<Value, No> {
    let bad = || No(StatusCode::BAD_REQUEST, "PAIR_BAD_REQUEST");
    let mut asked: Value = serde_json::from_slice(body).map_err(|_error| bad())?;
    let text = |name: &str| asked[name].as_str().map(str::to_owned).ok_or_else(bad);
    let (serial, token) = (text("serial")?, text("pairing_token")?);
    let (nonce, timestamp) = (text("nonce")?, text("timestamp")?);
    let bytes = |name: &str| -> Result<Vec<u8>, No> {
        let bytes: Base64 = serde_json::from_value(asked[name].clone()).map_err(|_error| bad())?;
        Ok(bytes.bytes().to_vec())
    };
    let key = PublicKey::read(&bytes("signing_public_key")?).map_err(|_error| bad())?;
    let proof = format!("vistter-pair-v1|{serial}|{token}|{nonce}|{timestamp}");
    if !key.verifies(proof.as_bytes(), &bytes("proof")?) {
        return Err(bad());
    }
    let csr = text("csr_pem")?;
    let mut state = shared.state();
    match state.tokens.get(&token) {
        None => return Err(No(StatusCode::UNAUTHORIZED, "PAIR_TOKEN_INVALID")),
        Some((_, until)) if *until <= now_ms() => {
            return Err(No(StatusCode::GONE, "PAIR_TOKEN_EXPIRED"));
        }
        Some((Some(wanted), _)) if *wanted != serial => {
            return Err(No(StatusCode::FORBIDDEN, "PAIR_SERIAL_MISMATCH"));
        }
        Some(_) => {}
    }
    let id = format!("device-{}", state.devices.len() + 1);
    let life = state.life;
    let certificate = shared.authority.for_device(&csr, &id, life);
    let certificate = certificate.ok_or_else(bad)?;
    state.tokens.remove(&token);
    if let Some(asked) = asked.as_object_mut() {
        let _token = asked.remove("pairing_token");
    }
    let device = Device::new(DeviceId::parse(id.clone()).unwrap(), serial, key, asked);
    state.devices.insert(id.clone(), device);
    drop(state);
    let keyset: Value =
        serde_json::from_slice(&shared.keys.keyset(1, 1, false)).map_err(|_error| bad())?;
    let ways = shared.ways.iter().zip(1_u32..);
    let ways: Vec<Value> = ways
        .map(|(way, priority)| {
            let socket = |port| format!("wss://localhost:{port}/v1/device");
            let url = match way {
                Way::Socket => socket(shared.wss_port),
                Way::SocketBehind(_, port) => socket(*port),
                Way::Broker(port) | Way::BrokerBehind(_, port) => {
                    format!("mqtts://localhost:{port}")
                }
            };
            json!({ "kind": way.kind(), "url": url, "priority": priority })
        })
        .collect();
    Ok(json!({
        "device_id": id, "tenant_id": shared.keys.tenant, "server_time": at(now_ms()),
        "client_cert_pem": certificate, "ca_pem": shared.authority.ca_pem,
        "root": shared.keys.root_record(), "keyset": keyset, "spki_pins": shared.authority.pins(),
        "transports": ways, "schema_versions": protocol::SCHEMA_VERSIONS,
    }))
}
