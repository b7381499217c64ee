//! Studio at its broker, and others who are there.
//!
//! Studio's connection comes back by itself. What it had to say and could not is said again after the next
//! hello of the device, so nothing is kept here.

use crate::broker::STUDIO;
use crate::desk::{Out, Shared};
use crate::server::hear;
use protocol::{Carried, Envelope, Kind};
use rumqttc::{
    AsyncClient, Event, EventLoop, MqttOptions, NetworkOptions, Packet, Publish, QoS,
    SubscribeFilter, TlsConfiguration, Transport,
};
use rustls::ClientConfig;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Larger than any message that a device takes, so that it can be seen to refuse one.
const PACKET: usize = 1024 * 1024;

/// Requests that may wait for the event loop.
pub(crate) const REQUESTS: usize = 4096;

/// Topics of devices that Studio hears.
const HEARD: [&str; 6] = ["hello", "ack", "progress", "event", "metrics", "state"];

/// The root of a device's topics.
pub(crate) fn root(shared: &Shared, device: &str) -> String {
    format!("vistter/v1/{}/{device}", shared.keys.tenant.as_str())
}

pub(crate) fn options(name: &str, port: u16, tls: Arc<ClientConfig>) -> MqttOptions {
    let mut options = MqttOptions::new(name, "localhost", port);
    options
        .set_transport(Transport::tls_with_config(TlsConfiguration::Rustls(tls)))
        .set_max_packet_size(PACKET, PACKET)
        .set_keep_alive(Duration::from_secs(5));
    options
}

/// Studio's connection to its broker.
#[derive(Clone)]
pub(crate) struct Client {
    shared: Arc<Shared>,
    client: AsyncClient,
}

/// Connects Studio to its broker, and again whenever it has to.
pub(crate) fn connect(runtime: &Runtime, shared: &Arc<Shared>, port: u16) -> Client {
    let tls = shared.authority.client(Some(STUDIO));
    let (client, mut events) = AsyncClient::new(options(STUDIO, port, tls), REQUESTS);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    events.set_network_options(network);
    let client = Client {
        shared: Arc::clone(shared),
        client,
    };
    runtime.spawn(listen(client.clone(), events));
    client
}

impl Client {
    /// Puts an envelope where it belongs: a welcome is of this connection, all else may wait.
    pub(crate) fn post(&self, device: &str, envelope: Vec<u8>) {
        let kind = Envelope::read(&envelope)
            .ok()
            .and_then(|envelope| Kind::from_payload_type(envelope.payload_type()));
        // What is no envelope goes where commands do.
        let carried = Carried::of(kind.unwrap_or(Kind::Command)).unwrap();
        let qos = if carried.kept {
            QoS::AtLeastOnce
        } else {
            QoS::AtMostOnce
        };
        let topic = format!("{}/{}", root(&self.shared, device), carried.topic);
        // Where there is no room the command is said again after the next hello.
        let _later = self.client.try_publish(topic, qos, false, envelope);
    }

    /// A device's way from Studio, as the WebSocket server has one for each connection.
    fn way_to(&self, device: &str) -> mpsc::UnboundedSender<Out> {
        let (out, mut outgoing) = mpsc::unbounded_channel();
        let (client, device) = (self.clone(), device.to_owned());
        tokio::spawn(async move {
            while let Some(what) = outgoing.recv().await {
                if let Out::Message(envelope) = what {
                    client.post(&device, envelope);
                }
            }
        });
        out
    }
}

