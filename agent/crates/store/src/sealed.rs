//! Small documents that are files of their own, sealed: what has to outlive a damaged database.

use crate::error::{SecretError, WriteError};
use crate::files;
use crate::store::Store;
use model::Secret;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;

/// Largest sealed document in bytes.
const LIMIT: usize = 256 * 1024;

/// A sealed document of the data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SealedFile {
    /// Who this device is: `identity.sealed`.
    Identity,
}

impl SealedFile {
    const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity.sealed",
        }
    }
}

impl Store {
    fn sealed_path(&self, file: SealedFile) -> PathBuf {
        self.inner.dir.join(file.name())
    }

    /// The document, where there is one.
    ///
    /// # Errors
    /// [`SecretError`] when it cannot be read, was changed, or was sealed with another key.
    pub fn read_sealed(&self, file: SealedFile) -> Result<Option<Secret>, SecretError> {
        let unreadable = || SecretError::Unreadable {
            key: file.name().to_owned(),
        };
        let mut bytes = Vec::new();
        match std::fs::File::open(self.sealed_path(file)) {
            Ok(opened) => {
                let mut limited = opened.take(LIMIT as u64 * 2);
                limited
                    .read_to_end(&mut bytes)
                    .map_err(|_error| unreadable())?;
            }
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(_) => return Err(unreadable()),
        }
        self.inner.vault.open_sealed(file.name(), &bytes).map(Some)
    }

    /// Writes the document, in place of the one before. After any crash one of the two is there.
    ///
    /// # Errors
    /// [`WriteError`]; the one before is unchanged.
    pub fn write_sealed(&self, file: SealedFile, text: &Secret) -> Result<(), WriteError> {
        if text.expose().len() > LIMIT {
            return Err(SecretError::TooLong { limit: LIMIT }.into());
        }
        let sealed = self.inner.vault.seal(file.name(), text)?;
        let path = self.sealed_path(file);
        files::write_private(&path, &sealed).map_err(|source| WriteError::io(&path, source))
    }
}
