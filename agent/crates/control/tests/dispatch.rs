//! What the core does with commands that are good: order, holds, cancelling, stopping, coming back.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests"
)]

mod support;

use control::{
    AGAIN_AFTER_MS, AGAIN_AT_MOST_MS, Claim, EVENT_LIMIT, Effect, HOLD_MS, OUTBOX_BYTES, Origin,
    Outcome, QUEUE_LIMIT, REPLY_LIMIT, RESTART_GRACE_MS, RESULT_LIMIT, Row, RowState,
};
use protocol::command::{CommandType, Target, TargetKind};
use protocol::{
    AckStatus, Code, Event, EventType, Kind, MessageId, Percent, ProgressState, Severity, verify,
};
use serde_json::{Value, json};
use support::studio::{HOUR, NONCE, NOW, at, id, nonce};
use support::{Answer, Rig, goto, mid, overlay, play, reply, stop_all};

const ACCEPTED: (AckStatus, Option<Code>) = (AckStatus::Accepted, None);
const COMPLETED: (AckStatus, Option<Code>) = (AckStatus::Completed, None);

fn program() -> Target {
    Target::all(TargetKind::Program)
}

#[test]
fn a_command_is_accepted_when_durable_then_run_then_completed_when_durable() {
    let mut rig = Rig::online();
    rig.prompt = false;
    rig.send(1, "CAMERA_ACTION", &goto("a"));
    assert!(
        rig.told(1).is_empty() && !rig.is_asked(1),
        "nothing before the sync"
    );
    rig.commit();
    assert_eq!(rig.told(1), [ACCEPTED]);
    assert!(rig.is_asked(1));
    rig.complete(1);
    assert_eq!(
        rig.told(1),
        [ACCEPTED],
        "the end is not told before it is durable"
    );
    rig.commit();
    assert_eq!(rig.told(1), [ACCEPTED, COMPLETED]);
    assert_eq!(rig.core.open_commands(), 0);
}

#[test]
fn all_that_comes_during_a_sync_shares_the_next_one() {
    let mut rig = Rig::online();
    rig.prompt = false;
    for seq in 1..=64 {
        rig.send(seq, "CAMERA_ACTION", &goto(&format!("cam-{seq}")));
    }
    let first = rig.batch.as_ref().unwrap().1.len();
    rig.commit();
    let second = rig.batch.as_ref().unwrap().1.len();
    assert!(first < 5 && second > 63 * 2, "{first} and {second} rows");
    rig.commit();
    assert!(rig.batch.is_none());
    assert!((1..=64).all(|seq| rig.told(seq) == [ACCEPTED]));
}

#[test]
fn a_repeated_command_gets_the_first_answer_and_is_not_done_again() {
    let mut rig = Rig::online();
    let envelope = rig
        .studio
        .sign(&rig.studio.command_value(1, "CAMERA_ACTION", &goto("a")));
    rig.receive(&envelope);
    rig.receive(&envelope);
    assert!(rig.last(1).duplicate && rig.last(1).status == AckStatus::Accepted);
    rig.complete(1);
    rig.receive(&envelope);
    let last = rig.last(1);
    assert!(last.duplicate && last.status == AckStatus::Completed && !last.chained);
    // Also when it is over by now, and bound to nothing that is open.
    rig.pass(HOUR + 60_000);
    rig.receive(&envelope);
    assert_eq!(rig.last(1).status, AckStatus::Completed);
    assert_eq!(rig.asked.len(), 1);
}

#[test]
fn commands_for_one_target_are_done_in_their_order_and_others_beside_them() {
    let mut rig = Rig::online();
    rig.send(1, "CAMERA_ACTION", &goto("a"));
    rig.send(2, "CAMERA_ACTION", &goto("a"));
    rig.send(3, "CAMERA_ACTION", &goto("b"));
    rig.send(4, "CAMERA_ACTION", &goto("a"));
    assert!(rig.is_asked(1) && !rig.is_asked(2) && rig.is_asked(3));
    rig.complete(1);
    assert!(rig.is_asked(2) && !rig.is_asked(4));
    rig.done(2, Outcome::failed(Code::CameraOffline, "no answer"));
    assert!(rig.is_asked(4));
    assert_eq!(rig.last(2).code, Some(Code::CameraOffline));
}

#[test]
fn an_unknown_type_is_refused_at_once_and_once_for_all() {
    let mut rig = Rig::online();
    let envelope = rig
        .studio
        .sign(&rig.studio.command_value(1, "DANCE", &json!({})));
    rig.receive(&envelope);
    assert_eq!(
        rig.told(1),
        [(AckStatus::Rejected, Some(Code::TypeUnknown))]
    );
    rig.receive(&envelope);
    assert!(rig.last(1).duplicate);
    rig.send(2, "CANCEL", &json!({}));
    assert_eq!(
        rig.told(2),
        [(AckStatus::Rejected, Some(Code::SchemaInvalid))]
    );
    assert!(rig.asked.is_empty());
}

