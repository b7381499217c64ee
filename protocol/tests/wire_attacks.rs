//! Every attack on envelopes, keys and time that can be told from one message. Each has to be refused,
//! and with its own code. `cargo test --test wire_attacks -- --nocapture` prints the table.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use protocol::command::Command;
use protocol::{
    Code, Digest, HasCode, KeyError, Kind, Moment, PublicKey, Reader, SIZE_LIMIT, SigningKey,
    Trust, TrustedTime, pae, verify,
};
use serde_json::{Value, json};
use std::sync::OnceLock;
use support::*;

/// What a device with the first keyset says of an envelope that should hold a command.
fn judge(envelope: &[u8]) -> Result<(), Code> {
    judge_at(envelope, known(NOW))
}

fn judge_at(envelope: &[u8], now: Moment) -> Result<(), Code> {
    static TRUST: OnceLock<Trust> = OnceLock::new();
    let nonce = nonce();
    let reader = Reader {
        now,
        nonces: std::slice::from_ref(&nonce),
    };
    let trust = TRUST.get_or_init(|| Studio::default().trust());
    verify::command(envelope, trust, &reader)
        .map(drop)
        .map_err(|refusal| refusal.error.code())
}

fn refused(case: &str, envelope: &[u8], code: Code) {
    assert_eq!(judge(envelope), Err(code), "{case}");
    println!("refused  {:<22} {case}", code.as_str());
}

fn good() -> (Studio, Vec<u8>) {
    let studio = Studio::default();
    let envelope = studio.sign(&studio.health(1));
    assert_eq!(judge(&envelope), Ok(()), "the untouched command is good");
    (studio, envelope)
}

/// A signed command with one thing changed before it was signed.
fn changed(field: &str, value: Value) -> Vec<u8> {
    let studio = Studio::default();
    let mut command = studio.health(1);
    command[field] = value;
    studio.sign(&command)
}

#[test]
fn attack_01_a_flipped_bit_anywhere() {
    let (studio, envelope) = good();
    let open = opened(&envelope);
    let signature = unbase64(&open["signatures"][0]["sig"]);
    let payload = unbase64(&open["payload"]);
    let command = studio.command.public().id().clone();
    let told = Kind::Command.payload_type();
    for bit in 0..signature.len() * 8 {
        let mut bad = signature.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let envelope = protocol::assemble(told, &payload, [(command.clone(), bad)]);
        assert_eq!(
            judge(&envelope),
            Err(Code::SignatureInvalid),
            "signature {bit}"
        );
    }
    for bit in 0..payload.len() * 8 {
        let mut bad = payload.clone();
        bad[bit / 8] ^= 1 << (bit % 8);
        let envelope = protocol::assemble(told, &bad, [(command.clone(), signature.clone())]);
        assert_eq!(judge(&envelope), Err(Code::SignatureInvalid), "body {bit}");
    }
    for at in 0..told.len() {
        let mut bad = told.as_bytes().to_vec();
        bad[at] ^= 1;
        let bad = String::from_utf8(bad).unwrap();
        let envelope = protocol::assemble(&bad, &payload, [(command.clone(), signature.clone())]);
        assert_eq!(judge(&envelope), Err(Code::TypeUnknown), "type {bad}");
    }
    let name = key_id(&studio.command);
    for at in 0..name.len() {
        let mut bad = name.clone().into_bytes();
        bad[at] ^= 1;
        let mut open = open.clone();
        open["signatures"][0]["keyid"] = json!(String::from_utf8(bad).unwrap());
        assert_eq!(judge(&bytes(&open)), Err(Code::KeyUnknown), "keyid {at}");
    }
    println!(
        "refused  {:<22} a flipped bit in signature or body",
        "SIGNATURE_INVALID"
    );
    println!("refused  {:<22} a flipped bit in the type", "TYPE_UNKNOWN");
    println!(
        "refused  {:<22} a flipped bit in the key's name",
        "KEY_UNKNOWN"
    );
}

