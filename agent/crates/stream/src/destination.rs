//! What makes a destination valid, and how one is created, changed and shown.
//!
//! Owns the checks of every field and where a key goes that was pasted into the address. Ids, times and
//! storage are the caller's.

use crate::address::{Address, AddressError};
use crate::ingest::{IngestProtocol, srt_id, srt_key};
use crate::key::{looks_masked, mask};
use crate::preset::preset;
use model::{Destination, DestinationId, Platform, ProfileName, Secret};
use protocol::{Code, HasCode};
use serde::{Deserialize, Deserializer, Serialize};
use std::ops::RangeInclusive;

/// Longest accepted key in bytes.
pub const KEY_LIMIT: usize = 2_048;
const NAME_LIMIT: usize = 100;
const DESCRIPTION_LIMIT: usize = 500;
const KBPS: RangeInclusive<u32> = 200..=100_000;

/// A destination as someone asks for it. On an update, a field that is absent stays as it is, and
/// `null` clears what may be cleared. Unknown fields are ignored, so that an answer can be sent back.
///
/// It has no `Debug`: a key may have been pasted into the address.
#[derive(Clone, Default, Deserialize)]
pub struct DestinationDraft {
    /// 1 to 100 characters.
    pub name: Option<String>,
    /// The platform; `custom_rtmp` where none is named.
    pub platform: Option<Platform>,
    /// Server address; the platform's own where none is given.
    pub rtmp_url: Option<String>,
    /// The key, or the mask that an answer showed, which means "unchanged".
    pub stream_key: Option<Secret>,
    /// A second address of the same protocol that takes the same key.
    #[serde(default, deserialize_with = "present")]
    pub backup_url: Option<Option<String>>,
    /// SHA-256 of the server's certificate in hexadecimal digits, with or without colons.
    #[serde(default, deserialize_with = "present")]
    pub tls_fingerprint: Option<Option<String>>,
    /// A note of at most 500 characters.
    #[serde(default, deserialize_with = "present")]
    pub description: Option<Option<String>>,
    /// Whether it can be chosen.
    pub is_active: Option<bool>,
    /// A profile of its own.
    #[serde(default, deserialize_with = "present")]
    pub profile: Option<Option<ProfileName>>,
    /// A ceiling of its own: 200 to 100 000 kb/s.
    #[serde(default, deserialize_with = "present")]
    pub max_kbps: Option<Option<u32>>,
}

/// Tells `null` from an absent field.
#[expect(
    clippy::option_option,
    reason = "absent, null and a value are three different requests"
)]
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    from: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// Why a destination is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DestinationError {
    /// Empty, too long or with control characters.
    #[error("a destination's name has 1 to {NAME_LIMIT} characters and no control characters")]
    Name,
    /// Too long.
    #[error("a destination's description has at most {DESCRIPTION_LIMIT} characters")]
    Description,
    /// None given and the platform has none of its own.
    #[error("a server address is needed, such as rtmp://host/app")]
    AddressMissing,
    /// Not usable.
    #[error("{0}")]
    Address(#[from] AddressError),
    /// The platform takes nobody without one.
    #[error("{0} needs a stream key")]
    KeyMissing(&'static str),
    /// Too long or with control characters.
    #[error("a stream key has at most {KEY_LIMIT} bytes and no control characters")]
    Key,
    /// A mask that is not this destination's.
    #[error("this is the mask of a stream key, not a stream key")]
    KeyIsMask,
    /// A whole address where the key belongs.
    #[error("this is a server address, not a stream key; put it into the address field")]
    KeyIsAddress,
    /// The second address is not usable.
    #[error("the backup address: {0}")]
    Backup(AddressError),
    /// It could not stand in for the first.
    #[error(
        "the backup address is of another protocol than the address; both are rtmp(s), srt or whip(s)"
    )]
    BackupProtocol,
    /// It is the first.
    #[error("the backup address is the address itself")]
    BackupSame,
    /// The key is in it.
    #[error("the backup address takes the same stream key; leave the key out of it")]
    BackupKey,
    /// Not a SHA-256 sum.
    #[error("a certificate's fingerprint is its SHA-256 sum, 64 hexadecimal digits")]
    Fingerprint,
    /// There is no certificate that it could be of, or it is a platform's.
    #[error("a certificate's fingerprint is supported for custom rtmps and whips servers only")]
    FingerprintUnused,
    /// One in the address and another beside it.
    #[error("the address carries a stream key of its own; take it out of the address")]
    TwoKeys,
    /// Outside the limits.
    #[error("a bit rate is 200 to 100000 kb/s, not {0}")]
    Kbps(u32),
}

impl HasCode for DestinationError {
    fn code(&self) -> Code {
        match self {
            Self::Name
            | Self::Description
            | Self::AddressMissing
            | Self::Address(_)
            | Self::KeyMissing(_)
            | Self::Key
            | Self::KeyIsMask
            | Self::KeyIsAddress
            | Self::Backup(_)
            | Self::BackupProtocol
            | Self::BackupSame
            | Self::BackupKey
            | Self::Fingerprint
            | Self::FingerprintUnused
            | Self::TwoKeys
            | Self::Kbps(_) => Code::DestinationInvalid,
        }
    }

