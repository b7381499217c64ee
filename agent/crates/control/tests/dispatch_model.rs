//! The core against a simple model, under any order of deliveries, syncs, answers, losses and power cuts.
//!
//! The model knows what Studio has signed and counts effects. Whatever happens: nothing that was accepted
//! is lost, nothing that may be done only once is done twice, nothing forged is done, nothing is told
//! that a power cut undoes, and in the end nothing is left over.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use control::Outcome;
use proptest::prelude::*;
use protocol::command::{Command, CommandType};
use protocol::{AckStatus, Code, Kind, MessageId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use support::studio::{id, key, sign};
use support::{Rig, goto, mid, overlay, play, reply, stop_all};

/// One of however many there are.
#[derive(Debug, Clone, Copy)]
struct Pick(usize);

impl Pick {
    fn get<T>(self, list: &[T]) -> &T {
        &list[self.0 % list.len()]
    }
}

#[derive(Debug, Clone)]
enum Op {
    /// Studio signs and sends a new command of one of some kinds.
    Send(u8),
    /// Studio signs one that gets lost on its way.
    Lose(u8),
    /// One of the commands so far is delivered (again).
    Deliver(Pick),
    /// A stranger sends something.
    Forge,
    /// Somebody tampers with a command on its way.
    Tamper(Pick, Pick),
    /// The batch is durable.
    Commit,
    /// A module begins one that it was asked for.
    Begin(Pick),
    /// And ends it: well, badly, or giving up.
    Done(Pick, u8),
    /// The connection is lost and comes back.
    Reconnect,
    /// Studio sends receipts for all it has kept.
    Receipts,
    /// Time passes.
    Pass(u16),
    /// The power fails; the batch under way gets through or not.
    Cut(bool),
}

fn op() -> impl Strategy<Value = Op> {
    let pick = || any::<u16>().prop_map(|n| Pick(usize::from(n)));
    prop_oneof![
        6 => (0_u8..8).prop_map(Op::Send),
        1 => (0_u8..8).prop_map(Op::Lose),
        4 => pick().prop_map(Op::Deliver),
        1 => Just(Op::Forge),
        1 => (pick(), pick()).prop_map(|(which, place)| Op::Tamper(which, place)),
        8 => Just(Op::Commit),
        6 => pick().prop_map(Op::Begin),
        6 => (pick(), 0_u8..4).prop_map(|(which, how)| Op::Done(which, how)),
        1 => Just(Op::Reconnect),
        2 => Just(Op::Receipts),
        2 => (0_u16..3_000).prop_map(Op::Pass),
        2 => any::<bool>().prop_map(Op::Cut),
    ]
}

struct Sent {
    n: u64,
    envelope: Vec<u8>,
    repeatable: bool,
}

/// What happens around the core.
struct World {
    rig: Rig,
    sent: Vec<Sent>,
    ordinary: u64,
    emergency: u64,
    /// How often each effect came about in the world.
    effects: BTreeMap<MessageId, u32>,
    begun: BTreeSet<MessageId>,
}

impl World {
    fn new() -> Self {
        let mut rig = Rig::online();
        rig.prompt = false;
        Self {
            rig,
            sent: Vec::new(),
            ordinary: 0,
            emergency: 0,
            effects: BTreeMap::new(),
            begun: BTreeSet::new(),
        }
    }

    fn sign(&mut self, which: u8) {
        let n = self.sent.len() as u64 + 1;
        let target = self.sent.last().map_or(1, |sent| sent.n);
        let (kind, payload): (&str, Value) = match which {
            0 => ("CAMERA_ACTION", goto("a")),
            1 => ("CAMERA_ACTION", goto("b")),
            2 => ("OVERLAY_UPDATE", overlay("o")),
            3 => ("TIMELINE_EXECUTE", play("t")),
            4 => ("CANCEL", json!({ "message_id": id(target) })),
            5 => ("EMERGENCY_STOP", stop_all()),
            6 => ("DANCE", json!({})),
            _ => ("HEALTH_REQUEST", json!({})),
        };
        let seq = if kind == "EMERGENCY_STOP" {
            self.emergency += 1;
            self.emergency
        } else {
            self.ordinary += 1;
            self.ordinary
        };
        let mut value = self.rig.studio.command_value(seq, kind, &payload);
        value["message_id"] = json!(id(n));
        let repeatable = Command::read(kind, &payload).is_ok_and(|command| command.is_repeatable());
        let envelope = self.rig.studio.sign(&value);
        self.sent.push(Sent {
            n,
            envelope,
            repeatable,
        });
    }

    /// Commands that modules have in hand and have not ended.
    fn open(&self) -> Vec<(MessageId, CommandType)> {
        let asked = self.rig.asked.iter();
        asked.map(|asked| (asked.id.clone(), asked.kind)).collect()
    }

    fn begin(&mut self, which: Pick) {
        let open: Vec<_> = self.open();
        let open: Vec<_> = open
            .iter()
            .filter(|(id, _)| !self.begun.contains(id))
            .collect();
        if open.is_empty() {
            return;
        }
        let id = which.get(&open).0.clone();
        let (may, effects) = self.rig.core.begin(&id, self.rig.boot_ms);
        if may {
            *self.effects.entry(id.clone()).or_default() += 1;
            self.begun.insert(id);
        } else {
            self.rig.asked.retain(|asked| asked.id != id);
        }
        self.rig.take(effects);
    }

    fn done(&mut self, which: Pick, how: u8) {
        let open = self.open();
        let open: Vec<_> = open
            .iter()
            .filter(|(id, _)| self.begun.contains(id))
            .collect();
        if open.is_empty() {
            return;
        }
        let (id, kind) = which.get(&open);
        let outcome = match how {
            0 => Outcome::failed(Code::CameraOffline, "no answer"),
            1 if self.rig.aborted.contains(id) => Outcome::Aborted,
            _ => Outcome::Completed(reply(*kind)),
        };
        self.rig.asked.retain(|asked| asked.id != *id);
        self.begun.remove(id);
        let effects = self.rig.core.done(id, outcome, self.rig.boot_ms);
        self.rig.take(effects);
    }

    fn step(&mut self, op: &Op) {
        match op {
            Op::Send(which) => {
                self.sign(*which);
                let envelope = self.sent.last().unwrap().envelope.clone();
                self.rig.receive(&envelope);
            }
            Op::Lose(which) => self.sign(*which),
            Op::Deliver(which) if !self.sent.is_empty() => {
                let envelope = which.get(&self.sent).envelope.clone();
                self.rig.receive(&envelope);
            }
            Op::Forge => {
                let mut value = self
                    .rig
                    .studio
                    .command_value(1, "CAMERA_ACTION", &goto("x"));
                value["message_id"] = json!(id(0xf0f0));
                let envelope = sign(Kind::Command, &value, &[&key(99)]);
                self.rig.receive(&envelope);
            }
            Op::Tamper(which, place) if !self.sent.is_empty() => {
                let mut envelope = which.get(&self.sent).envelope.clone();
                let at = place.0 % envelope.len();
                envelope[at] ^= 1;
                self.rig.receive(&envelope);
            }
            Op::Commit => self.rig.commit(),
            Op::Begin(which) => self.begin(*which),
            Op::Done(which, how) => self.done(*which, *how),
            Op::Reconnect => {
                self.rig.core.disconnected();
                self.rig.connect();
            }
            Op::Receipts => {
                let kept = self.rig.kept_order.clone();
                self.rig.receipt(&kept);
            }
            Op::Pass(millis) => self.rig.pass(u64::from(*millis)),
            Op::Cut(synced) => {
                self.rig.power_cut(*synced);
                self.begun.clear();
                self.rig.connect();
            }
            Op::Deliver(_) | Op::Tamper(..) => {}
        }
    }

    /// Everything goes well from here on: what is missing is sent again and all modules do their work.
    fn settle(&mut self) {
        let first = || Pick(0);
        self.rig.prompt = true;
        self.rig.commit();
        self.rig.core.disconnected();
        self.rig.connect();
        for _ in 0..2 {
            let envelopes: Vec<_> = self.sent.iter().map(|sent| sent.envelope.clone()).collect();
            for envelope in envelopes {
                self.rig.receive(&envelope);
            }
            while !self.rig.asked.is_empty() {
                self.begin(first());
                self.done(first(), 2);
            }
        }
    }

    fn judge(&self) -> Result<(), TestCaseError> {
        for sent in &self.sent {
            let id = mid(sent.n);
            let answers: Vec<_> = self.rig.answers.iter().filter(|a| a.id == id).collect();
            let ends: BTreeSet<String> = answers
                .iter()
                .filter(|answer| answer.status.is_final() && answer.code != Some(Code::Busy))
                .map(|answer| format!("{:?} {:?}", answer.status, answer.code))
                .collect();
            prop_assert_eq!(ends.len(), 1, "{} has the ends {:?}", sent.n, &ends);
            let count = self.effects.get(&id).copied().unwrap_or(0);
            if !sent.repeatable {
                prop_assert!(count <= 1, "{} was done {} times", sent.n, count);
            }
            let completed = answers.iter().any(|a| a.status == AckStatus::Completed);
            let by_core = self.rig.durable.commands[&id].kind == Some(CommandType::Cancel);
            if completed && !by_core {
                prop_assert!(count >= 1, "{} completed without an effect", sent.n);
            }
            let accepted = answers.iter().any(|a| a.status == AckStatus::Accepted);
            prop_assert!(accepted || count == 0, "{} was done unaccepted", sent.n);
        }
        let known: BTreeSet<MessageId> = self.sent.iter().map(|sent| mid(sent.n)).collect();
        prop_assert!(
            self.effects.keys().all(|id| known.contains(id)),
            "a forged one was done"
        );
        prop_assert_eq!(self.rig.core.open_commands(), 0);
        Ok(())
    }
}

/// 512 stories of up to 120 steps; `VISTTER_LONG=1` for 20,000.
fn cases() -> u32 {
    if std::env::var_os("VISTTER_LONG").is_some() {
        20_000
    } else {
        512
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_accepted_is_lost_and_nothing_is_done_twice(
        ops in prop::collection::vec(op(), 1..120),
    ) {
        let mut world = World::new();
        for op in &ops {
            world.step(op);
        }
        world.settle();
        world.judge()?;
    }
}

/// The power fails at every single point of a story, with the batch under way lost or written.
#[test]
fn a_power_cut_at_every_point_loses_and_doubles_nothing() {
    let first = Pick(0);
    let mut story = Vec::new();
    for which in [0, 2, 3, 1, 4, 0, 5, 2, 7, 0] {
        story.extend([Op::Send(which), Op::Commit, Op::Begin(first), Op::Commit]);
        story.extend([Op::Done(first, 2), Op::Commit, Op::Receipts, Op::Commit]);
    }
    let mut cuts = 0;
    for at in 0..=story.len() {
        for synced in [false, true] {
            let mut world = World::new();
            for (place, op) in story.iter().enumerate() {
                if place == at {
                    world.step(&Op::Cut(synced));
                }
                world.step(op);
            }
            if at == story.len() {
                world.step(&Op::Cut(synced));
            }
            world.settle();
            if let Err(error) = world.judge() {
                panic!("cut at {at}, synced {synced}: {error}");
            }
            cuts += 1;
        }
    }
    println!("{cuts} power cuts: 0 lost, 0 doubled, 0 left over");
}
