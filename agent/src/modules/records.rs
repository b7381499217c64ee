//! What is kept, asked without holding up the tasks that run.
//!
//! Owns the turn of those who write: each reads and writes as one step, so two cannot take the same id.
//! After each change it makes a new [`Inventory`] and says that there is something new to copy. The
//! store blocks; everything here runs on threads that may.

use super::fault::Fault;
use crate::inventory::{Inventory, Shelf};
use crate::time::rfc3339;
use runtime::Clock;
use std::sync::{Arc, Mutex, PoisonError};
use store::Store;
use tokio::sync::watch;

/// Counts changes of what is kept. Clones share the count.
pub type Changes = watch::Sender<u64>;

/// The store, for tasks. Cheap to clone.
#[derive(Clone)]
pub struct Records {
    store: Store,
    clock: Arc<dyn Clock>,
    turn: Arc<Mutex<()>>,
    inventory: watch::Sender<Arc<Inventory>>,
    changes: Changes,
}

impl Records {
    /// Wraps an open store. Reads it once, which blocks.
    #[must_use]
    pub fn new(store: Store, clock: Arc<dyn Clock>) -> Self {
        let inventory = watch::Sender::default();
        take_stock(&store, &inventory);
        Self {
            store,
            clock,
            turn: Arc::default(),
            inventory,
            changes: Changes::default(),
        }
    }

    /// Cameras and destinations, for those who cannot wait for a disk.
    #[must_use]
    pub fn shelf(&self) -> Shelf {
        self.inventory.subscribe()
    }

    /// Counts up at each change.
    #[must_use]
    pub fn changes(&self) -> Changes {
        self.changes.clone()
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
        let own = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _turn = own.turn.lock().unwrap_or_else(PoisonError::into_inner);
            let batches = || own.store.batches().ok();
            let before = batches();
            let done = work(&own.store, &rfc3339(own.clock.wall()));
            if batches() != before {
                take_stock(&own.store, &own.inventory);
                own.changes.send_modify(|count| *count += 1);
            }
            done
        });
        done.await.map_err(|_| E::from(Fault::Thread))?
    }
}

/// Makes a new inventory; the old one stays where the store cannot be read.
fn take_stock(store: &Store, inventory: &watch::Sender<Arc<Inventory>>) {
    match Inventory::read(store) {
        Ok(new) => {
            inventory.send_if_modified(|old| {
                let changed = **old != new;
                if changed {
                    *old = Arc::new(new);
                }
                changed
            });
        }
        Err(error) => tracing::error!(%error, "Cameras and destinations cannot be read."),
    }
}
