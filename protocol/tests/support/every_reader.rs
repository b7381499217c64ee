//! Every reader of the wire, for whoever has bytes: the tests and the fuzzer.

use crate::support::{NOW, Studio, known, nonce, sign, sign_bytes};
use protocol::command::{Command, CommandType};
use protocol::{
    Ack, DEPTH_LIMIT, Envelope, Event, Hello, Keyset, Kind, Metrics, Progress, PublicKey, Reader,
    Receipt, RootRecord, SIZE_LIMIT, Trust, VALUE_LIMIT, Welcome, parse, shape, verify,
};
use serde_json::Value;
use std::sync::OnceLock;

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Object(map) => 1 + map.values().map(count).sum::<usize>(),
        _ => 1,
    }
}

/// Puts bytes through every reader there is: each answers or refuses, and keeps to the limits.
pub(crate) fn read_all(bytes: &[u8]) {
    static STUDIO: OnceLock<(Studio, Trust)> = OnceLock::new();
    let (studio, trust) = STUDIO.get_or_init(|| {
        let studio = Studio::default();
        let trust = studio.trust();
        (studio, trust)
    });
    let nonce = nonce();
    let reader = Reader {
        now: known(NOW),
        nonces: std::slice::from_ref(&nonce),
    };
    let _ = Envelope::read(bytes);
    let _ = verify::command(bytes, trust, &reader);
    let _ = verify::welcome(bytes, trust, &reader);
    let _ = verify::receipt(bytes, trust, &reader);
    let _ = trust.with_keyset(bytes, known(NOW));
    let _ = trust.with_root(bytes);
    let _ = PublicKey::read(bytes);
    let device = (trust.device(), studio.device.public());
    let _ = verify::from_device::<Ack>(bytes, Kind::Ack, device.0, device.1);
    // The same bytes as a body with a good signature.
    if bytes.len() < 64 * 1024 {
        let signed = sign_bytes(Kind::Command, bytes, &studio.command);
        let _ = verify::command(&signed, trust, &reader);
        let signed = sign(
            Kind::Keyset,
            &Value::Null,
            &[&studio.root[0], &studio.root[1]],
        );
        let _ = trust.with_keyset(&signed, known(NOW));
    }
    if let Ok(value) = parse(bytes) {
        assert!(bytes.len() <= SIZE_LIMIT && depth(&value) <= DEPTH_LIMIT);
        assert!(count(&value) <= VALUE_LIMIT);
        read_value(&value);
    }
}

fn read_value(value: &Value) {
    for kind in CommandType::ALL {
        if let Ok(command) = Command::read(kind.as_str(), value) {
            assert_eq!(command.command_type(), *kind);
            let _ = (
                command.targets(),
                command.is_repeatable(),
                format!("{command:?}"),
            );
        }
        let _ = kind.is_reply(value);
    }
    let _ = shape::<protocol::CommandMessage>(value);
    let _ = shape::<Keyset>(value).map(drop);
    let _ = shape::<RootRecord>(value).map(drop);
    let _ = shape::<Hello>(value).map(drop);
    let _ = shape::<Welcome>(value).map(drop);
    let _ = shape::<Ack>(value).map(drop);
    let _ = shape::<Event>(value).map(drop);
    let _ = shape::<Progress>(value).map(drop);
    let _ = shape::<Metrics>(value).map(drop);
    let _ = shape::<Receipt>(value).map(drop);
}
