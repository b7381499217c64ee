//! The link as a unit: the driver, whoever keeps its rows, and the connection that comes and goes.

use crate::delivery::Deliveries;
use crate::driver::{Carrier, Driver, Input};
use crate::identity::{Identity, IdentityError, Pairing, random_id};
use crate::seams::{Hands, KeepError, Keeper};
use crate::status::LinkStatus;
use crate::tls::TlsError;
use crate::ways::{self, Way};
use control::{BatchId, Config, Core, Effect, Row};
use protocol::{Flags, Timestamp};
use runtime::{CancellationToken, Clock};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

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

/// What one run of the link goes by.
pub struct Setup {
    pub(crate) identity: Identity,
    pub(crate) pairing: Pairing,
    /// Never empty; the best comes first.
    pub(crate) ways: Vec<Way>,
}

impl Setup {
    /// Checks what pairing gave.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn new(identity: &Identity, pairing: &Pairing) -> Result<Self, SetupError> {
        let _believed = pairing.trust()?;
        let _signs = identity.signing_key()?;
        let ways: Vec<Way> = pairing.ways().into_iter().filter_map(Way::of).collect();
        if ways.is_empty() {
            return Err(SetupError::NoAddress);
        }
        Ok(Self {
            identity: identity.clone(),
            pairing: pairing.clone(),
            ways,
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
        carrier: Carrier::default(),
        deliveries: Deliveries::default(),
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
        connected = ways::connections(&setup, &parts, &report) => connected,
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
