//! From bytes to something that may be believed.
//!
//! The only module that can make a [`Verified`]. The order is fixed: size and envelope, kind, key, then
//! the signature, and only then is the payload parsed at all. Nothing before a good signature is worth
//! an answer: such refusals are counted, not explained to whoever sent them.

use crate::envelope::Envelope;
use crate::error::Code;
use crate::json::{self, ParseError};
use crate::key::PublicKey;
use crate::kind::{KeyUse, Kind, Signer};
use crate::message::{CommandMessage, LIFE_LIMIT_MS, Message};
use crate::moment::Moment;
use crate::time::Timestamp;
use crate::trust::Trust;
use crate::version;
use crate::words::{DeviceId, Digest, KeyId, MessageId, Nonce, Semver, TenantId};
use crate::{HasCode, Receipt, Welcome};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Something whose signature was verified. Nobody else can make one.
#[derive(Debug, Clone)]
pub struct Verified<T> {
    message: T,
    signer: KeyId,
    digest: Digest,
}

impl<T> Verified<T> {
    /// What was signed.
    #[must_use]
    pub const fn get(&self) -> &T {
        &self.message
    }

    /// What was signed.
    #[must_use]
    pub fn into_inner(self) -> T {
        self.message
    }

    /// The key that signed it; of several, the first.
    #[must_use]
    pub const fn signer(&self) -> &KeyId {
        &self.signer
    }

    /// SHA-256 of the signed payload's bytes: equal for every envelope around the same words.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }
}

/// Why something is not believed.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The envelope cannot be read.
    #[error("the envelope cannot be read")]
    Envelope(#[source] ParseError),
    /// It carries something unknown, or another kind than is expected here.
    #[error("{0:?} is not expected here")]
    Kind(String),
    /// It is not signed, or by more keys than this kind has.
    #[error("{0} signatures where one belongs")]
    SignatureCount(usize),
    /// No such key, or it was revoked, or there is no keyset yet.
    #[error("the key {0:?} is not known")]
    KeyUnknown(String),
    /// The key is for something else.
    #[error("the key {0} may not sign this")]
    KeyUse(KeyId),
    /// The key or its keyset has ended, or has not begun.
    #[error("the key {0} is not valid now")]
    KeyExpired(KeyId),
    /// The signature is wrong.
    #[error("the signature is wrong")]
    Signature,
    /// Fewer different keys signed than have to.
    #[error("{got} keys have signed where {needed} have to")]
    Threshold {
        /// How many different keys did.
        got: usize,
        /// How many have to.
        needed: usize,
    },
    /// Well signed, but not what it should be.
    #[error("the signed payload cannot be read")]
    Payload(#[source] ParseError),
    /// It is for another device or another customer.
    #[error("it is for another device")]
    Audience,
    /// It was written for schemas that are not spoken here.
    #[error("schema version {0} is not spoken here")]
    Version(Semver),
    /// It begins in the future.
    #[error("it is dated {0}, which has not come yet")]
    NotYet(Timestamp),
    /// It is over.
    #[error("it ended at {0}")]
    Expired(Timestamp),
    /// It lives longer than it may, or not at all.
    #[error("it has to end after it begins and within 24 hours")]
    Life,
    /// It belongs to another connection, or to a nonce that has ended.
    #[error("it is bound to another connection, or to a nonce that has ended")]
    Nonce,
    /// There is no time to judge it by, and it is bound to nothing.
    #[error("the device does not know the time and it is bound to no nonce")]
    NoTime,
}

impl VerifyError {
    /// Whether it came after a good signature by an allowed key, so that the sender may be told.
    #[must_use]
    pub const fn is_authentic(&self) -> bool {
        matches!(
            self,
            Self::Payload(_)
                | Self::Audience
                | Self::Version(_)
                | Self::NotYet(_)
                | Self::Expired(_)
                | Self::Life
                | Self::Nonce
                | Self::NoTime
        )
    }
}

fn parse_code(error: &ParseError) -> Code {
    match error {
        ParseError::TooLarge { .. } => Code::TooLarge,
        ParseError::Syntax(_) => Code::Malformed,
        ParseError::Shape { .. } => Code::SchemaInvalid,
    }
}

impl HasCode for VerifyError {
    fn code(&self) -> Code {
        match self {
            Self::Envelope(ParseError::TooLarge { .. }) => Code::TooLarge,
            Self::Envelope(_) => Code::Malformed,
            Self::Kind(_) => Code::TypeUnknown,
            Self::SignatureCount(0) => Code::SignatureMissing,
            Self::SignatureCount(_) => Code::Malformed,
            Self::KeyUnknown(_) => Code::KeyUnknown,
            Self::KeyUse(_) => Code::Unauthorized,
            Self::KeyExpired(_) | Self::Expired(_) => Code::Expired,
            Self::Signature | Self::Threshold { .. } => Code::SignatureInvalid,
            Self::Payload(error) => parse_code(error),
            Self::Audience => Code::DeviceMismatch,
            Self::Version(_) => Code::VersionUnsupported,
            Self::NotYet(_) | Self::NoTime => Code::TimestampSkew,
            Self::Life => Code::SchemaInvalid,
            Self::Nonce => Code::ReplayDetected,
        }
    }

    fn field(&self) -> Option<String> {
        match self {
            Self::Payload(ParseError::Shape { pointer, .. }) => Some(pointer.clone()),
            Self::Audience => Some("/device_id".to_owned()),
            Self::Version(_) => Some("/schema_version".to_owned()),
            Self::NotYet(_) | Self::NoTime => Some("/timestamp".to_owned()),
            Self::Expired(_) | Self::Life => Some("/expires_at".to_owned()),
            Self::Nonce => Some("/session_nonce".to_owned()),
            _ => None,
        }
    }

    fn details(&self) -> Option<Value> {
        match self {
            Self::Version(_) => Some(json!({ "supported": version::SCHEMA_VERSIONS })),
            _ => None,
        }
    }
}

/// A command that was signed by one who may, and is refused none the less: what to answer it with.
#[derive(Debug)]
pub struct Refusal {
    /// Why.
    pub error: VerifyError,
    /// The command, where it is known and its sender may be answered.
    pub about: Option<Box<About>>,
}

/// Which command was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// Its id.
    pub message_id: MessageId,
    /// Its correlation id.
    pub correlation_id: MessageId,
    /// SHA-256 of its signed payload.
    pub digest: Digest,
    /// Its type, as it says.
    pub kind: String,
    /// The key that signed it.
    pub signer: KeyId,
}

