//! The link as a unit: the driver, whoever keeps its rows, and the connection that comes and goes.

use crate::channel::{self, ConnectError};
use crate::claims::{self, Claims};
use crate::driver::{Driver, Input, OUTGOING};
use crate::identity::{Identity, IdentityError, Pairing, Transport, random_hex, random_id};
use crate::seams::{Hands, KeepError, Keeper};
use crate::status::{LinkState, LinkStatus};
use crate::tls::{self, Checks, Pins, TlsError};
use bytes::Bytes;
use control::{BatchId, Config, Core, Effect, Row};
use futures_util::{SinkExt, Stream, StreamExt};
use protocol::{Code, Flags, Nonce, Timestamp};
use runtime::{Backoff, CancellationToken, Clock, chain};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_tungstenite::tungstenite::{Error as WsError, Message, Utf8Bytes};
use url::Url;

/// No agent was built before this: 2026-11-01T00:00:00Z.
const NOT_BEFORE_MS: u64 = 1_793_491_200_000;

/// Inputs that may wait for the driver; a sender that is faster waits in its TCP connection.
const INBOX: usize = 256;

/// How often the connection is tried by a ping.
const PING: Duration = Duration::from_secs(4);

/// A connection on which nothing comes for so long is dead.
const DEAD: Duration = Duration::from_secs(12);

/// The welcome has to come in this time.
const WELCOME: Duration = Duration::from_secs(10);

/// A session that lasted this long has forgotten the failures before it.
const STABLE: Duration = Duration::from_secs(60);

/// How long a write may take.
const WRITE: Duration = Duration::from_secs(12);

/// How long to wait before rows are tried to be kept again.
const KEEP_AGAIN: Duration = Duration::from_secs(1);

/// Of so many failures to keep rows, one is told.
const KEEP_TOLD: u32 = 60;

/// What the link is made of.
#[derive(Clone)]
pub struct Parts {
    /// Where rows are kept.
    pub keeper: Arc<dyn Keeper>,
    /// Who carries commands out.
    pub hands: Arc<dyn Hands>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    /// Where the link's state is shown.
    pub status: Arc<watch::Sender<LinkStatus>>,
}

/// Why the link cannot run.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The device's keys or what pairing gave cannot be used.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The stored keys contradict themselves.
    #[error("what is kept about the link contradicts itself; pair the device anew")]
    Stored(#[from] protocol::AdoptError),
    /// TLS cannot be set up.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Rows cannot be read or kept.
    #[error("the link's rows cannot be read or kept")]
    Keep(#[from] KeepError),
    /// Pairing gave no address that this agent can connect to.
    #[error("pairing gave no wss:// address")]
    NoAddress,
    /// A part of it ended.
    #[error("a part of the link ended: {0}")]
    Ended(String),
}

/// What one run of the link goes by.
pub struct Setup {
    identity: Identity,
    pairing: Pairing,
    urls: Vec<Url>,
}

impl Setup {
    /// Checks what pairing gave.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(identity: &Identity, pairing: &Pairing) -> Result<Self, SetupError> {
        let _believed = pairing.trust()?;
        let _signs = identity.signing_key()?;
        let ways = pairing.ways().into_iter();
        let urls: Vec<Url> = ways.filter_map(Transport::address).collect();
        if urls.is_empty() {
            return Err(SetupError::NoAddress);
        }
        Ok(Self {
            identity: identity.clone(),
            pairing: pairing.clone(),
            urls,
        })
    }
}

/// Runs the link until `stop`.
///
/// # Errors
/// [`SetupError`]; the supervisor starts it again from what is durable.
pub async fn run(
    setup: Arc<Setup>,
    parts: Parts,
    stop: CancellationToken,
) -> Result<(), SetupError> {
    let keeper = Arc::clone(&parts.keeper);
    let pairing = setup.pairing.id.clone();
    let stored = blocking(move || keeper.load(&pairing)).await??;
    let boot_id = random_id()?;
    let config = Config {
        signer: setup.identity.signing_key()?,
        boot_id: boot_id.clone(),
        built: Timestamp::from_millis(NOT_BEFORE_MS).max(setup.pairing.paired_at),
        commands: parts.hands.commands(),
        flags: Flags::of_build([]),
        trust: setup.pairing.trust()?,
    };
    let boot_ms = u64::try_from(parts.clock.since_boot().as_millis()).unwrap_or(u64::MAX);
    let (core, effects) = Core::boot(config, stored, boot_ms)?;
    let (report, inbox) = mpsc::channel(INBOX);
    let (rows, batches) = mpsc::channel(1);
    let driver = Driver {
        core,
        serial: setup.identity.serial.clone(),
        boot_id,
        clock: Arc::clone(&parts.clock),
        hands: Arc::clone(&parts.hands),
        inbox,
        report: report.clone(),
        rows,
        status: Arc::clone(&parts.status),
        out: None,
        running: BTreeMap::new(),
        kept: Vec::new(),
        idle_ticks: 0,
    };
    let ended = |what: &str| SetupError::Ended(what.to_owned());
    tokio::select! {
        driven = drive(driver, effects, stop) => driven,
        kept = keep(Arc::clone(&parts.keeper), batches, report.clone()) => {
            kept.and_then(|()| Err(ended("its keeper")))
        }
        connected = connections(&setup, &parts, &report) => connected,
    }
}