#[test]
fn what_the_agent_cannot_do_is_never_accepted() {
    let mut rig = Rig::online();
    rig.send(1, "SEGMENT_SYNC", &json!({"segments": []}));
    assert_eq!(
        rig.told(1),
        [(AckStatus::Rejected, Some(Code::FeatureDisabled))]
    );
    let mut value = rig.studio.health(2);
    value["feature_flags"] = json!(["timeline.seek", "record.program"]);
    rig.send_value(&value);
    assert_eq!(rig.last(2).code, Some(Code::FeatureDisabled));
    value = rig.studio.health(3);
    value["feature_flags"] = json!(["timeline.seek"]);
    rig.send_value(&value);
    assert_eq!(rig.told(3), [ACCEPTED]);
    // What a module finds out only later is a failure, not a success.
    rig.begin(3);
    rig.done(3, Outcome::Disabled);
    assert_eq!(rig.last(3).code, Some(Code::FeatureDisabled));
}

#[test]
fn a_reply_of_another_form_is_no_success() {
    let mut rig = Rig::online();
    rig.send(1, "OVERLAY_UPDATE", &overlay("o"));
    assert!(rig.begin(1));
    rig.done(1, Outcome::Completed(json!({"visible": "yes"})));
    assert_eq!(rig.last(1).code, Some(Code::Internal));
}

#[test]
fn a_key_without_the_scope_is_refused_by_name() {
    let mut rig = Rig::online();
    let value = rig.studio.command_value(1, "CAMERA_ACTION", &goto("a"));
    let narrow = support::studio::sign(Kind::Command, &value, &[&rig.studio.narrow]);
    rig.receive(&narrow);
    assert_eq!(
        rig.told(1),
        [(AckStatus::Rejected, Some(Code::Unauthorized))]
    );
}

#[test]
fn a_priority_that_does_not_fit_its_type_is_refused() {
    let mut rig = Rig::online();
    for (seq, kind, payload, priority, good) in [
        (1, "CAMERA_ACTION", goto("a"), 0, false),
        (2, "CAMERA_ACTION", goto("a"), 2, false),
        (3, "CAMERA_ACTION", goto("a"), 1, true),
    ] {
        let mut value = rig.studio.command_value(seq, kind, &payload);
        value["priority"] = json!(priority);
        rig.send_value(&value);
        assert_eq!(rig.last(seq).code.is_none(), good, "{kind} {priority}");
    }
}

#[test]
fn what_waits_can_be_taken_back_and_what_runs_is_asked_to_give_up() {
    let mut rig = Rig::online();
    rig.send(1, "CAMERA_ACTION", &goto("a"));
    rig.send(2, "CAMERA_ACTION", &goto("a"));
    rig.send(3, "CANCEL", &json!({"message_id": id(2)}));
    assert_eq!(rig.last(2).status, AckStatus::Cancelled);
    assert_eq!(rig.told(3), [ACCEPTED, COMPLETED]);
    rig.send(4, "CANCEL", &json!({"message_id": id(1)}));
    assert_eq!(rig.aborted, [mid(1)]);
    assert!(!rig.begin(1), "it has not begun, so it does not");
    assert_eq!(rig.last(1).status, AckStatus::Cancelled);
    rig.send(5, "CAMERA_ACTION", &goto("a"));
    assert!(rig.begin(5));
    rig.send(6, "CANCEL", &json!({"message_id": id(5)}));
    // Too late for its module: it came true, and that is what is told.
    rig.done(5, Outcome::Completed(reply(CommandType::CameraAction)));
    assert_eq!(rig.last(5).status, AckStatus::Completed);
    rig.send(7, "CANCEL", &json!({"message_id": id(5)}));
    assert_eq!(rig.last(7).status, AckStatus::Completed);
    // Nobody takes itself back: it ends once.
    rig.send(8, "CANCEL", &json!({"message_id": id(8)}));
    assert_eq!(rig.told(8), [ACCEPTED, COMPLETED]);
}

#[test]
fn an_emergency_stop_overtakes_everything_and_nothing_comes_back() {
    let mut rig = Rig::online();
    rig.send(1, "TIMELINE_EXECUTE", &play("t"));
    rig.complete(1);
    rig.send(
        2,
        "STREAM_CONTROL",
        &json!({"stream_id": "*", "command": "go_live", "parameters": {"destination_ids": ["d"]}}),
    );
    rig.send(
        3,
        "STREAM_CONTROL",
        &json!({"stream_id": "d", "command": "restart"}),
    );
    rig.send(4, "OVERLAY_UPDATE", &overlay("o"));
    assert!(rig.begin(2) && !rig.is_asked(3));
    let hold = rig.core.hold(&program(), rig.boot_ms).unwrap();
    rig.take(hold);
    let mut stop = rig.studio.command_value(
        1,
        "EMERGENCY_STOP",
        &json!({"scope": "outputs", "reason": "x"}),
    );
    stop["message_id"] = json!(id(100));
    stop["priority"] = json!(0);
    rig.send_value(&stop);
    assert!(rig.is_asked(100), "it does not wait for anything");
    assert_eq!(rig.aborted, [mid(2)]);
    assert_eq!(rig.last(3).code, Some(Code::EmergencyActive));
    assert!(rig.told(4) == [ACCEPTED], "a graphic is not an output");
    rig.send(5, "TIMELINE_EXECUTE", &play("t"));
    assert_eq!(
        rig.told(5),
        [(AckStatus::Rejected, Some(Code::EmergencyActive))]
    );
    assert!(rig.core.claims().holder(&[program()]).is_none());
    rig.done(2, Outcome::Aborted);
    assert_eq!(rig.last(2).code, Some(Code::EmergencyActive));
    rig.complete(100);
    assert_eq!(rig.told(100), [ACCEPTED, COMPLETED]);
    let effects = rig.core.unhold(&program(), rig.boot_ms);
    rig.take(effects);
    rig.send(6, "TIMELINE_EXECUTE", &play("t"));
    assert!(rig.is_asked(6), "afterwards things may begin again");
}

