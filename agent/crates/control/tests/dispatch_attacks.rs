//! Attacks that need a memory to be seen: replays, numbers out of order, time, revoked keys, power cuts.
//! `cargo test --test dispatch_attacks -- --nocapture` prints the table.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use control::{Core, Effect, Memory, Outcome, Stored};
use protocol::{AckStatus, Code, HasCode, Kind, LEAP, SKEW_MS, WINDOW};
use serde_json::{Value, json};
use support::studio::{HOUR, NONCE, NOW, Studio, at, id, key, key_id, nonce, sign};
use support::{Rig, config, goto, mid, overlay};

fn said(code: Code, case: &str) {
    println!("refused  {:<18} {case}", code.as_str());
}

/// The last answer refuses with this code, and nothing is run.
fn refuses(rig: &Rig, n: u64, code: Code, case: &str) {
    let answer = rig.last(n);
    assert_eq!(answer.code, Some(code), "{case}");
    assert!(!rig.is_asked(n), "{case}");
    said(code, case);
}

fn with(rig: &Rig, seq: u64, n: u64) -> Value {
    let mut value = rig.studio.command_value(seq, "CAMERA_ACTION", &goto("a"));
    value["message_id"] = json!(id(n));
    value["correlation_id"] = json!(id(n));
    value
}

#[test]
fn attack_31_a_replay_in_one_session_after_a_reconnect_and_after_a_restart() {
    let mut rig = Rig::online();
    let envelope = rig.studio.sign(&with(&rig, 1, 1));
    rig.receive(&envelope);
    rig.complete(1);
    for case in [
        "in the same session",
        "after a reconnect",
        "after a restart",
    ] {
        match case {
            "after a reconnect" => {
                rig.core.disconnected();
                rig.connect();
            }
            "after a restart" => {
                rig.power_cut(true);
                rig.connect();
            }
            _ => {}
        }
        rig.asked.clear();
        rig.receive(&envelope);
        assert!(rig.last(1).duplicate && rig.asked.is_empty(), "{case}");
        println!("answered {:<18} a replay {case}", "(duplicate)");
    }
}

#[test]
fn attack_32_a_replay_after_the_power_failed_between_keeping_and_answering() {
    let mut rig = Rig::online();
    let envelope = rig.studio.sign(&with(&rig, 1, 1));
    rig.prompt = false;
    rig.receive(&envelope);
    // The batch got through, the answer did not.
    rig.power_cut(true);
    rig.prompt = true;
    rig.commit();
    rig.connect();
    rig.receive(&envelope);
    assert!(rig.asked.is_empty(), "it is not known how far it was");
    assert_eq!(rig.last(1).code, Some(Code::Interrupted));
    // The batch did not get through: nobody was told, and it is new.
    let mut rig = Rig::online();
    rig.prompt = false;
    rig.receive(&envelope);
    rig.power_cut(false);
    rig.prompt = true;
    rig.commit();
    rig.connect();
    rig.receive(&envelope);
    assert_eq!(rig.asked.len(), 1);
    println!(
        "done once {:<17} a replay after kill -9 around the sync",
        "(once)"
    );
}

#[test]
fn attack_33_a_store_that_was_deleted_or_rolled_back() {
    // Without its store a device has only the root of its pairing: no keyset, so nobody may sign.
    let mut rig = Rig::online();
    let envelope = rig.studio.sign(&with(&rig, 1, 1));
    rig.receive(&envelope);
    rig.complete(1);
    let older = rig.durable.clone();
    let mut fresh = config(&rig.studio, 9);
    fresh.trust = rig.studio.pinned();
    let (mut core, _) = Core::boot(fresh, Stored::default(), 0).unwrap();
    core.connected(nonce());
    let effects = core.receive(&envelope, 0);
    assert!(matches!(
        &effects[..],
        [Effect::Refused(Code::KeyUnknown), Effect::TurnedAway(_)]
    ));
    said(Code::KeyUnknown, "a replay after the store was deleted");
    // Rolled back: Studio has raised the epoch, and what was signed in the old one is void.
    let keyset = rig.studio.keyset_value(2, 2);
    let keyset = rig.studio.sign_by_root(Kind::Keyset, &keyset);
    let late = rig.studio.sign(&with(&rig, 2, 2));
    rig.receive(&late);
    rig.complete(2);
    rig.durable = older;
    rig.power_cut(false);
    rig.connect();
    let effects = rig.core.keyset(&keyset, rig.boot_ms).unwrap();
    rig.take(effects);
    rig.receive(&late);
    refuses(
        &rig,
        2,
        Code::ReplayDetected,
        "a replay after the store was rolled back and a new epoch",
    );
}