impl From<VerifyError> for Refusal {
    fn from(error: VerifyError) -> Self {
        Self { error, about: None }
    }
}

/// What a reader knows besides the keys.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The time.
    pub now: Moment,
    /// What a message may be bound to: the nonce of the open connection; for posts those of the device.
    pub nonces: &'a [Nonce],
}

/// Verifies a command for this device. Whether it was there before is not judged here.
///
/// # Errors
/// [`Refusal`], with the id to answer where the sender is authentic and meant this device.
pub fn command(
    bytes: &[u8],
    trust: &Trust,
    reader: &Reader<'_>,
) -> Result<Verified<CommandMessage>, Refusal> {
    let verified: Verified<CommandMessage> =
        by_key(bytes, Kind::Command, KeyUse::Command, trust, reader.now)?;
    let message = &verified.message;
    audience(trust, &message.device_id, &message.tenant_id)?;
    match timely(message, reader) {
        Ok(()) => Ok(verified),
        Err(error) => Err(Refusal {
            error,
            about: Some(Box::new(About {
                message_id: message.message_id.clone(),
                correlation_id: message.correlation_id.clone(),
                digest: verified.digest,
                kind: message.kind.clone(),
                signer: verified.signer.clone(),
            })),
        }),
    }
}

fn audience(trust: &Trust, device: &DeviceId, tenant: &TenantId) -> Result<(), VerifyError> {
    if device != trust.device() || tenant != trust.tenant() {
        return Err(VerifyError::Audience);
    }
    Ok(())
}

fn timely(message: &CommandMessage, reader: &Reader<'_>) -> Result<(), VerifyError> {
    if !version::is_readable(&message.schema_version) {
        return Err(VerifyError::Version(message.schema_version.clone()));
    }
    let life = message.expires_at.since(message.timestamp);
    if life == 0 || life > LIFE_LIMIT_MS {
        return Err(VerifyError::Life);
    }
    if reader.now.is_before(message.timestamp) {
        return Err(VerifyError::NotYet(message.timestamp));
    }
    if reader.now.is_past(message.expires_at) {
        return Err(VerifyError::Expired(message.expires_at));
    }
    match &message.session_nonce {
        Some(bound) if reader.nonces.contains(bound) => Ok(()),
        Some(_) => Err(VerifyError::Nonce),
        None if reader.now.is_time => Ok(()),
        None => Err(VerifyError::NoTime),
    }
}

/// Verifies the answer to a hello. Its time is judged only by the keys: it is how time becomes known.
///
/// # Errors
/// [`VerifyError`].
pub fn welcome(
    bytes: &[u8],
    trust: &Trust,
    reader: &Reader<'_>,
) -> Result<Verified<Message<Welcome>>, VerifyError> {
    let verified: Verified<Message<Welcome>> =
        by_key(bytes, Kind::Welcome, KeyUse::Session, trust, reader.now)?;
    let message = &verified.message;
    audience(trust, &message.device_id, &message.tenant_id)?;
    if !version::is_readable(&message.schema_version) {
        return Err(VerifyError::Version(message.schema_version.clone()));
    }
    if !reader.nonces.contains(&message.payload.session_nonce) {
        return Err(VerifyError::Nonce);
    }
    // Nobody can date a welcome past the life of the key that signs it.
    let then = Moment {
        at: message.payload.server_time,
        is_time: true,
    };
    trust.key(verified.signer.as_str(), KeyUse::Session, then)?;
    Ok(verified)
}

