//! Studio pairs a device and directs its show by signed commands; nobody else does, and nothing is done
//! twice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, AgentOptions, Camera, Tap, cue, overlay, timeline, until};
use integration::report;
use protocol::{Ack, AckStatus, Code, Kind};
use sandbox::{Heard, Studio};
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// More than any command here takes on a slow machine.
const LONG: Duration = Duration::from_secs(20);

/// A Studio, and an agent that it has paired and that is connected.
struct Stage {
    studio: Studio,
    agent: Agent,
    device: String,
    serial: String,
    _data: TempDir,
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
    let studio = Studio::start();
    let data = tempfile::tempdir().unwrap();
    let serial = serial_of(data.path());
    let (code, said) = pair(&studio, data.path(), &studio.token(Some(&serial)));
    assert_eq!(code, Some(0), "{said}");
    let agent = Agent::with(AgentOptions {
        data: Some(data.path().to_owned()),
        ..AgentOptions::default()
    });
    let device = studio.devices().remove(0);
    let online = studio.wait_online(&device, LONG);
    assert!(online, "{}\n{:?}", agent.log(), studio.faults());
    Stage {
        studio,
        agent,
        device,
        serial,
        _data: data,
    }
}

impl Stage {
    /// Sends a command and waits for its end; it has to be accepted and completed.
    #[track_caller]
    fn done(&self, kind: &str, payload: &Value) -> Value {
        let began = Instant::now();
        let sent = self.studio.send(&self.device, kind, payload);
        let acks = self.studio.wait_end(&sent.id, LONG);
        let words: Vec<AckStatus> = acks.iter().map(|ack| ack.status).collect();
        assert_eq!(
            words,
            [AckStatus::Accepted, AckStatus::Completed],
            "{kind} {payload}: {acks:?}\n{}",
            self.agent.log()
        );
        report(
            &format!("{kind}, ms to its end"),
            began.elapsed().as_millis(),
        );
        let mut heard = self.studio.heard_from(0);
        heard.retain(|heard| heard.payload["message_id"] == sent.id.as_str());
        let correlated = |heard: &Heard| heard.correlation_id == sent.correlation_id;
        assert!(heard.iter().all(correlated), "{sent:?}: {heard:?}");
        let logged = until(LONG, || self.agent.log().contains(&sent.correlation_id));
        assert!(logged, "the log does not name {}", sent.correlation_id);
        acks[1].result.clone().unwrap()
    }

    /// Waits until a refusal of this code is counted more often than before.
    #[track_caller]
    fn counted(&self, code: Code, before: u64) {
        let name = code.as_str();
        let counted = until(LONG, || self.count(code) > before);
        assert!(counted, "{name} is not counted: {}", self.link());
    }

    fn link(&self) -> Value {
        self.agent.api().get("/api/link").ok()
    }