#[test]
fn attack_44_a_replay_after_the_memory_was_lost() {
    let mut rig = Rig::online();
    let old = rig.studio.sign(&with(&rig, 1, 1));
    rig.receive(&old);
    rig.complete(1);
    // The store is gone; what pairing gave is not, and its keyset is still good.
    rig.durable = Stored {
        memory: Memory::Lost,
        ..Stored::default()
    };
    rig.answers.clear();
    rig.power_cut(false);
    rig.core.connected(nonce());
    rig.receive(&old);
    assert!(rig.asked.is_empty(), "before the welcome");
    rig.connect();
    for (case, cut) in [
        ("a replay after the store was lost", true),
        ("a replay after that and a restart", false),
    ] {
        rig.receive(&old);
        refuses(&rig, 1, Code::ReplayDetected, case);
        assert!(rig.asked.is_empty(), "{case}");
        if cut {
            rig.power_cut(true);
            rig.connect();
        }
    }
    // Its signer's clock may be ahead of the one that was told in the welcome.
    let mut signed = |n: u64, after: u64, bound: bool| {
        let mut value = with(&rig, n, n);
        value["timestamp"] = json!(at(NOW + after));
        value["payload"] = goto(&format!("camera-{n}"));
        if bound {
            value["session_nonce"] = json!(NONCE);
        }
        let envelope = rig.studio.sign(&value);
        rig.receive(&envelope);
        rig.is_asked(n)
    };
    assert!(!signed(2, SKEW_MS - 1, false));
    assert!(signed(3, SKEW_MS, false));
    assert!(signed(4, 0, true), "what is bound to the connection is new");
}

#[test]
fn attack_34_a_replay_on_a_second_device() {
    let studio = Studio::default();
    let mut other = config(&studio, 1);
    let record = protocol::TrustRecord {
        device_id: protocol::DeviceId::parse("dev-2").unwrap(),
        ..studio.trust().record()
    };
    other.trust = protocol::Trust::restored(record).unwrap();
    let (mut core, _) = Core::boot(other, Stored::default(), 0).unwrap();
    let envelope = studio.sign(&studio.health(1));
    let effects = core.receive(&envelope, 0);
    assert!(matches!(effects[0], Effect::Refused(Code::DeviceMismatch)));
    assert!(
        !effects
            .iter()
            .any(|effect| matches!(effect, Effect::Send(_)))
    );
    said(Code::DeviceMismatch, "a replay on a second device");
}

#[test]
fn attack_35_another_body_under_a_known_id() {
    let mut rig = Rig::online();
    rig.send_value(&with(&rig, 1, 1));
    rig.complete(1);
    rig.asked.clear();
    let mut other = with(&rig, 2, 1);
    other["payload"] = goto("b");
    rig.send_value(&other);
    refuses(
        &rig,
        1,
        Code::ReplayDetected,
        "another body under a known id",
    );
    let alerts = |rig: &Rig| {
        let list = rig.other.iter();
        list.filter(|effect| matches!(effect, Effect::Alert(_)))
            .count()
    };
    assert_eq!(alerts(&rig), 1);
    assert_eq!(rig.events, ["SECURITY_ALERT"]);
    for _ in 0..50 {
        rig.send_value(&other);
    }
    assert_eq!(
        (alerts(&rig), rig.events.len()),
        (51, 1),
        "Studio is told once a minute"
    );
}

#[test]
fn attack_36_a_leap_in_the_numbers_and_a_new_epoch() {
    let mut rig = Rig::online();
    rig.send_value(&with(&rig, 1, 1));
    let top = protocol::NUMBER_LIMIT;
    for (n, seq) in [(10, top), (11, 2 + LEAP)] {
        rig.send_value(&with(&rig, seq, n));
        refuses(&rig, n, Code::ReplayDetected, "a leap in the sequence");
    }
    rig.send_value(&with(&rig, 2, 2));
    assert_eq!(
        rig.last(2).status,
        AckStatus::Accepted,
        "the leap shut nobody out"
    );
    rig.send_value(&with(&rig, 1 + LEAP, 12));
    assert_eq!(rig.last(12).status, AckStatus::Accepted);
    rig.send_value(&with(&rig, 3, 3));
    refuses(
        &rig,
        3,
        Code::ReplayDetected,
        "a number far below the highest",
    );
    // A new epoch counts from 1 again, and only once it is durable.
    let keyset = rig.studio.keyset_value(2, 2);
    let keyset = rig.studio.sign_by_root(Kind::Keyset, &keyset);
    let effects = rig.core.keyset(&keyset, rig.boot_ms).unwrap();
    rig.take(effects);
    let mut value = with(&rig, 1, 4);
    rig.send_value(&value);
    refuses(&rig, 4, Code::ReplayDetected, "a number of the old epoch");
    value["epoch"] = json!(2);
    rig.send_value(&value);
    assert_eq!(rig.last(4).status, AckStatus::Accepted);
    rig.power_cut(true);
    rig.connect();
    let mut value = with(&rig, 1, 5);
    value["epoch"] = json!(2);
    rig.send_value(&value);
    refuses(
        &rig,
        5,
        Code::ReplayDetected,
        "a used number of the new epoch after a restart",
    );
}

