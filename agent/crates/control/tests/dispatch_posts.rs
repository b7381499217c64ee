//! What becomes of commands that are posted at the device, with and without a connection.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod support;

use control::{Answered, Effect};
use protocol::{Ack, AckStatus, Code, Kind, Nonce, verify};
use serde_json::{Value, json};
use support::studio::{HOUR, NONCE, key, sign};
use support::{Rig, goto, mid};

const HERE: &str = "5eed5eed5eed5eed5eed5eed5eed5eed";

/// What whoever posts was told: the number, status, code, and whether it is a repetition.
type Told = (u64, AckStatus, Option<Code>, bool);

fn post(rig: &mut Rig, number: u64, envelope: &[u8]) -> bool {
    let nonce = Nonce::parse(HERE).unwrap();
    let (is_believed, effects) = rig.core.post(number, envelope, &[nonce], rig.boot_ms);
    rig.take(effects);
    is_believed
}

/// All that was told since the last question. Each answer is signed by the device and says the same.
fn told(rig: &mut Rig) -> Vec<Told> {
    let (device, key) = (
        rig.studio.device_id.clone(),
        rig.studio.device.public().clone(),
    );
    let mut told = Vec::new();
    for effect in std::mem::take(&mut rig.other) {
        let Effect::Answered(answered) = effect else {
            continue;
        };
        let Answered {
            number,
            ack,
            envelope,
            ..
        } = *answered;
        let signed = verify::from_device::<Ack>(&envelope, Kind::Ack, &device, &key).unwrap();
        let signed = signed.into_inner();
        assert!(signed.chain.is_none());
        assert_eq!(signed.payload.message_id, ack.message_id);
        assert_eq!(signed.payload.status, ack.status);
        told.push((
            number,
            ack.status,
            ack.error.map(|error| error.code),
            ack.duplicate,
        ));
    }
    told
}

fn bound(rig: &Rig, seq: u64, nonce: &str) -> Value {
    let mut value = rig.studio.command_value(seq, "CAMERA_ACTION", &goto("a"));
    value["session_nonce"] = nonce.into();
    value
}

#[test]
fn a_posted_command_is_done_like_any_other_and_whoever_posted_it_is_told_when_it_is_durable() {
    let mut rig = Rig::online();
    rig.prompt = false;
    let value = rig.studio.command_value(1, "CAMERA_ACTION", &goto("a"));
    let envelope = rig.studio.sign(&value);
    assert!(post(&mut rig, 7, &envelope));
    assert!(told(&mut rig).is_empty(), "told before it is durable");
    rig.commit();
    assert_eq!(told(&mut rig), [(7, AckStatus::Accepted, None, false)]);
    assert!(rig.is_asked(1));
    rig.complete(1);
    assert!(
        told(&mut rig).is_empty(),
        "its end is told before it is durable"
    );
    rig.commit();
    assert_eq!(told(&mut rig), [(7, AckStatus::Completed, None, false)]);
    // Studio has both answers too, and each once.
    assert_eq!(rig.told(1).len(), 2);
    // Once more: how it stands, and nothing is done.
    assert!(post(&mut rig, 8, &envelope));
    assert_eq!(told(&mut rig), [(8, AckStatus::Completed, None, true)]);
    assert_eq!((rig.asked.len(), rig.told(1).len()), (1, 2));
}

#[test]
fn what_came_by_the_link_and_is_posted_while_it_arrives_is_done_once_and_told_both() {
    let mut rig = Rig::online();
    rig.prompt = false;
    let value = rig.studio.command_value(1, "CAMERA_ACTION", &goto("a"));
    let envelope = rig.studio.sign(&value);
    rig.receive(&envelope);
    assert!(post(&mut rig, 1, &envelope) && post(&mut rig, 2, &envelope));
    rig.core.poster_gone(2);
    rig.prompt = true;
    rig.commit();
    assert_eq!(told(&mut rig), [(1, AckStatus::Accepted, None, true)]);
    rig.complete(1);
    assert_eq!(told(&mut rig), [(1, AckStatus::Completed, None, true)]);
    assert_eq!((rig.asked.len(), rig.told(1).len()), (1, 2));
}

#[test]
fn without_a_connection_the_nonce_of_the_device_stands_in_for_the_time() {
    let mut rig = Rig::offline();
    let unbound = rig.studio.command_value(1, "CAMERA_ACTION", &goto("a"));
    for (number, value, expected) in [
        (1, unbound, Code::TimestampSkew),
        (2, bound(&rig, 1, NONCE), Code::ReplayDetected),
    ] {
        let envelope = rig.studio.sign(&value);
        assert!(post(&mut rig, number, &envelope));
        let rejected = (number, AckStatus::Rejected, Some(expected), false);
        assert_eq!(told(&mut rig), [rejected]);
    }
    let envelope = rig.studio.sign(&bound(&rig, 1, HERE));
    assert!(post(&mut rig, 3, &envelope));
    rig.complete(1);
    let both = [AckStatus::Accepted, AckStatus::Completed];
    assert_eq!(told(&mut rig), both.map(|status| (3, status, None, false)));
    assert!(rig.answers.is_empty(), "there is nobody to send it to");
    rig.connect();
    assert_eq!(rig.told(1).len(), 2, "Studio is told afterwards");
}

