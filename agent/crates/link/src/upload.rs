//! A document sent to where Studio wants it: one HTTPS request, and no second place.
//!
//! Owns the rules of the address, the limits of time and the reading of the answer. The address may be
//! signed (its query lets whoever has it write there), so no message and no log names more of it than
//! host and port.

mod paced;

use crate::channel::{self, ConnectError, OPEN_LIMIT, PORT};
use crate::connection::Face;
use crate::proxy::Proxy;
use crate::session::floor;
use crate::tls::{self, Checks, Pins, Roots, TlsError};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HOST, USER_AGENT};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use paced::Paced;
use protocol::{Code, HasCode, Problem};
use runtime::Clock;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use url::{Position, Url};

/// The whole exchange has to be done in this time.
const LIMIT: Duration = Duration::from_secs(60);

/// Most of an answer's head that is read; its body is not.
const HEAD: usize = 16 * 1024;

/// Where a document may be sent: `https://host[:port]/…`, without a user name.
pub struct UploadTarget {
    url: Url,
}

impl UploadTarget {
    /// Reads an address.
    ///
    /// # Errors
    /// [`UploadError::Address`].
    pub fn parse(text: &str) -> Result<Self, UploadError> {
        let url = Url::parse(text).map_err(|_error| UploadError::Address("that is no address"))?;
        if url.scheme() != "https" {
            return Err(UploadError::Address(
                "a bundle is sent to an address that begins with https://, and to no other",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UploadError::Address(
                "the address holds no user name and no password",
            ));
        }
        let host = url.host_str().unwrap_or_default();
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if ServerName::try_from(bare).is_err() {
            return Err(UploadError::Address("the address names no host"));
        }
        Ok(Self { url })
    }

    /// Host and port, for messages and the log.
    #[must_use]
    pub fn place(&self) -> String {
        channel::place(&self.url, PORT)
    }
}

/// Why a document was not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    /// It may not be sent there.
    #[error("{0}")]
    Address(&'static str),
    /// There is no trusted connection.
    #[error(transparent)]
    Connect(ConnectError),
    /// Certificates cannot be checked.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The exchange broke off.
    #[error("the upload to {place} broke off: {why}")]
    Broken {
        /// Where.
        place: String,
        /// Why.
        why: String,
    },
    /// It took too long.
    #[error("{0} did not take the upload within {limit} seconds", limit = LIMIT.as_secs())]
    Slow(String),
    /// The server did not want it, or said that it should go elsewhere.
    #[error("{place} answered the upload with HTTP status {status}")]
    Status {
        /// Where.
        place: String,
        /// With what.
        status: u16,
    },
}

impl From<ConnectError> for UploadError {
    fn from(error: ConnectError) -> Self {
        match error {
            // It would name the whole address.
            ConnectError::Address(_) => Self::Address("the address names no host"),
            error => Self::Connect(error),
        }
    }
}

impl HasCode for UploadError {
    fn code(&self) -> Code {
        match self {
            Self::Address(_) => Code::SchemaInvalid,
            Self::Connect(error) => error.code(),
            Self::Tls(_) => Code::StudioUntrusted,
            Self::Broken { .. } => Code::StudioUnreachable,
            Self::Slow(_) => Code::Timeout,
            Self::Status { .. } => Code::StudioRefused,
        }
    }

    fn field(&self) -> Option<String> {
        matches!(self.code(), Code::SchemaInvalid).then(|| "/upload_url".to_owned())
    }

