//! The store: reads, writes and what makes them durable.

use crate::batch::{Batch, Change};
use crate::error::{ReadError, SecretError, WriteError};
use crate::secret::Vault;
use crate::sync::Syncer;
use crate::tree::{self, Tree};
use crate::writes::{self, Writes};
use crate::{ballast, files, record, snapshot};
use model::Secret;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

/// Nothing is written while the disk has less room than this: more than the largest document, its parts
/// and a segment of sled's log need.
pub(crate) const RESERVE: u64 = 16 * 1024 * 1024;

/// What only removes something is written down to this room: it is small, and what an operator ended on a
/// nearly full disk has to stay ended.
const LAST_RESERVE: u64 = RESERVE / 4;

/// An open data folder. Clones share it; it closes with the last of them.
#[derive(Clone)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) db: sled::Db,
    pub(crate) vault: Vault,
    pub(crate) syncer: Syncer,
    pub(crate) dir: PathBuf,
    /// Readers of documents in parts, against the writer that replaces them.
    pub(crate) turn: RwLock<()>,
    /// Held for as long as the store is open. Dropped last.
    pub(crate) _lock: File,
}

impl Inner {
    /// Notes beside the database how far it has come, so that one which has gone back is known.
    pub(crate) fn mark(&self) -> Result<(), WriteError> {
        let batches = writes::batches(&self.db).map_err(WriteError::database)?;
        self.syncer.sync(|| self.db.flush().map(drop))?;
        let path = mark_path(&self.dir);
        files::write_private(&path, batches.to_string().as_bytes())
            .map_err(|source| WriteError::io(&path, source))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Err(error) = self.mark() {
            tracing::warn!(%error, "The store closed without its mark.");
        }
    }
}

/// Where [`Inner::mark`] writes.
pub(crate) fn mark_path(dir: &Path) -> PathBuf {
    dir.join("db-mark")
}

impl Store {
    /// The entity under an id, where there is one.
    ///
    /// # Errors
    /// [`ReadError`] when the database fails or what is stored has another shape.
    pub fn get<T: DeserializeOwned>(&self, tree: Tree, id: &str) -> Result<Option<T>, ReadError> {
        let _turn = self
            .inner
            .turn
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let key = tree::row(tree, id);
        match self.inner.db.get(&key).map_err(ReadError::Database)? {
            Some(row) => self.decode(tree, id, &row).map(Some),
            None => Ok(None),
        }
    }

    /// Every entity of a kind with its id: numbers in their order, then the rest in theirs. A row that
    /// cannot be read is left out and logged, so that one bad row does not take the others with it.
    ///
    /// # Errors
    /// [`ReadError::Database`].
    pub fn list<T: DeserializeOwned>(&self, tree: Tree) -> Result<Vec<(String, T)>, ReadError> {
        let _turn = self
            .inner
            .turn
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let prefix = tree::rows(tree);
        let mut found = Vec::new();
        for row in self.inner.db.scan_prefix(&prefix) {
            let (key, row) = row.map_err(ReadError::Database)?;
            let id = String::from_utf8_lossy(&key[prefix.len()..]).into_owned();
            match self.decode(tree, &id, &row) {
                Ok(entity) => found.push((id, entity)),
                Err(ReadError::Database(error)) => return Err(ReadError::Database(error)),
                Err(error) => {
                    let tree = tree.as_str();
                    tracing::error!(%error, tree, id, "A stored row cannot be read.");
                }
            }
        }
        found.sort_by_cached_key(|(id, _)| (id.parse::<u64>().unwrap_or(u64::MAX), id.clone()));
        Ok(found)
    }

    fn decode<T: DeserializeOwned>(
        &self,
        tree: Tree,
        id: &str,
        row: &[u8],
    ) -> Result<T, ReadError> {
        let json = record::read(&self.inner.db, tree, id, row)?;
        serde_json::from_slice(&json).map_err(|source| ReadError::Shape {
            key: tree::row(tree, id),
            source,
        })
    }

