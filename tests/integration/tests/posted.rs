//! Commands that Studio signed are posted at the device itself: while it is connected, while nothing comes
//! through, and after a restart without Studio. Each is done once, and Studio hears of it in the end.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Reply, until};
use integration::brokered::{LONG, Stage, stage, unpaired};
use integration::report;
use protocol::AckStatus;
use sandbox::Way;
use serde_json::{Value, json};
use std::time::Instant;

/// Posts an envelope as it is; gives the answer.
fn post(stage: &Stage, envelope: &[u8], wait_s: u32) -> Reply {
    let path = format!("/api/commands?wait_s={wait_s}");
    let reply = stage
        .agent
        .api()
        .try_call("POST", &path, Some(envelope.to_vec()));
    reply.unwrap_or_else(|| panic!("no answer: {}", stage.agent.log()))
}

fn execute(mode: &str) -> Value {
    json!({ "timeline_id": "bars", "execution_mode": mode })
}

/// Signs and posts a command that comes true; gives the envelope and the answer.
#[track_caller]
fn done(stage: &Stage, mode: &str, nonce: Option<&str>) -> (Vec<u8>, Value) {
    let kind = "TIMELINE_EXECUTE";
    let envelope = stage
        .studio
        .sign_bound(&stage.device, kind, &execute(mode), nonce);
    let began = Instant::now();
    let reply = post(stage, &envelope, 60);
    assert_eq!(reply.status, 200, "{mode}: {}", reply.text);
    assert_eq!(reply.json["status"], "completed", "{}", reply.text);
    assert_eq!(reply.json["duplicate"], false, "{}", reply.text);
    let signed = &reply.json["envelope"]["payloadType"];
    assert_eq!(signed, "application/vnd.vistter.ack.v1+json");
    let took = began.elapsed().as_millis();
    report(&format!("{mode} by a post, ms to its end"), took);
    (envelope, reply.json)
}

#[test]
fn a_signed_command_is_obeyed_at_the_device_with_and_without_studio() {
    let mut stage = stage(&[Way::Socket]);
    stage.show_bars();
    let (envelope, paused) = done(&stage, "pause", None);
    assert_eq!(stage.agent.status()["paused"], true);
    let audit = stage.agent.api().get("/api/audit?limit=50").ok();
    let of_it = audit["entries"].as_array().unwrap().iter();
    let of_it = of_it.filter(|row| row["correlation_id"] == paused["correlation_id"]);
    let outcomes: Vec<&Value> = of_it.map(|row| &row["outcome"]).collect();
    assert_eq!(outcomes, ["completed", "accepted"], "{audit}");

    // Nothing comes through from here on.
    stage.studio.refuse_connections(true);
    assert!(stage.studio.cut(&stage.device));
    assert!(stage.studio.wait_offline(&stage.device, LONG));
    let (_, resumed) = done(&stage, "resume", None);
    assert_eq!(stage.agent.status()["paused"], false);

    // The same again says how it stands, and nothing is done.
    let carried_out = stage.count("carried_out");
    let again = post(&stage, &envelope, 0);
    assert_eq!(
        (again.status, &again.json["duplicate"]),
        (200, &json!(true)),
        "{}",
        again.text
    );
    assert_eq!(stage.agent.status()["paused"], false);
    assert_eq!(stage.count("carried_out"), carried_out);

    // Of nobody else's is anything told.
    let stop = json!({ "scope": "all", "reason": "forged" });
    let forged = stage.studio.command(&stage.device, "EMERGENCY_STOP", &stop);
    let mut elsewhere = forged.clone();
    elsewhere["device_id"] = "somebody-else".into();
    for envelope in [
        stage.studio.sign_as_stranger(&forged),
        stage.studio.sign_by_session_key(&forged),
        stage.studio.sign(&elsewhere),
        b"{}".to_vec(),
    ] {
        let refused = post(&stage, &envelope, 0);
        assert_eq!(
            refused.refusal(),
            (401, "SIGNATURE_INVALID".to_owned()),
            "{}",
            refused.text
        );
        let told = "the device does not believe what was posted";
        assert_eq!(refused.json["error"]["message"], told);
    }
    assert_eq!(stage.agent.status()["mode"], "preview");

    // After a restart without Studio the device knows no time, and gives a nonce in its place.
    stage.agent.kill();
    stage.agent.start_again();
    let runs = until(LONG, || stage.agent.status()["mode"] == "preview");
    assert!(runs, "{}", stage.agent.log());
    let unbound = stage
        .studio
        .command(&stage.device, "TIMELINE_EXECUTE", &execute("stop"));
    let unbound = post(&stage, &stage.studio.sign(&unbound), 0);
    assert_eq!(unbound.json["status"], "rejected", "{}", unbound.text);
    assert_eq!(
        unbound.json["error"]["code"], "TIMESTAMP_SKEW",
        "{}",
        unbound.text
    );
    let nonce = stage.agent.api().get("/api/commands/nonce").ok();
    let lives = nonce["expires_in_s"].as_u64().unwrap();
    assert!((1..=600).contains(&lives), "{nonce}");
    let nonce = nonce["session_nonce"].as_str().unwrap().to_owned();
    let (_, stopped) = done(&stage, "stop", Some(&nonce));
    assert_eq!(stage.agent.status()["mode"], "idle");

    // Studio comes back and hears of all of them, once and in order.
    stage.studio.refuse_connections(false);
    stage.comes_by("wss");
    for posted in [&paused, &resumed, &stopped] {
        let id = posted["message_id"].as_str().unwrap();
        let acks = stage.studio.wait_end(id, LONG);
        let words: Vec<AckStatus> = acks.iter().map(|ack| ack.status).collect();
        assert_eq!(
            words,
            [AckStatus::Accepted, AckStatus::Completed],
            "{acks:?}"
        );
    }
    stage.settles();
}

#[test]
fn what_is_posted_without_a_studio_or_in_another_form_is_refused_with_what_to_do() {
    let stage = unpaired(&[Way::Socket]);
    let api = stage.agent.api();
    let refused = |method: &str, path: &str, body: Option<Vec<u8>>| {
        let reply = api.try_call(method, path, body).unwrap();
        assert_ne!(reply.json["error"]["remediation"], "", "{}", reply.text);
        reply.refusal()
    };
    let unpaired = (409, "NOT_PAIRED".to_owned());
    let nothing = || Some(b"{}".to_vec());
    assert_eq!(refused("POST", "/api/commands", nothing()), unpaired);
    assert_eq!(refused("GET", "/api/commands/nonce", None), unpaired);
    let wrong = (422, "SCHEMA_INVALID".to_owned());
    for query in ["wait_s=61", "wait_s=-1", "wait_s=soon", "wait=1"] {
        let path = format!("/api/commands?{query}");
        assert_eq!(refused("POST", &path, nothing()), wrong, "{query}");
    }
    let large = Some(vec![b' '; protocol::SIZE_LIMIT + 1]);
    let too_large = (413, "TOO_LARGE".to_owned());
    assert_eq!(refused("POST", "/api/commands", large), too_large);
}
