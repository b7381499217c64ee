//! Pairing and its end, for the command line: the agent is stopped meanwhile.

use super::RowKeeper;
use link::{Identity, IdentityError, KeepError, PairError, PairRequest};
use model::Secret;
use runtime::SystemClock;
use std::sync::Arc;
use store::{SealedFile, SecretError, Store, WriteError};

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
    /// No keys.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// It is paired.
    #[error("the device is paired as {0}; unpair it first")]
    Paired(String),
    /// It is not.
    #[error("the device is not paired")]
    NotPaired,
    /// Studio, or the way to it.
    #[error("{0}. {advice}", advice = .0.advice())]
    Studio(PairError),
}

/// Who this device is. Made at the first call, and the same ever after.
///
/// # Errors
/// [`PairFault`].
pub fn identity(store: &Store) -> Result<Identity, PairFault> {
    match store.read_sealed(SealedFile::Identity)? {
        Some(text) => serde_json::from_str(text.expose()).map_err(PairFault::Shape),
        None => {
            let identity = Identity::fresh()?;
            keep(store, &identity)?;
            Ok(identity)
        }
    }
}

fn keep(store: &Store, identity: &Identity) -> Result<(), PairFault> {
    let text = serde_json::to_string(identity).map_err(PairFault::Shape)?;
    Ok(store.write_sealed(SealedFile::Identity, &Secret::new(text))?)
}

/// Redeems a token and keeps what it gives. Answers the device's id in Studio.
///
/// # Errors
/// [`PairFault`].
pub async fn pair(
    store: &Store,
    studio: &str,
    token: &str,
    ca_pem: Option<&str>,
) -> Result<String, PairFault> {
    let mut identity = identity(store)?;
    if let Some(pairing) = &identity.pairing {
        return Err(PairFault::Paired(pairing.device_id.to_string()));
    }
    let capabilities = super::hands::capabilities();
    let request = PairRequest {
        studio,
        token,
        ca_pem,
        capabilities: &capabilities,
    };
    let pairing = link::pair(&identity, &request, Arc::new(SystemClock))
        .await
        .map_err(PairFault::Studio)?;
    let device = pairing.device_id.to_string();
    // First: where the row of a pairing is missing, what was done is taken for forgotten.
    RowKeeper::new(store.clone()).begin(&pairing.id)?;
    identity.pairing = Some(pairing);
    keep(store, &identity)?;
    Ok(device)
}

/// Forgets Studio. The serial stays, and so does everything local. The keys are made anew.
///
/// # Errors
/// [`PairFault`].
pub fn unpair(store: &Store) -> Result<(), PairFault> {
    let identity = identity(store)?;
    if identity.pairing.is_none() {
        return Err(PairFault::NotPaired);
    }
    let mut fresh = Identity::fresh()?;
    fresh.serial = identity.serial;
    keep(store, &fresh)
}
