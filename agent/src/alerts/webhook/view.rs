//! The webhook as it is set, kept and shown. Its address and its secret leave by no answer.

use super::queue::Queue;
use super::send::Sender;
use super::target::Target;
use crate::alerts::AlertError;
use crate::modules::view::MASK;
use data_encoding::BASE64URL_NOPAD;
use model::Secret;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Lengths of a secret, in bytes.
const SECRET: std::ops::RangeInclusive<usize> = 16..=256;

/// A webhook to be set. It has no `Debug`.
#[derive(Clone, Deserialize, ToSchema)]
#[schema(example = json!({"url": "https://hooks.example.com/vistter"}))]
pub struct WebhookDraft {
    /// Where alerts are sent: https, or http on this machine. The shown address means unchanged.
    #[schema(value_type = String, write_only)]
    pub url: Secret,
    /// What deliveries are signed with, 16 to 256 bytes. Where it is absent the one that is set stays,
    /// or one is made and shown once. The mask means unchanged, an empty text makes a new one.
    #[serde(default)]
    #[schema(value_type = Option<String>, write_only)]
    pub secret: Option<Secret>,
}

/// The webhook as it is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, ToSchema)]
#[schema(example = json!({"configured": true, "url": "https://hooks.example.com/****",
    "secret": "********", "waiting": 0, "delivered": 12, "failed": 1, "dropped": 0,
    "last_error": null, "last_delivered_at": "2026-11-21T10:00:00.000Z"}))]
pub struct WebhookView {
    /// Whether there is one.
    pub configured: bool,
    /// Its address, masked after the host.
    pub url: Option<String>,
    /// Its secret's mask; a secret that was just made is shown here once.
    pub secret: Option<String>,
    /// Messages that wait.
    pub waiting: usize,
    /// Messages that were taken since the agent was started.
    pub delivered: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Messages that were given up: too many waited, or for a day.
    pub dropped: u64,
    /// Why the last attempt failed; none once one succeeded.
    pub last_error: Option<String>,
    /// When a message was taken last, RFC 3339 UTC.
    pub last_delivered_at: Option<String>,
}

/// What a test brought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"message": "The webhook took the test", "status": 204}))]
pub struct WebhookTest {
    /// For people.
    pub message: String,
    /// The HTTP status of its server's answer.
    pub status: u16,
}

/// A webhook that is set.
#[derive(Clone)]
pub(in crate::alerts) struct Hook {
    pub(in crate::alerts) url: Secret,
    pub(in crate::alerts) secret: Secret,
    pub(in crate::alerts) target: Target,
}

#[derive(Serialize)]
struct Packed<'a> {
    url: &'a str,
    secret: &'a str,
}

#[derive(Deserialize)]
struct Unpacked {
    url: Secret,
    secret: Secret,
}

impl Hook {
    /// Address and secret as one text, to be sealed.
    pub(in crate::alerts) fn pack(&self) -> Secret {
        let packed = Packed {
            url: self.url.expose(),
            secret: self.secret.expose(),
        };
        // Two texts always have a JSON form.
        Secret::new(serde_json::to_string(&packed).unwrap_or_default())
    }

    /// What [`Hook::pack`] made, by the rules of now; `None` when it is no webhook any more.
    pub(in crate::alerts) fn unpack(packed: &Secret, sender: &Sender) -> Option<Self> {
        let Unpacked { url, secret } = serde_json::from_str(packed.expose()).ok()?;
        let target = sender.target(&url).ok()?;
        Some(Self {
            url,
            secret,
            target,
        })
    }
}

/// What is asked for, joined with what is set; says whether the secret was just made.
pub(in crate::alerts) fn apply(
    draft: WebhookDraft,
    old: Option<&Hook>,
    sender: &Sender,
) -> Result<(Hook, bool), AlertError> {
    let url = match old {
        Some(old) if old.target.masked() == draft.url.expose() => old.url.clone(),
        _ => draft.url,
    };
    let target = sender.target(&url)?;
    let given = draft.secret.filter(|secret| secret.expose() != MASK);
    let (secret, made) = match (given, old) {
        (Some(secret), _) if secret.is_empty() => (generate()?, true),
        (Some(secret), _) if SECRET.contains(&secret.expose().len()) => (secret, false),
        (Some(_), _) => return Err(AlertError::Secret),
        (None, Some(old)) => (old.secret.clone(), false),
        (None, None) => (generate()?, true),
    };
    let hook = Hook {
        url,
        secret,
        target,
    };
    Ok((hook, made))
}

fn generate() -> Result<Secret, AlertError> {
    let mut bytes = [0_u8; 32];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| AlertError::NoRandomness)?;
    Ok(Secret::new(BASE64URL_NOPAD.encode(&bytes)))
}

impl WebhookView {
    pub(in crate::alerts) fn of(
        hook: Option<&Hook>,
        queue: &Queue,
        last_error: Option<String>,
        last_delivered_at: Option<String>,
    ) -> Self {
        Self {
            configured: hook.is_some(),
            url: hook.map(|hook| hook.target.masked()),
            secret: hook.map(|_| MASK.to_owned()),
            waiting: queue.waiting(),
            delivered: queue.delivered,
            failed: queue.failed,
            dropped: queue.dropped,
            last_error,
            last_delivered_at,
        }
    }
}
