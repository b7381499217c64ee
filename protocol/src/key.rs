//! Ed25519 keys: who signs, who is believed, and how a key is named.
//!
//! Owns what makes a public key acceptable. The algorithm always comes from here, never from a message.

use crate::words::{Base64, Digest, KeyId};
use data_encoding::HEXLOWER;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use std::fmt;

/// Bytes of a signature.
pub const SIGNATURE_BYTES: usize = 64;

/// What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410).
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// y of every point of small order, little end first, without the sign bit: 0, 1, the two of order 8,
/// p − 1, and p and p + 1, which are 0 and 1 again. Under such a key one signature fits many messages.
const SMALL_ORDER: [[u8; 32]; 7] = [
    [0; 32],
    with(0, 1, 0),
    [
        0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98,
        0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53,
        0xfc, 0x05,
    ],
    [
        0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67,
        0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac,
        0x03, 0x7a,
    ],
    with(0xff, 0xec, 0x7f),
    with(0xff, 0xed, 0x7f),
    with(0xff, 0xee, 0x7f),
];

/// 32 equal bytes but for the first and the last.
const fn with(middle: u8, first: u8, last: u8) -> [u8; 32] {
    let mut bytes = [middle; 32];
    bytes[0] = first;
    bytes[31] = last;
    bytes
}

/// Why bytes are no public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Another length than 32 bytes.
    #[error("an Ed25519 public key has 32 bytes, not {0}")]
    Length(usize),
    /// A point of small order, or not in its one canonical form.
    #[error("the public key is weak or not canonical")]
    Weak,
}

/// A public key that may be believed.
#[derive(Clone, PartialEq, Eq)]
pub struct PublicKey {
    bytes: [u8; 32],
    id: KeyId,
}

impl PublicKey {
    /// Reads the 32 bytes of a key.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(bytes: &[u8]) -> Result<Self, KeyError> {
        let bytes: [u8; 32] = bytes
            .try_into()
            .map_err(|_error| KeyError::Length(bytes.len()))?;
        let mut y = bytes;
        y[31] &= 0x7f;
        // y ≥ p = 2^255 − 19 is a second way to write y − p.
        let canonical = y[31] != 0x7f || y[1..31].iter().any(|b| *b != 0xff) || y[0] < 0xed;
        if !canonical || SMALL_ORDER.contains(&y) {
            return Err(KeyError::Weak);
        }
        let digest = Digest::of(&[SPKI_PREFIX.as_slice(), &bytes].concat());
        let hex = HEXLOWER.encode(&digest.bytes()[..8]);
        let id = KeyId::parse(hex).expect("16 hex digits");
        Ok(Self { bytes, id })
    }

    /// Its name: the first 16 hex digits of SHA-256 over its SubjectPublicKeyInfo.
    #[must_use]
    pub const fn id(&self) -> &KeyId {
        &self.id
    }

    /// Its 32 bytes.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    /// Its bytes as they stand in key records.
    #[must_use]
    pub fn to_base64(&self) -> Base64 {
        self.bytes.to_vec().into()
    }

    /// Whether a signature over a message is by this key. Any other length than 64 bytes and any S
    /// that is not below the group's order is not.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == SIGNATURE_BYTES
            && UnparsedPublicKey::new(&ED25519, &self.bytes)
                .verify(message, signature)
                .is_ok()
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id)
    }
}

/// Why bytes are no signing key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an Ed25519 signing key")]
pub struct SigningKeyError;

/// A private key. Its bytes do not come out again and are not in its `Debug`.
pub struct SigningKey {
    pair: Ed25519KeyPair,
    public: PublicKey,
}

impl SigningKey {
    /// A key from its 32 byte seed.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn from_seed(seed: &[u8]) -> Result<Self, SigningKeyError> {
        Self::of(Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_error| SigningKeyError)?)
    }

    /// A key from PKCS#8, version 2, as `ring` writes it.
    ///
    /// # Errors
    /// [`SigningKeyError`].
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SigningKeyError> {
        Self::of(Ed25519KeyPair::from_pkcs8(der).map_err(|_error| SigningKeyError)?)
    }

    fn of(pair: Ed25519KeyPair) -> Result<Self, SigningKeyError> {
        let public =
            PublicKey::read(pair.public_key().as_ref()).map_err(|_error| SigningKeyError)?;
        Ok(Self { pair, public })
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Signs a message; the same message always gets the same signature (RFC 8032).
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut out = [0; SIGNATURE_BYTES];
        out.copy_from_slice(self.pair.sign(message).as_ref());
        out
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weak_and_second_ways_to_write_a_key_are_refused() {
        for small in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut bytes = small;
                bytes[31] |= sign;
                assert_eq!(PublicKey::read(&bytes), Err(KeyError::Weak), "{bytes:02x?}");
            }
        }
        // y = p + 3: a point of the curve, written a second way.
        assert_eq!(
            PublicKey::read(&with(0xff, 0xf0, 0x7f)),
            Err(KeyError::Weak)
        );
        assert_eq!(PublicKey::read(&[1; 31]), Err(KeyError::Length(31)));
    }

    #[test]
    fn a_key_signs_as_rfc_8032_says() {
        // RFC 8032, 7.1, test 2.
        let seed = HEXLOWER
            .decode(b"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
            .unwrap();
        let key = SigningKey::from_seed(&seed).unwrap();
        assert_eq!(
            HEXLOWER.encode(key.public().bytes()),
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
        );
        let signature = key.sign(&[0x72]);
        assert_eq!(
            HEXLOWER.encode(&signature),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        );
        assert!(key.public().verifies(&[0x72], &signature));
        assert!(!key.public().verifies(&[0x73], &signature));
        assert!(!key.public().verifies(&[0x72], &signature[..63]));
        let debug = format!("{key:?}");
        assert!(!debug.contains("4ccd"), "{debug}");
    }
}
