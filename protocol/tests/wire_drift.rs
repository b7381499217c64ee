//! The schemas and the signed samples in the repository are what this code makes and accepts.
//!
//! `UPDATE_GOLDEN=1 cargo test -p protocol --test wire_drift` writes them anew.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

mod support;

use protocol::command::{Command, CommandType};
use protocol::{
    Ack, ChainHead, Code, Event, HasCode, Hello, Kind, MessageId, Metrics, Moment, Progress,
    Reader, Trust, schema, verify,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use support::*;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// Compares files with what they should be, or writes them; no other file may be there.
fn hold(folder: &Path, wanted: &[(String, Value)]) {
    let update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut known = BTreeSet::new();
    for (name, value) in wanted {
        let path = folder.join(name);
        let text = format!("{}\n", serde_json::to_string_pretty(value).unwrap());
        if update {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == text,
            "{} is not what the code makes; UPDATE_GOLDEN=1 writes it",
            path.display()
        );
        assert!(known.insert(path), "{name} is made twice");
    }
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                assert!(
                    known.contains(&path),
                    "{} is made by nobody",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn the_schemas_in_the_repository_are_those_of_the_code() {
    hold(&folder("schemas"), &schema::documents());
}

#[test]
fn every_command_and_every_kind_has_its_schema() {
    let names: BTreeSet<String> = schema::documents()
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    for kind in CommandType::ALL {
        assert!(names.contains(&format!("commands/{}.json", kind.as_str())));
    }
    for kind in Kind::ALL {
        let is_file = matches!(kind, Kind::SegmentManifest | Kind::UpdateManifest);
        assert_eq!(
            names.contains(&format!("{}.json", kind.as_str())),
            !is_file,
            "{kind:?}"
        );
    }
}

/// One signed sample.
struct Vector {
    name: String,
    kind: Kind,
    envelope: Vec<u8>,
    at: u64,
    /// `None` for a good one.
    refused: Option<Code>,
    why: String,
}

impl Vector {
    fn good(name: &str, kind: Kind, envelope: Vec<u8>) -> Self {
        Self {
            name: format!("good-{name}"),
            kind,
            envelope,
            at: NOW,
            refused: None,
            why: String::new(),
        }
    }

    fn bad(name: &str, envelope: Vec<u8>, code: Code, why: &str) -> Self {
        Self {
            name: format!("bad-{name}"),
            kind: Kind::Command,
            envelope,
            at: NOW,
            refused: Some(code),
            why: why.to_owned(),
        }
    }

    fn to_value(&self) -> Value {
        let mut value = json!({
            "kind": self.kind.as_str(),
            "at": at(self.at),
            "session_nonce": NONCE,
            "envelope": String::from_utf8(self.envelope.clone()).unwrap(),
            "accepted": self.refused.is_none(),
        });
        if let Some(code) = self.refused {
            value["code"] = json!(code.as_str());
            value["why"] = json!(self.why);
        }
        value
    }
}

/// Arguments of each type, as full as they get.
fn arguments(kind: CommandType) -> Value {
    let checksum = format!("sha256:{}", "ab".repeat(32));
    match kind {
        CommandType::DeviceConfig => json!({
            "config_patch": {"general": {"name": "Main hall"}}, "apply_after": "now",
            "base_version": 3, "dry_run": true }),
        CommandType::CameraAction => json!({
            "camera_id": "cam-1", "action": "ptz_move",
            "payload": {"mode": "continuous", "pan": 0.5, "tilt": -0.25, "timeout_ms": 800} }),
        CommandType::TimelineLoad => json!({
            "timeline_id": "show-1", "revision": 4,
            "segments": [{"id": "show-1", "name": "Evening", "duration": 60, "tracks": []}],
            "assets_manifest": {"assets": [{
                "id": "logo", "uri": "https://studio.example/logo.png", "checksum": checksum,
                "bytes": 20480, "media_type": "image/png"}]} }),
        CommandType::TimelineExecute => json!({
            "timeline_id": "show-1", "execution_mode": "play", "output": "live",
            "destination_ids": ["youtube-1"], "loop": true, "on_conflict": "queue" }),
        CommandType::OverlayUpdate => json!({
            "overlay_id": "lower-1",
            "edit": {"text": "Ana Lima", "opacity": 0.9, "tokens": {"role": "Guest"}} }),
        CommandType::StreamControl => json!({
            "stream_id": "*", "command": "go_live",
            "parameters": {"destination_ids": ["youtube-1", "twitch-1"], "countdown_s": 3} }),
        CommandType::HealthRequest => json!({"sections": ["streams"]}),
        CommandType::CredentialRefresh => json!({
            "step": "install", "client_cert_pem": "-----BEGIN CERTIFICATE-----\n",
            "spki_pins": [base64(&[1; 32]), base64(&[2; 32])] }),
        CommandType::CredentialRevoke => json!({"reason": "the appliance was sold"}),
        CommandType::EmergencyStop => json!({"scope": "outputs", "reason": "fire alarm"}),
        CommandType::DiagnosticsRequest => json!({
            "upload_url": "https://studio.example/up", "include": ["log"]}),
        CommandType::Cancel => json!({"message_id": id(1)}),
        CommandType::UpdateInstall => json!({
            "version": "0.2.0", "uri": "https://studio.example/agent.deb", "sha256": checksum,
            "manifest": base64(b"{}"), "apply_after": "idle" }),
        CommandType::ScheduleSet => json!({
            "schedules": [{"id": "s1", "timezone": "Europe/Lisbon"}]}),
        CommandType::SegmentSync => json!({
            "segments": [{"id": "seg-1", "revision": 2, "uri": "https://studio.example/seg.vseg",
                "checksum": checksum}]}),
    }
}

fn good_vectors(studio: &Studio) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for (at, kind) in CommandType::ALL.iter().enumerate() {
        let seq = at as u64 + 1;
        let value = studio.command_value(seq, kind.as_str(), &arguments(*kind));
        let name = format!("command-{}", kind.as_str().to_lowercase().replace('_', "-"));
        vectors.push(Vector::good(&name, Kind::Command, studio.sign(&value)));
    }
    let mut bound = studio.health(40);
    bound["session_nonce"] = json!(NONCE);
    bound["priority"] = json!(1);
    bound["feature_flags"] = json!(["timeline.seek"]);
    vectors.push(Vector::good(
        "command-bound",
        Kind::Command,
        studio.sign(&bound),
    ));
    let keyset = studio.sign_by_root(Kind::Keyset, &studio.keyset_value(1, 1));
    vectors.push(Vector::good("keyset", Kind::Keyset, keyset));
    let new = [key(21), key(22), key(23)];
    let root = studio.root_record(2, &[&new[0], &new[1], &new[2]]);
    let signers = [&studio.root[0], &studio.root[1], &new[0], &new[1]];
    let root = sign(Kind::Root, &serde_json::to_value(root).unwrap(), &signers);
    vectors.push(Vector::good("root", Kind::Root, root));
    vectors.push(Vector::good(
        "welcome",
        Kind::Welcome,
        studio.welcome(NONCE, NOW),
    ));
    let receipt = studio.message_value(50, json!({"message_ids": [id(60), id(61)]}));
    let receipt = sign(Kind::Receipt, &receipt, &[&studio.session]);
    vectors.push(Vector::good("receipt", Kind::Receipt, receipt));
    let mut head = ChainHead::new(MessageId::parse(id(0xb007)).unwrap());
    for (n, name, kind, payload) in device_payloads() {
        let mut message = studio.message_value(n, payload);
        let is_chained = matches!(kind, Kind::Ack | Kind::Event);
        if is_chained {
            message["chain"] = serde_json::to_value(head.next()).unwrap();
        }
        let envelope = sign(kind, &message, &[&studio.device]);
        if is_chained {
            head.advance(&envelope);
        }
        vectors.push(Vector::good(name, kind, envelope));
    }
    vectors
}

fn device_payloads() -> Vec<(u64, &'static str, Kind, Value)> {
    let refused = serde_json::to_value(Code::OverrideActive.with_message("held")).unwrap();
    vec![
        (
            60,
            "ack-accepted",
            Kind::Ack,
            json!({"message_id": id(1), "status": "accepted"}),
        ),
        (
            61,
            "ack-completed",
            Kind::Ack,
            json!({"message_id": id(1), "status": "completed",
            "result": {"timeline_id": "show-1", "revision": 4, "warnings": []}}),
        ),
        (
            62,
            "ack-deferred",
            Kind::Ack,
            json!({"message_id": id(2), "status": "deferred", "error": refused}),
        ),
        (
            63,
            "progress",
            Kind::Progress,
            json!({"message_id": id(1), "percent_complete": 40.0, "state": "downloading"}),
        ),
        (
            64,
            "event",
            Kind::Event,
            json!({"event_type": "CAMERA_OFFLINE", "severity": "warning",
            "context": {"camera_id": "cam-1"}}),
        ),
        (
            65,
            "metrics",
            Kind::Metrics,
            json!({"cpu": 31.5, "network": {"rx": 1.0, "tx": 2.0},
            "stream_bitrate": [{"stream_id": "program", "bitrate_current": 4.4, "bitrate_target": 4.5,
                "framerate_actual": 30.0, "framerate_target": 30.0, "dropped_frames": 0,
                "encoding_cpu": 140.0, "encoding_time_ms": 7.5, "buffer_fullness": 50.0,
                "uptime_seconds": 60, "total_bytes_sent": 33_000_000,
                "destinations": {"YouTube": {"status": "active", "bitrate": 4.4}}}]}),
        ),
        (
            66,
            "hello",
            Kind::Hello,
            json!({"boot_id": id(0xb007), "session_nonce": NONCE,
            "agent_version": "0.1.0", "serial": "VS-0001", "schema_versions": ["1.0"],
            "ocl_versions": [], "capabilities": {"encoders": ["libx264"], "max_streams": {"720p30": 2},
                "resolutions": ["1280x720"], "transports": ["wss"], "commands": ["HEALTH_REQUEST"],
                "timeline_actions": ["show_camera"], "overlay_types": ["text"],
                "transitions": ["cut"], "recording": false, "ptz": false},
            "feature_flags": [], "root_version": 1, "keyset_version": 1, "pending_outbox": 0,
            "state": "idle", "clock": {"now": at(NOW), "source": "ntp"}}),
        ),
    ]
}

fn bad_vectors(studio: &Studio) -> Vec<Vector> {
    let value = studio.health(1);
    let envelope = studio.sign(&value);
    let with = |field: &str, to: Value| {
        let mut value = value.clone();
        value[field] = to;
        studio.sign(&value)
    };
    let tampered = |pointer: &str, to: Value| {
        let mut open = opened(&envelope);
        *open.pointer_mut(pointer).unwrap() = to;
        bytes(&open)
    };
    let text = value.to_string();
    let twice = text.replacen('{', r#"{"device_id":"dev-2","#, 1);
    let signature = unbase64(&opened(&envelope)["signatures"][0]["sig"]);
    let mut other_body = value.clone();
    other_body["payload"] = json!({"sections": ["other"]});
    let other_body = base64(&serde_json::to_vec(&other_body).unwrap());
    let mut late = Vector::bad(
        "expired",
        envelope.clone(),
        Code::Expired,
        "It is read when it has ended.",
    );
    late.at = NOW + HOUR;
    let mut early = Vector::bad(
        "not-yet",
        envelope.clone(),
        Code::TimestampSkew,
        "It is dated more than two minutes ahead.",
    );
    early.at = NOW - HOUR;
    vec![
        Vector::bad(
            "signature-of-other-body",
            tampered("/payload", other_body),
            Code::SignatureInvalid,
            "The signature is over another body.",
        ),
        Vector::bad(
            "signature-short",
            tampered("/signatures/0/sig", base64(&signature[..63])),
            Code::SignatureInvalid,
            "A signature has 64 bytes.",
        ),
        Vector::bad(
            "signature-s-not-canonical",
            tampered("/signatures/0/sig", base64(&with_large_s(&signature))),
            Code::SignatureInvalid,
            "S is not below the order of the group (RFC 8032, 5.1.7).",
        ),
        Vector::bad(
            "signature-missing",
            tampered("/signatures", json!([])),
            Code::SignatureMissing,
            "Nobody signed it.",
        ),
        Vector::bad(
            "signatures-two",
            tampered(
                "/signatures",
                json!([
                    opened(&envelope)["signatures"][0],
                    opened(&envelope)["signatures"][0]
                ]),
            ),
            Code::Malformed,
            "A command has one signature.",
        ),
        Vector::bad(
            "key-unknown",
            sign(Kind::Command, &value, &[&key(99)]),
            Code::KeyUnknown,
            "The keyset has no such key.",
        ),
        Vector::bad(
            "key-of-other-name",
            tampered("/signatures/0/keyid", json!(key_id(&studio.narrow))),
            Code::SignatureInvalid,
            "The named key did not sign it.",
        ),
        Vector::bad(
            "key-of-other-use",
            sign(Kind::Command, &value, &[&studio.package]),
            Code::Unauthorized,
            "A package key may not sign commands.",
        ),
        Vector::bad(
            "kind-event",
            sign_bytes(Kind::Event, text.as_bytes(), &studio.command),
            Code::TypeUnknown,
            "Well signed, but as an event.",
        ),
        Vector::bad(
            "kind-told-command",
            sign_as(
                Kind::Command.payload_type(),
                Kind::Event.payload_type(),
                text.as_bytes(),
                &studio.command,
            ),
            Code::SignatureInvalid,
            "The kind is signed too.",
        ),
        Vector::bad(
            "envelope-alg",
            {
                let mut open = opened(&envelope);
                open["alg"] = json!("none");
                bytes(&open)
            },
            Code::Malformed,
            "The envelope has no such field.",
        ),
        Vector::bad(
            "body-key-twice",
            sign_bytes(Kind::Command, twice.as_bytes(), &studio.command),
            Code::Malformed,
            "Two readers could take different values.",
        ),
        Vector::bad(
            "body-unknown-field",
            with("crit", json!(1)),
            Code::SchemaInvalid,
            "The signed fields have no such field.",
        ),
        Vector::bad(
            "body-nul",
            sign_bytes(
                Kind::Command,
                text.replace("HEALTH", "\\u0000").as_bytes(),
                &studio.command,
            ),
            Code::Malformed,
            "No string has a NUL.",
        ),
        Vector::bad(
            "body-number",
            sign_bytes(
                Kind::Command,
                text.replace("\"seq\":1", "\"seq\":9007199254740992")
                    .as_bytes(),
                &studio.command,
            ),
            Code::Malformed,
            "Numbers end at 2^53 − 1.",
        ),
        Vector::bad(
            "device",
            with("device_id", json!("dev-2")),
            Code::DeviceMismatch,
            "It is for another device.",
        ),
        Vector::bad(
            "tenant",
            with("tenant_id", json!("tenant-2")),
            Code::DeviceMismatch,
            "It is for another customer.",
        ),
        Vector::bad(
            "version",
            with("schema_version", json!("2.0")),
            Code::VersionUnsupported,
            "Another major version.",
        ),
        Vector::bad(
            "life-too-long",
            with("expires_at", json!(at(NOW + 24 * HOUR + 1))),
            Code::SchemaInvalid,
            "It lives longer than 24 hours.",
        ),
        Vector::bad(
            "nonce-of-other-connection",
            with("session_nonce", json!("ffeeddccbbaa99887766554433221100")),
            Code::ReplayDetected,
            "It is bound to another connection.",
        ),
        Vector::bad(
            "time-without-millis",
            with("timestamp", json!("2026-06-01T12:00:00Z")),
            Code::SchemaInvalid,
            "Times have milliseconds.",
        ),
        Vector::bad(
            "type-unknown",
            studio.sign(&studio.command_value(1, "DANCE", &json!({}))),
            Code::TypeUnknown,
            "There is no such command. Answered, since it is well signed.",
        ),
        Vector::bad(
            "arguments",
            studio.sign(&studio.command_value(1, "CANCEL", &json!({}))),
            Code::SchemaInvalid,
            "The command to cancel is missing.",
        ),
        late,
        early,
    ]
}

fn vectors() -> Vec<Vector> {
    let studio = Studio::default();
    let mut vectors = good_vectors(&studio);
    vectors.extend(bad_vectors(&studio));
    vectors
}

/// What every vector is read with.
fn setting() -> Value {
    let studio = Studio::default();
    let keys: Vec<_> = studio.root.iter().collect();
    json!({
        "about": "Keys are Ed25519 with the seed n repeated 32 times. For tests only.",
        "device_id": studio.device_id,
        "tenant_id": studio.tenant,
        "root": studio.root_record(1, &keys),
        "keyset": String::from_utf8(studio.sign_by_root(Kind::Keyset, &studio.keyset_value(1, 1))).unwrap(),
        "device_public_key": studio.device.public().to_base64(),
        "seeds": {"root": [1, 2, 3], "command": 4, "narrow": 5, "session": 6, "package": 7, "device": 8},
    })
}

#[test]
fn the_vectors_in_the_repository_are_those_of_the_code() {
    let mut files: Vec<(String, Value)> = vectors()
        .iter()
        .map(|vector| (format!("{}.json", vector.name), vector.to_value()))
        .collect();
    files.push(("setting.json".to_owned(), setting()));
    hold(&folder("vectors"), &files);
}

fn judge(vector: &Vector) -> Result<Value, Code> {
    let studio = Studio::default();
    let trust = studio.trust();
    let nonce = nonce();
    let reader = Reader {
        now: Moment {
            at: at(vector.at),
            is_time: true,
        },
        nonces: std::slice::from_ref(&nonce),
    };
    let bytes = &vector.envelope;
    let body = unbase64(&opened(bytes)["payload"]);
    let body = || serde_json::from_slice::<Value>(&body).unwrap();
    match vector.kind {
        Kind::Command => {
            let verified = verify::command(bytes, &trust, &reader).map_err(|r| r.error.code())?;
            let message = verified.get();
            Command::read(&message.kind, &message.payload).map_err(|error| error.code())?;
        }
        Kind::Welcome => drop(verify::welcome(bytes, &trust, &reader).map_err(|e| e.code())?),
        Kind::Receipt => drop(verify::receipt(bytes, &trust, &reader).map_err(|e| e.code())?),
        Kind::Keyset => drop(
            studio
                .pinned()
                .with_keyset(bytes, reader.now)
                .map_err(|e| e.code())?,
        ),
        Kind::Root => drop(trust.with_root(bytes).map_err(|e| e.code())?),
        Kind::Ack => from_device::<Ack>(&trust, &studio, vector)?,
        Kind::Progress => from_device::<Progress>(&trust, &studio, vector)?,
        Kind::Event => from_device::<Event>(&trust, &studio, vector)?,
        Kind::Metrics => from_device::<Metrics>(&trust, &studio, vector)?,
        Kind::Hello => from_device::<Hello>(&trust, &studio, vector)?,
        Kind::SegmentManifest | Kind::UpdateManifest => unreachable!("no vectors of these yet"),
    }
    Ok(body())
}

fn from_device<T: serde::de::DeserializeOwned>(
    trust: &Trust,
    studio: &Studio,
    vector: &Vector,
) -> Result<(), Code> {
    verify::from_device::<T>(
        &vector.envelope,
        vector.kind,
        trust.device(),
        studio.device.public(),
    )
    .map(drop)
    .map_err(|error| error.code())
}

#[test]
fn every_vector_is_judged_as_it_says() {
    for vector in vectors() {
        let judged = judge(&vector).map(drop);
        assert_eq!(
            judged,
            vector.refused.map_or(Ok(()), Err),
            "{}",
            vector.name
        );
    }
}

#[test]
fn good_vectors_fit_their_schemas_and_misfits_do_not() {
    let documents = schema::documents();
    let schema = |name: &str| {
        let found = documents.iter().find(|(path, _)| path == name);
        found.map(|(_, schema)| schema.clone()).unwrap()
    };
    let mut seen = 0;
    for vector in vectors() {
        let open = opened(&vector.envelope);
        let Ok(body) = judge(&vector) else {
            continue;
        };
        fits(&schema("envelope.json"), &open)
            .unwrap_or_else(|why| panic!("{}: {why}", vector.name));
        let root = schema(&format!("{}.json", vector.kind.as_str()));
        fits(&root, &body).unwrap_or_else(|why| panic!("{}: {why}", vector.name));
        if vector.kind == Kind::Command {
            let root = schema(&format!("commands/{}.json", body["type"].as_str().unwrap()));
            check(&root, &root["properties"]["payload"], &body["payload"])
                .unwrap_or_else(|why| panic!("{}: {why}", vector.name));
        }
        // The check can fail: the same body without one of its fields.
        let mut cut = body.clone();
        cut.as_object_mut().unwrap().remove("tenant_id");
        assert!(
            fits(&root, &cut).is_err(),
            "{} without tenant_id",
            vector.name
        );
        seen += 1;
    }
    assert!(seen > 20, "only {seen} good vectors");
    let cancel = schema("commands/CANCEL.json");
    for bad in [
        json!({}),
        json!({"message_id": 7}),
        json!({"message_id": "x"}),
    ] {
        assert!(
            check(&cancel, &cancel["properties"]["payload"], &bad).is_err(),
            "{bad}"
        );
    }
}

fn fits(root: &Value, value: &Value) -> Result<(), String> {
    check(root, root, value)
}

/// The part of JSON Schema that the schemas use, patterns by their length only.
fn check(root: &Value, schema: &Value, value: &Value) -> Result<(), String> {
    let Some(schema) = schema.as_object() else {
        return match schema {
            Value::Bool(false) => Err(format!("{value} is not allowed")),
            _ => Ok(()),
        };
    };
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        let target = root
            .pointer(reference.trim_start_matches('#'))
            .ok_or_else(|| format!("{reference} leads nowhere"))?;
        check(root, target, value)?;
    }
    if let Some(wanted) = schema.get("type") {
        let is = |name: &str| match name {
            "object" => value.is_object(),
            "array" => value.is_array(),
            "string" => value.is_string(),
            "boolean" => value.is_boolean(),
            "null" => value.is_null(),
            "integer" => value.is_u64() || value.is_i64(),
            "number" => value.is_number(),
            _ => false,
        };
        let allowed = match wanted {
            Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
            name => name.as_str().is_some_and(is),
        };
        if !allowed {
            return Err(format!("{value} is no {wanted}"));
        }
    }
    if let Some(list) = schema.get("enum").and_then(Value::as_array)
        && !list.contains(value)
    {
        return Err(format!("{value} is none of {list:?}"));
    }
    if let Some(one) = schema.get("const")
        && one != value
    {
        return Err(format!("{value} is not {one}"));
    }
    if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
        for one in all {
            check(root, one, value)?;
        }
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(some) = schema.get(word).and_then(Value::as_array) {
            let fit = some
                .iter()
                .filter(|one| check(root, one, value).is_ok())
                .count();
            if fit == 0 || (word == "oneOf" && fit > 1) {
                return Err(format!("{value} fits {fit} of {word}"));
            }
        }
    }
    if let Some(text) = value.as_str() {
        let pattern = schema.get("pattern").and_then(Value::as_str).unwrap_or("");
        let uuid = pattern.starts_with("^[0-9a-f]{8}-");
        if uuid && MessageId::parse(text).is_err() {
            return Err(format!("{text} does not match {pattern}"));
        }
    }
    check_object(root, schema, value)?;
    if let (Some(items), Some(list)) = (schema.get("items"), value.as_array()) {
        for item in list {
            check(root, items, item)?;
        }
    }
    Ok(())
}

fn check_object(root: &Value, schema: &Map<String, Value>, value: &Value) -> Result<(), String> {
    let Some(object) = value.as_object() else {
        return Ok(());
    };
    for name in schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        if !object.contains_key(name.as_str().unwrap_or("")) {
            return Err(format!("{name} is missing"));
        }
    }
    let empty = Map::new();
    let properties = schema
        .get("properties")
        .and_then(Value::as_object)
        .unwrap_or(&empty);
    for (name, field) in object {
        let place = |why| format!("{name}: {why}");
        if let Some(one) = properties.get(name) {
            check(root, one, field).map_err(place)?;
        } else if let Some(others) = schema.get("additionalProperties") {
            check(root, others, field).map_err(place)?;
        }
    }
    Ok(())
}