async fn listen(client: Client, mut events: EventLoop) {
    let shared = Arc::clone(&client.shared);
    let mut ways: BTreeMap<String, mpsc::UnboundedSender<Out>> = BTreeMap::new();
    loop {
        match events.poll().await {
            Ok(Event::Incoming(Packet::ConnAck(_))) => {
                let filters = HEARD.map(|topic| {
                    let topic = format!("{}/{topic}", root(&shared, "+"));
                    SubscribeFilter::new(topic, QoS::AtLeastOnce)
                });
                // The queue was emptied by what the connection before it left.
                let _room = client.client.try_subscribe_many(filters);
            }
            Ok(Event::Incoming(Packet::SubAck(_))) => {
                shared.note(|state| state.at_broker = true);
            }
            Ok(Event::Incoming(Packet::Publish(message))) => {
                let Some((device, topic)) = whose(&message) else {
                    continue;
                };
                if topic == "state" {
                    left(&shared, &device, &message.payload);
                    continue;
                }
                let out = ways
                    .entry(device.clone())
                    .or_insert_with(|| client.way_to(&device));
                hear(&shared, &device, &message.payload, out, true);
            }
            Ok(_) => {}
            Err(_) => {
                shared.note(|state| {
                    state.at_broker = false;
                    for device in state.devices.values_mut() {
                        if device
                            .session
                            .as_ref()
                            .is_some_and(|session| session.by_broker)
                        {
                            device.session = None;
                        }
                    }
                });
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// The device and the last part of the topic.
fn whose(message: &Publish) -> Option<(String, String)> {
    let mut parts = message.topic.rsplit('/');
    let (topic, device) = (parts.next()?, parts.next()?);
    Some((device.to_owned(), topic.to_owned()))
}

/// Believes the broker when it says that a device is gone: nothing but showing it depends on it.
fn left(shared: &Shared, device: &str, state: &[u8]) {
    let said: Value = serde_json::from_slice(state).unwrap_or_default();
    if said["online"] == false {
        shared.note(|state| {
            if let Some(device) = state.devices.get_mut(device)
                && device
                    .session
                    .as_ref()
                    .is_some_and(|session| session.by_broker)
            {
                device.session = None;
            }
        });
    }
}

#[derive(Default)]
struct Overheard {
    connected: bool,
    failure: Option<String>,
    heard: Vec<(String, Vec<u8>)>,
}

/// Somebody at the broker who tries what they may not. Ends when it is dropped.
pub struct Intruder {
    client: AsyncClient,
    seen: Arc<(Mutex<Overheard>, Condvar)>,
    _runtime: Runtime,
}

impl Intruder {
    pub(crate) fn start(tls: Arc<ClientConfig>, port: u16, client_id: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (client, mut events) = AsyncClient::new(options(client_id, port, tls), REQUESTS);
        let seen = Arc::new((Mutex::new(Overheard::default()), Condvar::new()));
        let shown = Arc::clone(&seen);
        runtime.spawn(async move {
            loop {
                let event = events.poll().await;
                let (seen, changed) = &*shown;
                let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
                match event {
                    Ok(Event::Incoming(Packet::ConnAck(_))) => seen.connected = true,
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        seen.heard.push((message.topic, message.payload.to_vec()));
                    }
                    Ok(_) => {}
                    Err(error) => seen.failure = Some(error.to_string()),
                }
                let over = seen.failure.is_some();
                drop(seen);
                changed.notify_all();
                if over {
                    return;
                }
            }
        });
        Self {
            client,
            seen,
            _runtime: runtime,
        }
    }

    /// Whether the broker took it, once that is known.
    ///
    /// # Panics
    /// When the broker says neither yes nor no.
    #[must_use]
    pub fn is_let_in(&self, limit: Duration) -> bool {
        let known = self.wait(limit, |seen| seen.connected || seen.failure.is_some());
        assert!(known, "the broker says nothing");
        self.read(|seen| seen.failure.is_none())
    }

    /// Says something under a topic.
    ///
    /// # Panics
    /// When too much is asked of it.
    pub fn publish(&self, topic: &str, bytes: &[u8]) {
        let sent = self
            .client
            .try_publish(topic, QoS::AtLeastOnce, false, bytes);
        sent.unwrap();
    }

    /// Asks for what is said under a topic.
    ///
    /// # Panics
    /// When too much is asked of it.
    pub fn subscribe(&self, topic: &str) {
        self.client.try_subscribe(topic, QoS::AtLeastOnce).unwrap();
    }

    /// Waits until it hears something under this topic, and gives all that it heard until then.
    #[must_use]
    pub fn heard_until(&self, topic: &str, limit: Duration) -> Vec<(String, Vec<u8>)> {
        let under = |(heard, _): &(String, Vec<u8>)| heard == topic;
        self.wait(limit, |seen| seen.heard.iter().any(under));
        self.read(|seen| seen.heard.clone())
    }

    fn read<T>(&self, look: impl FnOnce(&Overheard) -> T) -> T {
        look(&self.seen.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn wait(&self, limit: Duration, done: impl Fn(&Overheard) -> bool) -> bool {
        let until = Instant::now() + limit;
        let (seen, changed) = &*self.seen;
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if done(&seen) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = changed.wait_timeout(seen, left);
            seen = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
