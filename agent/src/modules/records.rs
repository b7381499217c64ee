//! What is kept, asked without holding up the tasks that run.
//!
//! Owns the turn of those who write: each reads and writes as one step, so two cannot take the same id.
//! The store blocks; everything here runs on threads that may.

use super::fault::Fault;
use crate::time::rfc3339;
use runtime::Clock;
use std::sync::{Arc, Mutex, PoisonError};
use store::Store;

/// The store, for tasks. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    store: Store,
    clock: Arc<dyn Clock>,
    turn: Arc<Mutex<()>>,
}

impl Records {
    /// Wraps an open store.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        Self {
            store,
            clock,
            turn: Arc::default(),
        }
    }

    /// Reads.
    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, Fault>
    where
        T: Send + 'static,
        F: FnOnce(&Store) -> Result<T, Fault> + Send + 'static,
    {
        let store = self.store.clone();
        tokio::task::spawn_blocking(move || work(&store))
            .await
            .map_err(|_| Fault::Thread)?
    }

    /// Reads and writes as one step. `work` is given the time as RFC 3339 UTC.
    pub(super) async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
        F: FnOnce(&Store, &str) -> Result<T, E> + Send + 'static,
    {
        let Self { store, clock, turn } = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
            work(&store, &rfc3339(clock.wall()))
        });
        done.await.map_err(|_| E::from(Fault::Thread))?
    }
}
