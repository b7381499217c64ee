//! The link as a unit: the driver, whoever keeps its rows, and the connection that comes and goes.

use crate::delivery::Deliveries;
use crate::driver::{Carrier, Driver, Figures, Input, Posters};
use crate::identity::{Identity, IdentityError, Pairing, random_id};
use crate::news::News;
use crate::posts::Posts;
use crate::proxy::Proxy;
use crate::seams::{Hands, KeepError, Keeper};
use crate::session::GOODBYE;
use crate::status::{LinkState, LinkStatus};
use crate::tls::TlsError;
use crate::ways::{self, Way};
use control::{BatchId, Config, Core, Effect, Row};
use protocol::{Flags, MessageId, Timestamp};
use runtime::{CancellationToken, Clock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

/// No agent was built before this: 2026-11-01T00:00:00Z.
pub(crate) const NOT_BEFORE_MS: u64 = 1_793_491_200_000;

/// Inputs that may wait for the driver; a sender that is faster waits in its TCP connection.
const INBOX: usize = 256;

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
    /// What the agent tells Studio of itself.
    pub news: News,
    /// Where commands are posted at the device itself.
    pub posts: Posts,
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
    #[error("pairing gave no wss:// or mqtts:// address")]
    NoAddress,
    /// A part of it ended.
    #[error("a part of the link ended: {0}")]
    Ended(String),
}

/// Who the device is on a connection, and whom it takes for Studio.
#[derive(Debug)]
pub struct Face {
    pub(crate) identity: Identity,
    pub(crate) pairing: Pairing,
}

impl Face {
    /// That of a device; `None` while it is not paired.
    #[must_use]
    pub fn of(identity: &Identity) -> Option<Self> {
        Some(Self {
            identity: identity.clone(),
            pairing: identity.pairing.clone()?,
        })
    }

    /// The pairing that it is of.
    #[must_use]
    pub const fn pairing_id(&self) -> &MessageId {
        &self.pairing.id
    }
}

/// What the link goes by.
pub struct Setup {
    /// Keys and certificate can change while it runs; who the device is does not.
    face: watch::Receiver<Arc<Face>>,
    /// Never empty; the best comes first.
    pub(crate) ways: Vec<Way>,
    /// How the device comes out of its network.
    pub(crate) proxy: Option<Proxy>,
}

impl Setup {
    /// Checks what pairing gave. Each connection is opened with what `face` holds then, and through the
    /// proxy, where there is one.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(face: watch::Receiver<Arc<Face>>, proxy: Option<Proxy>) -> Result<Self, SetupError> {
        let now = Arc::clone(&face.borrow());
        let _believed = now.pairing.trust()?;
        let _signs = now.identity.signing_key()?;
        let ways: Vec<Way> = now.pairing.ways().into_iter().filter_map(Way::of).collect();
        if ways.is_empty() {
            return Err(SetupError::NoAddress);
        }
        Ok(Self { face, ways, proxy })
    }

    pub(crate) fn face(&self) -> Arc<Face> {
        Arc::clone(&self.face.borrow())
    }
}

/// Runs the link until `stop`, and ends its connection in order then.
///
/// # Errors
/// [`SetupError`]; the supervisor starts it again from what is durable.
pub async fn run(
    setup: Arc<Setup>,
    parts: Parts,
    stop: CancellationToken,
) -> Result<(), SetupError> {
    let keeper = Arc::clone(&parts.keeper);
    let face = setup.face();
    let pairing = face.pairing.id.clone();
    let stored = blocking(move || keeper.load(&pairing)).await??;
    let boot_id = random_id()?;
    let config = Config {
        signer: face.identity.signing_key()?,
        boot_id: boot_id.clone(),
        built: Timestamp::from_millis(NOT_BEFORE_MS).max(face.pairing.paired_at),
        commands: parts.hands.commands(),
        flags: Flags::of_build([]),
        trust: face.pairing.trust()?,
    };
    let boot_ms = u64::try_from(parts.clock.since_boot().as_millis()).unwrap_or(u64::MAX);
    let (core, effects) = Core::boot(config, stored, boot_ms)?;
    let (report, inbox) = mpsc::channel(INBOX);
    let (rows, batches) = mpsc::channel(1);
    let driver = Driver {
        core,
        serial: face.identity.serial.clone(),
        boot_id,
        clock: Arc::clone(&parts.clock),
        hands: Arc::clone(&parts.hands),
        news: parts.news.clone(),
        posts: parts.posts.clone(),
        posters: Posters::default(),
        figures: Figures::default(),
        inbox,
        report: report.clone(),
        rows,
        status: Arc::clone(&parts.status),
        out: None,
        carrier: Carrier::default(),
        deliveries: Deliveries::default(),
        running: BTreeMap::new(),
        kept: Vec::new(),
        idle_ticks: 0,
    };
    let ended = |what: &str| SetupError::Ended(what.to_owned());
    let connections = ways::connections(&setup, &parts, &report);
    tokio::pin!(connections);
    let driven = tokio::select! {
        driven = drive(driver, effects, stop) => driven,
        kept = keep(Arc::clone(&parts.keeper), batches, report.clone()) => {
            return kept.and_then(|()| Err(ended("its keeper")));
        }
        connected = &mut connections => return connected,
    };
    // The driver has let go of the connection, which ends by that, and the loop of connections with it.
    let was_online = parts.status.borrow().state == LinkState::Online;
    if was_online {
        let _ended = timeout(GOODBYE * 2, connections).await;
    }
    driven
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
        fn load(&self, _: &MessageId) -> Result<Stored, KeepError> {
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
