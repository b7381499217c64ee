//! Studio gives a device new credentials, which count when a connection has opened with them; and takes
//! them away, which no show notices.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, until};
use integration::brokered::{LONG, Stage, stage, unpaired};
use integration::report;
use protocol::{Ack, AckStatus, Base64, Code, Kind};
use sandbox::Way;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn last(stage: &Stage, payload: &Value) -> Ack {
    let sent = stage
        .studio
        .send(&stage.device, "CREDENTIAL_REFRESH", payload);
    let acks = stage.studio.wait_end(&sent.id, LONG);
    acks.last()
        .unwrap_or_else(|| panic!("no answer: {}", stage.agent.log()))
        .clone()
}

#[track_caller]
fn request(stage: &Stage) -> String {
    let ack = last(stage, &json!({ "step": "request" }));
    assert_eq!(ack.status, AckStatus::Completed, "{ack:?}");
    let result = ack.result.unwrap();
    assert!(!result.to_string().contains("PRIVATE"), "{result}");
    result["csr_pem"].as_str().unwrap().to_owned()
}

fn install(stage: &Stage, csr: &str) -> Value {
    stage.studio.certified(&stage.device, csr).unwrap()
}

#[track_caller]
fn refused(stage: &Stage, what: &str, payload: &Value) {
    let ack = last(stage, payload);
    assert_eq!(ack.status, AckStatus::Failed, "{what}: {ack:?}");
    let error = ack.error.unwrap();
    assert_eq!(error.code, Code::CredRotationFailed, "{what}: {error:?}");
    report(what, &error.message);
}

/// Waits for the next session, and gives the key that the device shows on it.
#[track_caller]
fn shows_after(stage: &Stage, sessions: u64) -> String {
    let came = until(LONG, || {
        stage.count("sessions") > sessions && stage.studio.is_online(&stage.device)
    });
    assert!(came, "{}\n{}", stage.link(), stage.agent.log());
    stage.studio.shown(&stage.device).unwrap()
}

/// Has the device connect anew, and gives the key that it shows.
#[track_caller]
fn reconnected(stage: &Stage) -> String {
    let sessions = stage.count("sessions");
    assert!(stage.studio.cut(&stage.device));
    shows_after(stage, sessions)
}

/// Kills the agent; gives the key that it shows when it is back.
#[track_caller]
fn restarted(stage: &mut Stage) -> String {
    stage.agent.kill();
    back(stage)
}

#[track_caller]
fn back(stage: &mut Stage) -> String {
    let gone = until(LONG, || !stage.studio.is_online(&stage.device));
    assert!(gone, "the old connection stays");
    stage.agent.start_again();
    shows_after(stage, 0)
}

#[test]
fn new_credentials_count_when_a_connection_has_opened_with_them() {
    let mut stage = stage(&[Way::Socket]);
    let studio_shown = |stage: &Stage| stage.studio.shown(&stage.device).unwrap();
    let first = studio_shown(&stage);

    // What does not fit is not tried, and what does not open is not gone by.
    let stale = request(&stage);
    let csr = request(&stage);
    let good = install(&stage, &csr);
    refused(
        &stage,
        "the key of a request before",
        &install(&stage, &stale),
    );
    let mut bad = good.clone();
    bad["client_cert_pem"] = json!("no certificate");
    refused(&stage, "no certificate", &bad);
    let mut bad = good.clone();
    let pin = |byte: u8| Base64::from(vec![byte; 32]);
    bad["spki_pins"] = json!([pin(1), pin(2)]);
    refused(&stage, "pins of nobody", &bad);
    stage.studio.refuse_connections(true);
    refused(&stage, "a Studio that does not answer", &good);
    stage.studio.refuse_connections(false);
    assert_eq!(reconnected(&stage), first, "the old ones are not kept");

    // A kill between the steps: the key of the second slot is still there.
    assert_eq!(restarted(&mut stage), first);
    let began = Instant::now();
    let ack = last(&stage, &good);
    assert_eq!(ack.status, AckStatus::Completed, "{ack:?}");
    report("proved and in force, ms", began.elapsed().as_millis());
    refused(&stage, "the same once more", &good);
    let second = reconnected(&stage);
    assert_ne!(second, first);

    // The old ones count for nothing any more, and are not missed.
    stage.studio.deny(&first);
    assert_eq!(reconnected(&stage), second);
    assert_eq!(restarted(&mut stage), second);
    stage.done();
    stage.settles();
}

