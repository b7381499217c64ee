//! Studio's desk: what it knows of its devices, and everything that can be asked of it.

use crate::authority::{Authority, Shows};
use crate::broker::Broker;
use crate::keys::{Keys, at, uuid};
use crate::mqtt::{self, Client, Intruder};
use crate::raw::Raw;
use crate::server;
use bytes::Bytes;
use hyper::StatusCode;
use protocol::{Ack, ChainTail, DeviceId, Kind, PublicKey, SigningKey, seal};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::frame::{
        Frame,
        coding::{Data, OpCode},
    },
};

/// How long a pairing token can be used.
const TOKEN_LIFE_MS: u64 = 15 * 60 * 1000;

/// How long a command is valid.
const COMMAND_LIFE_MS: u64 = 60 * 60 * 1000;

/// The time, in milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    u64::try_from(since.unwrap().as_millis()).unwrap()
}

/// Something to do on a connection.
pub(crate) enum Out {
    Message(Vec<u8>),
    /// What only a WebSocket has.
    Raw(Message),
    Close,
}

/// A way by which devices reach Studio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Its own WebSocket server.
    Socket,
    /// The same on the first port, whose devices are told the second: what is there leads to it.
    SocketBehind(u16, u16),
    /// A broker of its own, on this port.
    Broker(u16),
    /// The same, whose devices are told the second port: what is there leads to the broker.
    BrokerBehind(u16, u16),
}

impl Way {
    /// What the wire calls it.
    #[must_use]
    pub const fn kind(self) -> &'static str {
        match self {
            Self::Socket | Self::SocketBehind(..) => "wss",
            Self::Broker(_) | Self::BrokerBehind(..) => "mqtt",
        }
    }

    /// The port that the broker listens on.
    const fn broker(self) -> Option<u16> {
        match self {
            Self::Socket | Self::SocketBehind(..) => None,
            Self::Broker(port) | Self::BrokerBehind(port, _) => Some(port),
        }
    }

    /// The port that the WebSocket server listens on, where it was chosen.
    const fn socket(self) -> Option<u16> {
        match self {
            Self::SocketBehind(port, _) => Some(port),
            Self::Socket | Self::Broker(_) | Self::BrokerBehind(..) => None,
        }
    }
}

/// An open connection of a device.
pub(crate) struct Session {
    /// Over the broker.
    pub(crate) by_broker: bool,
    pub(crate) out: mpsc::UnboundedSender<Out>,
    pub(crate) nonce: String,
    pub(crate) hello: Value,
}

/// A paired device.
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) serial: String,
    pub(crate) key: PublicKey,
    /// What it asked to be paired with, without the token.
    pub(crate) asked: Value,
    pub(crate) session: Option<Session>,
    pub(crate) tail: ChainTail,
    /// SHA-256 of the key of the certificate that it showed last, when it said hello.
    pub(crate) shown: Option<String>,
    /// Messages with a place in the chain that were received.
    pub(crate) kept: BTreeSet<String>,
    /// Commands that nothing was said about yet, with their ids, in order.
    pub(crate) unanswered: Vec<(String, Vec<u8>)>,
    /// The last numbers that were used: of the ordinary stream, and of emergency stops.
    seq: [u64; 2],
}

impl Device {
    pub(crate) fn new(id: DeviceId, serial: String, key: PublicKey, asked: Value) -> Self {
        Self {
            id,
            serial,
            key,
            asked,
            session: None,
            shown: None,
            tail: ChainTail::default(),
            kept: BTreeSet::new(),
            unanswered: Vec::new(),
            seq: [0, 0],
        }
    }
}

/// A message of a device, verified.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Which device.
    pub device: String,
    /// What it is.
    pub kind: Kind,
    /// What it belongs to.
    pub correlation_id: String,
    /// What it says.
    pub payload: Value,
    /// When it came, in milliseconds since 1970.
    pub at_ms: u64,
}

