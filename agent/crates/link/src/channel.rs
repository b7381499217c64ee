//! One WebSocket: TCP, TLS, and the upgrade. Gives a stream of messages or a reason.

use crate::proxy::{self, Proxy};
use protocol::{Code, HasCode, SIZE_LIMIT};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::error::Error as WsError;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use url::Url;

/// The subprotocol that both sides have to name.
const SUBPROTOCOL: &str = "vistter.v1";

/// TCP, TLS and the upgrade have to be done in this time together.
pub(crate) const OPEN_LIMIT: Duration = Duration::from_secs(10);

/// Most bytes that wait to be written.
const WRITE_BUFFER: usize = 4 * SIZE_LIMIT;

/// The port of `wss` and `https`.
pub(crate) const PORT: u16 = 443;

/// An open WebSocket.
pub(crate) type Socket = WebSocketStream<TlsStream<TcpStream>>;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The address is none that can be connected to.
    #[error("{0:?} is no address that begins with wss://, mqtts:// or https://")]
    Address(String),
    /// Nobody answers there.
    #[error("nobody answers at {address}")]
    Tcp {
        /// Where.
        address: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The proxy does not connect.
    #[error("the proxy {proxy} does not connect")]
    Proxy {
        /// Which.
        proxy: String,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server is not the one that was pinned, or does not take the device's certificate.
    #[error("no trusted connection to {address}: {source}")]
    Tls {
        /// Where.
        address: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The server refused the device.
    #[error("Studio refused the device with HTTP status {0}")]
    Refused(u16),
    /// The upgrade did not work.
    #[error("{address} is no WebSocket that speaks vistter.v1")]
    Upgrade {
        /// Where.
        address: String,
        /// Why not.
        #[source]
        source: Box<WsError>,
    },
    /// The broker refused the device.
    #[error("the broker refused the device: {0}")]
    Denied(String),
    /// What answers is no broker, or none that the device can speak to now.
    #[error("{address} is no broker that takes the device")]
    Broker {
        /// Where.
        address: String,
        /// Why not.
        #[source]
        source: Box<rumqttc::ConnectionError>,
    },
    /// It took too long.
    #[error("{0} did not answer in time")]
    Timeout(String),
}

impl ConnectError {
    /// Whether Studio knows the device and does not want it.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Refused(401 | 403) | Self::Denied(_))
    }

    /// Whether nobody was there.
    pub(crate) const fn is_silence(&self) -> bool {
        matches!(
            self,
            Self::Tcp { .. } | Self::Proxy { .. } | Self::Timeout(_)
        )
    }
}

impl HasCode for ConnectError {
    fn code(&self) -> Code {
        match self {
            Self::Address(_) => Code::SchemaInvalid,
            // Whoever ends the connection in the midst of the greeting has shown nothing to be judged.
            Self::Tls { source, .. } if broke(source) => Code::StudioUnreachable,
            Self::Tls { .. } => Code::StudioUntrusted,
            Self::Tcp { .. }
            | Self::Proxy { .. }
            | Self::Timeout(_)
            | Self::Refused(_)
            | Self::Upgrade { .. }
            | Self::Denied(_)
            | Self::Broker { .. } => Code::StudioUnreachable,
        }
    }
}

/// Whether a connection broke off, as by a firewall that goes by the name that is asked for.
fn broke(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
    )
}

/// A TLS connection to where a URL points, with the host's name checked.
pub(crate) async fn connect(
    url: &Url,
    tls: Arc<ClientConfig>,
    proxy: Option<&Proxy>,
) -> Result<TlsStream<TcpStream>, ConnectError> {
    let wrong = || ConnectError::Address(url.to_string());
    let host = url.host_str().ok_or_else(wrong)?;
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let port = url.port().unwrap_or(PORT);
    let address = format!("{host}:{port}");
    let name = ServerName::try_from(bare.to_owned()).map_err(|_error| wrong())?;
    let tcp = proxy::tcp(proxy, (bare, port), &address).await?;
    // Small messages should not wait for each other; a system that cannot do it is only slower.
    let _slower = tcp.set_nodelay(true);
    TlsConnector::from(tls)
        .connect(name, tcp)
        .await
        .map_err(|source| ConnectError::Tls { address, source })
}

/// An open WebSocket to `url`.
pub(crate) async fn open(
    url: &Url,
    tls: Arc<ClientConfig>,
    bearer: &str,
    proxy: Option<&Proxy>,
) -> Result<Socket, ConnectError> {
    let opening = tokio::time::timeout(OPEN_LIMIT, upgrade(url, tls, bearer, proxy));
    opening
        .await
        .unwrap_or_else(|_| Err(ConnectError::Timeout(place(url, PORT))))
}

/// Host and port, for messages; `default` is the port where the address names none.
pub(crate) fn place(url: &Url, default: u16) -> String {
    format!(
        "{}://{}:{}",
        url.scheme(),
        url.host_str().unwrap_or("?"),
        url.port().unwrap_or(default)
    )
}

async fn upgrade(
    url: &Url,
    tls: Arc<ClientConfig>,
    bearer: &str,
    proxy: Option<&Proxy>,
) -> Result<Socket, ConnectError> {
    let wrong = || ConnectError::Address(url.to_string());
    if url.scheme() != "wss" {
        return Err(wrong());
    }
    let mut request = url
        .as_str()
        .into_client_request()
        .map_err(|_error| wrong())?;
    let bearer = HeaderValue::try_from(format!("Bearer {bearer}")).map_err(|_error| wrong())?;
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer);
    headers.insert(
        SEC_WEBSOCKET_PROTOCOL,
        HeaderValue::from_static(SUBPROTOCOL),
    );
    let stream = connect(url, tls, proxy).await?;
    let limits = WebSocketConfig::default()
        .max_message_size(Some(SIZE_LIMIT))
        .max_frame_size(Some(SIZE_LIMIT))
        .max_write_buffer_size(WRITE_BUFFER);
    match tokio_tungstenite::client_async_with_config(request, stream, Some(limits)).await {
        Ok((socket, _)) => Ok(socket),
        Err(WsError::Http(answer)) => Err(ConnectError::Refused(answer.status().as_u16())),
        Err(source) => Err(ConnectError::Upgrade {
            address: place(url, PORT),
            source: Box::new(source),
        }),
    }
}