    fn field(&self) -> Option<String> {
        let field = match self {
            Self::Name => "/name",
            Self::Description => "/description",
            Self::AddressMissing | Self::Address(_) | Self::TwoKeys => "/rtmp_url",
            Self::KeyMissing(_) | Self::Key | Self::KeyIsMask | Self::KeyIsAddress => "/stream_key",
            Self::Kbps(_) => "/max_kbps",
            Self::Backup(_) | Self::BackupProtocol | Self::BackupSame | Self::BackupKey => {
                "/backup_url"
            }
            Self::Fingerprint | Self::FingerprintUnused => "/tls_fingerprint",
        };
        Some(field.to_owned())
    }
}

/// A destination as every answer shows it: with a mask in place of its key.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DestinationView {
    /// Everything else.
    #[serde(flatten)]
    pub destination: Destination,
    /// The mask; sent back in an update it means "unchanged".
    pub stream_key: String,
    /// Whether there is a key.
    pub has_key: bool,
}

/// Shows a destination.
#[must_use]
pub fn view(destination: &Destination, key: &Secret) -> DestinationView {
    DestinationView {
        destination: destination.clone(),
        stream_key: mask(key),
        has_key: !key.is_empty(),
    }
}

/// Makes a new destination and its key. `now` is RFC 3339 UTC.
///
/// # Errors
/// [`DestinationError`] names the field at fault.
pub fn create(
    draft: DestinationDraft,
    id: DestinationId,
    now: &str,
) -> Result<(Destination, Secret), DestinationError> {
    let platform = draft.platform.unwrap_or(Platform::Custom);
    let blank = Destination {
        id,
        name: String::new(),
        platform,
        rtmp_url: preset(platform).rtmp_url.clone().unwrap_or_default(),
        backup_url: None,
        tls_fingerprint: None,
        description: None,
        is_active: true,
        profile: None,
        max_kbps: None,
        last_used: None,
        created_at: now.to_owned(),
        updated_at: String::new(),
    };
    apply(blank, &Secret::default(), draft, now)
}

/// Changes a destination. The second part is its new key, or none where the key stays as it is.
///
/// # Errors
/// [`DestinationError`] names the field at fault; nothing is changed then.
pub fn update(
    was: &Destination,
    key: &Secret,
    draft: DestinationDraft,
    now: &str,
) -> Result<(Destination, Option<Secret>), DestinationError> {
    let mut start = was.clone();
    if let Some(platform) = draft.platform.filter(|platform| *platform != was.platform) {
        start.platform = platform;
        start.rtmp_url = preset(platform).rtmp_url.clone().unwrap_or(start.rtmp_url);
        // They belonged to the old platform's servers.
        start.backup_url = None;
        start.tls_fingerprint = None;
    }
    let (destination, new) = apply(start, key, draft, now)?;
    let changed = (new != *key).then_some(new);
    Ok((destination, changed))
}

fn apply(
    mut to: Destination,
    key: &Secret,
    draft: DestinationDraft,
    now: &str,
) -> Result<(Destination, Secret), DestinationError> {
    if let Some(name) = draft.name {
        to.name = name.trim().to_owned();
    }
    let length = to.name.chars().count();
    if length == 0 || length > NAME_LIMIT || to.name.chars().any(char::is_control) {
        return Err(DestinationError::Name);
    }
    if let Some(description) = draft.description {
        to.description = description.filter(|text| !text.is_empty());
    }
    if to
        .description
        .as_ref()
        .is_some_and(|text| text.chars().count() > DESCRIPTION_LIMIT)
    {
        return Err(DestinationError::Description);
    }
    if let Some(profile) = draft.profile {
        to.profile = profile;
    }
    if let Some(max_kbps) = draft.max_kbps {
        to.max_kbps = max_kbps;
    }
    if let Some(kbps) = to.max_kbps.filter(|kbps| !KBPS.contains(kbps)) {
        return Err(DestinationError::Kbps(kbps));
    }
    to.is_active = draft.is_active.unwrap_or(to.is_active);
    if let Some(url) = draft.rtmp_url.filter(|url| !url.trim().is_empty()) {
        to.rtmp_url = url;
    }
    if to.rtmp_url.is_empty() {
        return Err(DestinationError::AddressMissing);
    }
    let key = chosen_key(key, draft.stream_key)?;
    let (address, key) = settle(to.platform, &to.rtmp_url, key)?;
    if let Some(url) = draft.backup_url {
        to.backup_url = url.filter(|url| !url.trim().is_empty());
    }
    to.backup_url = settle_backup(&address, to.backup_url.take(), &key)?;
    if let Some(sum) = draft.tls_fingerprint {
        to.tls_fingerprint = sum.filter(|sum| !sum.trim().is_empty());
    }
    to.tls_fingerprint = to
        .tls_fingerprint
        .take()
        .map(|sum| fingerprint(to.platform, address.protocol, &sum))
        .transpose()?;
    to.rtmp_url = address.to_string();
    now.clone_into(&mut to.updated_at);
    Ok((to, key))
}

