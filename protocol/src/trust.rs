//! Whom a device believes: the root it was given at pairing, and the keyset that the root signs.
//!
//! State in, state out: every function gives a new [`Trust`] to be stored before it is used, and the old
//! one is good until then. Never does I/O and never asks the time.

use crate::HasCode;
use crate::command::CommandType;
use crate::error::Code;
use crate::key::PublicKey;
use crate::kind::{KeyUse, Kind};
use crate::moment::Moment;
use crate::time::Timestamp;
use crate::verify::{self, VerifyError};
use crate::words::{Base64, DeviceId, KeyId, TenantId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most keys in a root or a keyset.
pub const KEY_LIMIT: usize = 64;

/// A key of the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootKey {
    /// Its name.
    pub keyid: KeyId,
    /// `ed25519`.
    pub alg: String,
    /// Its 32 bytes.
    pub public_key: Base64,
}

/// The keys that sign keysets and the next root. Given at pairing, and pinned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RootRecord {
    /// The customer whose devices it is for.
    pub tenant_id: TenantId,
    /// Goes up by exactly one.
    pub version: u64,
    /// How many of its keys have to sign.
    pub threshold: u64,
    /// Its keys, each once.
    #[schemars(length(min = 1, max = 64))]
    pub keys: Vec<RootKey>,
}

/// A key of the keyset, and what it may sign.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyRecord {
    /// Its name.
    pub keyid: KeyId,
    /// `ed25519`.
    pub alg: String,
    /// Its 32 bytes.
    pub public_key: Base64,
    /// What it is for; only that.
    #[serde(rename = "use")]
    pub purpose: KeyUse,
    /// Which commands it may sign; empty for other uses.
    #[serde(default)]
    pub scopes: Vec<CommandType>,
    /// It is not valid before.
    pub not_before: Timestamp,
    /// It is not valid from then on.
    pub not_after: Timestamp,
}

/// The keys that may sign. Signed by enough keys of the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keyset {
    /// The customer whose devices it is for.
    pub tenant_id: TenantId,
    /// Only goes up.
    pub version: u64,
    /// Never goes down. With a new epoch the sequence numbers of commands begin anew.
    pub epoch: u64,
    /// From then on none of its keys is valid.
    pub expires_at: Timestamp,
    /// Its keys, each once.
    #[schemars(length(max = 64))]
    pub keys: Vec<KeyRecord>,
    /// Keys that are not valid whatever else it says, also for commands that wait.
    #[serde(default)]
    pub revoked: Vec<KeyId>,
}

/// Why a root or a keyset does not take the place of the one before.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// It is not signed by those who have to.
    #[error("it is not signed by those who have to")]
    Verify(#[source] VerifyError),
    /// Its keys contradict themselves.
    #[error("{0}")]
    Keys(&'static str),
    /// A key of another algorithm.
    #[error("the algorithm {0:?} is not supported")]
    Algorithm(String),
    /// It is for another customer.
    #[error("it is for another customer")]
    Tenant,
    /// Not newer than the one before.
    #[error("version {got} is not newer than {have}")]
    Rollback {
        /// The one before.
        have: u64,
        /// The one offered.
        got: u64,
    },
    /// A root that leaves one out.
    #[error("root version {got} does not follow {have}")]
    Step {
        /// The one before.
        have: u64,
        /// The one offered.
        got: u64,
    },
    /// It is over.
    #[error("it ended at {0}")]
    Expired(Timestamp),
}

impl HasCode for AdoptError {
    fn code(&self) -> Code {
        match self {
            Self::Verify(error) => error.code(),
            Self::Keys(_) => Code::SchemaInvalid,
            Self::Algorithm(_) => Code::AlgUnsupported,
            Self::Tenant => Code::DeviceMismatch,
            Self::Rollback { .. } => Code::ReplayDetected,
            Self::Step { .. } => Code::CredRotationFailed,
            Self::Expired(_) => Code::Expired,
        }
    }
}

impl From<VerifyError> for AdoptError {
    fn from(error: VerifyError) -> Self {
        Self::Verify(error)
    }
}

/// Whom a device believes.
#[derive(Debug, Clone)]
pub struct Trust {
    device: DeviceId,
    root: RootRecord,
    root_keys: Vec<PublicKey>,
    keyset: Option<(Keyset, Vec<PublicKey>)>,
}

/// What of it is stored. To be read from the device's own store only: nobody verifies it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustRecord {
    /// The device.
    pub device_id: DeviceId,
    /// The pinned root.
    pub root: RootRecord,
    /// The keyset that is in force.
    pub keyset: Option<Keyset>,
}

