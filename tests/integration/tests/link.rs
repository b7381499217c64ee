//! A device is paired by whoever has the right token; nobody but Studio is obeyed, nothing is done twice,
//! and the link comes back by itself.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, until};
use integration::brokered::{self, LONG};
use integration::report;
use protocol::{Ack, AckStatus, Code, Kind};
use sandbox::{Shows, Studio, Way};
use serde_json::{Value, json};
use std::ops::Deref;
use std::path::Path;
use std::time::{Duration, Instant};

/// A paired agent, and what a Studio that is none tries with it.
struct Stage(brokered::Stage);

impl Deref for Stage {
    type Target = brokered::Stage;

    fn deref(&self) -> &brokered::Stage {
        &self.0
    }
}

fn serial_of(data: &Path) -> String {
    let (code, serial) = Agent::command(&["serial"], data);
    assert_eq!(code, Some(0), "{serial}");
    serial.trim().to_owned()
}

fn pair(studio: &Studio, data: &Path, token: &str) -> (Option<i32>, String) {
    let authority = studio.authority();
    let authority = authority.to_str().unwrap();
    let arguments = ["pair", "--studio", &studio.url(), "--ca", authority, token];
    Agent::command(&arguments, data)
}

fn stage() -> Stage {
    Stage(brokered::stage(&[Way::Socket]))
}

impl Stage {
    /// Waits until a refusal of this code is counted more often than before.
    #[track_caller]
    fn counted(&self, code: Code, before: u64) {
        let name = code.as_str();
        let counted = until(LONG, || self.refused(code) > before);
        assert!(counted, "{name} is not counted: {}", self.link());
    }

    fn carried_out(&self) -> u64 {
        self.link()["carried_out"].as_u64().unwrap()
    }

    /// How many acks were heard, whatever they are about.
    fn acks(&self) -> usize {
        let heard = self.studio.heard_from(0);
        heard.iter().filter(|heard| heard.kind == Kind::Ack).count()
    }

    /// Delivers an envelope that has to be refused without an answer, and without being carried out.
    /// A good command behind it tells when an answer would have come: all go one way, in order.
    #[track_caller]
    fn silent(&self, what: &str, envelope: &[u8], code: Code) {
        let (count, acks, carried_out) = (self.refused(code), self.acks(), self.carried_out());
        assert!(self.studio.deliver(&self.device, envelope), "{what}");
        self.counted(code, count);
        let _ = self.directs("HEALTH_REQUEST", &json!({}));
        assert_eq!(self.acks(), acks + 2, "{what} was answered");
        assert_eq!(
            self.carried_out(),
            carried_out + 1,
            "{what} was carried out"
        );
        report(what, code.as_str());
    }

    /// Delivers a command that has to be rejected with this code.
    #[track_caller]
    fn rejected(&self, what: &str, command: &Value, code: Code) -> Ack {
        let sent = self.studio.send_value(&self.device, command);
        let acks = self.studio.wait_end(&sent.id, LONG);
        let last = acks.last().unwrap_or_else(|| panic!("{what}: no answer"));
        assert_eq!(last.status, AckStatus::Rejected, "{what}: {last:?}");
        let error = last.error.as_ref().unwrap();
        assert_eq!(error.code, code, "{what}: {error:?}");
        assert!(!error.remediation.is_empty());
        report(what, code.as_str());
        last.clone()
    }
}

#[test]
fn a_device_is_paired_by_the_right_token_only_and_unpaired_again() {
    let studio = Studio::start();
    let data = tempfile::tempdir().unwrap();
    let serial = serial_of(data.path());
    assert_eq!(serial_of(data.path()), serial, "the serial is made once");
    let used = studio.token(Some(&serial));
    let cases = [
        ("ZZZZ-ZZZZ".to_owned(), "PAIR_TOKEN_INVALID"),
        (studio.token(Some("VS-0000")), "PAIR_SERIAL_MISMATCH"),
        ("no token!".to_owned(), "letters, digits and dashes"),
    ];
    for (token, expected) in cases {
        let (code, said) = pair(&studio, data.path(), &token);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains(expected), "{said}");
    }
    studio.expire_tokens();
    let (_, said) = pair(&studio, data.path(), &used);
    assert!(said.contains("PAIR_TOKEN_EXPIRED"), "{said}");
    assert!(said.contains("new token"), "no advice: {said}");
    assert!(studio.devices().is_empty());
    let without_authority = ["pair", "--studio", &studio.url(), "AAAA-AAAA"];
    let (code, said) = Agent::command(&without_authority, data.path());
    assert_eq!(
        code,
        Some(1),
        "a server that nobody knows is trusted: {said}"
    );

    let token = studio.token(Some(&serial));
    let (code, said) = pair(&studio, data.path(), &token);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(studio.devices().len(), 1);
    let (code, said) = pair(&studio, data.path(), &studio.token(None));
    assert_eq!(code, Some(1), "paired over a pairing: {said}");
    let sealed = std::fs::read(data.path().join("identity.sealed")).unwrap();
    let found = |text: &[u8]| sealed.windows(text.len()).any(|part| part == text);
    assert!(!found(b"PRIVATE KEY") && !found(serial.as_bytes()));

    let (code, said) = Agent::command(&["unpair"], data.path());
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(serial_of(data.path()), serial, "the serial stays");
    let (code, said) = pair(&studio, data.path(), &token);
    assert_eq!(code, Some(1), "a token was used twice: {said}");
    assert!(said.contains("PAIR_TOKEN_INVALID"), "{said}");
}