#[test]
fn an_emergency_stop_is_let_in_when_the_queue_is_full() {
    let mut rig = Rig::online();
    rig.prompt = false;
    for seq in 1..=QUEUE_LIMIT as u64 {
        rig.send(seq, "CAMERA_ACTION", &goto("a"));
        rig.commit();
    }
    rig.send(2_000, "CAMERA_ACTION", &goto("a"));
    assert_eq!(rig.told(2_000), [(AckStatus::Rejected, Some(Code::Busy))]);
    let mut stop = rig.studio.command_value(1, "EMERGENCY_STOP", &stop_all());
    stop["message_id"] = json!(id(9_999));
    rig.send_value(&stop);
    rig.prompt = true;
    rig.commit();
    assert!(rig.is_asked(9_999));
    rig.complete(9_999);
    rig.done(1, Outcome::Aborted);
    // Being busy left no trace: the same command is taken now.
    rig.send(2_000, "CAMERA_ACTION", &goto("a"));
    assert_eq!(rig.last(2_000).status, AckStatus::Accepted);
}

#[test]
fn a_held_target_makes_commands_wait_until_it_is_released() {
    let mut rig = Rig::online();
    let effects = rig.core.hold(&program(), rig.boot_ms).unwrap();
    rig.take(effects);
    assert_eq!(rig.events, ["OPERATOR_OVERRIDE"]);
    rig.send(1, "TIMELINE_EXECUTE", &play("t"));
    assert_eq!(
        rig.told(1),
        [ACCEPTED, (AckStatus::Deferred, Some(Code::OverrideActive))]
    );
    let mut over = play("u");
    over["override_hold"] = json!(true);
    rig.send(2, "TIMELINE_EXECUTE", &over);
    assert!(
        !rig.is_asked(2),
        "the order of one target stays, also over a hold"
    );
    rig.send(3, "CANCEL", &json!({"message_id": id(1)}));
    assert!(rig.is_asked(2), "it goes over the hold");
    rig.complete(2);
    rig.send(4, "TIMELINE_EXECUTE", &play("v"));
    rig.pass(1_000);
    assert_eq!(rig.last(4).status, AckStatus::Deferred);
    let effects = rig.core.unhold(&program(), rig.boot_ms);
    rig.take(effects);
    assert!(rig.is_asked(4));
    assert_eq!(rig.events, ["OPERATOR_OVERRIDE", "OPERATOR_RELEASE"]);
    assert!(rig.core.hold(&Target::all(TargetKind::Agent), 0).is_err());
}

#[test]
fn a_hold_survives_a_restart_and_runs_out() {
    let mut rig = Rig::online();
    let effects = rig.core.hold(&program(), rig.boot_ms).unwrap();
    rig.take(effects);
    rig.power_cut(true);
    rig.connect();
    rig.send(
        1,
        "STREAM_CONTROL",
        &json!({"stream_id": "*", "command": "unpin"}),
    );
    assert_eq!(rig.last(1).status, AckStatus::Deferred);
    rig.pass(HOLD_MS);
    assert!(rig.is_asked(1));
    assert!(rig.durable.holds.is_empty());
    assert_eq!(rig.events.last().unwrap(), "OPERATOR_RELEASE");
}

#[test]
fn what_waits_for_an_operator_expires() {
    let mut rig = Rig::online();
    let effects = rig.core.hold(&program(), rig.boot_ms).unwrap();
    rig.take(effects);
    let mut value = rig.studio.command_value(1, "TIMELINE_EXECUTE", &play("t"));
    value["expires_at"] = json!(at(NOW + 10_000));
    rig.send_value(&value);
    rig.pass(9_999);
    assert_eq!(rig.last(1).status, AckStatus::Deferred);
    rig.pass(1);
    assert_eq!(
        (rig.last(1).status, rig.last(1).code),
        (AckStatus::Failed, Some(Code::Expired))
    );
}

#[test]
fn a_show_gives_way_to_a_newer_one_and_comes_back() {
    let mut rig = Rig::online();
    rig.send(1, "TIMELINE_EXECUTE", &play("t"));
    rig.complete(1);
    rig.send(2, "TIMELINE_EXECUTE", &play("u"));
    rig.complete(2);
    let preempted = |rig: &Rig| {
        let list = rig.other.iter();
        list.filter(|effect| matches!(effect, Effect::Preempt { message_id, by } if *message_id == mid(1) && *by == mid(2))).count()
    };
    assert_eq!(preempted(&rig), 1);
    let mut polite = play("v");
    polite["on_conflict"] = json!("reject");
    rig.send(3, "TIMELINE_EXECUTE", &polite);
    assert_eq!(rig.last(3).code, Some(Code::PriorityConflict));
    polite["on_conflict"] = json!("queue");
    rig.send(4, "TIMELINE_EXECUTE", &polite);
    assert!(!rig.is_asked(4));
    let effects = rig.core.released(&mid(2), rig.boot_ms);
    rig.take(effects);
    assert!(
        rig.other
            .iter()
            .any(|effect| matches!(effect, Effect::Restore(back) if *back == mid(1)))
    );
    assert!(!rig.is_asked(4), "the first is back");
    let effects = rig.core.released(&mid(1), rig.boot_ms);
    rig.take(effects);
    assert!(rig.is_asked(4));
}

