//! What a server or a client that is none of ours does with the channel: false certificates, floods,
//! messages without an end, a copy of the device. The link ends or waits, and the show does not notice.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test that cannot set up its world fails; its clock is its own"
)]

use harness::{Agent, AgentOptions, free_port, until};
use integration::brokered::{LONG, Stage, stage};
use integration::{report, slack};
use protocol::Code;
use sandbox::{Shows, Way};
use serde_json::json;
use std::path::Path;
use std::time::{Duration, Instant};

/// Waits until the link says why it is not there.
#[track_caller]
fn says(stage: &Stage, part: &str) {
    let said = until(LONG, || {
        let error = stage.link()["last_error"].to_string();
        error.to_lowercase().contains(part)
    });
    assert!(said, "{part:?} is not said: {}", stage.link());
}

#[test]
fn a_certificate_that_ended_or_is_for_another_host_is_none() {
    let stage = stage(&[Way::Socket]);
    for (shows, said) in [
        (Shows::Expired, "expired"),
        (Shows::OtherHost, "not valid for name"),
    ] {
        let (sessions, failed) = (stage.count("sessions"), stage.studio.failed_handshakes());
        stage.studio.show(shows);
        assert!(stage.studio.cut(&stage.device));
        let refused = until(LONG, || stage.studio.failed_handshakes() > failed);
        assert!(refused, "{shows:?}: {}", stage.link());
        says(&stage, said);
        assert_eq!(stage.count("sessions"), sessions, "{shows:?}");
        report(&format!("{shows:?}"), stage.link()["last_error"].clone());
        stage.studio.show(Shows::Good);
        let back = stage.back(sessions);
        report("back after, ms", back.as_millis());
        stage.done();
    }
}

#[test]
fn a_server_that_speaks_nothing_newer_than_tls_1_2_will_do() {
    let stage = stage(&[Way::Socket]);
    let sessions = stage.count("sessions");
    stage.studio.show(Shows::OldTls);
    assert!(stage.studio.cut(&stage.device));
    let _back = stage.back(sessions);
    stage.done();
}

#[test]
fn floods_and_messages_in_pieces_end_the_connection_at_most() {
    let stage = stage(&[Way::Socket]);
    let device = stage.device.clone();
    stage.show_bars();
    assert!(until(LONG, || stage.frames().0 > 60));
    let (before, began) = (stage.frames(), Instant::now());

    // In pieces it is whole at last.
    let health = stage.health();
    let envelope = stage.studio.sign(&health);
    let (sessions, carried_out) = (stage.count("sessions"), stage.count("carried_out"));
    stage.studio.deliver_in_pieces(&device, &envelope, 7, true);
    let _acks = stage.ends_well(health["message_id"].as_str().unwrap());
    assert_eq!(stage.count("carried_out"), carried_out + 1);
    assert_eq!(stage.count("sessions"), sessions);

    // Without an end, and far too long: cut off where the limit is.
    let much = vec![b'a'; 16 << 20];
    for (size, what) in [
        (4096, "pieces without an end"),
        (much.len(), "16 MiB in one frame"),
    ] {
        let (sessions, refused) = (stage.count("sessions"), stage.refused(Code::TooLarge));
        stage.studio.deliver_in_pieces(&device, &much, size, false);
        let ended = until(LONG, || stage.refused(Code::TooLarge) > refused);
        assert!(ended, "{what}: {}", stage.link());
        report(
            &format!("{what}: back after, ms"),
            stage.back(sessions).as_millis(),
        );
        stage.done();
    }

    let sessions = stage.count("sessions");
    stage.studio.flood(&device, 20_000);
    let ended = until(LONG, || {
        stage.count("sessions") > sessions || stage.link()["state"] != "online"
    });
    assert!(ended, "{}", stage.link());
    report(
        "a flood of pings: back after, ms",
        stage.back(sessions).as_millis(),
    );
    stage.done();

    let (after, seconds) = (stage.frames(), began.elapsed().as_secs());
    let lost = after.1 - before.1;
    let said = format!("{} in {seconds} s, lost or late {lost}", after.0 - before.0);
    report("program frames meanwhile", &said);
    // Studio itself takes a processor meanwhile.
    assert!(lost <= 18 * u64::from(slack()), "{said}");
}

fn copied(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, to) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copied(&entry.path(), &to);
        } else if kind.is_file() {
            let _bytes = std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[test]
fn a_copy_of_the_device_is_seen_and_the_two_do_not_storm_the_broker() {
    let mut stage = stage(&[Way::Broker(free_port())]);
    let device = stage.device.clone();
    stage.done();
    stage.agent.kill();
    let elsewhere = tempfile::tempdir().unwrap();
    copied(stage.data(), elsewhere.path());
    stage.agent.start_again();
    stage.comes_by("mqtt");
    stage.show_bars();
    let copy = Agent::with(AgentOptions {
        data: Some(elsewhere.path().to_owned()),
        ..AgentOptions::default()
    });
    let sessions = || {
        let of_copy = copy.api().get("/api/link").ok();
        stage.count("sessions") + of_copy["sessions"].as_u64().unwrap_or(0)
    };
    // Both answer, and the chain of what the device says is no chain any more.
    let began = Instant::now();
    let forked = until(LONG, || {
        let sent = stage.studio.send(&device, "HEALTH_REQUEST", &json!({}));
        let second = Duration::from_secs(1);
        let _answers = stage
            .studio
            .wait_answers(&sent.id, second, |acks| acks.len() >= 2);
        stage
            .studio
            .faults()
            .iter()
            .any(|fault| fault.starts_with("chain"))
    });
    assert!(forked, "nobody sees the copy: {:?}", stage.studio.faults());
    report("the copy is seen after, ms", began.elapsed().as_millis());
    // One takes the session from the other, and each waits longer before it takes it back. How often that
    // is within a time can only be counted over that time.
    std::thread::sleep(Duration::from_secs(8));
    report("sessions of both in 8 s", sessions());
    assert!(sessions() <= 30, "{} in {:?}", sessions(), began.elapsed());
    assert_eq!(stage.agent.status()["mode"], "preview");

    drop(copy);
    let before = stage.count("carried_out");
    let sent = stage.studio.send(&device, "HEALTH_REQUEST", &json!({}));
    let done = until(LONG, || stage.count("carried_out") > before);
    assert!(done, "{}", stage.link());
    let _answers = stage.studio.wait_end(&sent.id, LONG);
    report("alone again after, ms", began.elapsed().as_millis());
}
