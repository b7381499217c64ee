//! The address of a destination as the media server's `forward` takes it.
//!
//! Owns how a key travels: as the fragment of an RTMP address (the only place that the media server
//! cuts from its log), SRT's `streamid` and `passphrase`, WHIP's bearer token. Every key is
//! percent-encoded, so that none can end the address, name another host or expand a placeholder.

use crate::address::{Address, AddressError, PASSPHRASE};
use crate::egress::{CONNECT_LIMIT, EgressPlan, Side, WEBRTC_LIMIT};
use crate::preset::preset;
use model::{Destination, Platform, Secret};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use protocol::{Code, HasCode};
use serde::Serialize;
use std::time::Duration;
use url::Host;

/// Parts an SRT key into stream id and passphrase.
const PASSPHRASE_MARK: &str = "?passphrase=";

/// Everything but RFC 3986's unreserved characters is encoded.
const KEY_SET: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How a destination is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "the protocols' own names")]
pub enum IngestProtocol {
    Rtmp,
    Rtmps,
    Srt,
    Whip,
    Whips,
}

/// The sound that a protocol can carry: says which of the program's paths feeds the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sound {
    /// From `program` or `program/<rendition>`.
    Aac,
    /// From `program_rtc`.
    Opus,
}

impl IngestProtocol {
    /// Reads a scheme, in any case.
    pub(crate) fn parse(scheme: &str) -> Option<Self> {
        [Self::Rtmp, Self::Rtmps, Self::Srt, Self::Whip, Self::Whips]
            .into_iter()
            .find(|protocol| protocol.as_str().eq_ignore_ascii_case(scheme))
    }

    /// The scheme of its addresses.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Rtmp => "rtmp",
            Self::Rtmps => "rtmps",
            Self::Srt => "srt",
            Self::Whip => "whip",
            Self::Whips => "whips",
        }
    }

    /// The port that is meant where none is written; SRT has no usual one.
    #[must_use]
    pub const fn default_port(self) -> Option<u16> {
        match self {
            Self::Rtmp => Some(1935),
            Self::Rtmps | Self::Whips => Some(443),
            Self::Whip => Some(80),
            Self::Srt => None,
        }
    }

    /// The sound that it carries.
    #[must_use]
    pub const fn sound(self) -> Sound {
        match self {
            Self::Rtmp | Self::Rtmps | Self::Srt => Sound::Aac,
            Self::Whip | Self::Whips => Sound::Opus,
        }
    }

    /// Whether a TCP connect to the port tells that somebody is there. SRT listens on UDP.
    #[must_use]
    pub const fn answers_tcp(self) -> bool {
        !matches!(self, Self::Srt)
    }

    /// Whether it is encrypted by a certificate.
    #[must_use]
    pub const fn has_certificate(self) -> bool {
        matches!(self, Self::Rtmps | Self::Whips)
    }

    /// Whether two addresses can stand in for each other: the same with or without encryption.
    pub(crate) const fn is_kin_of(self, other: Self) -> bool {
        matches!(
            (self, other),
            (Self::Rtmp | Self::Rtmps, Self::Rtmp | Self::Rtmps)
                | (Self::Srt, Self::Srt)
                | (Self::Whip | Self::Whips, Self::Whip | Self::Whips)
        )
    }

    /// How long an attempt may take.
    const fn connect_limit(self) -> Duration {
        match self {
            Self::Rtmp | Self::Rtmps | Self::Srt => CONNECT_LIMIT,
            Self::Whip | Self::Whips => WEBRTC_LIMIT,
        }
    }
}

/// Everything that is needed to send to a destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ingest {
    /// How it is spoken to.
    pub protocol: IngestProtocol,
    /// Host name or IP address, without brackets.
    pub host: String,
    /// Port to connect to.
    pub port: u16,
    /// The media server's `dest`: address and key in one.
    pub dest: Secret,
    /// The media server's `whipBearerToken`, where there is one.
    pub bearer: Option<Secret>,
    /// The media server's `destFingerprint`, where the certificate is trusted by it.
    pub fingerprint: Option<String>,
    /// The address without the key, for logs and answers.
    pub label: String,
    /// Whose server it is.
    pub platform: Platform,
}

/// A destination with every address that it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its address.
    pub primary: Ingest,
    /// Its second address, where it has one.
    pub backup: Option<Ingest>,
}

impl Target {
    /// One of its addresses; the first where there is no second.
    #[must_use]
    pub fn at(&self, side: Side) -> &Ingest {
        match side {
            Side::Primary => &self.primary,
            Side::Backup => self.backup.as_ref().unwrap_or(&self.primary),
        }
    }

    /// What the state machine needs to know of it.
    #[must_use]
    pub const fn plan(&self) -> EgressPlan {
        EgressPlan {
            backup: self.backup.is_some(),
            connect_limit: self.primary.protocol.connect_limit(),
        }
    }
}

impl From<Ingest> for Target {
    fn from(primary: Ingest) -> Self {
        Self {
            primary,
            backup: None,
        }
    }
}