#[test]
fn the_schedule_and_operators_give_way_to_studio_and_a_hold_keeps_the_schedule_off() {
    let mut rig = Rig::online();
    let claim = |n: u64, origin| Claim {
        id: mid(n),
        origin,
        targets: vec![program()],
    };
    assert!(
        rig.core
            .claim(claim(50, Origin::Manual))
            .unwrap()
            .is_empty()
    );
    let effects = rig.core.claim(claim(51, Origin::Schedule)).unwrap();
    assert!(matches!(&effects[..], [Effect::Preempt { .. }]));
    rig.send(1, "TIMELINE_EXECUTE", &play("t"));
    rig.complete(1);
    for origin in [Origin::Manual, Origin::Schedule] {
        let problem = rig.core.claim(claim(52, origin)).unwrap_err();
        assert_eq!(problem.code, Code::PriorityConflict);
    }
    let effects = rig.core.hold(&program(), 0).unwrap();
    rig.take(effects);
    let problem = rig.core.claim(claim(53, Origin::Schedule)).unwrap_err();
    assert_eq!(problem.code, Code::OverrideActive);
}

#[test]
fn a_command_that_was_cut_short_ends_as_interrupted_or_is_done_again() {
    let mut rig = Rig::online();
    rig.send(1, "CAMERA_ACTION", &goto("a"));
    rig.send(2, "OVERLAY_UPDATE", &overlay("o"));
    assert!(rig.begin(1) && rig.begin(2));
    rig.power_cut(true);
    assert!(
        !rig.is_asked(1) && !rig.is_asked(2),
        "the time is not known yet"
    );
    rig.connect();
    assert_eq!(rig.last(1).code, Some(Code::Interrupted));
    assert!(
        rig.asked
            .iter()
            .any(|asked| asked.id == mid(2) && asked.again)
    );
    rig.complete(2);
    assert_eq!(rig.last(2).status, AckStatus::Completed);
}

#[test]
fn a_command_is_not_done_again_when_nobody_knows_the_time_or_it_is_over() {
    let mut rig = Rig::online();
    rig.send(1, "OVERLAY_UPDATE", &overlay("o"));
    rig.power_cut(true);
    rig.pass(RESTART_GRACE_MS - 1);
    assert_eq!(rig.core.open_commands(), 1);
    rig.pass(1);
    assert_eq!(rig.core.open_commands(), 0);
    rig.connect();
    assert_eq!(rig.last(1).code, Some(Code::Interrupted));
    let mut rig = Rig::online();
    rig.send(1, "OVERLAY_UPDATE", &overlay("o"));
    rig.power_cut(true);
    rig.boot_ms = 2 * HOUR;
    rig.connect();
    assert_eq!(rig.last(1).code, Some(Code::Expired));
    assert!(rig.asked.is_empty());
}

#[test]
fn what_ends_the_agent_is_on_record_before_it_begins_and_settled_afterwards() {
    let payload = json!({
        "version": "0.2.0", "uri": "https://x/y", "sha256": format!("sha256:{}", "0".repeat(64)),
        "manifest": "e30=", "apply_after": "now",
    });
    let mut rig = Rig::online();
    rig.prompt = false;
    rig.send(1, "UPDATE_INSTALL", &payload);
    rig.commit();
    assert!(!rig.is_asked(1), "its beginning is not durable yet");
    rig.power_cut(false);
    rig.connect();
    rig.prompt = true;
    rig.commit();
    assert!(rig.is_asked(1), "it had not begun, so it is done");
    assert!(rig.begin(1));
    rig.power_cut(true);
    let [asked] = &rig.asked[..] else {
        panic!("{:?}", rig.asked);
    };
    assert!(asked.settle, "it had begun, so it is asked how it went");
    rig.connect();
    rig.done(1, Outcome::Completed(json!({})));
    assert_eq!(rig.last(1).status, AckStatus::Completed);
}

#[test]
fn answers_wait_for_the_connection_and_for_their_receipt() {
    let mut rig = Rig::online();
    rig.send(1, "CAMERA_ACTION", &goto("a"));
    rig.core.disconnected();
    rig.complete(1);
    assert_eq!(rig.told(1), [ACCEPTED]);
    rig.connect();
    assert_eq!(
        rig.told(1),
        [ACCEPTED, ACCEPTED, COMPLETED],
        "both were without a receipt"
    );
    let kept = rig.kept_order.clone();
    rig.receipt(&kept);
    assert_eq!(rig.core.pending_outbox(), 0);
    assert!(rig.durable.outbox.is_empty());
    let before = rig.answers.len();
    rig.core.disconnected();
    rig.connect();
    assert_eq!(rig.answers.len(), before);
}