/// Verifies a receipt.
///
/// # Errors
/// [`VerifyError`].
pub fn receipt(
    bytes: &[u8],
    trust: &Trust,
    reader: &Reader<'_>,
) -> Result<Verified<Message<Receipt>>, VerifyError> {
    let verified: Verified<Message<Receipt>> =
        by_key(bytes, Kind::Receipt, KeyUse::Session, trust, reader.now)?;
    let message = &verified.message;
    audience(trust, &message.device_id, &message.tenant_id)?;
    if !version::is_readable(&message.schema_version) {
        return Err(VerifyError::Version(message.schema_version.clone()));
    }
    Ok(verified)
}

/// Verifies what a device says, for the other side.
///
/// # Errors
/// [`VerifyError`].
pub fn from_device<T: DeserializeOwned>(
    bytes: &[u8],
    kind: Kind,
    device: &DeviceId,
    key: &PublicKey,
) -> Result<Verified<Message<T>>, VerifyError> {
    let envelope = open(bytes, kind)?;
    if kind.signer() != Signer::Device {
        return Err(VerifyError::Kind(kind.payload_type().to_owned()));
    }
    let name = only_signature(&envelope)?;
    if name != key.id().as_str() {
        return Err(VerifyError::KeyUnknown(name.to_owned()));
    }
    let verified: Verified<Message<T>> = check(&envelope, key)?;
    if verified.message.device_id != *device {
        return Err(VerifyError::Audience);
    }
    Ok(verified)
}

/// Verifies what enough of some keys have to sign. Two signatures by one key are one.
pub(crate) fn by_threshold<T: DeserializeOwned>(
    bytes: &[u8],
    kind: Kind,
    sets: &[(&[PublicKey], usize)],
) -> Result<Verified<T>, VerifyError> {
    let envelope = open(bytes, kind)?;
    if envelope.signatures().is_empty() {
        return Err(VerifyError::SignatureCount(0));
    }
    let signed = envelope.signed();
    let mut first = None;
    for (keys, needed) in sets {
        let mut signers = BTreeSet::new();
        for signature in envelope.signatures() {
            let by = keys.iter().find(|key| key.id().as_str() == signature.key);
            if let Some(key) = by
                && key.verifies(&signed, &signature.bytes)
            {
                first.get_or_insert_with(|| key.id().clone());
                signers.insert(key.bytes());
            }
        }
        if signers.len() < *needed {
            return Err(VerifyError::Threshold {
                got: signers.len(),
                needed: *needed,
            });
        }
    }
    let Some(signer) = first else {
        return Err(VerifyError::Threshold { got: 0, needed: 1 });
    };
    read(&envelope, signer)
}

/// What a root says before anybody is asked whether it may: only to find the keys that have to sign it.
pub(crate) fn unbelieved<T: DeserializeOwned>(bytes: &[u8], kind: Kind) -> Result<T, VerifyError> {
    let envelope = open(bytes, kind)?;
    let value = json::parse(envelope.payload()).map_err(VerifyError::Payload)?;
    json::shape(&value).map_err(VerifyError::Payload)
}

fn by_key<T: DeserializeOwned>(
    bytes: &[u8],
    kind: Kind,
    purpose: KeyUse,
    trust: &Trust,
    now: Moment,
) -> Result<Verified<T>, VerifyError> {
    let envelope = open(bytes, kind)?;
    let name = only_signature(&envelope)?;
    check(&envelope, trust.key(name, purpose, now)?)
}

fn open(bytes: &[u8], kind: Kind) -> Result<Envelope, VerifyError> {
    let envelope = Envelope::read(bytes).map_err(VerifyError::Envelope)?;
    if envelope.payload_type() != kind.payload_type() {
        return Err(VerifyError::Kind(envelope.payload_type().to_owned()));
    }
    Ok(envelope)
}

fn only_signature(envelope: &Envelope) -> Result<&str, VerifyError> {
    match envelope.signatures() {
        [one] => Ok(&one.key),
        several => Err(VerifyError::SignatureCount(several.len())),
    }
}

/// The one place where a single signature is verified and its payload becomes something to believe.
fn check<T: DeserializeOwned>(
    envelope: &Envelope,
    key: &PublicKey,
) -> Result<Verified<T>, VerifyError> {
    let good = envelope
        .signatures()
        .iter()
        .all(|signature| key.verifies(&envelope.signed(), &signature.bytes));
    if !good {
        return Err(VerifyError::Signature);
    }
    read(envelope, key.id().clone())
}

fn read<T: DeserializeOwned>(
    envelope: &Envelope,
    signer: KeyId,
) -> Result<Verified<T>, VerifyError> {
    let value = json::parse(envelope.payload()).map_err(VerifyError::Payload)?;
    Ok(Verified {
        message: json::shape(&value).map_err(VerifyError::Payload)?,
        signer,
        digest: Digest::of(envelope.payload()),
    })
}