/// Why a destination cannot be sent to as it is configured.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IngestError {
    /// Its address is not usable.
    #[error("{0}")]
    Address(#[from] AddressError),
    /// Its second address is not usable.
    #[error("the backup address: {0}")]
    Backup(AddressError),
    /// Its platform takes nobody without a key.
    #[error("{0} needs a stream key")]
    KeyMissing(&'static str),
}

impl HasCode for IngestError {
    fn code(&self) -> Code {
        match self {
            Self::Address(_) | Self::Backup(_) | Self::KeyMissing(_) => Code::DestinationInvalid,
        }
    }

    fn field(&self) -> Option<String> {
        Some(match self {
            Self::Address(_) => "/rtmp_url".to_owned(),
            Self::Backup(_) => "/backup_url".to_owned(),
            Self::KeyMissing(_) => "/stream_key".to_owned(),
        })
    }
}

/// Joins a destination's addresses and key.
///
/// # Errors
/// [`IngestError`] when an address cannot be used or a key is missing.
pub fn target(destination: &Destination, key: &Secret) -> Result<Target, IngestError> {
    let primary = ingest(destination, key)?;
    let backup = destination.backup_url.as_ref().map(|url| {
        let address = Address::parse_backup(url)?;
        join(destination, address, Secret::new(key.expose()))
    });
    let backup = backup.transpose().map_err(IngestError::Backup)?;
    Ok(Target { primary, backup })
}

/// Joins a destination's address and key.
///
/// With a key, the whole path of an RTMP address is the application (`rtmp://host/app/instance`).
/// Without one, the last of two or more parts is the stream's name, as every RTMP client reads it.
///
/// # Errors
/// [`IngestError`] when the address cannot be used or a key is missing.
pub fn ingest(destination: &Destination, key: &Secret) -> Result<Ingest, IngestError> {
    let mut address = Address::parse(&destination.rtmp_url)?;
    let preset = preset(destination.platform);
    if address.query.is_some() {
        return Err(AddressError::Query.into());
    }
    let mut name = Secret::new(key.expose());
    if name.is_empty() {
        name = Secret::new(address.key.take().unwrap_or_default());
    }
    if name.is_empty() && preset.key_required {
        return Err(IngestError::KeyMissing(&preset.name));
    }
    Ok(join(destination, address, name)?)
}

fn join(
    destination: &Destination,
    mut address: Address,
    mut name: Secret,
) -> Result<Ingest, AddressError> {
    let rtmp = matches!(
        address.protocol,
        IngestProtocol::Rtmp | IngestProtocol::Rtmps
    );
    if rtmp && name.is_empty() && address.segments.len() > 1 {
        name = Secret::new(address.segments.pop().unwrap_or_default());
    }
    let port = address
        .port
        .or(address.protocol.default_port())
        .ok_or(AddressError::Port)?;
    let host = match &address.host {
        Host::Domain(name) => name.clone(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    };
    let label = address.to_string();
    let encoded = utf8_percent_encode(name.expose(), KEY_SET);
    let dest = match address.protocol {
        _ if name.is_empty() => Secret::new(label.clone()),
        IngestProtocol::Rtmp | IngestProtocol::Rtmps => Secret::new(format!("{label}#{encoded}")),
        IngestProtocol::Srt => {
            let join = if label.contains('?') { '&' } else { '?' };
            Secret::new(format!("{label}{join}{}", srt_query(&name)?.expose()))
        }
        IngestProtocol::Whip | IngestProtocol::Whips => Secret::new(label.clone()),
    };
    let whip = matches!(
        address.protocol,
        IngestProtocol::Whip | IngestProtocol::Whips
    );
    let bearer = (whip && !name.is_empty()).then_some(name);
    Ok(Ingest {
        protocol: address.protocol,
        host,
        port,
        dest,
        bearer,
        fingerprint: destination
            .tls_fingerprint
            .clone()
            .filter(|_| address.protocol.has_certificate()),
        label,
        platform: destination.platform,
    })
}

/// Joins what an SRT destination's key is made of: `id`, `id?passphrase=…` or `?passphrase=…`.
pub(crate) fn srt_key(id: &str, passphrase: &str) -> Secret {
    Secret::new(format!("{id}{PASSPHRASE_MARK}{passphrase}"))
}

/// The stream id in an SRT destination's key.
pub(crate) fn srt_id(key: &Secret) -> &str {
    key.expose()
        .split_once(PASSPHRASE_MARK)
        .map_or(key.expose(), |(id, _)| id)
}

/// Stream id and passphrase as SRT's options.
fn srt_query(key: &Secret) -> Result<Secret, AddressError> {
    let encode = |text: &str| utf8_percent_encode(text, KEY_SET).to_string();
    let Some((id, passphrase)) = key.expose().split_once(PASSPHRASE_MARK) else {
        return Ok(Secret::new(format!("streamid={}", encode(key.expose()))));
    };
    if !PASSPHRASE.contains(&passphrase.len()) {
        return Err(AddressError::Passphrase);
    }
    let passphrase = encode(passphrase);
    Ok(Secret::new(if id.is_empty() {
        format!("passphrase={passphrase}")
    } else {
        format!("streamid={}&passphrase={passphrase}", encode(id))
    }))
}

#[cfg(test)]
mod tests;