    fn remediation(&self) -> Cow<'static, str> {
        let text = match self {
            Self::Address(_) => "Give an https address without a user name.",
            Self::Connect(ConnectError::Proxy { .. }) => {
                "Check link.proxy: the proxy's address, user and password, and that it lets this device out to the upload's server."
            }
            Self::Tls(_) | Self::Connect(ConnectError::Tls { .. })
                if self.code() == Code::StudioUntrusted =>
            {
                "Give the upload's server a certificate of a public authority or of the one that came with pairing, and check the date of this device."
            }
            Self::Status { status, .. } => match status {
                300..=399 => {
                    "Give the address that this one leads to: a redirection is not followed."
                }
                500.. | 408 | 429 => {
                    "Try again later; if it stays so, look at the upload's server."
                }
                _ => "Check that the address takes a PUT and is still valid, then send a new one.",
            },
            Self::Connect(_) | Self::Tls(_) | Self::Broken { .. } | Self::Slow(_) => {
                self.code().remediation()
            }
        };
        Cow::Borrowed(text)
    }

    fn problem(&self) -> Problem {
        let code = self.code();
        // A server that refuses goes on refusing; one in trouble may come out of it.
        let retryable = match self {
            Self::Status { status, .. } => matches!(status, 500..|408| 429),
            _ => code.retryable(),
        };
        let mut problem = code.with_message(self.to_string());
        problem.field = self.field();
        problem.retryable = retryable;
        problem.remediation = self.remediation();
        problem
    }
}

/// Puts a JSON document where Studio wants it, once: through the proxy where there is one, to a server
/// whose chain leads to an authority of the system or of the pairing. A redirection is not followed.
/// Dropping it ends the connection; a document that was cut short so has no end that a server would take.
///
/// # Errors
/// [`UploadError`].
pub async fn upload(
    target: &UploadTarget,
    document: Bytes,
    face: Arc<Face>,
    proxy: Option<&Proxy>,
    clock: Arc<dyn Clock>,
) -> Result<(), UploadError> {
    let sending = async {
        // The system's authorities are read from the disk.
        let tls = tokio::task::spawn_blocking(move || settings(&face, clock));
        let tls = tls.await.unwrap_or(Err(TlsError::Verifier))?;
        put(target, document, tls, proxy).await
    };
    let sent = timeout(LIMIT, sending).await;
    sent.unwrap_or_else(|_| Err(UploadError::Slow(target.place())))
}

/// How TLS is spoken to a server of uploads. The device shows no certificate: the address says what may
/// be written there.
fn settings(face: &Face, clock: Arc<dyn Clock>) -> Result<Arc<ClientConfig>, TlsError> {
    let checks = Checks {
        roots: Roots::AlsoThese(&face.pairing.ca_pem),
        pins: Pins::Any,
        device: None,
        floor: floor(&face.pairing),
    };
    tls::client(&checks, clock)
}

async fn put(
    target: &UploadTarget,
    document: Bytes,
    tls: Arc<ClientConfig>,
    proxy: Option<&Proxy>,
) -> Result<(), UploadError> {
    let url = &target.url;
    let broken = |error: &dyn std::fmt::Display| UploadError::Broken {
        place: target.place(),
        why: error.to_string(),
    };
    let connected = timeout(OPEN_LIMIT, channel::connect(url, tls, proxy)).await;
    let stream = connected.unwrap_or_else(|_| Err(ConnectError::Timeout(target.place())))?;
    let request = Request::builder()
        .method(Method::PUT)
        .uri(&url[Position::BeforePath..Position::AfterQuery])
        .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
        .header(CONTENT_TYPE, "application/json")
        .header(
            USER_AGENT,
            concat!("vistter-agent/", env!("CARGO_PKG_VERSION")),
        )
        .body(Paced::new(document))
        .map_err(|error| broken(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_buf_size(HEAD)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|error| broken(&error))?;
    // Ends when it is dropped, and the connection with it.
    let _connection = runtime::spawn(connection);
    let answer = sender.send_request(request).await;
    let status = answer.map_err(|error| broken(&error))?.status();
    if status.is_success() {
        return Ok(());
    }
    Err(UploadError::Status {
        place: target.place(),
        status: StatusCode::as_u16(&status),
    })
}

#[cfg(test)]
mod tests;
