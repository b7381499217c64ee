//! Redeeming a pairing token for lasting credentials.
//!
//! One HTTPS request. The device's keys are made before it and stay here: what goes out is a request
//! for a certificate, the public signing key, and a proof that the device has its private half. Nothing
//! is kept here; whoever asks keeps the [`Pairing`] that comes back.

mod fault;

pub use fault::PairError;

use crate::channel;
use crate::identity::{Identity, Pairing, Transport, random_hex, random_id};
use crate::proxy::Proxy;
use crate::tls::{self, Checks, Pins, Roots, TlsError};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use protocol::{
    Base64, Capabilities, DeviceId, OCL_VERSIONS, RootRecord, SCHEMA_VERSIONS, SIZE_LIMIT, Semver,
    TenantId, Timestamp, negotiate,
};
use runtime::Clock;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use url::Url;

/// The whole exchange has to be done in this time.
const LIMIT: Duration = Duration::from_secs(20);

/// Largest accepted answer in bytes.
const ANSWER: usize = SIZE_LIMIT;

/// Longest accepted token.
const TOKEN: usize = 64;

/// Longest accepted certificates, as PEM.
const PEM: usize = 64 * 1024;

/// Most ways to reach Studio, and the longest address of one.
const WAYS: usize = 8;
const ADDRESS: usize = 2048;

/// What pairing is asked with. It has no `Debug`: the token is a secret.
pub struct PairRequest<'a> {
    /// Studio's address, `https://host[:port]`.
    pub studio: &'a str,
    /// The token that Studio shows.
    pub token: &'a str,
    /// Authorities to check Studio's certificate by; those of the system where it is `None`.
    pub ca_pem: Option<&'a str>,
    /// What the device can do.
    pub capabilities: &'a Capabilities,
    /// How the device comes out of its network.
    pub proxy: Option<&'a Proxy>,
}

/// Studio's answer. Other fields are let pass.
#[derive(Deserialize)]
struct Answer {
    device_id: DeviceId,
    tenant_id: TenantId,
    server_time: Timestamp,
    client_cert_pem: String,
    ca_pem: String,
    root: RootRecord,
    keyset: Value,
    spki_pins: Vec<Base64>,
    transports: Vec<Transport>,
}

/// The text that the device's signing key signs, to prove that it has it. Nothing else that it signs
/// begins so.
fn proof_text(serial: &str, token: &str, nonce: &str, timestamp: Timestamp) -> String {
    format!("vistter-pair-v1|{serial}|{token}|{nonce}|{timestamp}")
}

/// Asks Studio to pair the device.
///
/// # Errors
/// [`PairError`].
pub async fn pair(
    identity: &Identity,
    asked: &PairRequest<'_>,
    clock: Arc<dyn Clock>,
) -> Result<Pairing, PairError> {
    let exchange = tokio::time::timeout(LIMIT, exchange(identity, asked, clock));
    match exchange.await {
        Ok(done) => done,
        Err(_) => Err(PairError::Broken("it took too long".to_owned())),
    }
}

async fn exchange(
    identity: &Identity,
    asked: &PairRequest<'_>,
    clock: Arc<dyn Clock>,
) -> Result<Pairing, PairError> {
    let token = asked.token.trim().to_ascii_uppercase();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    if token.is_empty() || token.len() > TOKEN || !token.chars().all(plain) {
        return Err(PairError::Token);
    }
    let url = endpoint(asked.studio)?;
    let body = request(identity, asked, &token, &*clock)?;
    let checks = Checks {
        roots: asked.ca_pem.map_or(Roots::System, Roots::These),
        pins: Pins::Any,
        device: None,
        floor: Duration::ZERO,
    };
    let tls = tls::client(&checks, Arc::clone(&clock))?;
    let stream = channel::connect(&url, tls, asked.proxy).await?;
    let (status, answer) = post(&url, stream, body).await?;
    if status != StatusCode::CREATED && status != StatusCode::OK {
        return Err(refused(status, &answer));
    }
    let value = protocol::parse(&answer).map_err(|error| PairError::Answer(error.to_string()))?;
    speaks(&value)?;
    let answer: Answer =
        protocol::shape(&value).map_err(|error| PairError::Answer(error.to_string()))?;
    paired(identity, answer, clock)
}

/// Where a Studio pairs devices.
fn endpoint(studio: &str) -> Result<Url, PairError> {
    let none = |_error| PairError::Address("that is no address");
    let base = Url::parse(studio.trim()).map_err(none)?;
    if base.scheme() != "https" || base.host_str().is_none() {
        return Err(PairError::Address("the address begins with https://"));
    }
    if !base.username().is_empty() || base.password().is_some() {
        return Err(PairError::Address(
            "the address holds no user name and no password",
        ));
    }
    base.join("/api/v1/devices/pair").map_err(none)
}

