//! A core with a store, a Studio and modules around it, all of them in memory and under the test's hand.

#![allow(dead_code, reason = "each test file uses a part of it")]

#[path = "../../../../../protocol/tests/support/mod.rs"]
pub(crate) mod studio;

use control::{BatchId, Config, Core, Effect, Outcome, Row, Stored};
use protocol::command::{Command, CommandType};
use protocol::{AckStatus, ChainTail, Code, Flag, Flags, Kind, Message, MessageId, Nonce, verify};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use studio::{HOUR, NONCE, NOW, Studio, at, id, key, opened, sign};

pub(crate) fn mid(n: u64) -> MessageId {
    MessageId::parse(id(n)).unwrap()
}

/// An answer as Studio has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) id: MessageId,
    pub(crate) status: AckStatus,
    pub(crate) code: Option<Code>,
    pub(crate) duplicate: bool,
    pub(crate) result: Option<Value>,
    pub(crate) chained: bool,
    /// The very message came before, and had no receipt.
    pub(crate) again: bool,
}

/// A run that a module was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) id: MessageId,
    pub(crate) kind: CommandType,
    pub(crate) again: bool,
    pub(crate) settle: bool,
}

pub(crate) struct Rig {
    pub(crate) studio: Studio,
    pub(crate) core: Core,
    /// What survives a power cut.
    pub(crate) durable: Stored,
    /// The batch that is being written.
    pub(crate) batch: Option<(BatchId, Vec<Row>)>,
    /// Whether batches are durable at once.
    pub(crate) prompt: bool,
    pub(crate) boot_ms: u64,
    boots: u64,
    pub(crate) answers: Vec<Answer>,
    pub(crate) events: Vec<String>,
    pub(crate) asked: Vec<Asked>,
    pub(crate) aborted: Vec<MessageId>,
    pub(crate) other: Vec<Effect>,
    pub(crate) refused: BTreeMap<String, u32>,
    tail: ChainTail,
    kept: BTreeSet<MessageId>,
    pub(crate) kept_order: Vec<MessageId>,
}

pub(crate) fn config(studio: &Studio, boot: u64) -> Config {
    Config {
        signer: key(8),
        boot_id: mid(0xb007_0000 + boot),
        built: at(NOW - 24 * HOUR),
        commands: CommandType::ALL
            .iter()
            .copied()
            .filter(|kind| *kind != CommandType::SegmentSync)
            .collect(),
        flags: Flags::of_build([Flag::parse("timeline.seek").unwrap()]),
        trust: studio.trust(),
    }
}

impl Rig {
    /// A device that is connected and knows the time.
    pub(crate) fn online() -> Self {
        let mut rig = Self::offline();
        rig.connect();
        rig
    }

    pub(crate) fn offline() -> Self {
        let studio = Studio::default();
        let (core, effects) = Core::boot(config(&studio, 0), Stored::default(), 0).unwrap();
        let mut rig = Self {
            studio,
            core,
            durable: Stored::default(),
            batch: None,
            prompt: true,
            boot_ms: 0,
            boots: 0,
            answers: Vec::new(),
            events: Vec::new(),
            asked: Vec::new(),
            aborted: Vec::new(),
            other: Vec::new(),
            refused: BTreeMap::new(),
            tail: ChainTail::default(),
            kept: BTreeSet::new(),
            kept_order: Vec::new(),
        };
        rig.take(effects);
        rig
    }

    pub(crate) fn connect(&mut self) {
        self.core.connected(Nonce::parse(NONCE).unwrap());
        let welcome = self.studio.welcome(NONCE, NOW + self.boot_ms);
        let (_, effects) = self.core.welcomed(&welcome, self.boot_ms).unwrap();
        self.take(effects);
    }