#[test]
fn what_has_no_receipt_is_sent_again_on_the_same_connection() {
    let mut rig = Rig::online();
    rig.send(1, "CAMERA_ACTION", &goto("a"));
    rig.complete(1);
    let told = |rig: &mut Rig, millis: u64| {
        let before = rig.told(1).len();
        rig.pass(millis);
        rig.told(1).len() - before
    };
    assert_eq!(told(&mut rig, AGAIN_AFTER_MS - 1), 0);
    assert_eq!(told(&mut rig, 1), 1, "nobody answers: one is enough to ask");
    assert_eq!(rig.told(1), [ACCEPTED, COMPLETED, ACCEPTED]);
    // The longer nobody answers, the less often.
    assert_eq!(told(&mut rig, 2 * AGAIN_AFTER_MS - 1), 0);
    assert_eq!(told(&mut rig, 1), 1);
    assert_eq!(told(&mut rig, 4 * AGAIN_AFTER_MS), 1);
    assert_eq!(told(&mut rig, AGAIN_AT_MOST_MS), 1);
    // Somebody answers: the rest follows.
    let accepted = rig.kept_order[0].clone();
    rig.receipt(&[accepted]);
    assert_eq!(told(&mut rig, 0), 1);
    assert_eq!(rig.told(1).last(), Some(&COMPLETED));
    assert_eq!(told(&mut rig, AGAIN_AFTER_MS), 0);
    assert_eq!(told(&mut rig, AGAIN_AFTER_MS), 1);
    // Without a connection not at all, and on the next one from the start.
    rig.core.disconnected();
    assert_eq!(told(&mut rig, AGAIN_AT_MOST_MS), 0);
    let before = rig.told(1).len();
    rig.connect();
    assert_eq!(rig.told(1).len(), before + 1);
    assert_eq!(told(&mut rig, AGAIN_AFTER_MS), 1);
    let kept = rig.kept_order.clone();
    rig.receipt(&kept);
    assert_eq!(told(&mut rig, AGAIN_AT_MOST_MS), 0);
}

#[test]
fn what_is_sent_again_at_once_leaves_room_on_the_line() {
    let mut rig = Rig::online();
    for n in 1..=200 {
        rig.send(n, "HEALTH_REQUEST", &json!({}));
        rig.complete(n);
    }
    let again = |rig: &mut Rig, millis: u64| {
        let before = rig.answers.len();
        rig.pass(millis);
        rig.answers.len() - before
    };
    assert_eq!(again(&mut rig, AGAIN_AFTER_MS), 1);
    let mut rounds = Vec::new();
    while rounds.iter().sum::<usize>() < 399 {
        let asked = rig.kept_order[0].clone();
        rig.receipt(&[asked]);
        rounds.push(again(&mut rig, 0));
    }
    let bytes: usize = rig
        .durable
        .outbox
        .values()
        .map(|row| row.envelope.len())
        .sum();
    assert!(rounds.len() > bytes / (80 * 1024), "{rounds:?} of {bytes}");
    assert!(rounds.iter().all(|count| *count > 1), "{rounds:?}");
}

#[test]
fn progress_is_told_twice_a_second_and_its_end_is_kept() {
    let mut rig = Rig::online();
    rig.send(1, "OVERLAY_UPDATE", &overlay("o"));
    assert!(rig.begin(1));
    let mut sends = 0;
    for step in 0..20 {
        rig.boot_ms += 100;
        let percent = Percent::new(f64::from(step)).unwrap();
        let effects = rig
            .core
            .progress(&mid(1), percent, ProgressState::Running, rig.boot_ms);
        sends += effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Send(_)))
            .count();
        rig.take(effects);
    }
    assert_eq!(sends, 4);
    let pending = rig.core.pending_outbox();
    let all = Percent::new(100.0).unwrap();
    let effects = rig
        .core
        .progress(&mid(1), all, ProgressState::Ready, rig.boot_ms);
    rig.take(effects);
    assert_eq!(rig.core.pending_outbox(), pending + 1);
}

#[test]
fn what_is_long_over_is_forgotten() {
    let mut rig = Rig::online();
    rig.send(1, "CAMERA_ACTION", &goto("a"));
    rig.complete(1);
    rig.pass(HOUR + protocol::SKEW_MS - 1);
    assert!(rig.durable.commands.contains_key(&mid(1)));
    rig.pass(1);
    assert!(rig.durable.commands.is_empty());
}

/// So many of the largest replies are too many by a fifth.
const TOO_MANY: u64 = (REPLY_LIMIT / RESULT_LIMIT) as u64 * 6 / 5;

fn long() -> String {
    "x".repeat(RESULT_LIMIT - 1_000)
}

/// A command whose reply, or account of why it failed, is about as long as one may be. Gives its envelope.
fn talk(rig: &mut Rig, n: u64, comes_true: bool) -> Vec<u8> {
    rig.boot_ms += 1;
    let mut value = rig.studio.command_value(n, "CAMERA_ACTION", &goto("a"));
    value["timestamp"] = json!(at(NOW + rig.boot_ms));
    value["expires_at"] = json!(at(NOW + rig.boot_ms + HOUR));
    let envelope = rig.studio.sign(&value);
    rig.receive(&envelope);
    assert!(rig.begin(n));
    let outcome = if comes_true {
        Outcome::Completed(json!({ "detail": long() }))
    } else {
        Outcome::failed(Code::CameraOffline, &long())
    };
    rig.done(n, outcome);
    envelope
}

fn repeat(rig: &mut Rig, n: u64, envelope: &[u8]) -> Answer {
    let answered = rig.answers.len();
    rig.receive(envelope);
    assert_eq!(rig.answers.len(), answered + 1, "{n} is not answered");
    let answer = rig.last(n);
    assert!(answer.duplicate, "{n}");
    answer
}

