//! The device's identity on the disk: read, and changed by one at a time.
//!
//! It is one sealed file that is replaced as a whole, so that after any end of the agent it is the one
//! before a change or the one after it. Who changes it: pairing and its end, and Studio's commands about
//! credentials. What they decide by is read in the same turn.

use super::pairing::PairFault;
use link::Identity;
use model::Secret;
use std::sync::{Arc, Mutex, PoisonError};
use store::{SealedFile, Store};

/// Where the identity is kept. Cheap to clone.
#[derive(Clone)]
pub(super) struct IdentityFile {
    store: Store,
    turn: Arc<Mutex<()>>,
}

impl IdentityFile {
    pub(super) fn of(store: Store) -> Self {
        Self {
            store,
            turn: Arc::default(),
        }
    }

    /// Who this device is. Made at the first call, and the same ever after. Blocks.
    pub(super) fn read(&self) -> Result<Identity, PairFault> {
        self.change(|identity| Ok((None, identity)))
    }

    /// Reads the identity, and keeps what it is changed into, where it is. Blocks.
    pub(super) fn change<T>(
        &self,
        work: impl FnOnce(Identity) -> Result<(Option<Identity>, T), PairFault>,
    ) -> Result<T, PairFault> {
        let _mine = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let identity = match self.store.read_sealed(SealedFile::Identity)? {
            Some(text) => serde_json::from_str(text.expose()).map_err(PairFault::Shape)?,
            None => {
                let identity = Identity::fresh()?;
                self.keep(&identity)?;
                identity
            }
        };
        let (changed, told) = work(identity)?;
        if let Some(changed) = changed {
            self.keep(&changed)?;
        }
        Ok(told)
    }

    fn keep(&self, identity: &Identity) -> Result<(), PairFault> {
        let text = serde_json::to_string(identity).map_err(PairFault::Shape)?;
        Ok(self
            .store
            .write_sealed(SealedFile::Identity, &Secret::new(text))?)
    }

    /// As [`IdentityFile::read`], on a thread that may wait.
    pub(super) async fn look(&self) -> Result<Identity, PairFault> {
        self.changed(|identity| Ok((None, identity))).await
    }

    /// As [`IdentityFile::change`], on a thread that may wait. What was begun comes to its end, whether
    /// anybody waits for it or not.
    pub(super) async fn changed<T: Send + 'static>(
        &self,
        work: impl FnOnce(Identity) -> Result<(Option<Identity>, T), PairFault> + Send + 'static,
    ) -> Result<T, PairFault> {
        let file = self.clone();
        let done = tokio::task::spawn_blocking(move || file.change(work));
        done.await.unwrap_or(Err(PairFault::Thread))
    }
}