/// A command that was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its message id.
    pub id: String,
    /// Its correlation id.
    pub correlation_id: String,
    /// Its envelope.
    pub envelope: Vec<u8>,
}

pub(crate) struct State {
    /// Seconds between figures that devices are asked for.
    pub(crate) metrics_interval_s: u32,
    /// The serial that a token is for, and until when it can be used.
    pub(crate) tokens: BTreeMap<String, (Option<String>, u64)>,
    pub(crate) devices: BTreeMap<String, Device>,
    pub(crate) heard: Vec<Heard>,
    /// What devices said that they should not have.
    pub(crate) faults: Vec<String>,
    pub(crate) claims_seen: BTreeSet<String>,
    pub(crate) failed_handshakes: Vec<String>,
    /// WebSockets that a device closed in order.
    pub(crate) goodbyes: usize,
    /// Studio is connected to its broker, and hears what devices say.
    pub(crate) at_broker: bool,
    /// Connections are closed before a word is said.
    pub(crate) refuses: bool,
    /// Connections are taken, and nothing is said on them.
    pub(crate) holds: bool,
    /// How many were.
    pub(crate) held: usize,
    /// Keys of certificates that count for nothing any more.
    pub(crate) denied: BTreeSet<String>,
    /// For how long certificates of devices have been good, and are from now on; as good as for ever where
    /// nobody said.
    pub(crate) life: Option<(Duration, Duration)>,
    /// What the servers show.
    pub(crate) shows: Shows,
    /// Welcomes repeat a nonce that the device did not send.
    pub(crate) stale_welcomes: bool,
    /// What devices uploaded, by name.
    pub(crate) uploads: BTreeMap<String, Vec<u8>>,
    /// How many uploads were tried.
    pub(crate) upload_tries: usize,
    /// What every upload is answered, where it is not kept.
    pub(crate) upload_answer: Option<StatusCode>,
    /// Who gets what these say, as it comes.
    pub(crate) diverted: BTreeMap<String, std::sync::mpsc::Sender<Raw>>,
}

impl Default for State {
    fn default() -> Self {
        Self {
            metrics_interval_s: 30,
            tokens: BTreeMap::new(),
            devices: BTreeMap::new(),
            heard: Vec::new(),
            faults: Vec::new(),
            claims_seen: BTreeSet::new(),
            failed_handshakes: Vec::new(),
            goodbyes: 0,
            at_broker: false,
            refuses: false,
            holds: false,
            held: 0,
            denied: BTreeSet::new(),
            life: None,
            shows: Shows::Good,
            stale_welcomes: false,
            uploads: BTreeMap::new(),
            upload_tries: 0,
            upload_answer: None,
            diverted: BTreeMap::new(),
        }
    }
}

pub(crate) struct Shared {
    pub(crate) keys: Keys,
    pub(crate) authority: Authority,
    pub(crate) wss_port: u16,
    /// In the order in which devices are to try them.
    pub(crate) ways: Vec<Way>,
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state and tells those who wait.
    pub(crate) fn note(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
        self.changed.notify_all();
    }
}

/// A running Studio. Its ports close when it is dropped.
pub struct Studio {
    pub(crate) shared: Arc<Shared>,
    /// The broker and Studio's connection to it, where there is one.
    broker: Option<(Mutex<Broker>, Client)>,
    pairing_port: u16,
    folder: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Studio {
    /// A Studio on two free ports of loopback, with keys of its own, that devices reach by WebSocket.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[Way::Socket])
    }