/// The key that is meant: the old one where none, or its mask, was sent.
fn chosen_key(old: &Secret, sent: Option<Secret>) -> Result<Secret, DestinationError> {
    let Some(sent) = sent else {
        return Ok(old.clone());
    };
    let text = sent.expose().trim();
    if looks_masked(text) {
        return if text == mask(old) {
            Ok(old.clone())
        } else {
            Err(DestinationError::KeyIsMask)
        };
    }
    check_key(text)?;
    Ok(Secret::new(text))
}

fn check_key(text: &str) -> Result<(), DestinationError> {
    if text.len() > KEY_LIMIT || text.chars().any(char::is_control) {
        return Err(DestinationError::Key);
    }
    if text.contains("://") {
        return Err(DestinationError::KeyIsAddress);
    }
    Ok(())
}

/// Takes a key out of the address, where it would be stored and shown in clear, and puts the address
/// into its one form.
///
/// A key is taken to be in an RTMP path when it repeats the key that was given, or when none was given
/// and there are more parts than the platform (one) or a server of one's own (`app/instance`) has.
fn settle(
    platform: Platform,
    url: &str,
    key: Secret,
) -> Result<(Address, Secret), DestinationError> {
    let mut address = Address::parse(url)?;
    let required = preset(platform).key_required;
    let mut key = key;
    let mut inside = address.key.take();
    if let Some(passphrase) = address.passphrase.take() {
        // It completes the stream id, wherever that one was written.
        let given = srt_id(&key).to_owned();
        let id = inside.take().unwrap_or_else(|| given.clone());
        if !given.is_empty() && given != id {
            return Err(DestinationError::TwoKeys);
        }
        key = srt_key(&id, &passphrase);
    }
    if let Some(inside) = inside {
        if !key.is_empty() && key.expose() != inside {
            return Err(DestinationError::TwoKeys);
        }
        key = Secret::new(inside);
    }
    if matches!(
        address.protocol,
        IngestProtocol::Rtmp | IngestProtocol::Rtmps
    ) {
        let usual = if required { 1 } else { 2 };
        let query = address
            .query
            .as_ref()
            .map_or(String::new(), |query| format!("?{query}"));
        let last = address
            .segments
            .last()
            .map(|last| Secret::new(format!("{last}{query}")));
        if let Some(last) = last {
            let repeats = address.segments.len() > 1 && last == key;
            let pasted = key.is_empty() && address.segments.len() > usual;
            if repeats || pasted {
                address.segments.pop();
                address.query = None;
                key = last;
            }
        }
        if address.segments.is_empty() && key.is_empty() {
            return Err(AddressError::Form.into());
        }
    }
    if address.query.is_some() {
        return Err(AddressError::Query.into());
    }
    check_key(key.expose())?;
    if key.is_empty() && required {
        return Err(DestinationError::KeyMissing(&preset(platform).name));
    }
    Ok((address, key))
}

/// The second address in its one form, if it can stand in for the first.
fn settle_backup(
    primary: &Address,
    url: Option<String>,
    key: &Secret,
) -> Result<Option<String>, DestinationError> {
    let Some(url) = url else { return Ok(None) };
    let mut backup = Address::parse_backup(&url).map_err(DestinationError::Backup)?;
    let repeats = |part: Option<&String>| part.is_some_and(|part| part == key.expose());
    if backup.segments.len() > 1 && repeats(backup.segments.last()) {
        backup.segments.pop();
    }
    let other_key = backup
        .key
        .take()
        .is_some_and(|inside| inside != key.expose());
    if other_key || backup.passphrase.is_some() {
        return Err(DestinationError::BackupKey);
    }
    if !backup.protocol.is_kin_of(primary.protocol) {
        return Err(DestinationError::BackupProtocol);
    }
    let settled = backup.to_string();
    if settled == primary.to_string() {
        return Err(DestinationError::BackupSame);
    }
    Ok(Some(settled))
}

/// A fingerprint in its one form. A platform's certificate is one of a public authority and changes
/// often: there it would only do harm.
fn fingerprint(
    platform: Platform,
    protocol: IngestProtocol,
    text: &str,
) -> Result<String, DestinationError> {
    let sum: String = text
        .trim()
        .chars()
        .filter(|c| *c != ':')
        .map(|c| c.to_ascii_lowercase())
        .collect();
    if sum.len() != 64 || !sum.chars().all(|c| c.is_ascii_hexdigit()) {
        return Err(DestinationError::Fingerprint);
    }
    if platform != Platform::Custom || !protocol.has_certificate() {
        return Err(DestinationError::FingerprintUnused);
    }
    Ok(sum)
}

#[cfg(test)]
mod tests;