#[test]
fn attack_37_numbers_out_of_order() {
    let mut rig = Rig::online();
    rig.send_value(&with(&rig, WINDOW + 10, 1));
    for (n, seq, fresh) in [
        (2, WINDOW + 9, true),
        (3, 11, true),
        (4, 10, false),
        (5, 11, false),
        (6, WINDOW + 9, false),
        (7, 0, false),
    ] {
        rig.send_value(&with(&rig, seq, n));
        if fresh {
            assert_eq!(rig.last(n).status, AckStatus::Accepted, "{seq}");
        } else {
            refuses(
                &rig,
                n,
                Code::ReplayDetected,
                &format!("the number {seq} out of order"),
            );
        }
    }
}

#[test]
fn attack_38_expiry_at_receipt_in_the_queue_and_right_before_the_effect() {
    let mut rig = Rig::online();
    let mut value = with(&rig, 1, 1);
    value["timestamp"] = json!(at(NOW - HOUR));
    value["expires_at"] = json!(at(NOW));
    rig.send_value(&value);
    refuses(&rig, 1, Code::Expired, "expired at receipt");
    rig.send_value(&with(&rig, 2, 2));
    let mut value = with(&rig, 3, 3);
    value["expires_at"] = json!(at(NOW + 10_000));
    rig.send_value(&value);
    rig.pass(10_000);
    refuses(&rig, 3, Code::Expired, "expired while it was queued");
    assert!(rig.begin(2));
    rig.done(2, Outcome::Aborted);
    let mut value = with(&rig, 4, 4);
    value["expires_at"] = json!(at(NOW + 20_000));
    rig.send_value(&value);
    assert!(rig.is_asked(4));
    rig.boot_ms = 20_000;
    assert!(!rig.begin(4), "the module is told not to begin");
    assert_eq!(rig.last(4).code, Some(Code::Expired));
    said(Code::Expired, "expired right before its effect");
}

#[test]
fn attack_39_a_key_that_is_revoked_while_its_command_waits() {
    let mut rig = Rig::online();
    rig.send_value(&with(&rig, 1, 1));
    rig.send_value(&with(&rig, 2, 2));
    assert!(rig.is_asked(1) && !rig.is_asked(2));
    let mut keyset = rig.studio.keyset_value(2, 1);
    keyset["revoked"] = json!([key_id(&rig.studio.command)]);
    let envelope = rig.studio.sign_by_root(Kind::Keyset, &keyset);
    let effects = rig.core.keyset(&envelope, rig.boot_ms).unwrap();
    rig.take(effects);
    refuses(
        &rig,
        2,
        Code::Unauthorized,
        "a revoked key's command in the queue",
    );
    assert!(!rig.begin(1));
    assert_eq!(rig.last(1).code, Some(Code::Unauthorized));
    said(
        Code::Unauthorized,
        "a revoked key's command right before its effect",
    );
    rig.send_value(&with(&rig, 3, 3));
    assert_eq!(rig.refused["KEY_UNKNOWN"], 1);
    assert!(rig.told(3).is_empty(), "who is not known is not answered");
    said(
        Code::KeyUnknown,
        "a revoked key's new command (not answered)",
    );
}

