//! The device is paired with Studio and unpaired again through its own API while a show runs: it obeys
//! from then on and no longer, every refusal says what to do, and the show does not notice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Http, Reply, free_port, root, until};
use integration::brokered::{LONG, Stage, unpaired};
use integration::{report, slack};
use protocol::Kind;
use sandbox::Way;
use serde_json::{Value, json};
use std::process::Command;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What pairs the device by a token.
fn draft(stage: &Stage, token: &str) -> Value {
    let ca = std::fs::read_to_string(stage.studio.authority()).unwrap();
    json!({ "studio": stage.studio.url(), "token": token, "ca": ca })
}

fn ask(stage: &Stage, token: &str) -> Reply {
    let draft = draft(stage, token);
    let reply = stage.agent.api().post("/api/pairing", draft);
    assert!(!reply.text.contains(token), "{}", reply.text);
    reply
}

/// Pairs the device, and waits until it is connected.
#[track_caller]
fn pair(stage: &mut Stage, token: &str, kind: &str) {
    let began = Instant::now();
    let paired = ask(stage, token).ok();
    report("paired, ms", began.elapsed().as_millis());
    stage.device = paired["device_id"].as_str().unwrap().to_owned();
    assert!(stage.studio.devices().contains(&stage.device));
    stage.comes_by(kind);
    assert_eq!(stage.link()["device_id"], stage.device.as_str());
}

fn unpair(stage: &Stage) -> Reply {
    stage.agent.api().post("/api/pairing/unpair", json!({}))
}

/// Unpairs the device, and waits until Studio sees it gone.
#[track_caller]
fn unpair_well(stage: &Stage) {
    let began = Instant::now();
    let said = unpair(stage).ok();
    assert_eq!(said["device_id"], stage.device.as_str());
    report("unpaired, ms", began.elapsed().as_millis());
    let link = stage.link();
    assert_eq!(link["state"], "unpaired", "{link}");
    for gone in ["device_id", "address", "last_error", "next_try_ms"] {
        assert_eq!(link[gone], Value::Null, "{link}");
    }
    let gone = stage.studio.wait_offline(&stage.device, LONG);
    assert!(gone, "the connection stays");
}

/// A refusal: its status, its code and the field at fault. It says what to do, and the words given are in it.
#[track_caller]
fn refused(reply: &Reply, status: u16, code: &str, field: &str, says: &str) {
    assert_eq!(reply.refusal(), (status, code.to_owned()), "{}", reply.text);
    let error = &reply.json["error"];
    assert_eq!(error["field"].as_str().unwrap_or(""), field, "{error}");
    let remediation = error["remediation"].as_str().unwrap();
    assert!(remediation.contains(says), "{error}");
    report(code, remediation);
}

/// Frames of the program, those among them that were late or had no picture, and who made them.
fn program(stage: &Stage) -> (u64, u64, u64) {
    let encoder = stage.agent.status()["metrics"]["encoder_pid"].as_u64();
    let (frames, lost) = stage.frames();
    (frames, lost, encoder.unwrap_or(0))
}

/// Asks from another thread.
fn asks(stage: &Stage, path: &'static str, body: &Value) -> JoinHandle<Option<Reply>> {
    let (_, port) = stage.agent.api().base().rsplit_once(':').unwrap();
    let (port, body) = (port.parse().unwrap(), body.to_string().into_bytes());
    std::thread::spawn(move || Http::new(port).try_call("POST", path, Some(body)))
}

fn rows(stage: &Stage) -> Vec<String> {
    let list = stage.agent.api().get("/api/audit?kind=device").ok();
    let rows = list["entries"].as_array().unwrap().iter().rev();
    let text = |row: &Value, name: &str| row[name].as_str().unwrap_or("-").to_owned();
    let row = |row: &Value| {
        ["origin", "kind", "target", "outcome", "code"]
            .map(|name| text(row, name))
            .join(" ")
    };
    rows.map(row).collect()
}

