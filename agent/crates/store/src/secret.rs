//! Sealing of secrets: ChaCha20-Poly1305 under a key that lives in a file of its own.
//!
//! A sealed record is `1 ‖ nonce (12 bytes, random) ‖ ciphertext ‖ tag (16 bytes)`. The record's key in
//! the database is authenticated with it, so that a record moved to another place does not open.

use crate::error::{OpenError, SecretError};
use crate::files;
use model::Secret;
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use zeroize::Zeroizing;

const KEY_LEN: usize = 32;
const VERSION: u8 = 1;

/// Seals and opens.
pub(crate) struct Vault {
    key: LessSafeKey,
    random: SystemRandom,
}

impl Vault {
    /// Reads the key file, or makes one; says whether it was made. A file that others may read is closed
    /// to them.
    pub(crate) fn open(path: &Path) -> Result<(Self, bool), OpenError> {
        let io = |source| OpenError::Io {
            path: path.to_owned(),
            source,
        };
        let random = SystemRandom::new();
        let mut bytes = Zeroizing::new([0_u8; KEY_LEN + 1]);
        let created = match std::fs::File::open(path) {
            Ok(mut file) => {
                let wrong = || OpenError::KeyFile {
                    path: path.to_owned(),
                };
                let about = file.metadata().map_err(io)?;
                if !about.is_file() || about.len() != KEY_LEN as u64 {
                    return Err(wrong());
                }
                file.read_exact(&mut bytes[..KEY_LEN]).map_err(io)?;
                if about.permissions().mode() & 0o077 != 0 {
                    tracing::warn!(path = %path.display(), "Others could read the key file; closed it to them.");
                    file.set_permissions(PermissionsExt::from_mode(0o600))
                        .map_err(io)?;
                }
                false
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                random
                    .fill(&mut bytes[..KEY_LEN])
                    .map_err(|_| OpenError::Random)?;
                files::write_private(path, &bytes[..KEY_LEN]).map_err(io)?;
                true
            }
            Err(error) => return Err(io(error)),
        };
        let key = UnboundKey::new(&CHACHA20_POLY1305, &bytes[..KEY_LEN])
            .expect("the algorithm takes keys of KEY_LEN bytes");
        Ok((
            Self {
                key: LessSafeKey::new(key),
                random,
            },
            created,
        ))
    }

    /// Seals a secret for the record of this key.
    pub(crate) fn seal(&self, record: &str, secret: &Secret) -> Result<Vec<u8>, SecretError> {
        let mut nonce = [0_u8; NONCE_LEN];
        self.random
            .fill(&mut nonce)
            .map_err(|_| SecretError::Random)?;
        let mut text = Zeroizing::new(secret.expose().as_bytes().to_vec());
        let nonce_used = Nonce::assume_unique_for_key(nonce);
        let tag = self
            .key
            .seal_in_place_separate_tag(nonce_used, Aad::from(record), &mut text)
            .expect("a secret of some kilobytes is within the cipher's limit");
        let mut sealed = vec![VERSION];
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(&text);
        sealed.extend_from_slice(tag.as_ref());
        Ok(sealed)
    }

    /// Opens what was sealed for the record of this key.
    pub(crate) fn open_sealed(&self, record: &str, sealed: &[u8]) -> Result<Secret, SecretError> {
        let unreadable = || SecretError::Unreadable {
            key: record.to_owned(),
        };
        let (version, rest) = sealed.split_first().ok_or_else(unreadable)?;
        let (nonce, text) = rest.split_at_checked(NONCE_LEN).ok_or_else(unreadable)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| unreadable())?;
        if *version != VERSION {
            return Err(unreadable());
        }
        let mut text = Zeroizing::new(text.to_vec());
        let opened = self
            .key
            .open_in_place(nonce, Aad::from(record), &mut text)
            .map_err(|_| unreadable())?;
        std::str::from_utf8(opened)
            .map(Secret::new)
            .map_err(|_| unreadable())
    }
}