async fn drive(
    driver: Driver,
    effects: Vec<Effect>,
    stop: CancellationToken,
) -> Result<(), SetupError> {
    let driven = driver.run(effects, stop).await;
    driven.map_err(|error| SetupError::Ended(error.to_string()))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SetupError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| SetupError::Ended(error.to_string()))
}

/// Keeps one batch after the other, and each until it is kept: nothing is answered before.
///
/// # Errors
/// When rows can never be kept. Nobody was told of them, so the link begins anew from what is durable.
async fn keep(
    keeper: Arc<dyn Keeper>,
    mut batches: mpsc::Receiver<(BatchId, Vec<Row>)>,
    report: mpsc::Sender<Input>,
) -> Result<(), SetupError> {
    while let Some((batch, rows)) = batches.recv().await {
        let rows = Arc::new(rows);
        let mut failures = 0_u32;
        loop {
            let (keeper, again) = (Arc::clone(&keeper), Arc::clone(&rows));
            match blocking(move || keeper.keep(&again)).await? {
                Ok(()) => break,
                Err(error @ KeepError::Never(_)) => return Err(error.into()),
                Err(error) if failures.is_multiple_of(KEEP_TOLD) => {
                    tracing::error!(%error, failures, "The link's rows are not kept; nothing is answered.");
                }
                Err(_) => {}
            }
            failures = failures.saturating_add(1);
            sleep(KEEP_AGAIN).await;
        }
        if report.send(Input::Kept(batch)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// Connects, and connects again, until the whole link is dropped.
async fn connections(
    setup: &Setup,
    parts: &Parts,
    report: &mpsc::Sender<Input>,
) -> Result<(), SetupError> {
    let backoff = Backoff::new(Duration::from_secs(1), Duration::from_secs(60), 100)
        .expect("a second, a minute, all of it random");
    let mut failures = 0_u32;
    loop {
        let which = usize::try_from(failures).unwrap_or(0) % setup.urls.len();
        let url = &setup.urls[which];
        parts.status.send_modify(|status| {
            status.state = LinkState::Connecting;
            status.address = Some(channel::place(url));
            status.next_try_ms = None;
        });
        let began = Instant::now();
        let error = match session(setup, parts, report, url).await {
            Ok(why) => why.to_owned(),
            Err(Session::Setup(error)) => return Err(error),
            Err(Session::Connect(error)) => {
                let refused = error.is_refusal();
                let text = chain(&error);
                parts.status.send_modify(|status| {
                    if refused {
                        status.state = LinkState::AuthFailed;
                    }
                });
                text
            }
        };
        if report.send(Input::Closed).await.is_err() {
            return Err(SetupError::Ended("its driver".to_owned()));
        }
        if began.elapsed() >= STABLE {
            failures = 0;
        }
        failures = failures.saturating_add(1);
        let wait = backoff.delay(failures, runtime::random());
        tracing::info!(
            failures,
            ?wait,
            error,
            "No connection to Studio; the show goes on."
        );
        parts.status.send_modify(|status| {
            if status.state != LinkState::AuthFailed {
                status.state = LinkState::Backoff;
            }
            status.failures = failures;
            status.last_error = Some(error);
            status.next_try_ms = u64::try_from(wait.as_millis()).ok();
        });
        sleep(wait).await;
    }
}

/// Why a session did not begin.
enum Session {
    Setup(SetupError),
    Connect(ConnectError),
}

impl From<SetupError> for Session {
    fn from(error: SetupError) -> Self {
        Self::Setup(error)
    }
}

impl From<ConnectError> for Session {
    fn from(error: ConnectError) -> Self {
        Self::Connect(error)
    }
}

/// One connection from its beginning to its end; gives the reason of its end.
async fn session(
    setup: &Setup,
    parts: &Parts,
    report: &mpsc::Sender<Input>,
    url: &Url,
) -> Result<&'static str, Session> {
    let identity = &setup.identity;
    let floor = Duration::from_millis(setup.pairing.paired_at.millis().max(NOT_BEFORE_MS));
    let checks = Checks {
        ca_pem: Some(&setup.pairing.ca_pem),
        pins: Pins::These(&setup.pairing.spki_pins),
        device: Some((&setup.pairing.client_cert_pem, identity.tls_key_pem())),
        floor,
    };
    let tls = tls::client(&checks, Arc::clone(&parts.clock)).map_err(SetupError::from)?;
    let wall = parts.clock.wall().duration_since(SystemTime::UNIX_EPOCH);
    let claims = Claims {
        device: setup.pairing.device_id.as_str(),
        serial: identity.serial.as_str(),
        host: url.host_str().unwrap_or_default(),
        now_s: wall.unwrap_or_default().max(floor).as_secs(),
    };
    let key = identity.signing_key().map_err(SetupError::from)?;
    let bearer = claims::token(&claims, &key).map_err(SetupError::from)?;
    let socket = channel::open(url, tls, &bearer).await?;
    let nonce = random_hex().map_err(SetupError::from)?;
    let nonce = Nonce::parse(nonce).expect("32 hex digits");
    let (out, outgoing) = mpsc::channel(OUTGOING);
    let before = parts.status.borrow().sessions;
    if report.send(Input::Opened { nonce, out }).await.is_err() {
        return Ok("the agent stops");
    }
    let (sink, stream) = socket.split();
    let mut status = parts.status.subscribe();
    let unwelcome = async move {
        let welcomed = status.wait_for(|status| status.sessions > before);
        let in_time = timeout(WELCOME, welcomed).await.is_ok();
        if in_time {
            std::future::pending::<()>().await;
        }
        "Studio did not say welcome in time"
    };
    Ok(tokio::select! {
        why = read(stream, report) => why,
        why = write(sink, outgoing) => why,
        why = unwelcome => why,
    })
}

/// Reads until the connection ends or nothing comes any more: pings are answered by an honest peer.
async fn read(
    mut stream: impl Stream<Item = Result<Message, WsError>> + Unpin,
    report: &mpsc::Sender<Input>,
) -> &'static str {
    loop {
        let input = match timeout(DEAD, stream.next()).await {
            Err(_) => return "nothing came for 12 s",
            Ok(None) => return "Studio closed the connection",
            Ok(Some(Err(WsError::Capacity(_)))) => {
                let _gone = report.send(Input::Garbage(Code::TooLarge)).await;
                return "a message was too large";
            }
            Ok(Some(Err(_))) => return "the connection broke",
            Ok(Some(Ok(Message::Text(text)))) => Input::Message(Bytes::from(text).to_vec()),
            Ok(Some(Ok(Message::Close(_)))) => return "Studio closed the connection",
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => continue,
            Ok(Some(Ok(Message::Binary(_) | Message::Frame(_)))) => Input::Garbage(Code::Malformed),
        };
        if report.send(input).await.is_err() {
            return "the agent stops";
        }
    }
}

/// Writes what is queued, and pings. The only writer of its connection.
async fn write(
    mut sink: impl futures_util::Sink<Message, Error = WsError> + Unpin,
    mut outgoing: mpsc::Receiver<Vec<u8>>,
) -> &'static str {
    let mut ping = interval(PING);
    ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            envelope = outgoing.recv() => match envelope.map(Utf8Bytes::try_from) {
                Some(Ok(text)) => Message::Text(text),
                Some(Err(_)) => continue,
                None => return "the agent closed the connection",
            },
            _ = ping.tick() => Message::Ping(Bytes::new()),
        };
        match timeout(WRITE, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return "the connection broke",
            Err(_) => return "Studio does not read",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use control::Stored;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Fails so often, then keeps.
    struct Disk {
        tries: AtomicU32,
        answer: fn(u32) -> Result<(), KeepError>,
    }

    impl Keeper for Disk {
        fn load(&self, _: &protocol::MessageId) -> Result<Stored, KeepError> {
            Ok(Stored::default())
        }

        fn keep(&self, _: &[Row]) -> Result<(), KeepError> {
            (self.answer)(self.tries.fetch_add(1, Ordering::SeqCst))
        }
    }

    async fn kept(answer: fn(u32) -> Result<(), KeepError>) -> (Result<(), SetupError>, u32, bool) {
        let disk = Arc::new(Disk {
            tries: AtomicU32::new(0),
            answer,
        });
        let (rows, batches) = mpsc::channel(1);
        let (report, mut told) = mpsc::channel(1);
        let _sent = rows.send((BatchId(1), Vec::new())).await;
        drop(rows);
        let end = keep(Arc::clone(&disk) as Arc<dyn Keeper>, batches, report).await;
        let told = matches!(told.recv().await, Some(Input::Kept(BatchId(1))));
        (end, disk.tries.load(Ordering::SeqCst), told)
    }

    #[tokio::test(start_paused = true)]
    async fn rows_wait_for_the_disk_and_those_that_can_never_be_kept_end_the_link() {
        let (end, tries, told) = kept(|tries| match tries {
            0..100 => Err(KeepError::Now("full".to_owned())),
            _ => Ok(()),
        })
        .await;
        assert!(end.is_ok() && told);
        assert_eq!(tries, 101);
        let (end, tries, told) = kept(|_| Err(KeepError::Never("too large".to_owned()))).await;
        assert!(matches!(end, Err(SetupError::Keep(KeepError::Never(_)))));
        assert_eq!((tries, told), (1, false));
    }
}