    /// The power fails: what is not durable is gone. `synced` says whether the batch that was being
    /// written got through.
    pub(crate) fn power_cut(&mut self, synced: bool) {
        if let (Some((_, rows)), true) = (self.batch.take(), synced) {
            for row in rows {
                self.durable.apply(row);
            }
        }
        self.batch = None;
        self.boots += 1;
        self.boot_ms = 0;
        self.asked.clear();
        // What is durable went through bytes.
        let bytes = serde_json::to_vec(&self.durable).unwrap();
        let stored = serde_json::from_slice(&bytes).unwrap();
        let (core, effects) = Core::boot(config(&self.studio, self.boots), stored, 0).unwrap();
        self.core = core;
        self.take(effects);
    }

    /// Carries effects out.
    pub(crate) fn take(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Persist { batch, rows } => {
                    assert!(self.batch.is_none(), "two batches under way");
                    self.batch = Some((batch, rows));
                }
                Effect::Send(envelope) => self.sent(&envelope),
                Effect::Run {
                    message_id,
                    command,
                    again,
                } => self.ask(message_id, &command, again, false),
                Effect::Settle {
                    message_id,
                    command,
                } => self.ask(message_id, &command, false, true),
                Effect::Abort(id) => self.aborted.push(id),
                Effect::Refused(code) => {
                    *self.refused.entry(code.as_str().to_owned()).or_default() += 1;
                }
                other => self.other.push(other),
            }
        }
        if self.prompt {
            self.commit();
        }
    }

    fn ask(&mut self, id: MessageId, command: &Command, again: bool, settle: bool) {
        assert!(
            self.durable.commands.contains_key(&id),
            "a command runs that a power cut could undo"
        );
        self.asked.push(Asked {
            id,
            kind: command.command_type(),
            again,
            settle,
        });
    }

    /// The batch is durable.
    pub(crate) fn commit(&mut self) {
        while let Some((batch, rows)) = self.batch.take() {
            for row in rows {
                self.durable.apply(row);
            }
            let effects = self.core.committed(batch, self.boot_ms);
            let prompt = std::mem::replace(&mut self.prompt, false);
            self.take(effects);
            self.prompt = prompt;
            if !prompt {
                break;
            }
        }
    }

    fn sent(&mut self, envelope: &[u8]) {
        let kind = opened(envelope)["payloadType"].as_str().unwrap().to_owned();
        let kind = Kind::from_payload_type(&kind).unwrap();
        let device = self.studio.device.public();
        let verified =
            verify::from_device::<Value>(envelope, kind, &self.studio.device_id, device).unwrap();
        let message: Message<Value> = verified.into_inner();
        let again = self.kept.contains(&message.message_id);
        if let Some(link) = &message.chain
            && self.kept.insert(message.message_id.clone())
        {
            self.tail.follow(link, envelope).unwrap();
            self.kept_order.push(message.message_id.clone());
            assert!(
                self.durable
                    .outbox
                    .values()
                    .any(|row| row.message_id == message.message_id),
                "a message was sent that a power cut could undo"
            );
        }
        match kind {
            Kind::Ack => {
                let ack: protocol::Ack = serde_json::from_value(message.payload).unwrap();
                self.answers.push(Answer {
                    id: ack.message_id,
                    status: ack.status,
                    code: ack.error.map(|error| error.code),
                    duplicate: ack.duplicate,
                    result: ack.result,
                    chained: message.chain.is_some(),
                    again,
                });
            }
            Kind::Event if !again => {
                let name = message.payload["event_type"].as_str().unwrap().to_owned();
                self.events.push(name);
            }
            _ => {}
        }
    }

    /// Sends a command with this number as its id and sequence.
    pub(crate) fn send(&mut self, seq: u64, kind: &str, payload: &Value) {
        let value = self.studio.command_value(seq, kind, payload);
        self.send_value(&value);
    }

    pub(crate) fn send_value(&mut self, value: &Value) {
        let envelope = self.studio.sign(value);
        self.receive(&envelope);
    }

    pub(crate) fn receive(&mut self, envelope: &[u8]) {
        let effects = self.core.receive(envelope, self.boot_ms);
        self.take(effects);
    }

    pub(crate) fn receipt(&mut self, ids: &[MessageId]) {
        let value = self
            .studio
            .message_value(0xeeee, json!({ "message_ids": ids }));
        let envelope = sign(Kind::Receipt, &value, &[&self.studio.session]);
        let effects = self.core.receipted(&envelope, self.boot_ms);
        self.take(effects);
    }

    /// The module begins: says whether it may.
    pub(crate) fn begin(&mut self, n: u64) -> bool {
        let (may, effects) = self.core.begin(&mid(n), self.boot_ms);
        self.take(effects);
        may
    }

    pub(crate) fn done(&mut self, n: u64, outcome: Outcome) {
        let effects = self.core.done(&mid(n), outcome, self.boot_ms);
        self.take(effects);
    }

    /// The module does it all.
    pub(crate) fn complete(&mut self, n: u64) {
        let asked = self.asked.iter().rev().find(|asked| asked.id == mid(n));
        let kind = asked.expect("it was asked for").kind;
        assert!(self.begin(n));
        self.done(n, Outcome::Completed(reply(kind)));
    }

    pub(crate) fn pass(&mut self, millis: u64) {
        self.boot_ms += millis;
        let effects = self.core.tick(self.boot_ms);
        self.take(effects);
        let effects = self.core.send_again(self.boot_ms);
        self.take(effects);
    }

    pub(crate) fn is_asked(&self, n: u64) -> bool {
        self.asked.iter().any(|asked| asked.id == mid(n))
    }

    /// What Studio was told about a command, in order.
    pub(crate) fn told(&self, n: u64) -> Vec<(AckStatus, Option<Code>)> {
        self.answers
            .iter()
            .filter(|answer| answer.id == mid(n))
            .map(|answer| (answer.status, answer.code))
            .collect()
    }

    pub(crate) fn last(&self, n: u64) -> Answer {
        let answers = self.answers.iter().rev();
        answers
            .clone()
            .find(|answer| answer.id == mid(n) && !answer.again)
            .cloned()
            .expect("an answer")
    }
}

