//! What is durable: the rows that the core writes, and what it finds at boot.
//!
//! [`Stored`] is also the meaning of a row: a store is right if reading it gives what [`Stored::apply`]
//! makes of the batches that were synced. Payloads can hold passwords, so a store seals them at rest.

use protocol::command::{CommandType, Target};
use protocol::{
    AckStatus, Code, Digest, Floor, KeyId, Lane, MessageId, Problem, Severity, Timestamp,
    TrustRecord, Window,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One write. Rows of one batch are written together or not at all.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// A command, under its message id.
    Command(Box<CommandRow>),
    /// A command that was at its end before, without what it said: it takes the place of its row.
    Shed(Box<CommandRow>),
    /// Forgets a command whose time is over.
    Forget(MessageId),
    /// The sequence numbers of a lane in an epoch; those of other epochs are gone.
    Window {
        /// The lane.
        lane: Lane,
        /// The epoch.
        epoch: u64,
        /// The numbers.
        window: Window,
    },
    /// Whom the device believes.
    Trust(Box<TrustRecord>),
    /// The time is not earlier than this.
    Floor(Floor),
    /// A message that waits for its receipt.
    Outbox(OutboxRow),
    /// The receipt is there.
    Sent(u64),
    /// An operator holds this.
    Hold(Target),
    /// And no longer.
    Unhold(Target),
    /// What is remembered of the commands that were done.
    Memory(Memory),
    /// What became of a command, for people who look it up later. The core never reads it back.
    Audit(Box<AuditRow>),
}

/// What became of a command, as it is written down beside it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// The command's id.
    pub message_id: MessageId,
    /// Groups what belongs together.
    pub correlation_id: MessageId,
    /// Its type; absent when that was not known.
    pub kind: Option<CommandType>,
    /// The key that signed it.
    pub signer: KeyId,
    /// What it touches; empty where it was not read.
    pub targets: Vec<Target>,
    /// What became of it.
    pub status: AckStatus,
    /// Why it did not come true.
    pub code: Option<Code>,
}

/// What the device remembers of the commands that it has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Memory {
    /// Every one since its pairing that has not expired.
    #[default]
    Whole,
    /// Its store was lost or went back, and no welcome has told the time since.
    Lost,
    /// Those that were signed from this time on. Any earlier one may have been done.
    Since(Timestamp),
}

/// A message that waits for its receipt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OutboxRow {
    /// Its place; messages are sent in this order.
    pub number: u64,
    /// Its id.
    pub message_id: MessageId,
    /// The envelope.
    pub envelope: Vec<u8>,
    /// How much it matters, where it is an event: those may give way to others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Severity>,
}

/// A command as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CommandRow {
    /// Its id.
    pub message_id: MessageId,
    /// Groups what belongs together.
    pub correlation_id: MessageId,
    /// Its type; absent when that was not known.
    pub kind: Option<CommandType>,
    /// The key that signed it.
    pub signer: KeyId,
    /// SHA-256 of the signed payload.
    pub digest: Digest,
    /// Its lane.
    pub lane: Lane,
    /// When it was signed.
    pub timestamp: Timestamp,
    /// From then on it is void.
    pub expires_at: Timestamp,
    /// Its arguments, where they may be needed again after a restart.
    pub payload: Option<Value>,
    /// How far it is.
    pub state: RowState,
}

/// How far a command is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowState {
    /// It will be done.
    Accepted,
    /// Its effect, which ends the agent, has begun.
    Started,
    /// It is at its end.
    Final {
        /// How it ended.
        status: AckStatus,
        /// Why, where it did not come true.
        error: Option<Problem>,
        /// Its reply, where it did and as long as it is remembered.
        result: Option<Value>,
        /// When, as far as the time was known.
        at: Timestamp,
    },
}

/// All that is durable.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Stored {
    /// Whom the device believes; absent before pairing.
    pub trust: Option<TrustRecord>,
    /// The time is not earlier than this.
    pub floor: Option<Floor>,
    /// The epoch of the windows.
    pub epoch: u64,
    /// Sequence numbers by lane.
    pub windows: BTreeMap<Lane, Window>,
    /// Commands.
    pub commands: BTreeMap<MessageId, CommandRow>,
    /// Messages that wait for their receipt.
    pub outbox: BTreeMap<u64, OutboxRow>,
    /// What operators hold.
    pub holds: BTreeSet<Target>,
    /// What is remembered of the commands that were done.
    #[serde(default)]
    pub memory: Memory,
}

impl Stored {
    /// What a row means.
    pub fn apply(&mut self, row: Row) {
        match row {
            Row::Command(row) | Row::Shed(row) => {
                self.commands.insert(row.message_id.clone(), *row);
            }
            Row::Forget(id) => {
                self.commands.remove(&id);
            }
            Row::Window {
                lane,
                epoch,
                window,
            } => {
                if epoch != self.epoch {
                    self.windows.clear();
                    self.epoch = epoch;
                }
                self.windows.insert(lane, window);
            }
            Row::Trust(trust) => self.trust = Some(*trust),
            Row::Floor(floor) => self.floor = Some(floor),
            Row::Outbox(row) => {
                self.outbox.insert(row.number, row);
            }
            Row::Sent(number) => {
                self.outbox.remove(&number);
            }
            Row::Hold(target) => {
                self.holds.insert(target);
            }
            Row::Unhold(target) => {
                self.holds.remove(&target);
            }
            Row::Memory(memory) => self.memory = memory,
            Row::Audit(_) => {}
        }
    }
}
