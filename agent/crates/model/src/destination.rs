//! Destinations as they are configured.

use crate::{DestinationId, ProfileName};
use serde::{Deserialize, Serialize};

/// The platform behind a destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Platform {
    /// YouTube Live.
    #[serde(rename = "youtube")]
    Youtube,
    /// Facebook Live.
    #[serde(rename = "facebook")]
    Facebook,
    /// Twitch.
    #[serde(rename = "twitch")]
    Twitch,
    /// Any other server: RTMP or RTMPS, SRT or WHIP.
    #[serde(rename = "custom_rtmp", alias = "custom")]
    Custom,
}

/// A destination. Its stream key is not here: the store keeps it sealed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Destination {
    /// Its id.
    pub id: DestinationId,
    /// What people call it, 1 to 100 characters.
    pub name: String,
    /// The platform.
    pub platform: Platform,
    /// Server address without the key, e.g. `rtmp://a.rtmp.youtube.com/live2`.
    pub rtmp_url: String,
    /// A second server address of the same protocol, used while the first does not answer. The key is
    /// the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_url: Option<String>,
    /// SHA-256 of the server's certificate, 64 lower-case hexadecimal digits; it is then trusted instead
    /// of the public authorities.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_fingerprint: Option<String>,
    /// A note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Switched off destinations cannot be chosen.
    #[serde(default = "yes")]
    pub is_active: bool,
    /// A profile of its own; the program's where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileName>,
    /// A ceiling of its own in kilobits a second, on top of the platform's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_kbps: Option<u32>,
    /// When it last received the program, RFC 3339 UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
    /// RFC 3339 UTC.
    #[serde(default)]
    pub created_at: String,
    /// RFC 3339 UTC.
    #[serde(default)]
    pub updated_at: String,
}

const fn yes() -> bool {
    true
}
