//! One delivery: looked up, checked, connected, signed, sent. Within ten seconds, or not at all.

use super::target::{OwnPorts, Reach, Target, TargetError};
use crate::alerts::Alert;
use data_encoding::HEXLOWER;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper_util::rt::TokioIo;
use model::Secret;
use protocol::{Code, HasCode};
use ring::hmac;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use serde::Serialize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// How long a delivery may take, from the look-up to the answer's first line.
const LIMIT: Duration = Duration::from_secs(10);
/// How long one connection may take.
const CONNECT: Duration = Duration::from_secs(4);
/// Most addresses of one name that are tried.
const ADDRESSES: usize = 4;
/// Most of an answer's head that is read.
const HEAD_LIMIT: usize = 16 * 1024;

/// What is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in crate::alerts) enum Event {
    Raised,
    Cleared,
    Test,
}

impl Event {
    pub(in crate::alerts) const fn as_str(self) -> &'static str {
        match self {
            Self::Raised => "alert.raised",
            Self::Cleared => "alert.cleared",
            Self::Test => "test",
        }
    }
}

/// One thing to be told.
#[derive(Debug, Clone)]
pub(in crate::alerts) struct Delivery {
    /// The same at every attempt, so that a receiver can tell a repetition.
    pub(in crate::alerts) id: String,
    pub(in crate::alerts) event: Event,
    /// None for a test.
    pub(in crate::alerts) alert: Option<Alert>,
}

#[derive(Serialize)]
struct Body<'a> {
    id: &'a str,
    event: &'static str,
    sent_at: String,
    agent: Agent,
    alert: Option<&'a Alert>,
}

#[derive(Serialize)]
struct Agent {
    version: &'static str,
}