#[test]
fn whoever_is_not_studio_is_refused_on_the_live_channel() {
    let stage = stage();
    let studio = &stage.studio;
    let _ = stage.directs("HEALTH_REQUEST", &json!({}));

    let command = stage.health();
    let forged = studio.sign_as_stranger(&command);
    stage.silent("signed by a stranger", &forged, Code::KeyUnknown);
    let command = stage.health();
    let by_session = studio.sign_by_session_key(&command);
    stage.silent("signed by the session key", &by_session, Code::Unauthorized);
    let command = stage.health();
    let mut flipped: Value = serde_json::from_slice(&studio.sign(&command)).unwrap();
    let other: Value = serde_json::from_slice(&studio.sign(&stage.health())).unwrap();
    flipped["payload"] = other["payload"].clone();
    let flipped = serde_json::to_vec(&flipped).unwrap();
    stage.silent("another body's signature", &flipped, Code::SignatureInvalid);
    let mut bare: Value = serde_json::from_slice(&studio.sign(&command)).unwrap();
    bare["signatures"] = json!([]);
    let bare = serde_json::to_vec(&bare).unwrap();
    stage.silent("not signed", &bare, Code::SignatureMissing);
    stage.silent("no envelope", b"{\"a\":1}", Code::Malformed);
    let mut wrong = stage.health();
    wrong["device_id"] = json!("somebody-else");
    stage.silent(
        "for another device",
        &studio.sign(&wrong),
        Code::DeviceMismatch,
    );
    let mut wrong = stage.health();
    wrong["tenant_id"] = json!("somebody-else");
    stage.silent(
        "for another customer",
        &studio.sign(&wrong),
        Code::DeviceMismatch,
    );
    assert_eq!(stage.link()["alerts"]["wrong_device"], 2);

    let carried_out = stage.carried_out();
    let mut late = stage.health();
    late["timestamp"] = json!("2026-01-01T00:00:00.000Z");
    late["expires_at"] = json!("2026-01-01T01:00:00.000Z");
    let _ = stage.rejected("expired", &late, Code::Expired);
    let mut early = stage.health();
    early["timestamp"] = json!("2099-01-01T00:00:00.000Z");
    early["expires_at"] = json!("2099-01-01T01:00:00.000Z");
    let _ = stage.rejected("not yet valid", &early, Code::TimestampSkew);
    let mut bound = stage.health();
    bound["session_nonce"] = json!("00112233445566778899aabbccddeeff");
    let _ = stage.rejected("bound to another connection", &bound, Code::ReplayDetected);
    let mut version = stage.health();
    version["schema_version"] = json!("2.0");
    let _ = stage.rejected("another version", &version, Code::VersionUnsupported);
    let unknown = studio.command(&stage.device, "MAKE_COFFEE", &json!({}));
    let _ = stage.rejected("an unknown type", &unknown, Code::TypeUnknown);
    for kind in ["SCHEDULE_SET", "SEGMENT_SYNC"] {
        let payload = match kind {
            "SCHEDULE_SET" => json!({ "schedules": [] }),
            _ => json!({ "segments": [] }),
        };
        let command = studio.command(&stage.device, kind, &payload);
        let _ = stage.rejected(kind, &command, Code::FeatureDisabled);
    }
    let bad = studio.command(
        &stage.device,
        "OVERLAY_UPDATE",
        &json!({ "overlay_id": "a b" }),
    );
    let refusal = stage.rejected("arguments that do not fit", &bad, Code::SchemaInvalid);
    let field = refusal.error.unwrap().field.unwrap();
    assert_eq!(field, "/payload/overlay_id");
    assert_eq!(
        stage.carried_out(),
        carried_out,
        "something of this was carried out"
    );

    // A good one, and then everything that can be made of it.
    let good = stage.health();
    let sent = studio.send_value(&stage.device, &good);
    assert_eq!(studio.wait_end(&sent.id, LONG).len(), 2);
    assert_eq!(stage.carried_out(), carried_out + 1);
    assert!(studio.deliver(&stage.device, &sent.envelope));
    let acks = studio.wait_answers(&sent.id, LONG, |acks| acks.len() >= 3);
    assert!(
        acks[2].duplicate && acks[2].status == AckStatus::Completed,
        "{acks:?}"
    );
    assert_eq!(acks[2].result, acks[1].result);
    report("replayed", "the first answer, as a duplicate");
    let mut number = stage.health();
    number["seq"] = good["seq"].clone();
    let _ = stage.rejected("a number that was used", &number, Code::ReplayDetected);
    let mut leap = stage.health();
    leap["seq"] = json!(9_007_199_254_740_991_u64);
    let _ = stage.rejected("a number out of reach", &leap, Code::ReplayDetected);
    let mut body = stage.health();
    body["message_id"] = good["message_id"].clone();
    let before = acks.len();
    assert!(studio.deliver(&stage.device, &studio.sign(&body)));
    let acks = studio.wait_answers(&sent.id, LONG, |acks| acks.len() > before);
    let error = acks[before].error.as_ref().unwrap();
    assert_eq!(error.code, Code::ReplayDetected);
    assert_eq!(stage.link()["alerts"]["body_changed"], 1);
    report("another body under a known id", error.code.as_str());
    assert_eq!(
        stage.carried_out(),
        carried_out + 1,
        "a replay was carried out"
    );

    // The connection survives what is large by ending and coming back.
    let sessions = stage.link()["sessions"].as_u64().unwrap();
    let large = vec![b' '; 300 * 1024];
    let (count, nonce) = (stage.refused(Code::TooLarge), studio.nonce(&stage.device));
    assert!(studio.deliver(&stage.device, &large));
    stage.counted(Code::TooLarge, count);
    report("300 KiB in one message", Code::TooLarge.as_str());
    let back = until(LONG, || {
        stage.link()["sessions"].as_u64().unwrap() > sessions && stage.link()["state"] == "online"
    });
    assert!(back, "{}", stage.link());
    assert_ne!(
        studio.nonce(&stage.device),
        nonce,
        "it is the same connection"
    );
    let _ = stage.directs("HEALTH_REQUEST", &json!({}));

    // A revoked key counts for nothing, also in the same session.
    assert!(studio.deliver(&stage.device, &studio.keyset(2, true)));
    let refused = until(LONG, || {
        let before = stage.refused(Code::KeyUnknown);
        let command = stage.health();
        let _ = studio.deliver(&stage.device, &studio.sign(&command));
        until(Duration::from_millis(500), || {
            stage.refused(Code::KeyUnknown) > before
        })
    });
    assert!(refused, "a revoked key still commands");
    let before = stage.refused(Code::ReplayDetected);
    assert!(studio.deliver(&stage.device, &studio.keyset(1, false)));
    stage.counted(Code::ReplayDetected, before);
    report("an older keyset", Code::ReplayDetected.as_str());
}