#[test]
fn a_device_is_paired_and_unpaired_while_its_show_runs() {
    let mut stage = unpaired(&[Way::Socket]);
    stage.show_bars();
    let runs = until(LONG, || program(&stage).0 > 30);
    assert!(runs, "{}\n{}", stage.agent.status(), stage.agent.log());
    let (before, began) = (program(&stage), Instant::now());
    let serial = stage.link()["serial"].as_str().unwrap().to_owned();
    refused(&unpair(&stage), 409, "NOT_PAIRED", "", "pair");

    // What does not pair it.
    let wrong = ask(&stage, "ZZZZ-ZZZZ");
    refused(&wrong, 422, "PAIR_TOKEN_INVALID", "/token", "once only");
    let theirs = stage.studio.token(Some("VS-0000"));
    let theirs = ask(&stage, &theirs);
    refused(&theirs, 422, "PAIR_SERIAL_MISMATCH", "/token", "serial");
    let old = stage.studio.token(Some(&serial));
    stage.studio.expire_tokens();
    let expired = ask(&stage, &old);
    refused(&expired, 422, "PAIR_TOKEN_EXPIRED", "/token", "new token");
    let token = stage.studio.token(Some(&serial));
    let api = stage.agent.api();
    let mut nobody = draft(&stage, &token);
    nobody["studio"] = json!(format!("https://localhost:{}", free_port()));
    let nobody = api.post("/api/pairing", nobody);
    refused(&nobody, 502, "STUDIO_UNREACHABLE", "", "firewall");
    let mut stranger = draft(&stage, &token);
    stranger["ca"] = Value::Null;
    let stranger = api.post("/api/pairing", stranger);
    refused(&stranger, 502, "STUDIO_UNTRUSTED", "", "authority");
    assert!(stage.studio.devices().is_empty());
    assert_eq!(stage.link()["state"], "unpaired");

    // What does, as people type it. From then on it obeys.
    pair(&mut stage, &token.to_lowercase(), "wss");
    // Both sides knew from the request what the device can do and speaks; its hello says the same.
    let asked = stage.studio.asked(&stage.device).unwrap();
    let hello = stage.studio.hello(&stage.device).unwrap();
    for of_both in ["serial", "agent_version", "schema_versions", "ocl_versions"] {
        assert_eq!(asked[of_both], hello[of_both], "{of_both}");
        assert!(!asked[of_both].is_null(), "{of_both}: {asked}");
    }
    assert_eq!(asked["schema_versions"], json!(["1.0"]));
    let commands = |of: &Value| of["capabilities"]["commands"].clone();
    assert_eq!(commands(&asked), commands(&hello));
    assert!(
        commands(&asked)
            .as_array()
            .unwrap()
            .contains(&json!("TIMELINE_EXECUTE"))
    );
    assert_eq!(asked["hardware"]["arch"], std::env::consts::ARCH);
    let execute = |mode: &str| json!({ "timeline_id": "bars", "execution_mode": mode });
    let _ = stage.directs("TIMELINE_EXECUTE", &execute("pause"));
    assert_eq!(stage.agent.status()["paused"], true);
    let _ = stage.directs("TIMELINE_EXECUTE", &execute("resume"));
    let spare = stage.studio.token(Some(&serial));
    let again = ask(&stage, &spare);
    refused(&again, 409, "PAIR_ALREADY_PAIRED", "", "Unpair");

    // Unpaired it says goodbye, and is another when it comes again: with a token that was not spent.
    let (first, goodbyes) = (stage.device.clone(), stage.studio.goodbyes());
    unpair_well(&stage);
    assert_eq!(stage.studio.goodbyes(), goodbyes + 1, "not in order");
    refused(&unpair(&stage), 409, "NOT_PAIRED", "", "pair");
    let used = ask(&stage, &token);
    refused(&used, 422, "PAIR_TOKEN_INVALID", "/token", "once only");
    pair(&mut stage, &spare, "wss");
    assert_ne!(stage.device, first);
    stage.done();
    assert_eq!(stage.link()["serial"], serial.as_str());

    // Studio takes it away, and it is paired anew without a restart.
    let reason = json!({ "reason": "sold" });
    let sent = stage
        .studio
        .send(&stage.device, "CREDENTIAL_REVOKE", &reason);
    let _acks = stage.ends_well(&sent.id);
    let revoked = until(LONG, || stage.link()["state"] == "revoked");
    assert!(revoked, "{}", stage.link());
    refused(&unpair(&stage), 409, "NOT_PAIRED", "", "pair");

    // Two at once: one of them.
    let tokens = [(); 2].map(|()| stage.studio.token(None));
    let known = stage.studio.devices().len();
    let drafts = tokens.each_ref().map(|token| draft(&stage, token));
    let asked = drafts.map(|draft| asks(&stage, "/api/pairing", &draft));
    let answers = asked.map(|one| one.join().unwrap().unwrap());
    let (done, not): (Vec<&Reply>, Vec<&Reply>) =
        answers.iter().partition(|reply| reply.status == 200);
    assert_eq!((done.len(), not.len()), (1, 1), "{answers:?}");
    let (_, code) = not[0].refusal();
    assert!(["BUSY", "PAIR_ALREADY_PAIRED"].contains(&code.as_str()));
    assert_eq!(stage.studio.devices().len(), known + 1);
    stage.device = done[0].json["device_id"].as_str().unwrap().to_owned();
    stage.comes_by("wss");
    stage.done();
    stage.settles();

    // The show did not notice, and everything that was done is written down, but no secret.
    let (after, seconds) = (program(&stage), began.elapsed().as_secs_f64());
    assert_eq!(after.2, before.2, "another encoder");
    assert_eq!(stage.agent.status()["mode"], "preview");
    let (frames, lost) = (after.0 - before.0, after.1 - before.1);
    let wanted = seconds * 30.0;
    let said = format!("{frames} of {wanted:.0}, {lost} late or without a picture");
    report("program frames meanwhile", &said);
    #[expect(clippy::cast_precision_loss, reason = "a few thousand frames")]
    let apart = (frames as f64 - wanted).abs();
    assert!(apart <= 90.0 && lost <= 18 * u64::from(slack()), "{said}");
    let pair = "operator device.pair device";
    let expected = |line: &str| rows(&stage).iter().any(|row| row.starts_with(line));
    for line in [
        format!("{pair} failed PAIR_TOKEN_EXPIRED"),
        format!("{pair} failed PAIR_ALREADY_PAIRED"),
        format!("{pair}/{first} completed -"),
        format!("operator device.unpair device/{first} completed -"),
        format!("{pair}/{} completed -", stage.device),
    ] {
        assert!(
            until(LONG, || expected(&line)),
            "{line}: {:#?}",
            rows(&stage)
        );
    }
    let audit = stage.agent.api().get("/api/audit?limit=1000").text;
    let told = format!("{}{audit}{}", stage.agent.log(), stage.link());
    for secret in [&token, &spare, &old, &tokens[0], &tokens[1]] {
        let low = secret.to_lowercase();
        assert!(!told.contains(secret.as_str()) && !told.contains(&low));
    }
    assert!(!told.contains("PRIVATE KEY"));
}