/// What is stored of replies is as much as it may be, and no more.
fn assert_bounded(rig: &Rig) {
    let states = rig.durable.commands.values().map(|row| &row.state);
    let said: usize = states
        .map(|state| serde_json::to_vec(state).unwrap().len())
        .sum();
    let rest = 1_024 * rig.durable.commands.len();
    assert!(said < REPLY_LIMIT + rest, "{said} bytes");
    assert!(said > REPLY_LIMIT - 2 * RESULT_LIMIT, "{said} bytes");
}

#[test]
fn the_oldest_replies_are_forgotten_and_what_became_of_their_commands_is_not() {
    let mut rig = Rig::online();
    let talked = (1..=TOO_MANY).map(|n| talk(&mut rig, n, n != 2));
    let sent: Vec<Vec<u8>> = talked.collect();
    assert!(rig.last(1).result.is_some(), "the first answer has it all");
    assert_bounded(&rig);
    for restarted in [false, true] {
        if restarted {
            rig.power_cut(true);
            rig.connect();
        }
        let first = repeat(&mut rig, 1, &sent[0]);
        assert_eq!((first.status, first.result), (AckStatus::Completed, None));
        let second = repeat(&mut rig, 2, &sent[1]);
        assert_eq!(
            (second.status, second.code),
            (AckStatus::Failed, Some(Code::CameraOffline))
        );
        let last = repeat(&mut rig, TOO_MANY, sent.last().unwrap());
        assert_eq!(last.result, Some(json!({ "detail": long() })));
        assert_bounded(&rig);
    }
    assert!(rig.asked.is_empty(), "something was done again");
    // What is forgotten leaves its room to what comes then.
    rig.pass(2 * HOUR);
    assert!(rig.durable.commands.is_empty());
    let kept = rig.kept_order.clone();
    rig.receipt(&kept);
    for n in TOO_MANY + 1..=2 * TOO_MANY {
        talk(&mut rig, n, true);
    }
    assert_bounded(&rig);
}

#[test]
fn commands_are_turned_away_when_too_many_bytes_wait_for_receipts() {
    let mut rig = Rig::online();
    let waiting = |rig: &Rig| -> usize {
        let rows = rig.durable.outbox.values();
        rows.map(|row| row.envelope.len()).sum()
    };
    let mut n = 0;
    while waiting(&rig) < OUTBOX_BYTES {
        n += 1;
        talk(&mut rig, n, true);
    }
    assert!(waiting(&rig) < OUTBOX_BYTES + 2 * RESULT_LIMIT);
    rig.send(n + 1, "CAMERA_ACTION", &goto("a"));
    assert_eq!(rig.last(n + 1).code, Some(Code::Busy));
    // Over a restart too; an emergency stop is let in, and receipts make room again.
    rig.power_cut(true);
    rig.connect();
    rig.send(n + 2, "CAMERA_ACTION", &goto("a"));
    assert_eq!(rig.last(n + 2).code, Some(Code::Busy));
    rig.send(n + 3, "EMERGENCY_STOP", &stop_all());
    assert_eq!(rig.last(n + 3).status, AckStatus::Accepted);
    rig.complete(n + 3);
    let kept = rig.kept_order.clone();
    rig.receipt(&kept);
    rig.send(n + 4, "CAMERA_ACTION", &goto("a"));
    assert_eq!(rig.last(n + 4).status, AckStatus::Accepted);
}

#[test]
fn a_reply_that_is_just_being_forgotten_does_not_keep_its_command_from_being_answered() {
    let mut rig = Rig::online();
    let sent: Vec<Vec<u8>> = (1..TOO_MANY).map(|n| talk(&mut rig, n, true)).collect();
    let is_shed = |rig: &Rig, n| {
        let state = &rig.durable.commands[&mid(n)].state;
        matches!(state, RowState::Final { result: None, .. })
    };
    let next = (1..TOO_MANY).find(|n| !is_shed(&rig, *n)).unwrap();
    rig.send(TOO_MANY, "CAMERA_ACTION", &goto("a"));
    assert!(rig.begin(TOO_MANY));
    rig.prompt = false;
    let reply = Outcome::Completed(json!({ "detail": long() }));
    rig.done(TOO_MANY, reply);
    let place = usize::try_from(next - 1).unwrap();
    let answer = repeat(&mut rig, next, &sent[place]);
    assert_eq!((answer.status, answer.result), (AckStatus::Completed, None));
    assert!(!is_shed(&rig, next), "its row waits for the sync");
    rig.commit();
    assert!(is_shed(&rig, next));
}

#[test]
fn a_store_with_too_many_replies_is_brought_to_the_bound_at_the_start() {
    let mut rig = Rig::online();
    let talked = (1..=TOO_MANY).map(|n| talk(&mut rig, n, true));
    let sent: Vec<Vec<u8>> = talked.collect();
    for row in rig.durable.commands.values_mut() {
        if let RowState::Final { result, .. } = &mut row.state {
            *result = Some(json!({ "detail": long() }));
        }
    }
    rig.power_cut(true);
    assert_bounded(&rig);
    rig.connect();
    let first = repeat(&mut rig, 1, &sent[0]);
    assert_eq!((first.status, first.result), (AckStatus::Completed, None));
    let last = repeat(&mut rig, TOO_MANY, sent.last().unwrap());
    assert!(last.result.is_some());
    assert!(rig.asked.is_empty());
}