#[test]
fn the_link_comes_back_by_itself_and_trusts_no_other_server() {
    let mut stage = stage();
    let device = stage.device.clone();
    let _ = stage.directs("HEALTH_REQUEST", &json!({}));
    let first = stage.studio.nonce(&device).unwrap();

    // What was done is known after a kill, and is not done again.
    let good = stage.health();
    let sent = stage.studio.send_value(&device, &good);
    assert_eq!(stage.studio.wait_end(&sent.id, LONG).len(), 2);
    stage.0.agent.kill();
    assert!(until(LONG, || !stage.studio.is_online(&device)));
    stage.0.agent.start_again();
    assert!(
        stage.studio.wait_online(&device, LONG),
        "{}",
        stage.agent.log()
    );
    assert_ne!(
        stage.studio.nonce(&device).unwrap(),
        first,
        "a nonce was used twice"
    );
    let _ = stage.directs("HEALTH_REQUEST", &json!({}));
    let carried_out = stage.carried_out();
    assert!(stage.studio.deliver(&device, &sent.envelope));
    let acks = stage
        .studio
        .wait_answers(&sent.id, LONG, |acks| acks.len() >= 3);
    assert!(
        acks[2].duplicate && acks[2].status == AckStatus::Completed,
        "{acks:?}"
    );
    assert_eq!(stage.carried_out(), carried_out);
    let hello = stage.studio.hello(&device).unwrap();
    assert_eq!(hello["last_command_seq"], good["seq"]);

    // A server with a good certificate of another key is none.
    stage.studio.show(Shows::OtherKey);
    let failed = stage.studio.failed_handshakes();
    assert!(stage.studio.cut(&device));
    assert!(until(LONG, || stage.studio.failed_handshakes() > failed));
    let said = |part: &str| {
        let said = until(LONG, || {
            let error = &stage.link()["last_error"];
            error.as_str().is_some_and(|text| text.contains(part))
        });
        assert!(said, "{}", stage.link());
    };
    said("not a pinned one");
    assert!(!stage.studio.is_online(&device));
    stage.studio.show(Shows::Good);
    let began = Instant::now();
    assert!(stage.studio.wait_online(&device, Duration::from_secs(60)));
    report("back after an impostor, ms", began.elapsed().as_millis());

    // A welcome to another hello is none.
    stage.studio.welcome_with_old_nonce(true);
    let before = stage.refused(Code::ReplayDetected);
    assert!(stage.studio.cut(&device));
    stage.counted(Code::ReplayDetected, before);
    let sessions = stage.link()["sessions"].as_u64().unwrap();
    stage.studio.welcome_with_old_nonce(false);
    let back = until(Duration::from_secs(60), || {
        stage.link()["sessions"].as_u64().unwrap() > sessions
    });
    assert!(back, "{}", stage.link());
    let _ = stage.directs("HEALTH_REQUEST", &json!({}));
    assert_eq!(stage.studio.faults(), Vec::<String>::new());
}
