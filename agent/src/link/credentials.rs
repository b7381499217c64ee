//! The device's credentials while the agent runs: another key and certificate, or none any more.
//!
//! The identity is one file that is replaced as a whole, so after any end of the agent the old credentials
//! or the proved new ones are there. Dispatch sees to it that one command at a time is at them; an
//! unpairing may come in between, and what they were of is looked at with each change.

use super::identity::IdentityFile;
use super::pairing::PairFault;
use bytes::Bytes;
use link::{Face, Identity, ProofError, Proxy, UploadError, UploadTarget, Validity};
use protocol::{Base64, Code, MessageId, Problem};
use runtime::{CancellationToken, Clock, SystemClock, chain};
use std::sync::Arc;
use tokio::sync::watch;

/// The credentials. Cheap to clone.
#[derive(Clone)]
pub struct Credentials {
    file: IdentityFile,
    /// The pairing that they are of.
    pairing: MessageId,
    clock: Arc<dyn Clock>,
    face: watch::Sender<Arc<Face>>,
    revoked: CancellationToken,
    proxy: Option<Proxy>,
    /// Where it is shown how long the certificate is good.
    validity: watch::Sender<Option<Validity>>,
}

/// The refusal of a step, with what went wrong.
fn failed(error: &dyn std::error::Error) -> Problem {
    Code::CredRotationFailed.with_message(chain(error))
}

impl Credentials {
    /// Those of a device that is paired.
    #[must_use]
    pub(super) fn new(
        file: IdentityFile,
        face: Face,
        proxy: Option<Proxy>,
        validity: watch::Sender<Option<Validity>>,
    ) -> Self {
        Self {
            file,
            pairing: face.pairing_id().clone(),
            clock: Arc::new(SystemClock),
            face: watch::channel(Arc::new(face)).0,
            revoked: CancellationToken::new(),
            proxy,
            validity,
        }
    }

    /// Who the device is on a connection, now and later.
    pub(super) fn face(&self) -> watch::Receiver<Arc<Face>> {
        self.face.subscribe()
    }

    /// Cancelled when they are taken away.
    pub(super) fn revoked(&self) -> CancellationToken {
        self.revoked.clone()
    }

    /// Reads the identity, changes it and keeps it, as long as it has the pairing that these are of.
    async fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(Identity) -> Result<(Identity, T), PairFault> + Send + 'static,
    ) -> Result<T, PairFault> {
        let pairing = self.pairing.clone();
        let done = self.file.changed(move |identity| {
            if identity.pairing.as_ref().map(|of| &of.id) != Some(&pairing) {
                return Err(PairFault::NotPaired);
            }
            let (changed, told) = work(identity)?;
            Ok((Some(changed), told))
        });
        done.await
    }

    /// Makes a key beside the one in force; gives the request for its certificate.
    ///
    /// # Errors
    /// The refusal; nothing is changed then.
    pub(super) async fn request(&self) -> Result<String, Problem> {
        let made = self.change(|mut identity| {
            let request = identity.make_next()?;
            Ok((identity, request))
        });
        made.await.map_err(|error| failed(&error))
    }

    /// Proves a certificate for that key by a connection, and goes by both from then on.
    ///
    /// # Errors
    /// The refusal; the credentials before are in force then.
    pub(super) async fn install(&self, pem: &str, pins: &[Base64]) -> Result<(), Problem> {
        let before = self.file.look().await;
        let before = before.map_err(|error| failed(&error))?;
        let proved = link::prove(
            &before,
            pem,
            pins,
            Arc::clone(&self.clock),
            self.proxy.clone(),
        )
        .await;
        let proved = proved.map_err(|error| {
            let mut problem = failed(&error);
            if matches!(error, ProofError::Certificate(_)) {
                problem.field = Some("/payload/client_cert_pem".to_owned());
            }
            problem
        })?;
        let face = Face::of(&proved);
        let validity = proved.pairing.as_ref().and_then(link::Pairing::validity);
        let kept = self.change(move |_before| Ok((proved, ())));
        kept.await.map_err(|error| failed(&error))?;
        self.validity.send_replace(validity);
        if let Some(face) = face {
            self.face.send_replace(Arc::new(face));
        }
        tracing::info!("New credentials were proved by a connection and are in force.");
        Ok(())
    }

    /// Sends a document to where Studio wants it, by the authorities of the system and of the pairing.
    ///
    /// # Errors
    /// [`UploadError`].
    pub(super) async fn upload(
        &self,
        target: &UploadTarget,
        document: Bytes,
    ) -> Result<(), UploadError> {
        let face = Arc::clone(&self.face.borrow());
        let clock = Arc::clone(&self.clock);
        link::upload(target, document, face, self.proxy.as_ref(), clock).await
    }

    /// Erases keys and pairing. The serial stays, and everything local.
    ///
    /// # Errors
    /// The refusal; nothing is changed then.
    pub(super) async fn revoke(&self, reason: String) -> Result<(), Problem> {
        tracing::warn!(
            reason,
            "Studio takes the device's credentials away; everything local goes on."
        );
        let erased = self.change(|identity| {
            let mut forgotten = identity.forgotten()?;
            forgotten.revoked = Some(reason);
            Ok((forgotten, ()))
        });
        let kept = erased.await;
        kept.map_err(|error| Code::Internal.with_message(chain(&error)))?;
        self.validity.send_replace(None);
        self.revoked.cancel();
        Ok(())
    }
}
