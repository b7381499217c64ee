//! Studio's signing keys, and what they sign.

use crate::desk::now_ms;
use protocol::command::CommandType;
use protocol::{Kind, RootKey, RootRecord, SigningKey, TenantId, Timestamp, seal};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

const HOUR: u64 = 3_600_000;

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A new key.
pub(crate) fn key() -> SigningKey {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).unwrap();
    SigningKey::from_seed(&seed).unwrap()
}

/// A random UUID.
pub(crate) fn uuid() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).unwrap();
    let hex = data_encoding::HEXLOWER.encode(&bytes);
    format!(
        "{}-{}-4{}-8{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..]
    )
}

/// All of them. Two of the three root keys have to sign.
pub(crate) struct Keys {
    pub(crate) tenant: TenantId,
    pub(crate) root: [SigningKey; 3],
    pub(crate) command: SigningKey,
    pub(crate) session: SigningKey,
    /// In no keyset.
    pub(crate) stranger: SigningKey,
}

impl Keys {
    pub(crate) fn new() -> Self {
        Self {
            tenant: TenantId::parse("sandbox").unwrap(),
            root: [key(), key(), key()],
            command: key(),
            session: key(),
            stranger: key(),
        }
    }

    pub(crate) fn root_record(&self) -> RootRecord {
        RootRecord {
            tenant_id: self.tenant.clone(),
            version: 1,
            threshold: 2,
            keys: self
                .root
                .iter()
                .map(|key| RootKey {
                    keyid: key.public().id().clone(),
                    alg: "ed25519".to_owned(),
                    public_key: key.public().to_base64(),
                })
                .collect(),
        }
    }

    /// A keyset; with `revoke` the command key counts for nothing.
    pub(crate) fn keyset(&self, version: u64, epoch: u64, revoke: bool) -> Vec<u8> {
        let record = |key: &SigningKey, purpose: &str, scopes: Value| {
            json!({
                "keyid": key.public().id(), "alg": "ed25519", "public_key": key.public().to_base64(),
                "use": purpose, "scopes": scopes,
                "not_before": at(now_ms() - HOUR), "not_after": at(now_ms() + 24 * 180 * HOUR),
            })
        };
        let all: Vec<&str> = CommandType::ALL.iter().map(|kind| kind.as_str()).collect();
        let revoked = if revoke {
            vec![self.command.public().id()]
        } else {
            Vec::new()
        };
        let value = json!({
            "tenant_id": self.tenant, "version": version, "epoch": epoch,
            "expires_at": at(now_ms() + 24 * 180 * HOUR),
            "keys": [record(&self.command, "command", json!(all)), record(&self.session, "session", json!([]))],
            "revoked": revoked,
        });
        let bytes = serde_json::to_vec(&value).unwrap();
        seal(Kind::Keyset, &bytes, &[&self.root[0], &self.root[1]])
    }

    /// A message other than a command to a device.
    pub(crate) fn message(&self, device: &str, payload: &Value) -> Value {
        let id = uuid();
        json!({
            "message_id": id, "correlation_id": id, "timestamp": at(now_ms()),
            "schema_version": "1.0", "device_id": device, "tenant_id": self.tenant, "payload": payload,
        })
    }

    pub(crate) fn session(&self, kind: Kind, value: &Value) -> Vec<u8> {
        seal(kind, &serde_json::to_vec(value).unwrap(), &[&self.session])
    }
}
