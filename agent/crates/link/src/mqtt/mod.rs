//! One connection over MQTT 3.1.1 and TLS: as far as the broker's word that it is open.
//!
//! The library's event loop is used for one connection and then dropped: it is a pipe. What must not be
//! lost is in the outbox, or is kept by the broker until it is settled. The session at the broker outlives
//! the connection, under the device's id. Neither envelopes nor commands are looked into here.

mod flow;
mod topics;

pub(crate) use flow::talk;

use crate::channel::{self, ConnectError, OPEN_LIMIT};
use crate::proxy::Proxy;
use crate::session::Purpose;
use protocol::{SIZE_LIMIT, Timestamp, Topics};
use rumqttc::{
    AsyncClient, ConnectReturnCode, ConnectionError, EventLoop, LastWill, MqttOptions,
    NetworkOptions, QoS, TlsConfiguration, TlsError, Transport,
};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// The broker takes the device for gone after one and a half of it.
const KEEP_ALIVE: Duration = Duration::from_secs(6);

/// Requests to the library that may wait. What is more waits in the driver's queue.
const REQUESTS: usize = 16;

/// A packet's topic and lengths, beside the envelope in it.
const PACKET_HEAD: usize = 1024;

/// The port where an address names none.
pub(crate) const PORT: u16 = 8883;

/// How the device comes to the broker.
pub(crate) struct Access<'a> {
    pub(crate) tls: Arc<ClientConfig>,
    pub(crate) proxy: Option<&'a Proxy>,
    pub(crate) device: &'a str,
    /// The session's claims.
    pub(crate) password: String,
    pub(crate) topics: Topics,
    /// When it does.
    pub(crate) now: Timestamp,
}

/// An open connection to a broker.
pub(crate) struct Broker {
    client: AsyncClient,
    events: EventLoop,
    topics: Topics,
    since: Timestamp,
}

/// Connects to the broker that `url` names. An earlier connection ends with that: there is one for a name.
pub(crate) async fn open(
    url: &Url,
    access: Access<'_>,
    purpose: Purpose,
) -> Result<Broker, ConnectError> {
    let mut options = access.options(url)?;
    if purpose == Purpose::Talk {
        let will = topics::state(false, access.now, "the connection was lost");
        let will = LastWill::new(&access.topics.state, will, QoS::AtLeastOnce, true);
        options.set_last_will(will);
    }
    let (client, events) = connected(options, url, access.proxy).await?;
    Ok(Broker {
        client,
        events,
        topics: access.topics,
        since: access.now,
    })
}

/// Has the broker that `url` names forget all that it keeps for the device: the session that a clean
/// connection begins ends with it.
pub(crate) async fn forget(url: &Url, access: &Access<'_>) -> Result<(), ConnectError> {
    let mut options = access.options(url)?;
    options.set_clean_session(true);
    let _dropped = connected(options, url, access.proxy).await?;
    Ok(())
}

impl Access<'_> {
    /// All that the library has another default for.
    fn options(&self, url: &Url) -> Result<MqttOptions, ConnectError> {
        let Some(host) = url.host_str().filter(|_| url.scheme() == "mqtts") else {
            return Err(ConnectError::Address(url.to_string()));
        };
        let tls = TlsConfiguration::Rustls(Arc::clone(&self.tls));
        let mut options = MqttOptions::new(self.device, host, url.port().unwrap_or(PORT));
        options
            .set_transport(Transport::tls_with_config(tls))
            .set_credentials(self.device, self.password.as_str())
            .set_clean_session(false)
            .set_keep_alive(KEEP_ALIVE)
            .set_manual_acks(true)
            .set_max_packet_size(SIZE_LIMIT + PACKET_HEAD, SIZE_LIMIT + PACKET_HEAD);
        if let Some(proxy) = self.proxy {
            options.set_proxy(proxy.for_mqtt());
        }
        Ok(options)
    }
}

async fn connected(
    options: MqttOptions,
    url: &Url,
    proxy: Option<&Proxy>,
) -> Result<(AsyncClient, EventLoop), ConnectError> {
    let (client, mut events) = AsyncClient::new(options, REQUESTS);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    network.set_connection_timeout(OPEN_LIMIT.as_secs());
    events.set_network_options(network);
    // The first thing that happens is the broker's answer.
    match events.poll().await {
        Ok(_answer) => Ok((client, events)),
        Err(ConnectionError::Proxy(source)) => Err(ConnectError::Proxy {
            proxy: proxy.map(Proxy::place).unwrap_or_default(),
            source: Box::new(source),
        }),
        Err(error) => Err(refusal(channel::place(url, PORT), error)),
    }
}

fn refusal(address: String, error: ConnectionError) -> ConnectError {
    match error {
        ConnectionError::NetworkTimeout | ConnectionError::FlushTimeout => {
            ConnectError::Timeout(address)
        }
        ConnectionError::Io(source) => ConnectError::Tcp { address, source },
        ConnectionError::Tls(TlsError::Io(source)) => ConnectError::Tls { address, source },
        ConnectionError::ConnectionRefused(
            code @ (ConnectReturnCode::NotAuthorized | ConnectReturnCode::BadUserNamePassword),
        ) => ConnectError::Denied(format!("{code:?}")),
        source => ConnectError::Broker {
            address,
            source: Box::new(source),
        },
    }
}