/// A reply of a type.
pub(crate) fn reply(kind: CommandType) -> Value {
    match kind {
        CommandType::DeviceConfig => {
            json!({"config_version": 2, "changed": [], "restart_required": false})
        }
        CommandType::TimelineLoad => json!({"timeline_id": "t", "revision": 1}),
        CommandType::TimelineExecute => json!({"timeline_id": "t", "status": "running"}),
        CommandType::OverlayUpdate => json!({"overlay_id": "o", "visible": true}),
        CommandType::StreamControl => json!({"status": "on"}),
        CommandType::HealthRequest => json!({"status": "healthy",
            "metrics": {"cpu": 1.0, "network": {"rx": 0.0, "tx": 0.0}, "stream_bitrate": []}}),
        CommandType::EmergencyStop => json!({"destination_ids": []}),
        CommandType::DiagnosticsRequest => {
            json!({"bytes": 1, "checksum": format!("sha256:{}", "0".repeat(64))})
        }
        CommandType::Cancel => json!({"found": false}),
        CommandType::CameraAction
        | CommandType::CredentialRefresh
        | CommandType::CredentialRevoke
        | CommandType::UpdateInstall
        | CommandType::ScheduleSet
        | CommandType::SegmentSync => json!({}),
    }
}

/// Done once only: doing it twice would move the camera twice.
pub(crate) fn goto(camera: &str) -> Value {
    json!({"camera_id": camera, "action": "ptz_preset_goto", "payload": {"preset_id": "p"}})
}

/// May be done twice.
pub(crate) fn overlay(name: &str) -> Value {
    json!({"overlay_id": name, "edit": {"text": "x"}})
}

pub(crate) fn play(name: &str) -> Value {
    json!({"timeline_id": name, "execution_mode": "play"})
}

pub(crate) fn stop_all() -> Value {
    json!({"scope": "all", "reason": "test"})
}
