//! Destinations as they are sent and answered.

use super::present;
use crate::show::DestinationState;
use model::{DestinationId, Platform, ProfileName, Secret};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A destination to be added. It has no `Debug`: a key may have been pasted into the address.
#[derive(Clone, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Main channel", "platform": "youtube", "stream_key": "abcd-efgh"}))]
pub struct DestinationDraft {
    /// Its id, `[a-z0-9-]{1,40}`; the next number where there is none.
    #[schema(value_type = Option<String>)]
    pub id: Option<DestinationId>,
    /// What people call it, 1 to 100 characters.
    pub name: String,
    /// `youtube`, `facebook`, `twitch` or `custom_rtmp`.
    #[schema(value_type = String, example = "youtube")]
    pub platform: Platform,
    /// Server address without the key; the platform's own where it is absent.
    pub rtmp_url: Option<String>,
    /// A second address of the same protocol with the same key, used while the first does not answer.
    pub backup_url: Option<String>,
    /// SHA-256 of the certificate of an rtmps or whips server of your own, in hexadecimal digits; it is
    /// trusted instead of the public authorities.
    pub tls_fingerprint: Option<String>,
    /// Stream key; for SRT the stream id, with `?passphrase=` and the passphrase behind it where there
    /// is one; for WHIP the bearer token. Never answered.
    #[schema(value_type = Option<String>, write_only)]
    pub stream_key: Option<Secret>,
    /// A note, at most 500 characters.
    pub description: Option<String>,
    /// Switched off destinations cannot be chosen; on where it is absent.
    pub is_active: Option<bool>,
    /// A profile of its own: `reliability`, `quality`, `720p`, `480p` or `low_power`.
    #[schema(value_type = Option<String>, example = "720p")]
    pub profile: Option<ProfileName>,
    /// A ceiling of its own in kilobits a second, 200 to 100000.
    #[schema(minimum = 200, maximum = 100000)]
    pub max_kbps: Option<u32>,
}

/// What is changed of a destination; what is absent stays as it is. It has no `Debug`.
#[derive(Clone, Default, Deserialize, ToSchema)]
#[schema(example = json!({"name": "Main channel", "max_kbps": 4500}))]
pub struct DestinationPatch {
    /// What people call it, 1 to 100 characters.
    pub name: Option<String>,
    /// `youtube`, `facebook`, `twitch` or `custom_rtmp`.
    #[schema(value_type = Option<String>)]
    pub platform: Option<Platform>,
    /// Server address without the key.
    pub rtmp_url: Option<String>,
    /// A second address; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub backup_url: Option<Option<String>>,
    /// SHA-256 of the server's certificate; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub tls_fingerprint: Option<Option<String>>,
    /// Stream key; the mask or `null` mean unchanged, an empty text takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>, write_only)]
    pub stream_key: Option<Option<Secret>>,
    /// A note; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub description: Option<Option<String>>,
    /// Switched off destinations cannot be chosen.
    pub is_active: Option<bool>,
    /// A profile of its own; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<String>)]
    pub profile: Option<Option<ProfileName>>,
    /// A ceiling of its own in kilobits a second; `null` takes it away.
    #[serde(default, deserialize_with = "present")]
    #[schema(value_type = Option<u32>)]
    pub max_kbps: Option<Option<u32>>,
}

/// A destination as it is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"id": "1", "name": "Main channel", "platform": "youtube",
    "rtmp_url": "rtmp://a.rtmp.youtube.com/live2", "backup_url": "rtmp://b.rtmp.youtube.com/live2?backup=1",
    "tls_fingerprint": null, "stream_key": "****efgh", "has_key": true, "description": null,
    "is_active": true, "profile": null, "max_kbps": null, "last_used": "2026-11-21T10:00:00Z",
    "created_at": "2026-11-20T09:00:00Z", "updated_at": "2026-11-20T09:00:00Z", "status": "idle"}))]
pub struct DestinationView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: DestinationId,
    /// What people call it.
    pub name: String,
    /// `youtube`, `facebook`, `twitch` or `custom_rtmp`.
    #[schema(value_type = String)]
    pub platform: Platform,
    /// Server address without the key.
    pub rtmp_url: String,
    /// A second address, used while the first does not answer.
    pub backup_url: Option<String>,
    /// SHA-256 of the certificate that is trusted.
    pub tls_fingerprint: Option<String>,
    /// The key's mask, `****` and at most its last 4 characters; empty where there is none.
    pub stream_key: String,
    /// Whether there is a key.
    pub has_key: bool,
    /// A note.
    pub description: Option<String>,
    /// Switched off destinations cannot be chosen.
    pub is_active: bool,
    /// A profile of its own.
    #[schema(value_type = Option<String>)]
    pub profile: Option<ProfileName>,
    /// A ceiling of its own in kilobits a second.
    pub max_kbps: Option<u32>,
    /// When it last received the program, RFC 3339 UTC.
    pub last_used: Option<String>,
    /// RFC 3339 UTC.
    pub created_at: String,
    /// RFC 3339 UTC.
    pub updated_at: String,
    /// Whether it takes the program now.
    pub status: DestinationState,
}

/// What is known of a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"platform": "youtube", "name": "YouTube Live",
    "rtmp_url": "rtmp://a.rtmp.youtube.com/live2", "backup_url": "rtmp://b.rtmp.youtube.com/live2?backup=1", "key_required": true, "max_kbps": 8000,
    "keyframe_s": 2, "help_url": "https://support.google.com/youtube/answer/2853702"}))]
pub struct PresetView {
    /// `youtube`, `facebook`, `twitch` or `custom_rtmp`.
    #[schema(value_type = String)]
    pub platform: Platform,
    /// Its name for people.
    pub name: String,
    /// Its server address; none where the user gives one.
    pub rtmp_url: Option<String>,
    /// Its second server address.
    pub backup_url: Option<String>,
    /// Whether it works only with a stream key.
    pub key_required: bool,
    /// Most kilobits a second that it takes.
    pub max_kbps: Option<u32>,
    /// Seconds between key frames that it asks for.
    pub keyframe_s: u32,
    /// Where the platform explains it.
    pub help_url: Option<String>,
}