#[test]
fn attack_40_a_rotation_cut_short_at_each_of_its_writes() {
    let new = [key(21), key(22), key(23)];
    for cut in 0..4 {
        let mut rig = Rig::online();
        rig.prompt = false;
        let record = rig.studio.root_record(2, &[&new[0], &new[1], &new[2]]);
        let signers = [&rig.studio.root[0], &rig.studio.root[1], &new[0], &new[1]];
        let root = sign(Kind::Root, &serde_json::to_value(record).unwrap(), &signers);
        let keyset = sign(
            Kind::Keyset,
            &rig.studio.keyset_value(2, 2),
            &[&new[0], &new[1]],
        );
        let effects = rig.core.root(&root, 0).unwrap();
        rig.take(effects);
        assert_eq!(
            rig.core.trust().root_version(),
            1,
            "not before it is durable"
        );
        // Cut 0: the root's write is lost. 1: it got through. 2: the keyset's is lost. 3: got through.
        if cut >= 2 {
            rig.commit();
            let effects = rig.core.keyset(&keyset, 0).unwrap();
            rig.take(effects);
            assert_eq!(rig.core.trust().epoch(), 1, "not before it is durable");
        }
        rig.power_cut(cut % 2 == 1);
        let trust = rig.core.trust();
        let expected = [(1, 1), (2, 1), (2, 1), (2, 2)][cut];
        assert_eq!((trust.root_version(), trust.epoch()), expected, "cut {cut}");
        // From each of these it goes on: what is missing is sent again.
        rig.prompt = true;
        rig.commit();
        if rig.core.trust().root_version() == 1 {
            let effects = rig.core.root(&root, 0).unwrap();
            rig.take(effects);
        }
        if rig.core.trust().epoch() == 1 {
            let effects = rig.core.keyset(&keyset, 0).unwrap();
            rig.take(effects);
        }
        let trust = rig.core.trust();
        assert_eq!((trust.root_version(), trust.epoch()), (2, 2));
        let error = rig.core.root(&root, 0).unwrap_err();
        assert_eq!(error.code(), Code::ReplayDetected);
    }
    println!(
        "survived {:<18} a power cut at each write of a rotation",
        "(old or new)"
    );
}

#[test]
fn attack_41_a_welcome_to_another_hello_and_commands_before_any() {
    let mut rig = Rig::offline();
    let command = rig.studio.sign(&with(&rig, 1, 1));
    rig.receive(&command);
    assert_eq!(rig.refused["TIMESTAMP_SKEW"], 1);
    said(
        Code::TimestampSkew,
        "an unbound command before the time is known",
    );
    rig.core.connected(nonce());
    for (case, nonce) in [
        ("an old nonce", "0".repeat(32)),
        ("no session", "1".repeat(32)),
    ] {
        let welcome = rig.studio.welcome(&nonce, NOW);
        let error = rig.core.welcomed(&welcome, 0).unwrap_err();
        assert_eq!(error.code(), Code::ReplayDetected);
        said(Code::ReplayDetected, &format!("a welcome with {case}"));
    }
    rig.core.disconnected();
    let welcome = rig.studio.welcome(NONCE, NOW);
    assert!(rig.core.welcomed(&welcome, 0).is_err(), "nobody has asked");
    rig.connect();
    let mut bound = with(&rig, 2, 2);
    bound["session_nonce"] = json!(NONCE);
    rig.core.disconnected();
    rig.core
        .connected(protocol::Nonce::parse("ab".repeat(16)).unwrap());
    let effects = rig.core.receive(&rig.studio.sign(&bound), 0);
    assert!(matches!(effects[0], Effect::Refused(Code::ReplayDetected)));
    said(
        Code::ReplayDetected,
        "a command bound to an earlier connection",
    );
}

#[test]
fn attack_42_a_receipt_by_the_wrong_key_or_for_what_was_not_sent() {
    let mut rig = Rig::online();
    rig.prompt = false;
    rig.send(1, "OVERLAY_UPDATE", &overlay("o"));
    rig.commit();
    let pending = rig.core.pending_outbox();
    assert!(pending > 0);
    let value = rig
        .studio
        .message_value(77, json!({"message_ids": rig.kept_order}));
    let forged = sign(Kind::Receipt, &value, &[&rig.studio.command]);
    let effects = rig.core.receipted(&forged, rig.boot_ms);
    assert!(matches!(effects[0], Effect::Refused(Code::Unauthorized)));
    assert_eq!(rig.core.pending_outbox(), pending);
    said(Code::Unauthorized, "a receipt by a command key");
    rig.receipt(&[mid(123)]);
    assert_eq!(rig.core.pending_outbox(), pending);
}

#[test]
fn attack_43_a_flood_of_forged_envelopes_is_counted_and_not_answered() {
    let mut rig = Rig::online();
    let stranger = key(99);
    for seq in 1..=500 {
        let envelope = sign(Kind::Command, &with(&rig, seq, seq), &[&stranger]);
        rig.receive(&envelope);
        rig.receive(b"{}");
    }
    assert!(rig.answers.is_empty() && rig.asked.is_empty() && rig.events.is_empty());
    assert_eq!(rig.refused["KEY_UNKNOWN"], 500);
    assert_eq!(rig.refused["MALFORMED"], 500);
    assert_eq!(rig.durable.commands.len(), 0);
    said(
        Code::KeyUnknown,
        "a flood of forged commands (not answered)",
    );
}
