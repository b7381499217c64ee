//! The other side, for tests: keys from fixed seeds, and whatever it could sign, honest or not.

#![allow(
    dead_code,
    clippy::needless_pass_by_value,
    reason = "each test file uses a part of it, and reads better with json!() as it is"
)]

use protocol::{
    Base64, DeviceId, Digest, KeyId, Kind, Moment, Nonce, RootKey, RootRecord, SigningKey,
    TenantId, Timestamp, Trust, assemble, pae, seal,
};
use serde_json::{Value, json};

/// The time in all tests: 2026-06-01T12:00:00.000Z.
pub(crate) const NOW: u64 = 1_780_315_200_000;

pub(crate) const HOUR: u64 = 3_600_000;

/// The nonce of the open connection.
pub(crate) const NONCE: &str = "00112233445566778899aabbccddeeff";

pub(crate) fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

/// A known time.
pub(crate) fn known(millis: u64) -> Moment {
    Moment {
        at: at(millis),
        is_time: true,
    }
}

/// A bound below the time.
pub(crate) fn bound(millis: u64) -> Moment {
    Moment {
        at: at(millis),
        is_time: false,
    }
}

pub(crate) fn nonce() -> Nonce {
    Nonce::parse(NONCE).unwrap()
}

/// A message id by a number.
pub(crate) fn id(n: u64) -> String {
    format!("01900000-0000-7000-8000-{n:012x}")
}

pub(crate) fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(&[seed; 32]).unwrap()
}

pub(crate) fn key_id(key: &SigningKey) -> String {
    key.public().id().to_string()
}

/// Studio with all of its keys, and one device.
pub(crate) struct Studio {
    /// Two of these three have to sign.
    pub(crate) root: [SigningKey; 3],
    pub(crate) command: SigningKey,
    /// May sign only HEALTH_REQUEST.
    pub(crate) narrow: SigningKey,
    pub(crate) session: SigningKey,
    pub(crate) package: SigningKey,
    pub(crate) device: SigningKey,
    pub(crate) device_id: DeviceId,
    pub(crate) tenant: TenantId,
}

impl Default for Studio {
    fn default() -> Self {
        Self {
            root: [key(1), key(2), key(3)],
            command: key(4),
            narrow: key(5),
            session: key(6),
            package: key(7),
            device: key(8),
            device_id: DeviceId::parse("dev-1").unwrap(),
            tenant: TenantId::parse("tenant-1").unwrap(),
        }
    }
}

impl Studio {
    pub(crate) fn root_record(&self, version: u64, keys: &[&SigningKey]) -> RootRecord {
        RootRecord {
            tenant_id: self.tenant.clone(),
            version,
            threshold: 2,
            keys: keys
                .iter()
                .map(|key| RootKey {
                    keyid: key.public().id().clone(),
                    alg: "ed25519".to_owned(),
                    public_key: key.public().to_base64(),
                })
                .collect(),
        }
    }

    pub(crate) fn pinned(&self) -> Trust {
        let keys: Vec<&SigningKey> = self.root.iter().collect();
        Trust::pinned(self.device_id.clone(), self.root_record(1, &keys)).unwrap()
    }

    /// The first keyset: version 1, epoch 1, valid for a year around [`NOW`].
    pub(crate) fn keyset_value(&self, version: u64, epoch: u64) -> Value {
        let record = |key: &SigningKey, purpose: &str, scopes: Value| {
            json!({
                "keyid": key.public().id(), "alg": "ed25519",
                "public_key": key.public().to_base64(), "use": purpose, "scopes": scopes,
                "not_before": at(NOW - 180 * 24 * HOUR), "not_after": at(NOW + 180 * 24 * HOUR),
            })
        };
        let all: Vec<&str> = protocol::command::CommandType::ALL
            .iter()
            .map(|kind| kind.as_str())
            .collect();
        json!({
            "tenant_id": self.tenant, "version": version, "epoch": epoch,
            "expires_at": at(NOW + 180 * 24 * HOUR),
            "keys": [
                record(&self.command, "command", json!(all)),
                record(&self.narrow, "command", json!(["HEALTH_REQUEST"])),
                record(&self.session, "session", json!([])),
                record(&self.package, "package", json!([])),
            ],
            "revoked": [],
        })
    }