    /// The same with other ways for devices, in the order in which they are to try them.
    ///
    /// # Panics
    /// When it cannot listen, or its broker does not come up.
    #[must_use]
    pub fn with(ways: &[Way]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        // They are listened on from here on, so nobody else can have them.
        let listen = |port| {
            let listener = TcpListener::bind(("127.0.0.1", port));
            runtime.block_on(listener).unwrap()
        };
        let chosen = ways.iter().find_map(|way| way.socket());
        let (pairing, devices) = (listen(0), listen(chosen.unwrap_or(0)));
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            keys: Keys::new(),
            authority: Authority::new(),
            wss_port: port(&devices),
            ways: ways.to_vec(),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(
            folder.path().join("authority.pem"),
            &shared.authority.ca_pem,
        )
        .unwrap();
        let pairing_port = port(&pairing);
        runtime.spawn(server::serve_pairing(pairing, Arc::clone(&shared)));
        runtime.spawn(server::serve_devices(devices, Arc::clone(&shared)));
        let broker = ways.iter().find_map(|way| way.broker());
        let broker = broker.map(|port| {
            let tenant = shared.keys.tenant.as_str();
            shared.authority.write_broker(folder.path(), Shows::Good);
            let broker = Broker::start(folder.path(), port, tenant);
            let client = mqtt::connect(&runtime, &shared, port);
            (Mutex::new(broker), client)
        });
        let studio = Self {
            shared,
            broker,
            pairing_port,
            folder,
            _runtime: runtime,
        };
        studio.wait_broker();
        studio
    }

    /// # Panics
    /// When Studio's connection to its broker does not come up.
    fn wait_broker(&self) {
        if let Some((broker, _)) = &self.broker {
            let up = self.wait(Duration::from_secs(20), |state| state.at_broker);
            let log = broker.lock().unwrap_or_else(PoisonError::into_inner).log();
            assert!(up, "the broker does not come up: {log}");
        }
    }

    fn broker(&self) -> MutexGuard<'_, Broker> {
        let (broker, _) = self.broker.as_ref().expect("this Studio has a broker");
        broker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Kills the broker at once. It forgets everything with that.
    pub fn kill_broker(&self) {
        self.broker().kill();
        self.wait(Duration::from_secs(20), |state| !state.at_broker);
    }

    /// Starts the broker again, where it was, with the key that the server is to show.
    pub fn start_broker(&self) {
        let shows = self.shared.state().shows;
        self.shared
            .authority
            .write_broker(self.folder.path(), shows);
        self.broker().start_again();
        self.wait_broker();
    }

    /// What the broker has printed.
    #[must_use]
    pub fn broker_log(&self) -> String {
        self.broker().log()
    }

    /// The root of a device's topics.
    #[must_use]
    pub fn topics(&self, device: &str) -> String {
        mqtt::root(&self.shared, device)
    }

    /// Puts bytes where a device's commands are at the broker, whether it is connected or not.
    pub fn post(&self, device: &str, envelope: &[u8]) {
        let (_, client) = self.broker.as_ref().expect("this Studio has a broker");
        client.post(device, envelope.to_vec());
    }

    /// Somebody at the broker with a certificate of this authority in a name of their own, or with none.
    #[must_use]
    pub fn intruder(&self, shown: Option<&str>, client_id: &str) -> Intruder {
        let port = self.broker().port();
        Intruder::start(self.shared.authority.client(shown), port, client_id)
    }