/// Why a delivery failed.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The name has no address.
    #[error("the webhook's host name has no address")]
    Lookup,
    /// It leads where it may not.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// Nobody answers there.
    #[error("the webhook's server does not answer")]
    Connect(#[source] std::io::Error),
    /// The secure connection could not be made.
    #[error("the secure connection to the webhook's server could not be made")]
    Tls(#[source] std::io::Error),
    /// It is not HTTP that comes back.
    #[error("the webhook's server broke off")]
    Broken(#[source] hyper::Error),
    /// Something in the request cannot be sent.
    #[error("the request cannot be made")]
    Request(#[source] hyper::http::Error),
    /// Too slow.
    #[error("the webhook's server took longer than {} seconds", LIMIT.as_secs())]
    Slow,
    /// It was refused, or redirected.
    #[error("the webhook's server answered {0}")]
    Status(u16),
    /// No trusted certificates on this machine.
    #[error(
        "this machine has no certificates to know the webhook's server by; install ca-certificates"
    )]
    NoRoots,
}

impl HasCode for DeliveryError {
    fn code(&self) -> Code {
        match self {
            Self::Target(error) => error.code(),
            Self::Lookup
            | Self::Connect(_)
            | Self::Tls(_)
            | Self::Broken(_)
            | Self::Request(_)
            | Self::Slow
            | Self::Status(_)
            | Self::NoRoots => Code::WebhookFailed,
        }
    }
}

/// The signature of a body: HMAC-SHA-256 of `<timestamp>.<body>`, in hexadecimal.
pub(super) fn signature(secret: &Secret, timestamp: u64, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(format!("{timestamp}.").as_bytes());
    context.update(body);
    HEXLOWER.encode(context.sign().as_ref())
}

/// Sends. Cheap to clone.
#[derive(Debug, Clone)]
pub(in crate::alerts) struct Sender {
    reach: Reach,
    own: OwnPorts,
    limit: Duration,
    tls: Arc<OnceLock<Option<Arc<ClientConfig>>>>,
}

impl Sender {
    pub(in crate::alerts) fn new(reach: Reach, own: OwnPorts) -> Self {
        Self {
            reach,
            own,
            limit: LIMIT,
            tls: Arc::default(),
        }
    }

    /// With certificates of the caller's choice.
    #[cfg(test)]
    pub(super) fn trusting(roots: RootCertStore) -> Self {
        let sender = Self::new(Reach::default(), OwnPorts::default());
        let _ = sender.tls.set(client(roots));
        sender
    }

    /// With less patience.
    #[cfg(test)]
    pub(super) fn hasty(limit: Duration) -> Self {
        Self {
            limit,
            ..Self::new(Reach::default(), OwnPorts::default())
        }
    }

    /// Reads an address by this sender's rules.
    pub(in crate::alerts) fn target(&self, url: &Secret) -> Result<Target, TargetError> {
        Target::read(url, self.reach, &self.own)
    }

    /// Tells a server one thing. `now` is the time of day.
    pub(in crate::alerts) async fn send(
        &self,
        target: &Target,
        secret: &Secret,
        delivery: &Delivery,
        now: SystemTime,
    ) -> Result<u16, DeliveryError> {
        let attempt = self.attempt(target, secret, delivery, now);
        let status = tokio::time::timeout(self.limit, attempt)
            .await
            .map_err(|_| DeliveryError::Slow)??;
        if (200..300).contains(&status) {
            Ok(status)
        } else {
            Err(DeliveryError::Status(status))
        }
    }

    async fn attempt(
        &self,
        target: &Target,
        secret: &Secret,
        delivery: &Delivery,
        now: SystemTime,
    ) -> Result<u16, DeliveryError> {
        let body = Body {
            id: &delivery.id,
            event: delivery.event.as_str(),
            sent_at: crate::time::rfc3339(now),
            agent: Agent {
                version: env!("CARGO_PKG_VERSION"),
            },
            alert: delivery.alert.as_ref(),
        };
        // Texts and numbers always have a JSON form.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let timestamp = now
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        let request = hyper::Request::post(&target.path)
            .header(HOST, &target.authority)
            .header(CONTENT_TYPE, "application/json")
            .header(
                USER_AGENT,
                concat!("vistter-agent/", env!("CARGO_PKG_VERSION")),
            )
            .header("x-vistter-event", delivery.event.as_str())
            .header("x-vistter-delivery", &delivery.id)
            .header("x-vistter-timestamp", timestamp)
            .header(
                "x-vistter-signature",
                format!("v1={}", signature(secret, timestamp, &body)),
            )
            .body(Full::new(Bytes::from(body)))
            .map_err(DeliveryError::Request)?;
        let stream = self.connect(target).await?;
        if !target.https {
            return exchange(stream, request).await;
        }
        let name = ServerName::try_from(target.host.clone())
            .map_err(|_| DeliveryError::Target(TargetError::Malformed))?;
        let connector = TlsConnector::from(self.tls().await.ok_or(DeliveryError::NoRoots)?);
        let stream = connector
            .connect(name, stream)
            .await
            .map_err(DeliveryError::Tls)?;
        exchange(stream, request).await
    }

    /// Connects to the first address that may be used and answers.
    async fn connect(&self, target: &Target) -> Result<TcpStream, DeliveryError> {
        let host = (target.host.as_str(), target.port);
        let found = tokio::net::lookup_host(host)
            .await
            .map_err(|_| DeliveryError::Lookup)?;
        let mut last = DeliveryError::Lookup;
        for address in found.take(ADDRESSES) {
            if let Err(error) = target.permit(address.ip(), self.reach, &self.own) {
                last = error.into();
                continue;
            }
            match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = DeliveryError::Connect(error),
                Err(_) => last = DeliveryError::Slow,
            }
        }
        Err(last)
    }

    /// The certificates that this machine trusts, read once.
    async fn tls(&self) -> Option<Arc<ClientConfig>> {
        if let Some(known) = self.tls.get() {
            return known.clone();
        }
        let cell = Arc::clone(&self.tls);
        let read = tokio::task::spawn_blocking(move || {
            let read = || {
                let mut roots = RootCertStore::empty();
                let found = rustls_native_certs::load_native_certs();
                let (_taken, _left) = roots.add_parsable_certificates(found.certs);
                client(roots)
            };
            cell.get_or_init(read).clone()
        });
        read.await.ok().flatten()
    }
}

fn client(roots: RootCertStore) -> Option<Arc<ClientConfig>> {
    if roots.is_empty() {
        return None;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let versions = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .ok()?;
    let config = versions.with_root_certificates(roots).with_no_client_auth();
    Some(Arc::new(config))
}

/// Sends the request and reads the answer's head. What follows it is not read.
async fn exchange<S>(stream: S, request: hyper::Request<Full<Bytes>>) -> Result<u16, DeliveryError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(HEAD_LIMIT)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(DeliveryError::Broken)?;
    // Ends when it is dropped, and the connection with it.
    let _connection = runtime::spawn(connection);
    let answer = sender
        .send_request(request)
        .await
        .map_err(DeliveryError::Broken)?;
    Ok(answer.status().as_u16())
}