impl Trust {
    /// Trust as pairing gives it: this root is pinned.
    ///
    /// # Errors
    /// [`AdoptError`] when its keys contradict themselves.
    pub fn pinned(device: DeviceId, root: RootRecord) -> Result<Self, AdoptError> {
        let root_keys = root_keys(&root)?;
        Ok(Self {
            device,
            root,
            root_keys,
            keyset: None,
        })
    }

    /// Trust as it was stored.
    ///
    /// # Errors
    /// [`AdoptError`] when the stored keys contradict themselves.
    pub fn restored(record: TrustRecord) -> Result<Self, AdoptError> {
        let mut trust = Self::pinned(record.device_id, record.root)?;
        if let Some(keyset) = record.keyset {
            let keys = keyset_keys(&keyset)?;
            trust.keyset = Some((keyset, keys));
        }
        Ok(trust)
    }

    /// What to store.
    #[must_use]
    pub fn record(&self) -> TrustRecord {
        TrustRecord {
            device_id: self.device.clone(),
            root: self.root.clone(),
            keyset: self.keyset().cloned(),
        }
    }

    /// The device.
    #[must_use]
    pub const fn device(&self) -> &DeviceId {
        &self.device
    }

    /// The customer.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.root.tenant_id
    }

    /// The pinned root's version.
    #[must_use]
    pub const fn root_version(&self) -> u64 {
        self.root.version
    }

    /// The keyset in force.
    #[must_use]
    pub fn keyset(&self) -> Option<&Keyset> {
        self.keyset.as_ref().map(|(keyset, _)| keyset)
    }

    /// The epoch in which commands count; 0 without a keyset.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.keyset().map_or(0, |keyset| keyset.epoch)
    }

    /// Trust with a newer keyset.
    ///
    /// # Errors
    /// [`AdoptError`]; the one before stays in force.
    pub fn with_keyset(&self, envelope: &[u8], now: Moment) -> Result<Self, AdoptError> {
        let keyset: Keyset = verify::by_threshold(
            envelope,
            Kind::Keyset,
            &[(&self.root_keys, threshold(&self.root))],
        )?
        .into_inner();
        if keyset.tenant_id != *self.tenant() {
            return Err(AdoptError::Tenant);
        }
        if let Some(have) = self.keyset() {
            if keyset.version <= have.version {
                return Err(AdoptError::Rollback {
                    have: have.version,
                    got: keyset.version,
                });
            }
            if keyset.epoch < have.epoch {
                return Err(AdoptError::Rollback {
                    have: have.epoch,
                    got: keyset.epoch,
                });
            }
        }
        if now.is_past(keyset.expires_at) {
            return Err(AdoptError::Expired(keyset.expires_at));
        }
        let keys = keyset_keys(&keyset)?;
        Ok(Self {
            keyset: Some((keyset, keys)),
            ..self.clone()
        })
    }

    /// Trust with the next root: exactly one version on, signed by enough keys of this root and by
    /// enough of its own. The keyset stays in force.
    ///
    /// # Errors
    /// [`AdoptError`]; the one before stays pinned.
    pub fn with_root(&self, envelope: &[u8]) -> Result<Self, AdoptError> {
        let offered: RootRecord = verify::unbelieved(envelope, Kind::Root)?;
        let new_keys = root_keys(&offered)?;
        let root: RootRecord = verify::by_threshold(
            envelope,
            Kind::Root,
            &[
                (&self.root_keys, threshold(&self.root)),
                (&new_keys, threshold(&offered)),
            ],
        )?
        .into_inner();
        if root.tenant_id != *self.tenant() {
            return Err(AdoptError::Tenant);
        }
        let (have, got) = (self.root.version, root.version);
        if got <= have {
            return Err(AdoptError::Rollback { have, got });
        }
        if got != have + 1 {
            return Err(AdoptError::Step { have, got });
        }
        Ok(Self {
            root,
            root_keys: new_keys,
            ..self.clone()
        })
    }

    /// The key with this name, where it may sign for this use now. What the message says of the key is
    /// only its name.
    ///
    /// # Errors
    /// [`VerifyError::KeyUnknown`], [`VerifyError::KeyUse`] or [`VerifyError::KeyExpired`].
    pub fn key(&self, name: &str, purpose: KeyUse, now: Moment) -> Result<&PublicKey, VerifyError> {
        let unknown = || VerifyError::KeyUnknown(name.chars().take(32).collect());
        let (keyset, keys) = self.keyset.as_ref().ok_or_else(unknown)?;
        let (record, key) = keyset
            .keys
            .iter()
            .zip(keys)
            .find(|(record, _)| record.keyid.as_str() == name)
            .ok_or_else(unknown)?;
        if keyset.revoked.contains(&record.keyid) {
            return Err(unknown());
        }
        if record.purpose != purpose {
            return Err(VerifyError::KeyUse(record.keyid.clone()));
        }
        if now.is_past(keyset.expires_at)
            || now.is_past(record.not_after)
            || now.is_before(record.not_before)
        {
            return Err(VerifyError::KeyExpired(record.keyid.clone()));
        }
        Ok(key)
    }

    /// Whether a key may sign a command of this type now. Asked again before a command's effect, since
    /// keys can be revoked while it waits.
    #[must_use]
    pub fn allows(&self, key: &KeyId, command: CommandType, now: Moment) -> bool {
        self.key(key.as_str(), KeyUse::Command, now).is_ok()
            && self.keyset().is_some_and(|keyset| {
                keyset
                    .keys
                    .iter()
                    .any(|record| record.keyid == *key && record.scopes.contains(&command))
            })
    }
}