    /// The address that a device is paired at.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.pairing_port)
    }

    /// The file of the authority that signs the servers' certificates.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("authority.pem")
    }

    /// A token, for one serial or for any.
    #[must_use]
    pub fn token(&self, serial: Option<&str>) -> String {
        let mut bytes = [0; 5];
        SystemRandom::new().fill(&mut bytes).unwrap();
        let text = data_encoding::BASE32_NOPAD.encode(&bytes);
        let token = format!("{}-{}", &text[..4], &text[4..]);
        let until = now_ms() + TOKEN_LIFE_MS;
        let entry = (serial.map(str::to_owned), until);
        self.shared.state().tokens.insert(token.clone(), entry);
        token
    }

    /// Makes every token that is out too old.
    pub fn expire_tokens(&self) {
        for (_, until) in self.shared.state().tokens.values_mut() {
            *until = 0;
        }
    }

    /// The paired devices.
    #[must_use]
    pub fn devices(&self) -> Vec<String> {
        self.shared.state().devices.keys().cloned().collect()
    }

    /// Whether a device is connected.
    #[must_use]
    pub fn is_online(&self, device: &str) -> bool {
        let state = self.shared.state();
        let device = state.devices.get(device);
        device.is_some_and(|device| device.session.is_some())
    }

    /// How a device is connected, where it is.
    #[must_use]
    pub fn way(&self, device: &str) -> Option<&'static str> {
        way(&self.shared.state(), device)
    }

    /// Waits until a device is connected in this way.
    #[must_use]
    pub fn wait_way(&self, device: &str, kind: &str, limit: Duration) -> bool {
        self.wait(limit, |state| way(state, device) == Some(kind))
    }

    /// Waits until a device is not connected.
    #[must_use]
    pub fn wait_offline(&self, device: &str, limit: Duration) -> bool {
        self.wait(limit, |state| way(state, device).is_none())
    }

    /// The hello of a device's open connection.
    #[must_use]
    pub fn hello(&self, device: &str) -> Option<Value> {
        let state = self.shared.state();
        let session = state.devices.get(device)?.session.as_ref()?;
        Some(session.hello.clone())
    }

    /// What a device said of itself when it was paired.
    #[must_use]
    pub fn asked(&self, device: &str) -> Option<Value> {
        let state = self.shared.state();
        Some(state.devices.get(device)?.asked.clone())
    }

    /// The nonce of a device's open connection.
    #[must_use]
    pub fn nonce(&self, device: &str) -> Option<String> {
        let state = self.shared.state();
        let session = state.devices.get(device)?.session.as_ref()?;
        Some(session.nonce.clone())
    }

    /// A good command with the next number, to be changed before it is signed.
    ///
    /// # Panics
    /// When there is no such device.
    #[must_use]
    pub fn command(&self, device: &str, kind: &str, payload: &Value) -> Value {
        let lane = usize::from(kind == "EMERGENCY_STOP");
        let mut state = self.shared.state();
        let known = state.devices.get_mut(device).unwrap();
        known.seq[lane] += 1;
        json!({
            "message_id": uuid(), "correlation_id": uuid(), "timestamp": at(now_ms()),
            "schema_version": "1.0", "device_id": device, "tenant_id": self.shared.keys.tenant,
            "type": kind, "payload": payload, "expires_at": at(now_ms() + COMMAND_LIFE_MS),
            "epoch": 1, "seq": known.seq[lane],
        })
    }

    /// Signs a command with the command key.
    #[must_use]
    pub fn sign(&self, command: &Value) -> Vec<u8> {
        sign(command, &self.shared.keys.command)
    }

    /// Signs a command with a key that is in no keyset.
    #[must_use]
    pub fn sign_as_stranger(&self, command: &Value) -> Vec<u8> {
        sign(command, &self.shared.keys.stranger)
    }

    /// Signs a command with the key that signs welcomes.
    #[must_use]
    pub fn sign_by_session_key(&self, command: &Value) -> Vec<u8> {
        sign(command, &self.shared.keys.session)
    }

    /// A keyset of the root; with `revoke` the command key counts for nothing.
    #[must_use]
    pub fn keyset(&self, version: u64, revoke: bool) -> Vec<u8> {
        self.shared.keys.keyset(version, 1, revoke)
    }

    /// Puts bytes on a device's connection. False when there is none.
    pub fn deliver(&self, device: &str, envelope: &[u8]) -> bool {
        self.out(device, Out::Message(envelope.to_vec()))
    }

    /// Sends pings over a device's WebSocket, as many and as fast as it takes them.
    pub fn flood(&self, device: &str, pings: usize) {
        for _ in 0..pings {
            let _gone = self.out(device, Out::Raw(Message::Ping(Bytes::new())));
        }
    }

    /// Sends a message over a device's WebSocket in pieces of this many bytes, and its end only where
    /// there `ends`.
    pub fn deliver_in_pieces(&self, device: &str, message: &[u8], size: usize, ends: bool) {
        let pieces = message.chunks(size);
        let count = pieces.len();
        for (place, piece) in pieces.enumerate() {
            let kind = if place == 0 {
                Data::Text
            } else {
                Data::Continue
            };
            let last = ends && place + 1 == count;
            let frame = Frame::message(piece.to_vec(), OpCode::Data(kind), last);
            let _gone = self.out(device, Out::Raw(Message::Frame(frame)));
        }
    }

    /// Closes a device's WebSocket. False when there is none: a connection to the broker is not Studio's.
    pub fn cut(&self, device: &str) -> bool {
        self.way(device) == Some("wss") && self.out(device, Out::Close)
    }

    fn out(&self, device: &str, what: Out) -> bool {
        let state = self.shared.state();
        let session = state.devices.get(device);
        let session = session.and_then(|device| device.session.as_ref());
        session.is_some_and(|session| session.out.send(what).is_ok())
    }

    /// Signs and sends a command.
    pub fn send(&self, device: &str, kind: &str, payload: &Value) -> Sent {
        self.send_value(device, &self.command(device, kind, payload))
    }

    /// Signs and sends a command as it is. Until something is said about it, it is sent again after each
    /// hello.
    pub fn send_value(&self, device: &str, command: &Value) -> Sent {
        let text = |name: &str| command[name].as_str().unwrap_or("").to_owned();
        let envelope = self.sign(command);
        if let Some(device) = self.shared.state().devices.get_mut(device) {
            device
                .unanswered
                .push((text("message_id"), envelope.clone()));
        }
        self.deliver(device, &envelope);
        Sent {
            id: text("message_id"),
            correlation_id: text("correlation_id"),
            envelope,
        }
    }

    /// What was said about a command, in order.
    #[must_use]
    pub fn answers(&self, id: &str) -> Vec<Ack> {
        answers(&self.shared.state(), id)
    }

    /// Waits until a command is at its end, and gives all that was said about it.
    #[must_use]
    pub fn wait_end(&self, id: &str, limit: Duration) -> Vec<Ack> {
        let ended = |acks: &[Ack]| acks.iter().any(|ack| ack.status.is_final());
        self.wait_answers(id, limit, ended)
    }

    /// Waits until what was said about a command is enough, and gives it.
    #[must_use]
    pub fn wait_answers(
        &self,
        id: &str,
        limit: Duration,
        enough: impl Fn(&[Ack]) -> bool,
    ) -> Vec<Ack> {
        self.wait(limit, |state| enough(&answers(state, id)));
        self.answers(id)
    }

    /// Waits until a device is connected.
    #[must_use]
    pub fn wait_online(&self, device: &str, limit: Duration) -> bool {
        self.wait(limit, |state| {
            let device = state.devices.get(device);
            device.is_some_and(|device| device.session.is_some())
        })
    }

    pub(crate) fn wait(&self, limit: Duration, done: impl Fn(&State) -> bool) -> bool {
        let until = Instant::now() + limit;
        let mut state = self.shared.state();
        loop {
            if done(&state) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Asks for figures so often, from the next welcome on; 5 to 3600 s.
    pub fn ask_metrics_every(&self, seconds: u32) {
        self.shared.state().metrics_interval_s = seconds;
    }

    /// Waits for something that was heard from place `from` on, and gives it.
    #[must_use]
    pub fn wait_heard(
        &self,
        from: usize,
        limit: Duration,
        is_it: impl Fn(&Heard) -> bool,
    ) -> Option<Heard> {
        let find = |state: &State| {
            state
                .heard
                .iter()
                .skip(from)
                .find(|one| is_it(one))
                .cloned()
        };
        self.wait(limit, |state| find(state).is_some());
        find(&self.shared.state())
    }

    /// Everything that was heard from place `from` on.
    #[must_use]
    pub fn heard_from(&self, from: usize) -> Vec<Heard> {
        self.shared
            .state()
            .heard
            .iter()
            .skip(from)
            .cloned()
            .collect()
    }

    /// What devices said that they should not have: bad signatures, gaps in their chain.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        self.shared.state().faults.clone()
    }

    /// TLS handshakes that did not come to their end.
    #[must_use]
    pub fn failed_handshakes(&self) -> usize {
        self.shared.state().failed_handshakes.len()
    }

    /// WebSockets that a device closed in order.
    #[must_use]
    pub fn goodbyes(&self) -> usize {
        self.shared.state().goodbyes
    }

    /// Closes every new connection before a word is said, or does so no longer.
    pub fn refuse_connections(&self, refuse: bool) {
        self.shared.note(|state| state.refuses = refuse);
    }

    /// Takes every new connection and says nothing on it, or does so no longer.
    pub fn hold_connections(&self, hold: bool) {
        self.shared.note(|state| state.holds = hold);
    }

    /// Waits until a connection is held.
    #[must_use]
    pub fn wait_held(&self, limit: Duration) -> bool {
        self.wait(limit, |state| state.held > 0)
    }

    /// SHA-256 of the key of the certificate that a device showed by its WebSocket when it said hello last.
    #[must_use]
    pub fn shown(&self, device: &str) -> Option<String> {
        self.shared.state().devices.get(device)?.shown.clone()
    }

    /// From here on a certificate of this key counts for nothing by WebSocket.
    pub fn deny(&self, shown: &str) {
        let shown = shown.to_owned();
        self.shared.note(|state| {
            state.denied.insert(shown);
        });
    }

    /// A certificate for the key of a device's request, and the pins, as the second step of new
    /// credentials; `None` when it is no request.
    #[must_use]
    pub fn certified(&self, device: &str, csr_pem: &str) -> Option<Value> {
        let life = self.shared.state().life;
        let certificate = self.shared.authority.for_device(csr_pem, device, life)?;
        let pins = self.shared.authority.pins();
        Some(json!({ "step": "install", "client_cert_pem": certificate, "spki_pins": pins }))
    }

    /// From here on certificates of devices have been good for so long, and are for so long.
    pub fn certify_for(&self, before: Duration, after: Duration) {
        self.shared.note(|state| state.life = Some((before, after)));
    }

    /// Gives a device new credentials: asks for its request, and answers that with a certificate. Gives
    /// what was said last.
    #[must_use]
    pub fn rotate(&self, device: &str, limit: Duration) -> Option<Ack> {
        let first = self.send(device, "CREDENTIAL_REFRESH", &json!({ "step": "request" }));
        let asked = self.wait_end(&first.id, limit).pop()?;
        let request = asked
            .result
            .as_ref()
            .map(|result| result["csr_pem"].clone());
        let Some(Value::String(request)) = request else {
            return Some(asked);
        };
        let install = self.certified(device, &request)?;
        let second = self.send(device, "CREDENTIAL_REFRESH", &install);
        self.wait_end(&second.id, limit).pop()
    }

    /// The servers show this from now on; a broker when it is started again.
    pub fn show(&self, shows: Shows) {
        self.shared.note(|state| state.shows = shows);
    }

    /// Welcomes with a nonce that the device did not send, or does so no longer.
    pub fn welcome_with_old_nonce(&self, old: bool) {
        self.shared.note(|state| state.stale_welcomes = old);
    }
}

fn way(state: &State, device: &str) -> Option<&'static str> {
    let session = state.devices.get(device)?.session.as_ref()?;
    Some(if session.by_broker { "mqtt" } else { "wss" })
}

fn sign(command: &Value, key: &SigningKey) -> Vec<u8> {
    seal(Kind::Command, &serde_json::to_vec(command).unwrap(), &[key])
}

fn answers(state: &State, id: &str) -> Vec<Ack> {
    state
        .heard
        .iter()
        .filter(|heard| heard.kind == Kind::Ack && heard.payload["message_id"] == id)
        .map(|heard| serde_json::from_value(heard.payload.clone()).unwrap())
        .collect()
}