#[test]
fn the_version_is_agreed_and_studio_can_only_switch_off() {
    let mut rig = Rig::offline();
    rig.core.connected(nonce());
    let mut welcome = rig.studio.welcome_value(NONCE, NOW);
    welcome["payload"]["schema_version"] = json!("2.0");
    let envelope = support::studio::sign(Kind::Welcome, &welcome, &[&rig.studio.session]);
    assert!(rig.core.welcomed(&envelope, 0).is_err());
    welcome["payload"]["schema_version"] = json!("1.4");
    welcome["payload"]["feature_flags"] = json!({"timeline.seek": false, "record.program": true});
    let envelope = support::studio::sign(Kind::Welcome, &welcome, &[&rig.studio.session]);
    let (_, effects) = rig.core.welcomed(&envelope, 0).unwrap();
    rig.take(effects);
    for (seq, flag) in [(1, "timeline.seek"), (2, "record.program")] {
        let mut value = rig.studio.health(seq);
        value["feature_flags"] = json!([flag]);
        rig.send_value(&value);
        assert_eq!(rig.last(seq).code, Some(Code::FeatureDisabled), "{flag}");
    }
}

#[test]
fn an_answer_that_would_be_too_large_to_send_is_a_short_one() {
    let mut rig = Rig::online();
    let long = "x".repeat(RESULT_LIMIT);
    let reply = |detail: &str| Outcome::Completed(json!({ "detail": detail }));
    for (n, outcome, told) in [
        (1, reply("short"), (AckStatus::Completed, None)),
        (2, reply(&long), (AckStatus::Failed, Some(Code::TooLarge))),
        (
            3,
            Outcome::failed(Code::CameraOffline, &long),
            (AckStatus::Failed, Some(Code::CameraOffline)),
        ),
    ] {
        rig.send(n, "CAMERA_ACTION", &goto("a"));
        assert!(rig.begin(n));
        rig.done(n, outcome);
        let answer = rig.last(n);
        assert_eq!((answer.status, answer.code), told);
    }
    let largest = rig.durable.outbox.values().map(|row| row.envelope.len());
    assert!(largest.max().unwrap() < protocol::SIZE_LIMIT);
}

#[test]
fn a_change_of_settings_waits_for_its_time_and_holds_nobody_up() {
    let change =
        |when: &Value| json!({"config_patch": {"log": {"level": "info"}}, "apply_after": when});
    let mut rig = Rig::online();
    let soon = rig.core.now(rig.boot_ms).at.plus(10_000);
    rig.send(1, "DEVICE_CONFIG", &change(&json!(soon)));
    rig.send(2, "DEVICE_CONFIG", &change(&json!("idle")));
    rig.send(3, "DEVICE_CONFIG", &change(&json!("now")));
    assert!(!rig.is_asked(1) && !rig.is_asked(2) && rig.is_asked(3));
    rig.pass(10_500);
    assert!(!rig.is_asked(1), "another is under way");
    rig.complete(3);
    assert!(rig.is_asked(1));
    rig.complete(1);
    rig.pass(500);
    assert!(!rig.is_asked(2), "a show runs");
    let mut dry = change(&json!("idle"));
    dry["dry_run"] = json!(true);
    rig.send(4, "DEVICE_CONFIG", &dry);
    assert!(rig.is_asked(4), "a dry run waits for nothing");
    rig.complete(4);
    rig.core.set_idle(true);
    rig.pass(500);
    assert!(rig.is_asked(2));
    rig.complete(2);

    rig.core.set_idle(false);
    rig.send(5, "DEVICE_CONFIG", &change(&json!("idle")));
    rig.send(6, "DEVICE_CONFIG", &change(&json!("idle")));
    rig.send(7, "CANCEL", &json!({"message_id": mid(6)}));
    assert_eq!(rig.last(6).status, AckStatus::Cancelled);
    rig.pass(HOUR);
    assert_eq!(rig.last(5).code, Some(Code::Expired));
    assert!(!rig.is_asked(5) && !rig.is_asked(6));
}

#[test]
fn a_change_of_settings_that_waits_ends_with_the_agent() {
    let change = json!({"config_patch": {"log": {"level": "info"}}, "apply_after": "idle"});
    let mut rig = Rig::online();
    rig.send(1, "DEVICE_CONFIG", &change);
    rig.power_cut(true);
    rig.core.set_idle(true);
    rig.connect();
    assert_eq!(rig.last(1).code, Some(Code::Interrupted));
    assert!(rig.asked.is_empty());
}

fn told(n: usize, severity: Severity) -> Event {
    Event {
        event_type: EventType::TimelineState,
        severity,
        context: serde_json::Map::from_iter([("n".to_owned(), json!(n))]),
    }
}

