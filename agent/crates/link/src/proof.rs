//! New credentials, proved by a connection before anybody goes by them.
//!
//! Keeps nothing: who asks keeps the [`Identity`] that comes back, in place of the one before.

use crate::channel::ConnectError;
use crate::connection::{Face, Setup, SetupError};
use crate::identity::Identity;
use crate::proxy::Proxy;
use crate::session::{self, Fault, Purpose};
use crate::tls::{self, TlsError};
use protocol::Base64;
use runtime::Clock;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::watch;

/// Why new credentials are not gone by. Those before stay in force.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// No key was made for a certificate.
    #[error("no key waits for a certificate; ask for its request first")]
    NoKey,
    /// The certificate does not fit.
    #[error(transparent)]
    Certificate(TlsError),
    /// No connection can be set up with them.
    #[error("no connection can be set up with the new credentials")]
    Setup(#[source] SetupError),
    /// No way to Studio opens with them.
    #[error("no connection opens with the new credentials")]
    Refused(#[source] ConnectError),
}

/// The device with the key of its second slot and this certificate for it, if a way to Studio opens so.
///
/// # Errors
/// [`ProofError`].
pub async fn prove(
    identity: &Identity,
    client_cert_pem: &str,
    spki_pins: &[Base64],
    clock: Arc<dyn Clock>,
    proxy: Option<Proxy>,
) -> Result<Identity, ProofError> {
    let next = identity.with_next(client_cert_pem, spki_pins);
    let next = next.ok_or(ProofError::NoKey)?;
    let face = Face::of(&next).ok_or(ProofError::NoKey)?;
    let wall = clock.wall().duration_since(SystemTime::UNIX_EPOCH);
    let now = wall.unwrap_or_default().max(session::floor(&face.pairing));
    tls::check_shown(client_cert_pem, &face.pairing.ca_pem, now)
        .map_err(ProofError::Certificate)?;
    let setup = Setup::new(watch::channel(Arc::new(face)).1, proxy).map_err(ProofError::Setup)?;
    let mut last = None;
    for way in &setup.ways {
        match session::open(&setup, &clock, way, Purpose::Proof).await {
            // It is closed again: the link goes over to them with its next connection.
            Ok(_opens) => return Ok(next),
            Err(Fault::Setup(SetupError::Tls(error))) => {
                return Err(ProofError::Certificate(error));
            }
            Err(Fault::Setup(error)) => return Err(ProofError::Setup(error)),
            Err(Fault::Connect(error)) => last = Some(error),
        }
    }
    Err(last.map_or(
        ProofError::Setup(SetupError::NoAddress),
        ProofError::Refused,
    ))
}
