//! Cameras and destinations as they are kept, whole and in memory: for tasks that must not wait for a
//! disk.
//!
//! Owns the shape of that picture. `modules::Records` makes a new one at each change; the running show
//! reads it.

use model::{Camera, CameraId, Destination, DestinationId, Secret};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::{ReadError, Store, Tree};
use tokio::sync::watch;

/// The newest inventory. Cheap to clone; reading it never blocks.
pub type Shelf = watch::Receiver<Arc<Inventory>>;

/// Every camera and destination that is kept, with its secret.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Inventory {
    cameras: BTreeMap<CameraId, (Camera, Secret)>,
    destinations: BTreeMap<DestinationId, (Destination, Secret)>,
}

impl Inventory {
    /// Reads it. A secret that cannot be opened is as good as none; it is logged. Blocks.
    ///
    /// # Errors
    /// [`ReadError`] when the database fails.
    pub fn read(store: &Store) -> Result<Self, ReadError> {
        let secret = |tree: Tree, id: &str| {
            let secret = store.secret(tree, id).unwrap_or_else(|error| {
                tracing::error!(tree = tree.as_str(), id, %error, "A secret cannot be read.");
                None
            });
            secret.unwrap_or_default()
        };
        let mut all = Self::default();
        for (id, camera) in store.list::<Camera>(Tree::Cameras)? {
            let password = secret(Tree::Cameras, &id);
            all.cameras.insert(camera.id.clone(), (camera, password));
        }
        for (id, destination) in store.list::<Destination>(Tree::Destinations)? {
            let key = secret(Tree::Destinations, &id);
            all.destinations
                .insert(destination.id.clone(), (destination, key));
        }
        Ok(all)
    }

    /// A camera and its password, which is empty where it has none.
    #[must_use]
    pub fn camera(&self, id: &CameraId) -> Option<&(Camera, Secret)> {
        self.cameras.get(id)
    }

    /// Every camera and its password.
    pub fn cameras(&self) -> impl Iterator<Item = &(Camera, Secret)> {
        self.cameras.values()
    }

    /// A destination and its key, which is empty where it has none.
    #[must_use]
    pub fn destination(&self, id: &DestinationId) -> Option<&(Destination, Secret)> {
        self.destinations.get(id)
    }
}