#[test]
fn a_device_that_is_killed_while_it_is_paired_is_paired_or_not() {
    let mut stage = unpaired(&[Way::Socket]);
    let sealed = stage.agent.data().join("identity.sealed");
    for _round in 0..2 {
        // Studio has redeemed the token, the device is about to keep what it gave.
        let known = stage.studio.devices().len();
        let token = stage.studio.token(None);
        let asked = asks(&stage, "/api/pairing", &draft(&stage, &token));
        let began = Instant::now();
        while stage.studio.devices().len() == known {
            assert!(began.elapsed() < LONG, "{}", stage.agent.log());
            std::thread::sleep(Duration::from_millis(1));
        }
        stage.agent.kill();
        let _answered = asked.join().unwrap();
        stage.agent.start_again();
        let is_paired = !stage.link()["device_id"].is_null();
        report("killed while it is paired: it is", is_paired);
        if is_paired {
            stage.device = stage.link()["device_id"].as_str().unwrap().to_owned();
            stage.comes_by("wss");
        } else {
            assert_eq!(stage.link()["state"], "unpaired");
            let token = stage.studio.token(None);
            pair(&mut stage, &token, "wss");
        }
        stage.done();

        // What it is told to forget it has forgotten before it says so.
        let before = std::fs::read(&sealed).unwrap();
        let asked = asks(&stage, "/api/pairing/unpair", &json!({}));
        let began = Instant::now();
        while std::fs::read(&sealed).unwrap() == before {
            assert!(began.elapsed() < LONG, "{}", stage.agent.log());
            std::thread::sleep(Duration::from_millis(1));
        }
        stage.agent.kill();
        let _answered = asked.join().unwrap();
        stage.agent.start_again();
        let link = stage.link();
        assert_eq!(link["state"], "unpaired", "{link}");
        assert_eq!(link["device_id"], Value::Null, "{link}");
    }
}