#[test]
fn events_give_way_to_each_other_and_never_cost_a_command_its_answer() {
    let mut rig = Rig::offline();
    let tell = |rig: &mut Rig, n: usize, severity: Severity| {
        let effects = rig.core.event(&told(n, severity), None, 0);
        rig.take(effects);
    };
    tell(&mut rig, 0, Severity::Error);
    for n in 1..EVENT_LIMIT {
        tell(&mut rig, n, Severity::Info);
    }
    assert_eq!(rig.core.pending_outbox(), EVENT_LIMIT);
    let dropped = |rig: &Rig| {
        let other = rig.other.iter();
        other.filter(|one| matches!(one, Effect::Dropped)).count()
    };
    assert_eq!(dropped(&rig), 0);
    // The oldest that matters least goes, and Studio is told once that some did.
    for n in 0..10 {
        tell(&mut rig, EVENT_LIMIT + n, Severity::Warning);
    }
    assert_eq!(dropped(&rig), 11, "and one for the word of it");
    assert_eq!(rig.core.pending_outbox(), EVENT_LIMIT);
    assert_eq!(rig.durable.outbox.len(), EVENT_LIMIT);
    let severities: Vec<Severity> = rig
        .durable
        .outbox
        .values()
        .filter_map(|row| row.event)
        .collect();
    let count = |wanted: Severity| severities.iter().filter(|one| **one == wanted).count();
    assert_eq!((count(Severity::Error), count(Severity::Warning)), (1, 11));
    // It is so after a restart too: all that is left is sent, and a command is taken all the same.
    rig.power_cut(true);
    let ids: Vec<MessageId> = rig
        .durable
        .outbox
        .values()
        .map(|row| row.message_id.clone())
        .collect();
    rig.core.connected(nonce());
    let welcome = rig.studio.welcome(NONCE, NOW);
    let (_, effects) = rig.core.welcomed(&welcome, 0).unwrap();
    // Those that gave way are gaps in the chain, which the rig would not take.
    let (sent, others): (Vec<Effect>, Vec<Effect>) = effects
        .into_iter()
        .partition(|effect| matches!(effect, Effect::Send(_)));
    assert_eq!(sent.len(), EVENT_LIMIT);
    rig.take(others);
    rig.send(1, "OVERLAY_UPDATE", &overlay("o"));
    rig.complete(1);
    assert_eq!(rig.last(1).status, AckStatus::Completed);
    ids.chunks(256).for_each(|ids| rig.receipt(ids));
    assert_eq!(rig.core.pending_outbox(), 2, "the two answers");
    assert_eq!(rig.durable.outbox.len(), 2);
}

#[test]
fn an_event_that_belongs_to_a_command_has_its_correlation_id() {
    let mut rig = Rig::online();
    for cause in [Some(mid(77)), None] {
        let effects = rig.core.event(&told(1, Severity::Info), cause.clone(), 0);
        let [Effect::Persist { batch, .. }] = &effects[..] else {
            panic!("{effects:?}");
        };
        let effects = rig.core.committed(*batch, 0);
        let [Effect::Send(envelope)] = &effects[..] else {
            panic!("{effects:?}");
        };
        let (device, key) = (&rig.studio.device_id, rig.studio.device.public());
        let message = verify::from_device::<Event>(envelope, Kind::Event, device, key);
        let message = message.unwrap().into_inner();
        let own = message.message_id.clone();
        assert_eq!(message.correlation_id, cause.unwrap_or(own));
    }
}

#[test]
fn what_becomes_of_a_command_is_written_down_in_the_batch_that_makes_it_so() {
    let mut rig = Rig::online();
    rig.prompt = false;
    let written = |rig: &Rig| {
        let (_, rows) = rig.batch.as_ref().expect("a batch");
        let audit = rows.iter().filter_map(|row| match row {
            Row::Audit(row) => Some((row.message_id.clone(), row.status, row.targets.len())),
            _ => None,
        });
        audit.collect::<Vec<_>>()
    };
    rig.send(1, "OVERLAY_UPDATE", &overlay("o"));
    assert_eq!(written(&rig), [(mid(1), AckStatus::Accepted, 1)]);
    rig.commit();
    rig.complete(1);
    assert_eq!(written(&rig), [(mid(1), AckStatus::Completed, 1)]);
    rig.commit();
    let unknown = rig.studio.command_value(2, "MAKE_COFFEE", &json!({}));
    rig.send_value(&unknown);
    assert_eq!(written(&rig), [(mid(2), AckStatus::Rejected, 0)]);
    rig.commit();
    // What leaves no row is told to whoever writes it down.
    let mut again = rig.studio.command_value(3, "OVERLAY_UPDATE", &overlay("o"));
    again["seq"] = json!(1);
    rig.send_value(&again);
    assert!(rig.batch.is_none());
    let told = rig.other.iter().find_map(|one| match one {
        Effect::TurnedAway(refusal) => Some((refusal.code, refusal.about.clone())),
        _ => None,
    });
    let (code, about) = told.expect("it was turned away");
    assert_eq!(code, Code::ReplayDetected);
    assert_eq!(about.map(|(id, _)| id), Some(mid(3)));
}

#[test]
fn events_that_come_while_the_disk_takes_nothing_take_each_others_place() {
    let mut rig = Rig::offline();
    // The first batch is under way, and does not come back.
    let effects = rig.core.event(&told(0, Severity::Info), None, 0);
    let held = effects.into_iter().find_map(|effect| match effect {
        Effect::Persist { batch, .. } => Some(batch),
        _ => None,
    });
    for n in 1..3 * EVENT_LIMIT {
        let effects = rig.core.event(&told(n, Severity::Info), None, 0);
        assert!(
            !effects
                .iter()
                .any(|one| matches!(one, Effect::Persist { .. }))
        );
    }
    let effects = rig.core.committed(held.unwrap(), 0);
    let rows = effects.into_iter().find_map(|effect| match effect {
        Effect::Persist { rows, .. } => Some(rows.len()),
        _ => None,
    });
    // Those that wait, and that the first one of all is gone.
    assert_eq!(rows, Some(EVENT_LIMIT + 1));
}