#[test]
fn attack_02_a_valid_signature_under_the_wrong_kind() {
    let (studio, envelope) = good();
    let payload = unbase64(&opened(&envelope)["payload"]);
    for kind in Kind::ALL.iter().filter(|kind| **kind != Kind::Command) {
        let other = sign_bytes(*kind, &payload, &studio.command);
        refused(
            &format!("signed as {}", kind.as_str()),
            &other,
            Code::TypeUnknown,
        );
        let told = sign_as(
            Kind::Command.payload_type(),
            kind.payload_type(),
            &payload,
            &studio.command,
        );
        assert_eq!(judge(&told), Err(Code::SignatureInvalid));
    }
}

#[test]
fn attack_03_bytes_moved_between_type_and_body() {
    let (studio, envelope) = good();
    let payload = unbase64(&opened(&envelope)["payload"]);
    let told = Kind::Command.payload_type();
    // The same concatenation with the border elsewhere has another encoding.
    let moved = pae(
        &told[..told.len() - 1],
        &[b"n", payload.as_slice()].concat(),
    );
    assert_ne!(moved, pae(told, &payload));
    let signature = studio.command.sign(&moved).to_vec();
    let name = studio.command.public().id().clone();
    let bad = protocol::assemble(told, &payload, [(name, signature)]);
    refused("PAE with the border moved", &bad, Code::SignatureInvalid);
    // A body that contains an encoding of its own.
    let nested = pae(told, &payload);
    let bad = sign_bytes(Kind::Command, &nested, &studio.command);
    refused("a body that is an encoding itself", &bad, Code::Malformed);
}

#[test]
fn attack_04_signatures_of_another_length_or_none() {
    let (_, envelope) = good();
    let open = opened(&envelope);
    let signature = unbase64(&open["signatures"][0]["sig"]);
    let long = [signature.as_slice(), &[0]].concat();
    for (case, bad) in [
        ("an empty signature", &signature[..0]),
        ("63 bytes of signature", &signature[..63]),
        ("65 bytes of signature", &long),
    ] {
        let mut open = open.clone();
        open["signatures"][0]["sig"] = base64(bad);
        refused(case, &bytes(&open), Code::SignatureInvalid);
    }
    let mut none = open.clone();
    none["signatures"] = json!([]);
    refused("no signature", &bytes(&none), Code::SignatureMissing);
    let mut two = open;
    two["signatures"] = json!([two["signatures"][0], two["signatures"][0]]);
    refused("two signatures", &bytes(&two), Code::Malformed);
}

#[test]
fn attack_05_a_signature_whose_s_is_not_canonical() {
    let (_, envelope) = good();
    let mut open = opened(&envelope);
    let signature = unbase64(&open["signatures"][0]["sig"]);
    open["signatures"][0]["sig"] = base64(&with_large_s(&signature));
    refused("S + L", &bytes(&open), Code::SignatureInvalid);
}

#[test]
fn attack_06_weak_keys_do_not_enter_a_keyset() {
    let studio = Studio::default();
    let mut one = [0; 32];
    one[0] = 1;
    for (case, weak) in [("an all-zero key", [0; 32]), ("a key of order one", one)] {
        assert_eq!(PublicKey::read(&weak), Err(KeyError::Weak));
        let mut keyset = studio.keyset_value(2, 1);
        keyset["keys"][0]["public_key"] = base64(&weak);
        let envelope = studio.sign_by_root(Kind::Keyset, &keyset);
        adoption(case, &studio.trust(), &envelope, Code::SchemaInvalid);
    }
}

