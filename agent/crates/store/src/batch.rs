//! Several writes that happen together or not at all.

use crate::error::{SecretError, WriteError};
use crate::record::DOCUMENT_LIMIT;
use crate::tree::{self, Tree};
use model::Secret;
use serde::Serialize;

/// Longest secret in bytes.
const SECRET_LIMIT: usize = 16 * 1024;

/// One write of a batch.
pub(crate) enum Change {
    Put {
        tree: Tree,
        id: String,
        json: Vec<u8>,
    },
    Delete {
        tree: Tree,
        id: String,
    },
    Seal {
        tree: Tree,
        id: String,
        secret: Secret,
    },
    Forget {
        tree: Tree,
        id: String,
    },
}

/// Writes that are collected and then given to [`Store::commit`](crate::Store::commit).
#[derive(Default)]
#[must_use = "a batch changes nothing until it is committed"]
pub struct Batch {
    pub(crate) changes: Vec<Change>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Stores an entity under its id, in place of what was there.
    ///
    /// # Errors
    /// [`WriteError`] when the id or the size is outside the limits, or it has no JSON form.
    pub fn put<T: Serialize>(
        mut self,
        tree: Tree,
        id: &str,
        entity: &T,
    ) -> Result<Self, WriteError> {
        let id = checked(id)?;
        let key = || tree::row(tree, &id);
        let json = match serde_json::to_vec(entity) {
            Ok(json) => json,
            Err(source) => return Err(WriteError::Shape { key: key(), source }),
        };
        if json.len() > DOCUMENT_LIMIT {
            return Err(WriteError::TooLarge {
                key: key(),
                bytes: json.len(),
                limit: DOCUMENT_LIMIT,
            });
        }
        self.changes.push(Change::Put { tree, id, json });
        Ok(self)
    }

    /// Removes an entity and its secret, where they are.
    ///
    /// # Errors
    /// [`WriteError::Id`].
    pub fn delete(mut self, tree: Tree, id: &str) -> Result<Self, WriteError> {
        let id = checked(id)?;
        self.changes.push(Change::Forget {
            tree,
            id: id.clone(),
        });
        self.changes.push(Change::Delete { tree, id });
        Ok(self)
    }

    /// Seals an entity's secret, in place of the one it had. An empty secret removes it.
    ///
    /// # Errors
    /// [`WriteError`] when the id or the length is outside the limits.
    pub fn seal(mut self, tree: Tree, id: &str, secret: &Secret) -> Result<Self, WriteError> {
        let id = checked(id)?;
        if secret.expose().len() > SECRET_LIMIT {
            return Err(SecretError::TooLong {
                limit: SECRET_LIMIT,
            }
            .into());
        }
        self.changes.push(if secret.is_empty() {
            Change::Forget { tree, id }
        } else {
            Change::Seal {
                tree,
                id,
                secret: secret.clone(),
            }
        });
        Ok(self)
    }
}

fn checked(id: &str) -> Result<String, WriteError> {
    if tree::id_is_valid(id) {
        Ok(id.to_owned())
    } else {
        Err(WriteError::Id)
    }
}