    /// Stores one entity, durably.
    ///
    /// # Errors
    /// [`WriteError`]; what was stored before is unchanged.
    pub fn put<T: Serialize>(&self, tree: Tree, id: &str, entity: &T) -> Result<(), WriteError> {
        self.commit(Batch::new().put(tree, id, entity)?)
    }

    /// Removes one entity and its secret, durably. Says whether it was there.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn delete(&self, tree: Tree, id: &str) -> Result<bool, WriteError> {
        let batch = Batch::new().delete(tree, id)?;
        let was = self
            .inner
            .db
            .contains_key(tree::row(tree, id))
            .map_err(WriteError::database)?;
        self.commit(batch)?;
        Ok(was)
    }

    /// The secret of an entity, where it has one.
    ///
    /// # Errors
    /// [`SecretError`] when it was sealed with another key, changed or moved.
    pub fn secret(&self, tree: Tree, id: &str) -> Result<Option<Secret>, SecretError> {
        let key = tree::secret(tree, id);
        match self.inner.db.get(&key) {
            Ok(Some(sealed)) => self.inner.vault.open_sealed(&key, &sealed).map(Some),
            Ok(None) => Ok(None),
            Err(error) => {
                tracing::error!(%error, key, "A sealed secret cannot be read.");
                Err(SecretError::Database { key })
            }
        }
    }

    /// Every secret of the database that opens, of whatever it is: for those who look that none of them
    /// stands anywhere else. One that does not open nobody can have told.
    ///
    /// # Errors
    /// [`ReadError::Database`].
    pub fn secrets(&self) -> Result<Vec<Secret>, ReadError> {
        let mut found = Vec::new();
        for row in self.inner.db.scan_prefix(tree::SECRETS) {
            let (key, sealed) = row.map_err(ReadError::Database)?;
            let key = String::from_utf8_lossy(&key);
            found.extend(self.inner.vault.open_sealed(&key, &sealed).ok());
        }
        Ok(found)
    }

    /// An id that no entity of this kind has or had: 1, 2, 3, …
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn next_id(&self, tree: Tree) -> Result<u64, WriteError> {
        self.room(RESERVE)?;
        let _turn = self
            .inner
            .turn
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let db = &self.inner.db;
        let counter = tree::counter(tree);
        let last = db.get(&counter).map_err(WriteError::database)?;
        let mut next = last
            .and_then(|bytes| bytes.as_ref().try_into().ok().map(u64::from_be_bytes))
            .unwrap_or(0)
            .saturating_add(1);
        while db
            .contains_key(tree::row(tree, &next.to_string()))
            .map_err(WriteError::database)?
        {
            next = next.saturating_add(1);
        }
        let mut writes = Writes::default();
        writes.insert(counter, next.to_be_bytes());
        writes.commit(db).map_err(WriteError::database)?;
        Ok(next)
    }

    /// Writes a batch, all of it or nothing, durably.
    ///
    /// # Errors
    /// [`WriteError`]. After [`WriteError::NotDurable`] the batch may or may not survive a power cut.
    pub fn commit(&self, batch: Batch) -> Result<(), WriteError> {
        self.apply(batch)?;
        self.flush_durable()
    }

    /// Writes a batch, all of it or nothing, without waiting for the disk: it survives the death of the
    /// process within 200 ms, and a power cut after the next [`Store::flush_durable`].
    ///
    /// # Errors
    /// [`WriteError`]; nothing is written then.
    pub fn apply(&self, batch: Batch) -> Result<(), WriteError> {
        self.room(reserve(&batch.changes))?;
        let db = &self.inner.db;
        let mut writes = Writes::default();
        let _turn = self
            .inner
            .turn
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for change in batch.changes {
            match change {
                Change::Put { tree, id, json } => {
                    self.drop_parts(&mut writes, tree, &id)?;
                    let generation = db.generate_id().map_err(WriteError::database)?;
                    let written = record::write(tree, &id, &json, generation);
                    for (key, part) in written.parts {
                        writes.insert(key, part);
                    }
                    writes.insert(tree::row(tree, &id), written.row);
                }
                Change::Delete { tree, id } => {
                    self.drop_parts(&mut writes, tree, &id)?;
                    writes.remove(tree::row(tree, &id));
                }
                Change::Seal { tree, id, secret } => {
                    let key = tree::secret(tree, &id);
                    let sealed = self.inner.vault.seal(&key, &secret)?;
                    writes.insert(key, sealed);
                }
                Change::Forget { tree, id } => writes.remove(tree::secret(tree, &id)),
            }
        }
        writes.commit(db).map_err(WriteError::database)
    }

    /// Refuses while the disk is nearly full. sled does not recover from a write that found no room,
    /// so none is begun that might.
    fn room(&self, reserve: u64) -> Result<(), WriteError> {
        match files::free_bytes(&self.inner.dir) {
            Some(free) if free < reserve => Err(WriteError::Full),
            _ => Ok(()),
        }
    }

    /// How many batches were written so far: one that differs from an earlier one means a change.
    ///
    /// # Errors
    /// [`ReadError::Database`].
    pub fn batches(&self) -> Result<u64, ReadError> {
        writes::batches(&self.inner.db).map_err(ReadError::Database)
    }

    /// Removes the parts of the document that stands under an id now.
    fn drop_parts(&self, writes: &mut Writes, tree: Tree, id: &str) -> Result<(), WriteError> {
        let key = tree::row(tree, id);
        let before = writes.before(&self.inner.db, key.as_str());
        let Some(row) = before.map_err(WriteError::database)? else {
            return Ok(());
        };
        // A head that cannot be read names no parts; those are swept at the next start.
        if let Ok(Some(head)) = record::parts_of(&key, &row) {
            let prefix = tree::parts(tree, id, head.generation);
            for part in self.inner.db.scan_prefix(prefix).keys() {
                writes.remove(part.map_err(WriteError::database)?.to_vec());
            }
        }
        Ok(())
    }

    /// Returns when everything that was written before the call survives a power cut. Callers at the
    /// same time share one sync.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn flush_durable(&self) -> Result<(), WriteError> {
        self.inner.syncer.sync(|| self.inner.db.flush().map(drop))
    }

    /// Writes a copy of everything beside the database, for [`Store::open`] to fall back on. To be
    /// called after a change of configuration and now and then; takes a moment.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn snapshot(&self, now: SystemTime) -> Result<PathBuf, WriteError> {
        self.room(RESERVE)?;
        let rows = {
            // Writers wait while the rows are read, not while the file is written.
            let _turn = self
                .inner
                .turn
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            snapshot::rows(&self.inner.db)?
        };
        let folder = self.inner.dir.join("snapshots");
        let path = snapshot::write(rows, &folder, now)?;
        self.inner.mark()?;
        ballast::put_by(&self.inner.dir, RESERVE);
        Ok(path)
    }
}

/// How much room the disk has to have for these changes.
fn reserve(changes: &[Change]) -> u64 {
    let removes = |change: &Change| matches!(change, Change::Delete { .. } | Change::Forget { .. });
    if changes.iter().all(removes) {
        LAST_RESERVE
    } else {
        RESERVE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_removes_something_needs_less_room() {
        let removal = || Batch::new().delete(Tree::Cameras, "1").unwrap();
        assert_eq!(reserve(&removal().changes), LAST_RESERVE);
        let both = removal().put(Tree::Cameras, "2", &"x").unwrap();
        assert_eq!(reserve(&both.changes), RESERVE);
        let sealed = removal().seal(Tree::Cameras, "2", &Secret::new("x"));
        assert_eq!(reserve(&sealed.unwrap().changes), RESERVE);
        let unsealed = removal().seal(Tree::Cameras, "2", &Secret::default());
        assert_eq!(reserve(&unsealed.unwrap().changes), LAST_RESERVE);
    }
}
