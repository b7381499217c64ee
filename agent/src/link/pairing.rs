//! Pairing and its end, the same for the command line and for the running agent: a token is redeemed, and
//! what it gives is kept, or nothing is.

use super::RowKeeper;
use super::identity::IdentityFile;
use crate::audit::{Audit, AuditOrigin, AuditOutcome, Entry, OpenError};
use link::{Identity, IdentityError, KeepError, PairError, PairRequest, Pairing, Proxy};
use protocol::{Code, HasCode};
use runtime::{SystemClock, chain};
use std::borrow::Cow;
use std::sync::Arc;
use store::{Batch, SecretError, Store, WriteError};

/// Why a device was not paired or unpaired. Nothing is changed then.
#[derive(Debug, thiserror::Error)]
pub enum PairFault {
    /// The identity cannot be read.
    #[error("the device's identity cannot be read")]
    Secret(#[from] SecretError),
    /// The identity has another form.
    #[error("the device's identity has a form that this version does not know")]
    Shape(#[source] serde_json::Error),
    /// The identity cannot be kept.
    #[error("the device's identity cannot be kept")]
    Write(#[from] WriteError),
    /// The link's rows cannot be kept.
    #[error("the link's rows cannot be kept")]
    Rows(#[from] KeepError),
    /// It cannot be written down who did it.
    #[error(transparent)]
    Audit(#[from] OpenError),
    /// No keys.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It is paired.
    #[error("the device is paired as {0}")]
    Paired(String),
    /// It is not.
    #[error("the device is not paired")]
    NotPaired,
    /// It is being paired or unpaired.
    #[error("the device is being paired or unpaired already")]
    Busy,
    /// The agent stops, or the task that pairs is gone. Nobody knows whether it came true; after the next
    /// start the link says so.
    #[error("the agent is stopping; if it goes on running, restart it")]
    Stopping,
    /// The thread that was to keep it ended.
    #[error("the thread that was to keep the identity ended")]
    Thread,
    /// Studio, or the way to it.
    #[error("{}", chain(.0))]
    Studio(#[from] PairError),
}

impl HasCode for PairFault {
    fn code(&self) -> Code {
        match self {
            Self::Secret(error) => error.code(),
            Self::Write(error) => error.code(),
            Self::Shape(_) | Self::Rows(_) | Self::Audit(_) | Self::Identity(_) | Self::Thread => {
                Code::Internal
            }
            Self::Paired(_) => Code::PairAlreadyPaired,
            Self::NotPaired => Code::NotPaired,
            Self::Busy => Code::Busy,
            Self::Stopping => Code::Interrupted,
            Self::Studio(error) => error.code(),
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Studio(error) => error.field(),
            _ => None,
        }
    }

    fn remediation(&self) -> Cow<'static, str> {
        match self {
            Self::Studio(error) => error.remediation(),
            _ => Cow::Borrowed(self.code().remediation()),
        }
    }
}

/// What a device is paired with. It has no `Debug`: the token is a secret.
pub struct Asked<'a> {
    /// Studio's address.
    pub studio: &'a str,
    /// The token that Studio shows.
    pub token: &'a str,
    /// Authorities to check Studio's certificate by, as PEM; those of the system where it is `None`.
    pub ca_pem: Option<&'a str>,
    /// How the device comes out of its network.
    pub proxy: Option<&'a Proxy>,
}

/// Redeems a token for a device that is not paired. Keeps nothing.
pub(super) async fn redeem(identity: &Identity, asked: &Asked<'_>) -> Result<Pairing, PairFault> {
    not_paired(identity)?;
    let capabilities = super::hands::capabilities();
    let request = PairRequest {
        studio: asked.studio,
        token: asked.token,
        ca_pem: asked.ca_pem,
        capabilities: &capabilities,
        proxy: asked.proxy,
    };
    Ok(link::pair(identity, &request, Arc::new(SystemClock)).await?)
}

fn not_paired(identity: &Identity) -> Result<(), PairFault> {
    match &identity.pairing {
        Some(pairing) => Err(PairFault::Paired(pairing.device_id.to_string())),
        None => Ok(()),
    }
}

/// Keeps what a token gave. Answers who the device is then.
pub(super) async fn keep(
    file: &IdentityFile,
    rows: RowKeeper,
    pairing: Pairing,
) -> Result<Identity, PairFault> {
    let kept = file.changed(move |mut identity| {
        not_paired(&identity)?;
        // First: where the row of a pairing is missing, what was done is taken for forgotten.
        rows.begin(&pairing.id)?;
        identity.pairing = Some(pairing);
        identity.revoked = None;
        Ok((Some(identity.clone()), identity))
    });
    kept.await
}

/// Forgets Studio: the serial stays, the keys are made anew. Answers what the device's id was, and who it
/// is then.
pub(super) fn forget(
    identity: &Identity,
) -> Result<(Option<Identity>, (String, Identity)), PairFault> {
    let Some(pairing) = &identity.pairing else {
        return Err(PairFault::NotPaired);
    };
    let device = pairing.device_id.to_string();
    let forgotten = identity.forgotten()?;
    Ok((Some(forgotten.clone()), (device, forgotten)))
}

/// Who this device is, for the command line. Made at the first call, and the same ever after.
///
/// # Errors
/// [`PairFault`].
pub fn identity(store: &Store) -> Result<Identity, PairFault> {
    IdentityFile::of(store.clone()).read()
}

/// Redeems a token at the command line and keeps what it gives. Answers the device's id in Studio.
///
/// # Errors
/// [`PairFault`].
pub async fn pair(store: &Store, asked: &Asked<'_>) -> Result<String, PairFault> {
    let file = IdentityFile::of(store.clone());
    let pairing = redeem(&file.look().await?, asked).await?;
    let device = pairing.device_id.to_string();
    let (audit, _) = Audit::open(store.clone())?;
    let rows = RowKeeper::new(store.clone(), audit.clone());
    keep(&file, rows, pairing).await?;
    written_down(&audit, "device.pair", &device);
    Ok(device)
}

/// Forgets Studio, at the command line. The serial stays, and so does everything local.
///
/// # Errors
/// [`PairFault`].
pub fn unpair(store: &Store) -> Result<(), PairFault> {
    let (audit, _) = Audit::open(store.clone())?;
    let file = IdentityFile::of(store.clone());
    let (device, _forgotten) = file.change(|identity| forget(&identity))?;
    written_down(&audit, "device.unpair", &device);
    Ok(())
}

/// Writes down what was done at the command line. It is done by then, whether that can be or not.
fn written_down(audit: &Audit, kind: &str, device: &str) {
    let entry = Entry {
        kind: Some(kind.to_owned()),
        target: Some(format!("device/{device}")),
        ..Entry::done(AuditOrigin::CommandLine, AuditOutcome::Completed)
    };
    if let Err(error) = audit.commit(Batch::new(), vec![entry]) {
        tracing::error!(%error, kind, "That could not be written into the audit.");
    }
}