#[test]
fn attack_07_duplicate_keys_in_json() {
    let (studio, envelope) = good();
    let text = String::from_utf8(envelope.clone()).unwrap();
    let twice = text.replacen('{', r#"{"payloadType":"x","#, 1);
    refused(
        "a key twice in the envelope",
        twice.as_bytes(),
        Code::Malformed,
    );
    let payload = String::from_utf8(unbase64(&opened(&envelope)["payload"])).unwrap();
    let twice = payload.replacen('{', r#"{"device_id":"dev-2","#, 1);
    let bad = sign_bytes(Kind::Command, twice.as_bytes(), &studio.command);
    refused("a key twice in the signed body", &bad, Code::Malformed);
    let deep = payload.replace(r#""payload":{}"#, r#""payload":{"a":1,"a":2}"#);
    assert_ne!(deep, payload);
    let bad = sign_bytes(Kind::Command, deep.as_bytes(), &studio.command);
    refused("a key twice in the arguments", &bad, Code::Malformed);
}

#[test]
fn attack_08_fields_that_nobody_knows() {
    let (_, envelope) = good();
    let mut open = opened(&envelope);
    open["alg"] = json!("none");
    refused(
        "an injected alg in the envelope",
        &bytes(&open),
        Code::Malformed,
    );
    let mut open = opened(&envelope);
    open["signatures"][0]["alg"] = json!("none");
    refused(
        "an injected alg at the signature",
        &bytes(&open),
        Code::Malformed,
    );
    for field in ["alg", "crit", "tenant", "expires"] {
        let bad = changed(field, json!("x"));
        refused(
            &format!("an unknown {field} in the signed fields"),
            &bad,
            Code::SchemaInvalid,
        );
    }
}

#[test]
fn attack_09_bombs() {
    let studio = Studio::default();
    let big = vec![b' '; SIZE_LIMIT + 1];
    refused("an envelope over the limit", &big, Code::TooLarge);
    let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    refused(
        "a deep envelope",
        nested(10_000).as_bytes(),
        Code::Malformed,
    );
    let command = studio.health(1).to_string();
    for (case, arguments) in [
        ("deep arguments", nested(100)),
        ("many arguments", format!("[{}0]", "0,".repeat(70_000))),
        ("a number beyond 2^53", "18446744073709551615".to_owned()),
        ("a number without a value", "1e999".to_owned()),
        ("a number of many digits", "9".repeat(10_000)),
    ] {
        let text = command.replace(
            r#""payload":{}"#,
            &format!(r#""payload":{{"a":{arguments}}}"#),
        );
        assert_ne!(text, command);
        let bad = sign_bytes(Kind::Command, text.as_bytes(), &studio.command);
        refused(case, &bad, Code::Malformed);
    }
}

#[test]
fn attack_10_text_that_is_no_text() {
    let studio = Studio::default();
    let command = studio.health(1).to_string();
    for (case, bad) in [
        ("bytes that are not UTF-8", &b"\xc3\x28"[..]),
        ("a surrogate as bytes", b"\xed\xa0\x80"),
        ("an overlong slash", b"\xc0\xaf"),
        ("a NUL byte", b"\0"),
        ("an escaped NUL", b"\\u0000"),
        ("half a surrogate pair", b"\\ud800"),
    ] {
        let (before, after) = command.split_once("HEALTH").unwrap();
        let text = [before.as_bytes(), bad, after.as_bytes()].concat();
        let envelope = sign_bytes(Kind::Command, &text, &studio.command);
        refused(case, &envelope, Code::Malformed);
    }
}

#[test]
fn attack_11_the_same_words_in_another_envelope_have_one_identity() {
    let (studio, envelope) = good();
    let trust = studio.trust();
    let nonce = nonce();
    let reader = Reader {
        now: known(NOW),
        nonces: std::slice::from_ref(&nonce),
    };
    let digest = |envelope: &[u8]| -> Digest {
        verify::command(envelope, &trust, &reader).unwrap().digest()
    };
    let spaced = serde_json::to_vec_pretty(&opened(&envelope)).unwrap();
    let mut other = opened(&envelope);
    for text in ["/payload", "/signatures/0/sig"] {
        let field = other.pointer_mut(text).unwrap();
        *field = json!(field.as_str().unwrap().replace('+', "-").replace('/', "_"));
    }
    let url_safe = bytes(&other);
    assert_ne!(spaced, envelope);
    assert_ne!(url_safe, envelope);
    for again in [&spaced, &url_safe] {
        assert_eq!(digest(again), digest(&envelope));
    }
    println!(
        "same id  {:<22} spaces and another base64 alphabet",
        "(not new)"
    );
    let mut open = opened(&envelope);
    let text = open["payload"]
        .as_str()
        .unwrap()
        .trim_end_matches('=')
        .to_owned();
    open["payload"] = json!(format!("{text}\n"));
    refused("base64 with a line feed", &bytes(&open), Code::Malformed);
}

#[test]
fn attack_12_two_signatures_by_one_root_key_are_one() {
    let studio = Studio::default();
    let keyset = studio.keyset_value(2, 1);
    let one = &studio.root[0];
    let envelope = sign(Kind::Keyset, &keyset, &[one, one]);
    adoption(
        "one root key twice",
        &studio.trust(),
        &envelope,
        Code::SignatureInvalid,
    );
    let payload = serde_json::to_vec(&keyset).unwrap();
    let signature = one
        .sign(&pae(Kind::Keyset.payload_type(), &payload))
        .to_vec();
    let second = studio.root[1].public().id().clone();
    let envelope = protocol::assemble(
        Kind::Keyset.payload_type(),
        &payload,
        [
            (one.public().id().clone(), signature.clone()),
            (second, signature),
        ],
    );
    adoption(
        "one signature under two names",
        &studio.trust(),
        &envelope,
        Code::SignatureInvalid,
    );
    let mut doubled = studio.root_record(2, &[one, &studio.root[1]]);
    doubled.keys[1] = doubled.keys[0].clone();
    assert!(Trust::pinned(studio.device_id.clone(), doubled).is_err());
}

#[test]
fn attack_13_a_key_under_another_keys_name() {
    let (studio, envelope) = good();
    let mut open = opened(&envelope);
    open["signatures"][0]["keyid"] = json!(key_id(&studio.narrow));
    refused(
        "keyid of another command key",
        &bytes(&open),
        Code::SignatureInvalid,
    );
    open["signatures"][0]["keyid"] = json!(key_id(&studio.session));
    refused("keyid of a session key", &bytes(&open), Code::Unauthorized);
    let mut keyset = studio.keyset_value(2, 1);
    keyset["keys"][1]["keyid"] = keyset["keys"][2]["keyid"].clone();
    let envelope = studio.sign_by_root(Kind::Keyset, &keyset);
    adoption(
        "a record under another's name",
        &studio.trust(),
        &envelope,
        Code::SchemaInvalid,
    );
}

#[test]
fn attack_14_another_customers_key_and_device() {
    let studio = Studio::default();
    let stranger = key(99);
    let envelope = sign(Kind::Command, &studio.health(1), &[&stranger]);
    refused("another customer's key", &envelope, Code::KeyUnknown);
    let bad = changed("tenant_id", json!("tenant-2"));
    refused("another customer's command", &bad, Code::DeviceMismatch);
    let bad = changed("device_id", json!("dev-2"));
    refused("another device's command", &bad, Code::DeviceMismatch);
    let mut keyset = studio.keyset_value(2, 1);
    keyset["tenant_id"] = json!("tenant-2");
    let envelope = studio.sign_by_root(Kind::Keyset, &keyset);
    adoption(
        "another customer's keyset",
        &studio.trust(),
        &envelope,
        Code::DeviceMismatch,
    );
}

#[test]
fn attack_15_a_key_signs_what_it_may_not() {
    let studio = Studio::default();
    let keyset = studio.keyset_value(2, 1);
    let envelope = sign(Kind::Keyset, &keyset, &[&studio.command, &studio.session]);
    adoption(
        "command and session keys sign a keyset",
        &studio.trust(),
        &envelope,
        Code::SignatureInvalid,
    );
    for (case, key) in [
        ("a session key signs a command", &studio.session),
        ("a package key signs a command", &studio.package),
    ] {
        let envelope = sign(Kind::Command, &studio.health(1), &[key]);
        refused(case, &envelope, Code::Unauthorized);
    }
    let trust = studio.trust();
    let id = studio.narrow.public().id();
    let stop = protocol::command::CommandType::EmergencyStop;
    assert!(
        !trust.allows(id, stop, known(NOW)),
        "a key outside its scopes"
    );
    assert!(!trust.allows(studio.package.public().id(), stop, known(NOW)));
    let nonce = nonce();
    let reader = Reader {
        now: known(NOW),
        nonces: std::slice::from_ref(&nonce),
    };
    let welcome = sign(
        Kind::Welcome,
        &studio.welcome_value(NONCE, NOW),
        &[&studio.command],
    );
    let error = verify::welcome(&welcome, &trust, &reader).unwrap_err();
    assert_eq!(error.code(), Code::Unauthorized);
    println!(
        "refused  {:<22} a command key signs a welcome",
        "UNAUTHORIZED"
    );
}

#[test]
fn attack_16_another_algorithm() {
    let studio = Studio::default();
    for algorithm in ["none", "rsa", "Ed25519", "ed25519ph"] {
        let mut keyset = studio.keyset_value(2, 1);
        keyset["keys"][0]["alg"] = json!(algorithm);
        let envelope = studio.sign_by_root(Kind::Keyset, &keyset);
        let case = format!("a key record with alg {algorithm}");
        adoption(&case, &studio.trust(), &envelope, Code::AlgUnsupported);
    }
}

#[test]
fn attack_17_numbers_of_sequence_at_the_edge() {
    let studio = Studio::default();
    let text = studio.health(1).to_string();
    let text = text.replace(r#""seq":1"#, r#""seq":18446744073709551615"#);
    let envelope = sign_bytes(Kind::Command, text.as_bytes(), &studio.command);
    refused("seq 2^64 − 1", &envelope, Code::Malformed);
    refused(
        "a negative seq",
        &changed("seq", json!(-1)),
        Code::SchemaInvalid,
    );
    refused(
        "a seq with a fraction",
        &changed("seq", json!(1.5)),
        Code::SchemaInvalid,
    );
    refused(
        "a seq as text",
        &changed("seq", json!("1")),
        Code::SchemaInvalid,
    );
}

#[test]
fn attack_18_commands_out_of_their_time() {
    let (studio, envelope) = good();
    assert_eq!(judge_at(&envelope, known(NOW + HOUR)), Err(Code::Expired));
    println!("refused  {:<22} expired at receipt", "EXPIRED");
    assert_eq!(judge_at(&envelope, known(NOW + HOUR - 1)), Ok(()));
    assert_eq!(
        judge_at(&envelope, known(NOW - protocol::SKEW_MS - 1)),
        Err(Code::TimestampSkew)
    );
    println!("refused  {:<22} not yet valid", "TIMESTAMP_SKEW");
    for (case, begin, end) in [
        ("ends when it begins", NOW, NOW),
        ("ends before it begins", NOW, NOW - HOUR),
        ("lives longer than a day", NOW, NOW + 24 * HOUR + 1),
        ("lives for ever", NOW, u64::MAX),
    ] {
        let mut command = studio.health(1);
        command["timestamp"] = json!(at(begin));
        command["expires_at"] = json!(at(end));
        refused(case, &studio.sign(&command), Code::SchemaInvalid);
    }
    for bad in [
        "2026-06-01T12:00:00Z",
        "yesterday",
        "2026-06-31T00:00:00.000Z",
    ] {
        refused(
            &format!("the time {bad}"),
            &changed("timestamp", json!(bad)),
            Code::SchemaInvalid,
        );
    }
}

#[test]
fn attack_19_no_clock_can_be_turned() {
    // Nothing here reads the time of day: at boot there is a bound, after a welcome a signed time.
    let (studio, envelope) = good();
    let unbound = judge_at(&envelope, bound(0));
    assert_eq!(
        unbound,
        Err(Code::TimestampSkew),
        "at 1970 only bound commands are taken"
    );
    println!(
        "refused  {:<22} clock at 1970, not bound to the connection",
        "TIMESTAMP_SKEW"
    );
    let mut command = studio.health(1);
    command["session_nonce"] = json!(NONCE);
    let bound_command = studio.sign(&command);
    assert_eq!(judge_at(&bound_command, bound(0)), Ok(()));
    assert_eq!(
        judge_at(&bound_command, bound(NOW + HOUR)),
        Err(Code::Expired)
    );
    // At 2099 by the device's own clock: the signed time still decides.
    let time = TrustedTime::at_boot(at(0), None).with_signed(at(NOW), 5_000);
    assert_eq!(judge_at(&envelope, time.now(5_000)), Ok(()));
    // A year back in the midst of it: a signed time never goes back, and boot time only counts up.
    let turned = time.with_signed(at(NOW - 365 * 24 * HOUR), 6_000);
    assert_eq!(turned.now(5_000 + HOUR).at, at(NOW + HOUR));
    assert_eq!(
        judge_at(&envelope, turned.now(5_000 + HOUR)),
        Err(Code::Expired)
    );
    println!(
        "refused  {:<22} clock a year back while it waits",
        "EXPIRED"
    );
}

#[test]
fn attack_20_a_withheld_keyset() {
    let (_, envelope) = good();
    let late = NOW + 181 * 24 * HOUR;
    assert_eq!(judge_at(&envelope, known(late)), Err(Code::Expired));
    println!(
        "refused  {:<22} every key after the keyset's end",
        "EXPIRED"
    );
    let studio = Studio::default();
    let old = studio.sign_by_root(Kind::Keyset, &studio.keyset_value(2, 1));
    let error = studio.trust().with_keyset(&old, known(late)).unwrap_err();
    assert_eq!(error.code(), Code::Expired);
    println!("refused  {:<22} a keyset past its end", "EXPIRED");
}

#[test]
fn attack_21_a_replayed_signed_time_and_an_old_nonce() {
    let studio = Studio::default();
    let trust = studio.trust();
    let open = nonce();
    let welcome = |nonce: &str, millis: u64, now: Moment| {
        let reader = Reader {
            now,
            nonces: std::slice::from_ref(&open),
        };
        verify::welcome(&studio.welcome(nonce, millis), &trust, &reader)
            .map(drop)
            .map_err(|error| error.code())
    };
    assert_eq!(welcome(NONCE, NOW, bound(0)), Ok(()));
    let old = "ffeeddccbbaa99887766554433221100";
    assert_eq!(welcome(old, NOW, bound(0)), Err(Code::ReplayDetected));
    println!(
        "refused  {:<22} a welcome to an old nonce",
        "REPLAY_DETECTED"
    );
    let time = TrustedTime::at_boot(at(0), None).with_signed(at(NOW), 0);
    assert_eq!(time.with_signed(at(NOW - HOUR), 1).now(1).at, at(NOW + 1));
    println!(
        "ignored  {:<22} an older time in a new welcome",
        "(time stays)"
    );
    let far = NOW + 73 * 365 * 24 * HOUR;
    assert_eq!(welcome(NONCE, far, bound(0)), Err(Code::Expired));
    println!("refused  {:<22} a welcome dated past its key", "EXPIRED");
    let bound_to_another = changed("session_nonce", json!(old));
    refused(
        "a command bound to an old connection",
        &bound_to_another,
        Code::ReplayDetected,
    );
}

#[test]
fn attack_22_another_version() {
    refused(
        "schema version 2.0",
        &changed("schema_version", json!("2.0")),
        Code::VersionUnsupported,
    );
    refused(
        "schema version 0.9",
        &changed("schema_version", json!("0.9")),
        Code::VersionUnsupported,
    );
    refused(
        "a version that is none",
        &changed("schema_version", json!("latest")),
        Code::SchemaInvalid,
    );
    assert_eq!(judge(&changed("schema_version", json!("1.7"))), Ok(()));
}

#[test]
fn attack_23_a_root_that_does_not_follow() {
    let studio = Studio::default();
    let trust = studio.trust();
    let new = [key(21), key(22), key(23)];
    let offered = |version: u64, signers: &[&SigningKey]| {
        let record = studio.root_record(version, &[&new[0], &new[1], &new[2]]);
        sign(Kind::Root, &serde_json::to_value(record).unwrap(), signers)
    };
    let [one, two, _] = &studio.root;
    let (three, four) = (&new[0], &new[1]);
    for (case, version, signers, code) in [
        (
            "root N+2",
            3,
            &[one, two, three, four][..],
            Code::CredRotationFailed,
        ),
        (
            "root N+1 by the new keys only",
            2,
            &[three, four],
            Code::SignatureInvalid,
        ),
        (
            "root N+1 by the old keys only",
            2,
            &[one, two],
            Code::SignatureInvalid,
        ),
        (
            "root N+1 by one old key twice",
            2,
            &[one, one, three, four],
            Code::SignatureInvalid,
        ),
        (
            "root N again",
            1,
            &[one, two, three, four],
            Code::ReplayDetected,
        ),
    ] {
        let error = trust.with_root(&offered(version, signers)).unwrap_err();
        assert_eq!(error.code(), code, "{case}");
        println!("refused  {:<22} {case}", code.as_str());
    }
    let next = trust
        .with_root(&offered(2, &[one, two, three, four]))
        .unwrap();
    assert_eq!(next.root_version(), 2);
    assert_eq!(next.epoch(), 1, "the keyset stays in force");
    let by_old = studio.sign_by_root(Kind::Keyset, &studio.keyset_value(2, 1));
    let error = next.with_keyset(&by_old, known(NOW)).unwrap_err();
    assert_eq!(
        error.code(),
        Code::SignatureInvalid,
        "a keyset by the old root"
    );
}

#[test]
fn attack_24_a_keyset_that_goes_back() {
    let studio = Studio::default();
    let signed =
        |version, epoch| studio.sign_by_root(Kind::Keyset, &studio.keyset_value(version, epoch));
    let trust = studio
        .trust()
        .with_keyset(&signed(5, 3), known(NOW))
        .unwrap();
    for (case, version, epoch) in [
        ("an older keyset", 4, 3),
        ("the same keyset again", 5, 3),
        ("a newer keyset with an older epoch", 6, 2),
    ] {
        adoption(case, &trust, &signed(version, epoch), Code::ReplayDetected);
    }
}

#[test]
fn attack_25_a_revoked_key() {
    let studio = Studio::default();
    let mut keyset = studio.keyset_value(2, 1);
    keyset["revoked"] = json!([key_id(&studio.command)]);
    let trust = studio
        .trust()
        .with_keyset(&studio.sign_by_root(Kind::Keyset, &keyset), known(NOW))
        .unwrap();
    let nonce = nonce();
    let reader = Reader {
        now: known(NOW),
        nonces: std::slice::from_ref(&nonce),
    };
    let envelope = studio.sign(&studio.health(1));
    let refusal = verify::command(&envelope, &trust, &reader).unwrap_err();
    assert_eq!(refusal.error.code(), Code::KeyUnknown);
    println!("refused  {:<22} a revoked key", "KEY_UNKNOWN");
    let health = protocol::command::CommandType::HealthRequest;
    assert!(!trust.allows(studio.command.public().id(), health, known(NOW)));
}

#[test]
fn attack_26_addresses_that_lead_elsewhere() {
    let checksum = format!("sha256:{}", "0".repeat(64));
    for uri in [
        "file:///etc/passwd",
        "http://studio.example/x",
        "ftp://x/y",
        "https://a b",
        "//x/y",
        "../x",
        "HTTPS://x",
    ] {
        let payload = json!({"overlay_id": "a", "ocl_package_uri": uri, "checksum": checksum});
        let error = Command::read("OVERLAY_UPDATE", &payload).unwrap_err();
        assert_eq!(error.code(), Code::SchemaInvalid, "{uri}");
    }
    println!(
        "refused  {:<22} files, http and half addresses as URIs",
        "SCHEMA_INVALID"
    );
}

fn adoption(case: &str, trust: &Trust, envelope: &[u8], code: Code) {
    let error = trust.with_keyset(envelope, known(NOW)).unwrap_err();
    assert_eq!(error.code(), code, "{case}");
    println!("refused  {:<22} {case}", code.as_str());
}