#[test]
fn an_emergency_stop_stays_in_force_when_the_device_is_unpaired() {
    let mut stage = unpaired(&[Way::Socket]);
    let token = stage.studio.token(None);
    pair(&mut stage, &token, "wss");
    stage.show_bars();
    let runs = until(LONG, || program(&stage).0 > 30);
    assert!(runs, "{}\n{}", stage.agent.status(), stage.agent.log());

    // Unpaired as soon as it is accepted: its steps come to their end all the same.
    let stop = json!({ "scope": "all", "reason": "test" });
    let sent = stage.studio.send(&stage.device, "EMERGENCY_STOP", &stop);
    let accepted = stage.studio.wait_heard(0, LONG, |heard| {
        heard.kind == Kind::Ack && heard.payload["message_id"] == sent.id.as_str()
    });
    assert_eq!(accepted.unwrap().payload["status"], "accepted");
    unpair_well(&stage);
    let is_off = |stage: &Stage| stage.agent.status()["mode"] == "idle";
    assert!(until(LONG, || is_off(&stage)), "{}", stage.agent.status());

    // Neither a new pairing nor a start brings back what it stopped.
    let token = stage.studio.token(None);
    pair(&mut stage, &token, "wss");
    stage.done();
    let comes_back = |stage: &Stage| until(Duration::from_secs(3), || !is_off(stage));
    assert!(!comes_back(&stage), "{}", stage.agent.status());
    stage.agent.kill();
    stage.agent.start_again();
    stage.comes_by("wss");
    stage.done();
    assert!(!comes_back(&stage), "{}", stage.agent.status());
}

#[test]
fn through_a_broker_it_comes_and_goes_in_order_too() {
    let mut stage = unpaired(&[Way::Broker(free_port())]);
    let token = stage.studio.token(None);
    pair(&mut stage, &token, "mqtt");
    stage.done();
    unpair_well(&stage);
    let name = format!("Client {}", stage.device);
    let in_order = until(LONG, || {
        let log = stage.studio.broker_log();
        let mut lines = log.lines();
        lines.any(|line| line.contains(&name) && line.ends_with("disconnected."))
    });
    assert!(in_order, "{}", stage.studio.broker_log());
    let token = stage.studio.token(None);
    pair(&mut stage, &token, "mqtt");
    stage.done();
    stage.settles();
}

#[test]
fn the_page_pairs_it_and_says_what_to_do_where_it_does_not() {
    let stage = unpaired(&[Way::Socket]);
    let token = stage.studio.token(None);
    let authority = stage.studio.authority();
    let end = Command::new("node")
        .arg(root().join("tests/browser/pairing.js"))
        .args([stage.agent.api().base(), &stage.studio.url()])
        .arg(authority)
        .args(["ZZZZ-ZZZZ", &token.to_lowercase()])
        .output()
        .expect("node is installed");
    let said = String::from_utf8_lossy(&end.stdout).into_owned();
    let errors = String::from_utf8_lossy(&end.stderr);
    let told = format!("{said}{errors}\n{}", stage.agent.log());
    assert!(end.status.success(), "{told}");
    let seen: Value = serde_json::from_str(said.lines().last().unwrap_or_default()).unwrap();
    report("seen", &seen);
    assert_eq!(seen["serial"], stage.link()["serial"]);
    let fault = seen["fault"].as_str().unwrap();
    assert!(fault.contains("PAIR_TOKEN_INVALID") && fault.contains("once only"));
    assert_eq!(seen["at"], "true", "the field is not marked");
    assert_eq!(seen["focus"], "studio", "the focus is lost");
    let connected = seen["connected"].as_str().unwrap();
    assert!(
        connected.contains("By WebSocket, localhost:"),
        "{connected}"
    );
    assert!(!connected.contains(&token), "{connected}");
    let file = seen["file"].as_str().unwrap();
    let begin = format!(
        "vistter-diagnostics-{}-2",
        stage.link()["serial"].as_str().unwrap()
    );
    assert!(
        file.starts_with(&begin) && file.ends_with(".json"),
        "{file}"
    );
    assert_eq!(seen["sections"].as_array().unwrap().len(), 9, "{seen}");
    assert_eq!(stage.link()["state"], "unpaired");
    assert!(until(LONG, || stage.studio.goodbyes() == 1));
}