    fn count(&self, code: Code) -> u64 {
        self.link()["refused"][code.as_str()].as_u64().unwrap_or(0)
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
        let (count, acks, carried_out) = (self.count(code), self.acks(), self.carried_out());
        assert!(self.studio.deliver(&self.device, envelope), "{what}");
        self.counted(code, count);
        let _ = self.done("HEALTH_REQUEST", &json!({}));
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

    fn health(&self) -> Value {
        self.studio
            .command(&self.device, "HEALTH_REQUEST", &json!({}))
    }
}

fn camera_edit(camera: &Camera, name: &str) -> Value {
    json!({
        "name": name, "address": "127.0.0.1", "port": camera.port(), "protocol": "rtsp",
        "stream_path": camera.path(),
    })
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
fn studio_directs_a_show_by_signed_commands() {
    let stage = stage();
    let hello = stage.studio.hello(&stage.device).unwrap();
    assert_eq!(hello["serial"], stage.serial.as_str());
    assert_eq!(
        hello["capabilities"]["commands"].as_array().unwrap().len(),
        8
    );
    assert!(
        until(LONG, || stage.link()["state"] == "online"),
        "{}",
        stage.link()
    );

    let cameras: Vec<Camera> = (1..=2).map(Camera::start).collect();
    for (number, camera) in (1..).zip(&cameras) {
        let payload = json!({
            "camera_id": number.to_string(), "action": "create",
            "payload": camera_edit(camera, &format!("Camera {number}")),
        });
        let reply = stage.done("CAMERA_ACTION", &payload);
        assert_eq!(reply["camera_id"], number.to_string());
    }
    let text = json!({ "type": "text", "text": "before", "x": 0.1, "y": 0.8, "font_size": 60 });
    let show = timeline(
        "show",
        600.0,
        vec![cue("a", "1", 0.0, 600.0, 0.0)],
        vec![overlay("title", 0.0, 600.0, text)],
    );
    let load = json!({
        "timeline_id": "show", "segments": [show], "assets_manifest": { "assets": [] },
    });
    assert_eq!(stage.done("TIMELINE_LOAD", &load)["revision"], 1);
    assert_eq!(stage.done("TIMELINE_LOAD", &load)["revision"], 2);
    let execute = |mode: &str| json!({ "timeline_id": "show", "execution_mode": mode });
    let played = stage.done("TIMELINE_EXECUTE", &execute("play"));
    assert_eq!(played["status"], "running");
    assert_eq!(stage.agent.status()["mode"], "preview");

    let program = stage.agent.rtsp("program");
    let published = until(LONG, || {
        let metrics = stage.agent.status()["metrics"].clone();
        metrics["frames"].as_u64() > Some(30) && metrics["publishing"] == true
    });
    assert!(published, "{}\n{}", stage.agent.status(), stage.agent.log());
    let tap = Tap::on(&program);
    let shows = |camera: u8| {
        let seen = tap.wait(LONG, |frame| {
            frame.code.is_some_and(|code| code.camera == camera)
        });
        assert!(
            seen.is_some(),
            "camera {camera} is not seen among {} pictures of the program: {}\n{}",
            tap.seen().len(),
            stage.agent.status(),
            stage.agent.log()
        );
    };
    shows(1);
    // No cue has it, so it is pulled and not decoded: it has to be there before it can be asked for.
    let pulled = || {
        let health = stage.agent.api().get("/api/preview/health").ok();
        let paths = health["active_streams"].as_array().cloned();
        let mut paths = paths.unwrap_or_default().into_iter();
        paths.any(|path| path["name"] == "cam/2" && path["ready"] == true)
    };
    assert!(until(LONG, pulled), "{}", stage.agent.log());
    let switch = json!({ "camera_id": "2", "action": "to_program", "payload": {} });
    let _ = stage.done("CAMERA_ACTION", &switch);
    shows(2);

    let edit = json!({ "overlay_id": "title", "edit": { "text": "after" } });
    assert_eq!(stage.done("OVERLAY_UPDATE", &edit)["visible"], true);
    let on_air = stage.agent.api().get("/api/overlays").ok();
    assert_eq!(on_air[0]["graphic"]["text"], "after", "{on_air}");

    assert_eq!(
        stage.done("TIMELINE_EXECUTE", &execute("pause"))["status"],
        "paused"
    );
    assert_eq!(stage.agent.status()["paused"], true);
    assert_eq!(
        stage.done("TIMELINE_EXECUTE", &execute("resume"))["status"],
        "running"
    );
    // There is no destination that could be unwell.
    let health = stage.done("HEALTH_REQUEST", &json!({}));
    assert_eq!(health["status"], "healthy", "{health}");

    // Another play of Studio's takes the program from the first.
    let again = stage.done("TIMELINE_EXECUTE", &execute("play"));
    assert_eq!(again["status"], "running");
    assert_eq!(
        stage.done("TIMELINE_EXECUTE", &execute("stop"))["status"],
        "stopped"
    );
    assert_eq!(stage.agent.status()["mode"], "idle");
    let stopped = stage.done(
        "EMERGENCY_STOP",
        &json!({ "scope": "all", "reason": "test" }),
    );
    assert_eq!(stopped["destination_ids"], json!([]));

    // What the show refuses is a failure with its code, never a success.
    let fails = |kind: &str, payload: &Value, code: Code| {
        let sent = stage.studio.send(&stage.device, kind, payload);
        let acks = stage.studio.wait_end(&sent.id, LONG);
        let last = acks.last().unwrap();
        assert_eq!(last.status, AckStatus::Failed, "{kind} {payload}: {acks:?}");
        assert_eq!(last.error.as_ref().unwrap().code, code, "{acks:?}");
        report(&format!("{kind} {payload}"), code.as_str());
    };
    fails("OVERLAY_UPDATE", &edit, Code::TimelineNotRunning);
    let unknown = json!({ "timeline_id": "none", "execution_mode": "play" });
    fails("TIMELINE_EXECUTE", &unknown, Code::TimelineNotFound);
    fails(
        "TIMELINE_EXECUTE",
        &execute("skip"),
        Code::TimelineNotRunning,
    );
    let record = json!({ "stream_id": "*", "command": "record_start", "parameters": {} });
    fails("STREAM_CONTROL", &record, Code::FeatureDisabled);
    let ptz = json!({ "camera_id": "1", "action": "ptz_stop", "payload": {} });
    fails("CAMERA_ACTION", &ptz, Code::FeatureDisabled);
    assert_eq!(stage.studio.faults(), Vec::<String>::new());
    let waiting = until(LONG, || {
        let link = stage.link();
        link["outbox"] == 0 && link["open_commands"] == 0
    });
    assert!(waiting, "{}", stage.link());
}

#[test]
fn whoever_is_not_studio_is_refused_on_the_live_channel() {
    let stage = stage();
    let studio = &stage.studio;
    let _ = stage.done("HEALTH_REQUEST", &json!({}));

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
    for kind in [
        "DEVICE_CONFIG",
        "CREDENTIAL_REVOKE",
        "SCHEDULE_SET",
        "SEGMENT_SYNC",
    ] {
        let payload = match kind {
            "DEVICE_CONFIG" => {
                json!({ "config_patch": { "general": { "name": "x" } }, "apply_after": "now" })
            }
            "CREDENTIAL_REVOKE" => json!({ "reason": "test" }),
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
    let (count, nonce) = (stage.count(Code::TooLarge), studio.nonce(&stage.device));
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
    let _ = stage.done("HEALTH_REQUEST", &json!({}));

    // A revoked key counts for nothing, also in the same session.
    assert!(studio.deliver(&stage.device, &studio.keyset(2, true)));
    let refused = until(LONG, || {
        let before = stage.count(Code::KeyUnknown);
        let command = stage.health();
        let _ = studio.deliver(&stage.device, &studio.sign(&command));
        until(Duration::from_millis(500), || {
            stage.count(Code::KeyUnknown) > before
        })
    });
    assert!(refused, "a revoked key still commands");
    let before = stage.count(Code::ReplayDetected);
    assert!(studio.deliver(&stage.device, &studio.keyset(1, false)));
    stage.counted(Code::ReplayDetected, before);
    report("an older keyset", Code::ReplayDetected.as_str());
}

#[test]
fn the_link_comes_back_by_itself_and_trusts_no_other_server() {
    let mut stage = stage();
    let device = stage.device.clone();
    let _ = stage.done("HEALTH_REQUEST", &json!({}));
    let first = stage.studio.nonce(&device).unwrap();

    // What was done is known after a kill, and is not done again.
    let good = stage.health();
    let sent = stage.studio.send_value(&device, &good);
    assert_eq!(stage.studio.wait_end(&sent.id, LONG).len(), 2);
    stage.agent.kill();
    assert!(until(LONG, || !stage.studio.is_online(&device)));
    stage.agent.start_again();
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
    let _ = stage.done("HEALTH_REQUEST", &json!({}));
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
    stage.studio.show_other_key(true);
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
    stage.studio.show_other_key(false);
    let began = Instant::now();
    assert!(stage.studio.wait_online(&device, Duration::from_secs(60)));
    report("back after an impostor, ms", began.elapsed().as_millis());

    // A welcome to another hello is none.
    stage.studio.welcome_with_old_nonce(true);
    let before = stage.count(Code::ReplayDetected);
    assert!(stage.studio.cut(&device));
    stage.counted(Code::ReplayDetected, before);
    let sessions = stage.link()["sessions"].as_u64().unwrap();
    stage.studio.welcome_with_old_nonce(false);
    let back = until(Duration::from_secs(60), || {
        stage.link()["sessions"].as_u64().unwrap() > sessions
    });
    assert!(back, "{}", stage.link());
    let _ = stage.done("HEALTH_REQUEST", &json!({}));
    assert_eq!(stage.studio.faults(), Vec::<String>::new());
}
