//! Studio directs a device through a broker as it does by WebSocket: once, in order, and nobody else does.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{free_port, until};
use integration::brokered::{LONG, stage};
use integration::report;
use protocol::Code;
use sandbox::{Shows, Way};
use serde_json::json;
use std::time::Instant;

#[test]
fn commands_come_through_the_broker_once_and_only_those_of_studio() {
    let stage = stage(&[Way::Broker(free_port())]);
    let (studio, device) = (&stage.studio, &stage.device);
    stage.done();

    // A good one, and then the same envelope again.
    let sent = studio.send_value(device, &stage.health());
    let _acks = stage.ends_well(&sent.id);
    let carried_out = stage.count("carried_out");
    studio.post(device, &sent.envelope);
    let acks = studio.wait_answers(&sent.id, LONG, |acks| acks.len() >= 3);
    assert!(acks[2].duplicate, "{acks:?}");
    assert_eq!(acks[2].result, acks[1].result);
    let mut bound = stage.health();
    bound["session_nonce"] = json!("00112233445566778899aabbccddeeff");
    let sent = studio.send_value(device, &bound);
    let acks = studio.wait_end(&sent.id, LONG);
    let error = acks[0].error.as_ref().unwrap();
    assert_eq!(error.code, Code::ReplayDetected, "{acks:?}");
    let mut wrong = stage.health();
    wrong["device_id"] = json!("somebody-else");
    for (envelope, code) in [
        (studio.sign_as_stranger(&stage.health()), Code::KeyUnknown),
        (studio.sign(&wrong), Code::DeviceMismatch),
    ] {
        let before = stage.refused(code);
        studio.post(device, &envelope);
        let counted = until(LONG, || stage.refused(code) > before);
        assert!(counted, "{code:?}: {}", stage.link());
    }
    assert_eq!(stage.count("carried_out"), carried_out);

    // What is too large ends the connection, and does not come again with the next.
    let sessions = stage.count("sessions");
    let before = stage.refused(Code::TooLarge);
    studio.post(device, &vec![b' '; 300 * 1024]);
    let back = until(LONG, || stage.count("sessions") > sessions);
    assert!(back, "{}", stage.link());
    assert_eq!(stage.refused(Code::TooLarge), before + 1);
    stage.done();
    stage.settles();
}

#[test]
fn what_is_sent_while_the_device_or_the_broker_is_away_arrives_once() {
    let mut stage = stage(&[Way::Broker(free_port())]);
    let device = stage.device.clone();
    stage.done();

    // The broker keeps it for the device, and Studio does not say it again.
    stage.agent.kill();
    assert!(stage.studio.wait_offline(&device, LONG));
    let command = stage.health();
    let id = command["message_id"].as_str().unwrap();
    stage.studio.post(&device, &stage.studio.sign(&command));
    stage.agent.start_again();
    let acks = stage.ends_well(id);
    assert_eq!(acks.len(), 2, "{acks:?}");
    assert_eq!(stage.count("carried_out"), 1);

    // The broker forgets everything. Studio says it again, once the device is back.
    let sessions = stage.count("sessions");
    stage.studio.kill_broker();
    assert!(until(LONG, || stage.link()["state"] != "online"));
    let sent = stage.studio.send(&device, "HEALTH_REQUEST", &json!({}));
    let began = Instant::now();
    stage.studio.start_broker();
    stage.comes_by("mqtt");
    let _acks = stage.ends_well(&sent.id);
    report("after the broker's return, ms", began.elapsed().as_millis());
    assert_eq!(stage.count("carried_out"), 2);
    assert!(stage.count("sessions") > sessions);
    stage.settles();
}

#[test]
fn many_commands_at_once_do_not_end_the_connection() {
    let stage = stage(&[Way::Broker(free_port())]);
    let sessions = stage.count("sessions");
    let began = Instant::now();
    let sent = stage.send(600);
    stage.in_order(&sent);
    report("600 to their end, ms", began.elapsed().as_millis());
    assert_eq!(stage.count("sessions"), sessions, "{}", stage.link());
}

#[test]
fn a_device_is_let_at_no_topics_but_its_own() {
    let stage = stage(&[Way::Broker(free_port())]);
    let (studio, device) = (&stage.studio, &stage.device);
    let nobody = studio.intruder(None, device);
    assert!(!nobody.is_let_in(LONG), "let in without a certificate");

    // One with a good certificate of its own takes the other's id, and is not believed.
    let sessions = stage.count("sessions");
    let intruder = studio.intruder(Some("device-9"), device);
    assert!(intruder.is_let_in(LONG), "{}", studio.broker_log());
    let theirs = studio.topics(device);
    let own = studio.topics("device-9");
    for topic in ["cmd", "session"] {
        intruder.subscribe(&format!("{theirs}/{topic}"));
    }
    intruder.subscribe(&format!("{own}/cmd"));
    for topic in ["cmd", "ack", "hello", "state"] {
        intruder.publish(&format!("{theirs}/{topic}"), b"{\"online\":false}");
        let denied = until(LONG, || {
            let log = studio.broker_log();
            let mut lines = log.lines();
            let under = format!("'{theirs}/{topic}'");
            lines.any(|line| line.contains("Denied PUBLISH from device-9") && line.contains(&under))
        });
        assert!(denied, "{topic}: {}", studio.broker_log());
    }
    assert!(studio.is_online(device));
    stage.done();
    studio.post("device-9", b"yours");
    let heard = intruder.heard_until(&format!("{own}/cmd"), LONG);
    assert_eq!(heard, [(format!("{own}/cmd"), b"yours".to_vec())]);
    assert_eq!(stage.count("sessions"), sessions, "its session was taken");
    stage.settles();
}

#[test]
fn a_broker_with_another_key_is_not_believed() {
    let stage = stage(&[Way::Broker(free_port())]);
    stage.done();
    stage.studio.kill_broker();
    stage.studio.show(Shows::OtherKey);
    stage.studio.start_broker();
    let said = until(LONG, || {
        let error = &stage.link()["last_error"];
        let error = error.as_str().unwrap_or("");
        error.contains("not a pinned one")
    });
    assert!(said, "{}\n{}", stage.link(), stage.studio.broker_log());
    assert!(!stage.studio.is_online(&stage.device));
    stage.studio.kill_broker();
    stage.studio.show(Shows::Good);
    stage.studio.start_broker();
    stage.comes_by("mqtt");
    stage.done();
    stage.settles();
}

#[test]
fn the_next_way_stands_in_for_the_first_and_gives_it_back() {
    let stage = stage(&[Way::Broker(free_port()), Way::Socket]);
    stage.done();
    stage.studio.kill_broker();
    stage.comes_by("wss");
    assert_eq!(stage.link()["fallback"], true);
    stage.done();
    stage.studio.start_broker();
    stage.comes_by("mqtt");
    assert_eq!(stage.link()["fallback"], false);
    stage.done();
    stage.settles();
}

#[test]
fn a_broker_that_comes_second_stands_in_for_the_websocket() {
    let stage = stage(&[Way::Socket, Way::Broker(free_port())]);
    stage.done();
    stage.studio.refuse_connections(true);
    assert!(stage.studio.cut(&stage.device));
    stage.comes_by("mqtt");
    assert_eq!(stage.link()["fallback"], true);
    stage.done();
    stage.settles();
}