    pub(crate) fn sign_by_root(&self, kind: Kind, value: &Value) -> Vec<u8> {
        sign(kind, value, &[&self.root[0], &self.root[1]])
    }

    /// Trust with the first keyset.
    pub(crate) fn trust(&self) -> Trust {
        let keyset = self.sign_by_root(Kind::Keyset, &self.keyset_value(1, 1));
        self.pinned().with_keyset(&keyset, known(NOW)).unwrap()
    }

    /// A good command, to be changed before it is signed.
    pub(crate) fn command_value(&self, seq: u64, kind: &str, payload: &Value) -> Value {
        json!({
            "message_id": id(seq), "correlation_id": id(seq),
            "timestamp": at(NOW), "schema_version": "1.0",
            "device_id": self.device_id, "tenant_id": self.tenant,
            "type": kind, "payload": payload,
            "expires_at": at(NOW + HOUR), "epoch": 1, "seq": seq,
        })
    }

    /// A harmless command.
    pub(crate) fn health(&self, seq: u64) -> Value {
        self.command_value(seq, "HEALTH_REQUEST", &json!({}))
    }

    pub(crate) fn sign(&self, value: &Value) -> Vec<u8> {
        sign(Kind::Command, value, &[&self.command])
    }

    pub(crate) fn message_value(&self, n: u64, payload: Value) -> Value {
        json!({
            "message_id": id(n), "correlation_id": id(n),
            "timestamp": at(NOW), "schema_version": "1.0",
            "device_id": self.device_id, "tenant_id": self.tenant, "payload": payload,
        })
    }

    pub(crate) fn welcome_value(&self, nonce: &str, millis: u64) -> Value {
        let payload = json!({
            "session_id": id(0xface), "session_nonce": nonce, "server_time": at(millis),
            "schema_version": "1.0", "feature_flags": {},
            "heartbeat_interval_s": 15, "metrics_interval_s": 30,
        });
        self.message_value(0xfacade, payload)
    }

    pub(crate) fn welcome(&self, nonce: &str, millis: u64) -> Vec<u8> {
        sign(
            Kind::Welcome,
            &self.welcome_value(nonce, millis),
            &[&self.session],
        )
    }
}

pub(crate) fn sign(kind: Kind, value: &Value, keys: &[&SigningKey]) -> Vec<u8> {
    seal(kind, &serde_json::to_vec(value).unwrap(), keys)
}

/// An envelope around any bytes, with a good signature.
pub(crate) fn sign_bytes(kind: Kind, payload: &[u8], key: &SigningKey) -> Vec<u8> {
    seal(kind, payload, &[key])
}

/// An envelope of a type, signed as if it were of another.
pub(crate) fn sign_as(told: &str, signed: &str, payload: &[u8], key: &SigningKey) -> Vec<u8> {
    let signature = key.sign(&pae(signed, payload)).to_vec();
    assemble(told, payload, [(key.public().id().clone(), signature)])
}

/// The envelope as JSON, to be tampered with.
pub(crate) fn opened(envelope: &[u8]) -> Value {
    serde_json::from_slice(envelope).unwrap()
}

pub(crate) fn bytes(envelope: &Value) -> Vec<u8> {
    serde_json::to_vec(envelope).unwrap()
}

pub(crate) fn base64(bytes: &[u8]) -> Value {
    serde_json::to_value(Base64::from(bytes.to_vec())).unwrap()
}

pub(crate) fn unbase64(value: &Value) -> Vec<u8> {
    serde_json::from_value::<Base64>(value.clone())
        .unwrap()
        .bytes()
        .to_vec()
}

/// The order of the group of Ed25519, little end first.
pub(crate) const GROUP_ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The same signature with S + L: it satisfies the equation and is not canonical.
pub(crate) fn with_large_s(signature: &[u8]) -> Vec<u8> {
    let mut out = signature.to_vec();
    let mut carry = 0_u16;
    for (byte, add) in out[32..].iter_mut().zip(GROUP_ORDER) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        *byte = (sum & 0xff) as u8;
        carry = sum >> 8;
    }
    out
}

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    Digest::of(bytes)
}

pub(crate) fn some_key_id(text: &str) -> KeyId {
    KeyId::parse(text).unwrap()
}
