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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vault() -> (tempfile::TempDir, Vault) {
        let dir = tempfile::tempdir().unwrap();
        let (vault, created) = Vault::open(&dir.path().join("key")).unwrap();
        assert!(created);
        (dir, vault)
    }

    #[test]
    fn a_record_opens_in_its_own_place_only() {
        let (_dir, vault) = vault();
        let sealed = vault
            .seal("secret/destinations/1", &Secret::new("key"))
            .unwrap();
        assert!(vault.open_sealed("secret/destinations/1", &sealed).is_ok());
        for moved in ["secret/destinations/2", "secret/cameras/1", ""] {
            assert!(vault.open_sealed(moved, &sealed).is_err(), "{moved}");
        }
    }

    #[test]
    fn a_record_that_was_changed_or_cut_anywhere_does_not_open() {
        let (_dir, vault) = vault();
        let sealed = vault.seal("a", &Secret::new("hunter2")).unwrap();
        for place in 0..sealed.len() {
            for bit in 0..8 {
                let mut changed = sealed.clone();
                changed[place] ^= 1 << bit;
                assert!(
                    vault.open_sealed("a", &changed).is_err(),
                    "byte {place} bit {bit}"
                );
            }
            assert!(
                vault.open_sealed("a", &sealed[..place]).is_err(),
                "cut at {place}"
            );
        }
    }

    #[test]
    fn one_secret_is_sealed_differently_each_time() {
        let (_dir, vault) = vault();
        let seal = || vault.seal("a", &Secret::new("hunter2")).unwrap();
        assert_ne!(seal(), seal());
    }

    proptest! {
        #[test]
        fn what_was_sealed_comes_back(text in ".{0,300}", record in "[a-z/0-9]{1,40}") {
            let (dir, vault) = vault();
            let sealed = vault.seal(&record, &Secret::new(text.clone())).unwrap();
            let (again, created) = Vault::open(&dir.path().join("key")).unwrap();
            prop_assert!(!created);
            let opened = again.open_sealed(&record, &sealed).unwrap();
            prop_assert_eq!(opened.expose(), text);
        }
    }
}
