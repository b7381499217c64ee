//! Studio's desk: what it knows of its devices, and everything that can be asked of it.

use crate::authority::Authority;
use crate::keys::{Keys, at, uuid};
use crate::server;
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
    Close,
}

/// An open connection of a device.
pub(crate) struct Session {
    pub(crate) out: mpsc::UnboundedSender<Out>,
    pub(crate) nonce: String,
    pub(crate) hello: Value,
}

/// A paired device.
pub(crate) struct Device {
    pub(crate) id: DeviceId,
    pub(crate) serial: String,
    pub(crate) key: PublicKey,
    pub(crate) session: Option<Session>,
    pub(crate) tail: ChainTail,
    /// Messages with a place in the chain that were received.
    pub(crate) kept: BTreeSet<String>,
    /// The last numbers that were used: of the ordinary stream, and of emergency stops.
    seq: [u64; 2],
}

impl Device {
    pub(crate) fn new(id: DeviceId, serial: String, key: PublicKey) -> Self {
        Self {
            id,
            serial,
            key,
            session: None,
            tail: ChainTail::default(),
            kept: BTreeSet::new(),
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

#[derive(Default)]
pub(crate) struct State {
    /// The serial that a token is for, and until when it can be used.
    pub(crate) tokens: BTreeMap<String, (Option<String>, u64)>,
    pub(crate) devices: BTreeMap<String, Device>,
    pub(crate) heard: Vec<Heard>,
    /// What devices said that they should not have.
    pub(crate) faults: Vec<String>,
    pub(crate) claims_seen: BTreeSet<String>,
    pub(crate) failed_handshakes: Vec<String>,
    /// Connections are closed before a word is said.
    pub(crate) refuses: bool,
    /// The server shows a key that nobody has pinned.
    pub(crate) other_key: bool,
    /// Welcomes repeat a nonce that the device did not send.
    pub(crate) stale_welcomes: bool,
}

pub(crate) struct Shared {
    pub(crate) keys: Keys,
    pub(crate) authority: Authority,
    pub(crate) wss_port: u16,
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
    shared: Arc<Shared>,
    pairing_port: u16,
    folder: TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl Studio {
    /// A Studio on two free ports of loopback, with keys of its own.
    ///
    /// # Panics
    /// When it cannot listen.
    #[must_use]
    pub fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        // They are listened on from here on, so nobody else can have them.
        let listen = || runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let (pairing, devices) = (listen(), listen());
        let port = |listener: &TcpListener| listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared {
            keys: Keys::new(),
            authority: Authority::new(),
            wss_port: port(&devices),
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
        Self {
            shared,
            pairing_port,
            folder,
            _runtime: runtime,
        }
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

    /// The hello of a device's open connection.
    #[must_use]
    pub fn hello(&self, device: &str) -> Option<Value> {
        let state = self.shared.state();
        let session = state.devices.get(device)?.session.as_ref()?;
        Some(session.hello.clone())
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

    /// Closes a device's connection.
    pub fn cut(&self, device: &str) -> bool {
        self.out(device, Out::Close)
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

    /// Signs and sends a command as it is.
    pub fn send_value(&self, device: &str, command: &Value) -> Sent {
        let text = |name: &str| command[name].as_str().unwrap_or("").to_owned();
        let envelope = self.sign(command);
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

    fn wait(&self, limit: Duration, done: impl Fn(&State) -> bool) -> bool {
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

    /// Closes every new connection before a word is said, or does so no longer.
    pub fn refuse_connections(&self, refuse: bool) {
        self.shared.note(|state| state.refuses = refuse);
    }

    /// Shows a good certificate of a key that nobody has pinned, or does so no longer.
    pub fn show_other_key(&self, other: bool) {
        self.shared.note(|state| state.other_key = other);
    }

    /// Welcomes with a nonce that the device did not send, or does so no longer.
    pub fn welcome_with_old_nonce(&self, old: bool) {
        self.shared.note(|state| state.stale_welcomes = old);
    }
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