#[test]
fn what_is_posted_without_the_time_is_over_when_its_life_is() {
    let mut rig = Rig::offline();
    rig.core.set_idle(false);
    let patch = json!({"config_patch": {"degraded": {"enter_s": 9}}, "apply_after": "idle"});
    let mut later = rig.studio.command_value(1, "DEVICE_CONFIG", &patch);
    later["session_nonce"] = HERE.into();
    let later = rig.studio.sign(&later);
    assert!(post(&mut rig, 1, &later));
    // A command that has its turn, and waits for the module's last question.
    let running = rig.studio.sign(&bound(&rig, 2, HERE));
    assert!(post(&mut rig, 2, &running));
    rig.pass(HOUR);
    rig.core.set_idle(true);
    rig.pass(1);
    assert!(!rig.is_asked(1) && !rig.begin(2));
    let expired = |number| (number, AckStatus::Failed, Some(Code::Expired), false);
    let accepted = |number| (number, AckStatus::Accepted, None, false);
    let mut told = told(&mut rig);
    told.sort_by_key(|told| told.0);
    assert_eq!(told, [accepted(1), expired(1), accepted(2), expired(2)]);
}

#[test]
fn after_a_restart_a_key_that_ended_before_it_signs_nothing_that_is_posted() {
    let mut rig = Rig::online();
    // The keys of the test end half a year after its beginning; the device was connected once, before.
    for _ in 0..200 {
        rig.pass(24 * HOUR);
    }
    rig.power_cut(true);
    let envelope = rig.studio.sign(&bound(&rig, 1, HERE));
    assert!(!post(&mut rig, 1, &envelope), "an ended key is believed");
    assert!(told(&mut rig).is_empty() && rig.asked.is_empty());
}

#[test]
fn a_nonce_for_posts_counts_on_no_connection_and_that_of_a_connection_for_no_post() {
    let mut rig = Rig::online();
    rig.send_value(&bound(&rig, 1, HERE));
    assert_eq!(rig.last(1).code, Some(Code::ReplayDetected));
    let envelope = rig.studio.sign(&bound(&rig, 2, NONCE));
    assert!(post(&mut rig, 1, &envelope));
    let rejected = (1, AckStatus::Rejected, Some(Code::ReplayDetected), false);
    assert_eq!(told(&mut rig), [rejected]);
    assert!(
        rig.told(2).is_empty(),
        "what only its poster is told was sent"
    );
    assert!(rig.asked.is_empty());
}

#[test]
fn attack_a_post_that_nobody_of_studio_signed_is_told_nothing_and_does_nothing() {
    let mut rig = Rig::online();
    let good = rig.studio.command_value(1, "CAMERA_ACTION", &goto("a"));
    let mut other = good.clone();
    other["device_id"] = "somebody-else".into();
    let welcome = rig.studio.welcome(NONCE, support::studio::NOW);
    for envelope in [
        sign(Kind::Command, &good, &[&key(77)]),
        sign(Kind::Command, &good, &[&rig.studio.session]),
        sign(Kind::Event, &good, &[&rig.studio.command]),
        rig.studio.sign(&other),
        welcome,
        b"{}".to_vec(),
        Vec::new(),
    ] {
        assert!(!post(&mut rig, 1, &envelope));
        assert!(told(&mut rig).is_empty());
    }
    assert!(rig.asked.is_empty() && rig.answers.is_empty());
    assert_eq!(rig.refused.values().sum::<u32>(), 7, "{:?}", rig.refused);
}

#[test]
fn attack_another_body_under_a_known_id_is_refused_to_whoever_posts_it_only() {
    let mut rig = Rig::online();
    let value = rig.studio.command_value(1, "CAMERA_ACTION", &goto("a"));
    let envelope = rig.studio.sign(&value);
    assert!(post(&mut rig, 1, &envelope));
    let mut changed = value;
    changed["payload"] = goto("b");
    let changed = rig.studio.sign(&changed);
    assert!(post(&mut rig, 2, &changed));
    rig.complete(1);
    assert_eq!(
        told(&mut rig),
        [
            (1, AckStatus::Accepted, None, false),
            (2, AckStatus::Rejected, Some(Code::ReplayDetected), false),
            (1, AckStatus::Completed, None, false),
        ]
    );
    assert_eq!(rig.asked.len(), 1);
}

#[test]
fn a_post_that_expires_or_is_refused_for_good_says_so() {
    let mut rig = Rig::online();
    let unknown = rig.studio.command_value(1, "DANCE", &json!({}));
    let envelope = rig.studio.sign(&unknown);
    assert!(post(&mut rig, 1, &envelope) && post(&mut rig, 2, &envelope));
    let code = Some(Code::TypeUnknown);
    let refused = [
        (1, AckStatus::Rejected, code, false),
        (2, AckStatus::Rejected, code, true),
    ];
    assert_eq!(told(&mut rig), refused);
    rig.pass(HOUR + 60_000);
    let late = rig.studio.command_value(2, "CAMERA_ACTION", &goto("a"));
    let late = rig.studio.sign(&late);
    assert!(post(&mut rig, 3, &late));
    let expired = (3, AckStatus::Rejected, Some(Code::Expired), false);
    assert_eq!(told(&mut rig), [expired]);
    assert!(rig.durable.commands.contains_key(&mid(1)));
}