#[test]
fn a_certificate_that_ends_soon_is_told_and_studio_renews_it() {
    let day = Duration::from_secs(86_400);
    let mut stage = unpaired(&[Way::Socket]);
    stage
        .studio
        .certify_for(day * 2 / 3, day / 3 - Duration::from_secs(60));
    let authority = std::fs::read_to_string(stage.studio.authority()).unwrap();
    let draft =
        json!({ "studio": stage.studio.url(), "token": stage.studio.token(None), "ca": authority });
    let paired = stage.agent.api().post("/api/pairing", draft).ok();
    stage.device = paired["device_id"].as_str().unwrap().to_owned();
    stage.comes_by("wss");
    let alert = || {
        let list = stage.agent.api().get("/api/alerts?open=true").ok();
        let alerts = list["alerts"].as_array().unwrap().clone();
        alerts
            .into_iter()
            .find(|one| one["code"] == "CREDENTIALS_EXPIRING")
    };
    let told = stage.studio.wait_heard(0, LONG, |heard| {
        heard.kind == Kind::Event && heard.payload["event_type"] == "CREDENTIALS_EXPIRING"
    });
    let told = told.unwrap_or_else(|| panic!("{:?}", stage.studio.heard_from(0)));
    assert_eq!(told.payload["severity"], "warning", "{told:?}");
    assert_eq!(
        told.payload["context"]["cause"], "they end in 7 h",
        "{told:?}"
    );
    assert!(until(LONG, || alert().is_some()), "{}", stage.agent.log());
    let ends = |stage: &Stage| stage.link()["credentials_expire_at"].clone();
    let before = ends(&stage);

    // Studio hears it and renews them; the alert is over when that was well for a while.
    stage.studio.certify_for(Duration::ZERO, 90 * day);
    let renewed = stage.studio.rotate(&stage.device, LONG).unwrap();
    assert_eq!(renewed.status, AckStatus::Completed, "{renewed:?}");
    assert!(
        ends(&stage).as_str() > before.as_str(),
        "{before} {}",
        ends(&stage)
    );
    let over = until(LONG, || alert().is_none());
    assert!(over, "{:?}", alert());
    let cleared = stage.studio.wait_heard(0, LONG, |heard| {
        heard.payload["event_type"] == "CREDENTIALS_EXPIRING"
            && heard.payload["context"]["state"] == "cleared"
    });
    assert!(cleared.is_some(), "{:?}", stage.studio.heard_from(0));
    stage.settles();
}

#[test]
fn a_device_that_is_killed_while_it_proves_new_credentials_keeps_the_old_ones() {
    let mut stage = stage(&[Way::Socket]);
    let first = stage.studio.shown(&stage.device).unwrap();
    let csr = request(&stage);
    stage.studio.hold_connections(true);
    let sent = stage
        .studio
        .send(&stage.device, "CREDENTIAL_REFRESH", &install(&stage, &csr));
    assert!(stage.studio.wait_held(LONG), "{}", stage.agent.log());
    stage.agent.kill();
    stage.studio.hold_connections(false);
    assert_eq!(back(&mut stage), first);
    let acks = stage.studio.wait_end(&sent.id, LONG);
    let error = acks.last().unwrap().error.as_ref().unwrap();
    assert_eq!(error.code, Code::Interrupted, "{acks:?}");
    report("killed while it proves", "the old ones, INTERRUPTED");
    let told = stage.studio.rotate(&stage.device, LONG).unwrap();
    assert_eq!(told.status, AckStatus::Completed, "{told:?}");
    assert_ne!(reconnected(&stage), first);
    stage.settles();
}

#[test]
fn a_device_whose_credentials_are_taken_away_says_so_forgets_them_and_goes_on_with_its_show() {
    let mut stage = stage(&[Way::Socket]);
    stage.show_bars();
    let frames = |stage: &Stage| {
        let frames = &stage.agent.status()["metrics"]["frames"];
        frames.as_u64().unwrap_or(0)
    };
    assert!(until(LONG, || frames(&stage) > 0), "{}", stage.agent.log());
    let sealed = stage.agent.data().join("identity.sealed");
    let before = std::fs::read(&sealed).unwrap();

    let reason = json!({ "reason": "the appliance was sold" });
    let sent = stage
        .studio
        .send(&stage.device, "CREDENTIAL_REVOKE", &reason);
    let _acks = stage.ends_well(&sent.id);
    let revoked = until(LONG, || stage.link()["state"] == "revoked");
    assert!(revoked, "{}\n{}", stage.link(), stage.agent.log());
    let offline = stage.studio.wait_offline(&stage.device, LONG);
    assert!(offline, "the connection stays");
    assert_eq!(stage.link()["device_id"], Value::Null);
    assert_eq!(stage.link()["credentials_expire_at"], Value::Null);
    assert_ne!(std::fs::read(&sealed).unwrap(), before);
    let (now, sessions) = (frames(&stage), stage.count("sessions"));
    assert!(until(LONG, || frames(&stage) > now + 90), "the show stands");
    assert_eq!(stage.agent.status()["mode"], "preview");
    assert_eq!(stage.count("sessions"), sessions);
    report("the show", "goes on");

    // It stays so after a kill, and the device can be paired anew under its serial.
    let serial = stage.link()["serial"].clone();
    stage.agent.kill();
    stage.agent.start_again();
    let link = stage.link();
    assert_eq!(link["state"], "revoked", "{link}");
    assert_eq!(link["last_error"], reason["reason"], "{link}");
    assert_eq!(link["serial"], serial);
    assert!(stage.agent.stop(Duration::from_secs(30)).is_some());
    let token = stage.studio.token(serial.as_str());
    let (url, authority) = (stage.studio.url(), stage.studio.authority());
    let arguments = [
        "pair",
        "--studio",
        &url,
        "--ca",
        authority.to_str().unwrap(),
        &token,
    ];
    let (code, said) = Agent::command(&arguments, stage.agent.data());
    assert_eq!(code, Some(0), "{said}");
    stage.agent.start_again();
    let anew = stage.studio.devices().pop().unwrap();
    assert_ne!(anew, stage.device);
    assert!(
        stage.studio.wait_online(&anew, LONG),
        "{}",
        stage.agent.log()
    );
    assert_eq!(stage.studio.faults(), Vec::<String>::new());
}