fn threshold(root: &RootRecord) -> usize {
    usize::try_from(root.threshold).unwrap_or(usize::MAX)
}

fn root_keys(root: &RootRecord) -> Result<Vec<PublicKey>, AdoptError> {
    let records = root.keys.iter();
    let keys = public_keys(records.map(|key| (&key.keyid, &key.alg, &key.public_key)))?;
    if root.version == 0 {
        return Err(AdoptError::Keys("versions begin with 1"));
    }
    if threshold(root) == 0 || threshold(root) > keys.len() {
        return Err(AdoptError::Keys(
            "the threshold has to be from 1 to the number of keys",
        ));
    }
    Ok(keys)
}

fn keyset_keys(keyset: &Keyset) -> Result<Vec<PublicKey>, AdoptError> {
    let records = keyset.keys.iter();
    for record in records.clone() {
        if record.not_after <= record.not_before {
            return Err(AdoptError::Keys("a key ends before it begins"));
        }
        if record.purpose != KeyUse::Command && !record.scopes.is_empty() {
            return Err(AdoptError::Keys("only a command key has scopes"));
        }
    }
    public_keys(records.map(|key| (&key.keyid, &key.alg, &key.public_key)))
}

fn public_keys<'a>(
    records: impl Iterator<Item = (&'a KeyId, &'a String, &'a Base64)>,
) -> Result<Vec<PublicKey>, AdoptError> {
    let mut keys: Vec<PublicKey> = Vec::new();
    for (name, algorithm, bytes) in records {
        if algorithm != "ed25519" {
            return Err(AdoptError::Algorithm(algorithm.chars().take(32).collect()));
        }
        let Ok(key) = PublicKey::read(bytes.bytes()) else {
            return Err(AdoptError::Keys("a key is weak or not an Ed25519 key"));
        };
        if key.id() != name {
            return Err(AdoptError::Keys("a key has another key's name"));
        }
        if keys.iter().any(|known| known.id() == key.id()) {
            return Err(AdoptError::Keys("a key stands twice"));
        }
        if keys.len() == KEY_LIMIT {
            return Err(AdoptError::Keys("more than 64 keys"));
        }
        keys.push(key);
    }
    Ok(keys)
}