fn request(
    identity: &Identity,
    asked: &PairRequest<'_>,
    token: &str,
    clock: &dyn Clock,
) -> Result<Vec<u8>, PairError> {
    let key = identity.signing_key()?;
    let serial = identity.serial.as_str();
    let nonce = random_hex()?;
    let since = clock.wall().duration_since(SystemTime::UNIX_EPOCH);
    let since = u64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(0);
    let timestamp = Timestamp::from_millis(since);
    let proof = key.sign(proof_text(serial, token, &nonce, timestamp).as_bytes());
    let csr = identity.request(&identity.tls_key()?)?;
    let body = json!({
        "serial": serial, "pairing_token": token, "agent_version": env!("CARGO_PKG_VERSION"),
        "hardware": {"arch": std::env::consts::ARCH, "os": std::env::consts::OS},
        "signing_public_key": key.public().to_base64(), "csr_pem": csr,
        "capabilities": asked.capabilities, "schema_versions": SCHEMA_VERSIONS,
        "ocl_versions": OCL_VERSIONS, "nonce": nonce, "timestamp": timestamp,
        "proof": Base64::from(proof.to_vec()),
    });
    Ok(body.to_string().into_bytes())
}

async fn post(
    url: &Url,
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    body: Vec<u8>,
) -> Result<(StatusCode, Vec<u8>), PairError> {
    let broken = |error: &dyn std::fmt::Display| PairError::Broken(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    let driving = runtime::spawn(async move {
        // What goes wrong here is seen by whoever waits for the answer.
        let _seen = connection.await;
    });
    let request = Request::builder()
        .method(Method::POST)
        .uri(url.path())
        .header(
            HOST,
            &url[url::Position::BeforeHost..url::Position::AfterPort],
        )
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| broken(&error))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| broken(&error))?;
    let status = answer.status();
    let body = Limited::new(answer.into_body(), ANSWER).collect().await;
    let body = body.map_err(|error| broken(&error))?.to_bytes().to_vec();
    driving.abort();
    Ok((status, body))
}

fn refused(status: StatusCode, answer: &[u8]) -> PairError {
    let value: Value = protocol::parse(answer).unwrap_or(Value::Null);
    let text = |name: &str, or: &str| {
        let text = value["error"][name].as_str().unwrap_or(or);
        text.chars().filter(|c| !c.is_control()).take(200).collect()
    };
    PairError::Refused {
        status: status.as_u16(),
        code: text("code", "PAIR_REFUSED"),
        message: text("message", status.as_str()),
    }
}

/// Whether Studio speaks a version that the agent does. Looked at before the rest, which may have another
/// form in another version; a Studio that does not say is judged by its welcome.
fn speaks(answer: &Value) -> Result<(), PairError> {
    let Some(theirs) = answer.get("schema_versions").filter(|of| !of.is_null()) else {
        return Ok(());
    };
    let theirs: Vec<Semver> =
        protocol::shape(theirs).map_err(|error| PairError::Answer(error.to_string()))?;
    if negotiate(&theirs).is_some() {
        return Ok(());
    }
    let theirs: Vec<String> = theirs.iter().take(8).map(Semver::to_string).collect();
    Err(PairError::Versions(theirs.join(", ")))
}

/// Everything that the link will be built from is tried here, so that what cannot work is refused now and
/// not when the device is in the field.
fn paired(
    identity: &Identity,
    answer: Answer,
    clock: Arc<dyn Clock>,
) -> Result<Pairing, PairError> {
    let wrong = |text: &str| PairError::Answer(text.to_owned());
    if answer.root.tenant_id != answer.tenant_id {
        return Err(wrong("the root is another customer's"));
    }
    let pins = answer.spki_pins.len();
    if !(2..=8).contains(&pins) || answer.spki_pins.iter().any(|pin| pin.bytes().len() != 32) {
        return Err(wrong("there have to be two to eight pins of 32 bytes"));
    }
    if answer.client_cert_pem.len() > PEM || answer.ca_pem.len() > PEM {
        return Err(wrong("its certificates are too long"));
    }
    let short = |way: &Transport| way.url.len() <= ADDRESS && way.kind.len() <= 32;
    if answer.transports.len() > WAYS || !answer.transports.iter().all(short) {
        return Err(wrong("there are too many transports, or one is too long"));
    }
    let pairing = Pairing {
        id: random_id()?,
        device_id: answer.device_id,
        tenant_id: answer.tenant_id,
        root: answer.root,
        keyset: answer.keyset.to_string(),
        client_cert_pem: answer.client_cert_pem,
        ca_pem: answer.ca_pem,
        spki_pins: answer.spki_pins,
        transports: answer.transports,
        paired_at: answer.server_time,
    };
    let _believed = pairing.trust()?;
    let ways = pairing.ways();
    if ways.is_empty() {
        return Err(wrong("there is no transport that this agent knows"));
    }
    if ways.iter().any(|way| way.address().is_none()) {
        return Err(wrong("a transport has no address of its kind"));
    }
    let unusable = |error: TlsError| PairError::Answer(error.to_string());
    let floor = Duration::from_millis(pairing.paired_at.millis());
    tls::check_shown(&pairing.client_cert_pem, &pairing.ca_pem, floor).map_err(unusable)?;
    let checks = Checks {
        roots: Roots::These(&pairing.ca_pem),
        pins: Pins::These(&pairing.spki_pins),
        device: Some((&pairing.client_cert_pem, identity.tls_key_pem())),
        floor,
    };
    let _usable = tls::client(&checks, clock).map_err(unusable)?;
    Ok(pairing)
}

#[cfg(test)]
mod tests;
